"""Values as RouterOS writes and reads them.

Reads don't come back as they were written: what is empty is absent, rates come in
bit/s, addresses with a mask. So two values are compared in one form only.
"""

import contextlib
import ipaddress
import re
from datetime import datetime, timedelta, timezone

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_RATE = re.compile(r"(\d+)([kmg]?)", re.IGNORECASE)
_SPAN = re.compile(
    r"(?:(\d+)w)?(?:(\d+)d)?\s*"
    r"(?:(\d+):(\d+):(\d+(?:\.\d+)?)|(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:\d+ms)?)"
)
_NO_HEX = re.compile(r"[^0-9A-Fa-f]")
_NO_MAC = "00:00:00:00:00:00"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun")
_MONTHS += ("jul", "aug", "sep", "oct", "nov", "dec")


def parse_rate(text: str) -> int | None:
    """Return bit/s of one rate such as "10M" or "512000"; None if it is none."""
    match = _RATE.fullmatch(text)
    return match and int(match[1]) * _UNITS[match[2].lower()]


def rate_text(rate_up: int | None, rate_down: int | None) -> str:
    """Return a rate limit in bit/s, "" where neither way is limited.

    The form is "rx/tx" as the router sees it: what it receives is the subscriber's
    upload (RouterOS manual, PPP AAA and Simple Queues).

    :param rate_up: bit/s; None or 0 is not limited. So is `rate_down`.
    """
    if not (rate_up or rate_down):
        return ""
    return f"{rate_up or 0}/{rate_down or 0}"


def split_rate(text: str) -> tuple[int | None, int | None]:
    """Return (upload, download) in bit/s of a rate limit; None is not limited."""
    pair = canonical_rate(text).partition(" ")[0].split("/")
    if len(pair) != 2:
        return None, None
    up, down = (parse_rate(side) or None for side in pair)
    return up, down


def canonical_rate(text: str) -> str:
    """Return a rate limit in bit/s; with its burst, if it has one."""
    words = []
    for word in text.split():
        sides = [parse_rate(side) for side in word.split("/")]
        if None in sides or len(words) > 1:
            words.append(word)
        else:
            words.append("/".join(map(str, sides * (3 - len(sides)))))
    return "" if words in (["0/0"], []) else " ".join(words)


def canonical_mac(text: str) -> str:
    """Return a MAC address as "AA:BB:CC:00:11:22"; "" for none."""
    digits = _NO_HEX.sub("", text).upper()
    if len(digits) != 12:
        return text.upper()
    mac = ":".join(digits[place : place + 2] for place in range(0, 12, 2))
    return "" if mac == _NO_MAC else mac


def canonical_address(text: str) -> str:
    """Return an address without the mask of a single host; "" for none."""
    text = text.strip().lower().removesuffix("/32")
    if ":" in text and "/" in text:
        # One prefix may be written in many ways.
        with contextlib.suppress(ValueError):
            text = str(ipaddress.IPv6Network(text))
    return "" if text in ("0.0.0.0", "::/0", "::") else text


def canonical_flag(text: str) -> str:
    """Return "yes" or "no"; what is absent is no."""
    return "yes" if text in ("yes", "true") else "no"


def canonical_text(text: str) -> str:
    """Return a text or a name; "none" is what RouterOS shows where there is none."""
    return text


def canonical_name(text: str) -> str:
    """Return the name of a pool or list; "none" and "" are none."""
    return "" if text == "none" else text


def is_address(text: str) -> bool:
    """Tell an IP address from the name of a pool."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def parse_span(text: str) -> timedelta | None:
    """Return a duration such as "1w2d03:04:05" or "3h5s"; None if it is none."""
    match = _SPAN.fullmatch(text.strip()) if text.strip() else None
    if not match:
        return None
    weeks, days, *clock = (float(part or 0) for part in match.groups())
    hours, minutes, seconds = (clock[place] + clock[place + 3] for place in range(3))
    return timedelta(
        weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds
    )


def parse_clock(date: str, time: str, offset: str) -> datetime | None:
    """Return what /system/clock shows as an aware moment; None if it isn't clear.

    :param date: "2026-11-22", or "nov/22/2026" before RouterOS 7.10.
    :param time: "15:04:05".
    :param offset: gmt-offset, "+03:00".
    """
    if "/" in date:
        month, day, year = date.split("/")
        if month.lower() not in _MONTHS:
            return None
        date = f"{year}-{_MONTHS.index(month.lower()) + 1:02}-{day}"
    try:
        shown = datetime.fromisoformat(f"{date}T{time}{offset or '+00:00'}")
    except ValueError:
        return None
    return shown.astimezone(timezone.utc)
