"""Values as FreeRADIUS reads them from its SQL tables, and which it can take."""

import ipaddress
import re
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from .access_types import Desired, RowError, check_login

PREFIX = "isp_"
DISABLED = "isp_disabled"
# Reaches the pay page only; the second is for a login with an address of its own,
# which a pool would not suit.
WALLED, WALLED_FIXED = "isp_walled", "isp_walled_fixed"
# Stand before the plan's group, so that FreeRADIUS never comes to that.
OVERLAYS = (DISABLED, WALLED, WALLED_FIXED)
# Has no members: says whose the database is.
MARK = "isp_mark"
ADDRESS = "Framed-IP-Address"

# A reply item that FreeRADIUS can't parse makes it refuse the login, so only these
# are let through. Names and types: RFC 2865, 2869, 3162, 4818, 6911 and
# MikroTik's dictionary.
EXTRA_ATTRIBUTES = {
    "Acct-Interim-Interval": "integer",
    "Class": "text",
    "Delegated-IPv6-Prefix": "prefix6",
    "Filter-Id": "text",
    "Framed-IP-Netmask": "address4",
    "Framed-IPv6-Pool": "text",
    "Framed-IPv6-Prefix": "prefix6",
    "Framed-IPv6-Route": "text",
    "Framed-MTU": "integer",
    "Framed-Pool": "text",
    "Framed-Route": "text",
    "Idle-Timeout": "integer",
    "Mikrotik-Address-List": "text",
    "Mikrotik-Delegated-IPv6-Pool": "text",
    "Mikrotik-Group": "text",
    "Mikrotik-Host-IP": "address4",
    "Mikrotik-Mark-Id": "text",
    "Mikrotik-Realm": "text",
    "Mikrotik-Total-Limit": "integer",
    "Mikrotik-Total-Limit-Gigawords": "integer",
    "Port-Limit": "integer",
    "Reply-Message": "text",
    "Session-Timeout": "integer",
}

_PLAN = re.compile(r"isp_[A-Za-z0-9_.-]{1,59}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# FreeRADIUS knows English names only, whatever the locale here is.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun")
_MONTHS += ("Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(r"\s*(\d{1,2}) (\w{3})\w* (\d{4})(?: (\d\d):(\d\d)(?::(\d\d))?)?\s*")
_MAX_RATE = 10**13


def escape(text: str) -> str:
    r"""Return a string as FreeRADIUS must find it to read exactly `text`.

    It takes backslash escapes off every value; and a value in quotes of one kind
    loses them, or in back-quotes *is run as a command*. So backslashes are doubled
    and such a first quote is written in octal (tried on FreeRADIUS 3.2.1).
    """
    text = text.replace("\\", "\\\\")
    if text and text[0] in "'\"`" and text[-1] == text[0]:
        text = f"\\{ord(text[0]):03o}{text[1:]}"
    return text


def unescape(text: str) -> str:
    """Return what FreeRADIUS reads from a value that `escape` wrote."""
    if "\\" not in text:
        return text
    return re.sub(
        r"\\(\\|042|047|140)",
        lambda m: m[1] if m[1] == "\\" else chr(int(m[1], 8)),
        text,
    )


def rate_limit(rate_up: int | None, rate_down: int | None) -> str | None:
    """Return MikroTik's rate limit, or None where neither way is limited.

    The form is "rx-rate/tx-rate" as the router sees it: what it receives is the
    subscriber's upload (MikroTik manual, PPP AAA, RADIUS attributes).

    :param rate_up: bit/s; None or 0 is not limited. So is `rate_down`.
    """
    if not rate_up and not rate_down:
        return None
    return f"{_short(rate_up or 0)}/{_short(rate_down or 0)}"


def _short(rate):
    for unit, factor in (("M", 10**6), ("k", 10**3)):
        if rate and rate % factor == 0:
            return f"{rate // factor}{unit}"
    return str(rate)


def parse_rate_limit(text: str) -> tuple[int | None, int | None]:
    """Return (up, down) in bit/s of a rate limit; None where not limited or not
    to be understood. Bursts and priorities behind the first word are ignored."""
    found = re.match(r"\s*(\d+)([kMG]?)(?:/(\d+)([kMG]?))?(?:\s|$)", text)
    if not found:
        return None, None
    factors = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
    up = int(found[1]) * factors[found[2]]
    down = int(found[3]) * factors[found[4]] if found[3] else up
    return up or None, down or None


def expiration(moment: datetime, zone: ZoneInfo) -> str:
    """Return an aware moment as FreeRADIUS's `Expiration`, in its host's zone."""
    local = moment.astimezone(zone)
    month = _MONTHS[local.month - 1]
    clock = f"{local.hour:02}:{local.minute:02}:{local.second:02}"
    return f"{local.day:02} {month} {local.year:04} {clock}"


def parse_expiration(text: str, zone: ZoneInfo) -> datetime | None:
    """Return the moment in UTC of a date like ours, or of a Unix time."""
    if text.strip().isdigit():
        try:
            return datetime.fromtimestamp(int(text), timezone.utc)
        except (ValueError, OverflowError, OSError):
            return None
    found = _DATE.fullmatch(text)
    if not found or found[2].title() not in _MONTHS:
        return None
    month = _MONTHS.index(found[2].title()) + 1
    time = [int(part or 0) for part in found.groups()[3:]]
    try:
        local = datetime(int(found[3]), month, int(found[1]), *time, tzinfo=zone)
        return local.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


# === CHECKS OF A WISH === #


def check(wish: Desired) -> None:
    """Raise `RowError` with a sentence when a wish can't become rows."""
    check_login(wish.login)
    if not wish.present:
        return
    if wish.password is not None:
        _check_text(wish, "password", wish.password, 128)
    if not _PLAN.fullmatch(wish.plan) or wish.plan in (*OVERLAYS, MARK):
        raise RowError(
            f"{wish.login}: {wish.plan!a} can't be a plan. It must begin with "
            f"{PREFIX}, have at most 63 letters, digits, _ . or - and not be one of "
            f"{', '.join((*OVERLAYS, MARK))}."
        )
    for name in ("rate_up", "rate_down", "simultaneous"):
        number = getattr(wish, name)
        if number is not None and not 0 < number <= _MAX_RATE:
            raise RowError(
                f"{wish.login}: {name} is {number}; it must be more than 0 and at "
                f"most {_MAX_RATE}, or be left empty."
            )
    if wish.simultaneous is not None and wish.simultaneous > 1000:
        raise RowError(f"{wish.login}: more than 1000 sessions at once make no sense.")
    _check_moment(wish)
    if wish.fixed_ip is not None:
        _check_typed(wish, ADDRESS, wish.fixed_ip, "address4")
    if wish.ipv6_prefix is not None:
        _check_typed(wish, "the IPv6 prefix", wish.ipv6_prefix, "prefix6")
    if wish.mac is not None and not _MAC.fullmatch(wish.mac):
        raise RowError(
            f"{wish.login}: {wish.mac[:40]!a} is no MAC address. Write it like "
            "AA:BB:CC:00:11:22."
        )
    for name in ("pool", "ipv6_pool"):
        if value := getattr(wish, name):
            _check_text(wish, name, value, 247)
    for name, value in wish.extra.items():
        if name not in EXTRA_ATTRIBUTES:
            raise RowError(
                f"{wish.login}: the attribute {name[:64]!a} can't be set here. Known "
                f"are: {', '.join(EXTRA_ATTRIBUTES)}."
            )
        if value is not None:
            _check_typed(wish, name, value, EXTRA_ATTRIBUTES[name])


_MAC = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")


def _check_moment(wish):
    if wish.expires_at is None:
        return
    if wish.expires_at.tzinfo is None:
        raise RowError(f"{wish.login}: its end of access has no time zone.")
    # RADIUS counts seconds in 32 bits: later ones would be taken for the past.
    if wish.expires_at.year > 2099:
        raise RowError(
            f"{wish.login}: access can't end after the year 2099. Leave the end empty "
            "for access without one."
        )


def _check_text(wish, what, value, most):
    """A RADIUS password has 128 bytes at most (RFC 2865 5.2), a string 253."""
    if not value or _CONTROL.search(value) or len(value.encode()) > most:
        raise RowError(
            f"{wish.login}: the {what} must have 1 to {most} bytes and no line breaks "
            "or other control characters."
        )


def _check_typed(wish, name, value, kind):
    checks = {
        "integer": lambda: 0 <= int(value) < 2**32 and re.fullmatch(r"\d+", value),
        "address4": lambda: ipaddress.IPv4Address(value),
        "prefix6": lambda: ipaddress.IPv6Network(value),
    }
    if kind == "text":
        return _check_text(wish, name, value, 247)
    try:
        good = checks[kind]()
    except ValueError:
        good = False
    if not good:
        words = {
            "integer": "a whole number below 4294967296",
            "address4": "an IPv4 address such as 10.0.0.7",
            "prefix6": "an IPv6 prefix such as 2001:db8:7::/56",
        }
        raise RowError(f"{wish.login}: {name} is {value[:60]!a}, not {words[kind]}.")
