"""Comparing a gateway with the books: what differs, what that means, who it touches.

Pure: wishes, facts and what a driver plans go in, findings come out. What differs is
what the driver would change, so that a look shows exactly what would be sent.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from .access_driver import stale_sessions
from .access_types import Desired, Observed

# What a person may take over from the device into the books. All else follows from
# package and money.
KEEPABLE = ("password", "mac", "fixed_ip")
_COMPARED = (
    "password",
    "rate_down",
    "rate_up",
    "mac",
    "fixed_ip",
    "ipv6_prefix",
    "simultaneous",
    "plan",
)
# Where a kind of device has no such thing, nothing can differ.
_NOT_ALWAYS_TOLD = ("simultaneous", "ipv6_prefix")
_LABELS = {
    "password": "password",
    "mac": "device (MAC)",
    "fixed_ip": "fixed address",
    "ipv6_prefix": "IPv6 prefix",
    "simultaneous": "sessions at once",
    "plan": "plan",
    "expires_at": "end",
}


@dataclass(frozen=True)
class Finding:
    """What differs about one login.

    :param kind: "missing", "changed" (not in step yet), "hand_edited" (was in step),
        "duplicate", "extra" (ours, and nobody's), "foreign" (not ours), "session"
        (off, yet a session is up) or "conflict" (can't be made so)
    :param leak: "online_unpaid", "paid_off", "faster", "unknown_secret" or ""
    :param effect: what bringing it in step does: "cut", "open", "speed", "other" or
        "none" (nothing is sent)
    :param differs: names of the fields of `Desired` that differ
    :param books: what the books say, in words and without secrets; so is `device`
    :param commands: what would be sent, secrets masked
    :param facts: what the device says of a login that is not ours; no secrets
    """

    login: str
    kind: str
    effect: str = "none"
    leak: str = ""
    differs: tuple[str, ...] = ()
    books: str = ""
    device: str = ""
    commands: tuple[str, ...] = ()
    facts: dict = field(default_factory=dict)


def compare(
    wishes: Mapping[str, Desired],
    observed: Mapping[str, Observed],
    planned: Mapping[str, Sequence],
    hindered: Mapping[str, str],
    proved: Collection[str] = (),
) -> dict[str, Finding]:
    """Return a finding for each login that is not as the books say.

    :param wishes: by `login_key`
    :param observed: by `login_key`; a login that is not there may be left out
    :param planned: by `login_key`, the `Op`s that would bring it in step
    :param hindered: by `login_key`, why a wish can't be made true, in words
    :param proved: keys of logins that were read back in step with this very wish
    """
    findings = {}
    for key, wish in wishes.items():
        fact = observed.get(key) or Observed(wish.login)
        finding = _judge(
            wish, fact, planned.get(key, ()), hindered.get(key), key in proved
        )
        if finding:
            findings[key] = finding
    for key, fact in observed.items():
        if key not in wishes and fact.present:
            findings[key] = _judge_unknown(fact)
    return findings


def _judge(wish, fact, ops, hindrance, is_proved):
    words = {"books": _say(wish), "device": _say(fact)}
    if hindrance:
        words["device"] = hindrance
        return Finding(wish.login, "conflict", leak=_get_leak(wish, fact), **words)
    stale = () if wish.on or wish.walled else _get_up(stale_sessions(wish, fact))
    if not ops:
        if not stale:
            return None
        words["device"] = f"{words['device']}; sessions still up: {len(stale)}"
        return Finding(wish.login, "session", "cut", _get_leak(wish, fact), **words)
    differs = _get_differing(wish, fact)
    return Finding(
        login=wish.login,
        kind=_get_kind(wish, fact, differs, ops, is_proved),
        effect=_get_effect(wish, fact),
        leak=_get_leak(wish, fact),
        differs=differs,
        books=_add_details(words["books"], wish, differs),
        device=_add_details(words["device"], fact, differs),
        commands=tuple(op.describe() for op in ops),
    )


def _judge_unknown(fact):
    """A login that no line has: left alone, whatever it is."""
    return Finding(
        login=fact.login,
        kind="extra" if fact.ours else "foreign",
        leak="unknown_secret" if fact.on else "",
        books="no line has this login",
        device=_say(fact),
        facts={
            "on": fact.on,
            "rate_down": fact.rate_down,
            "rate_up": fact.rate_up,
            "mac": fact.mac,
            "fixed_ip": fact.fixed_ip,
            "plan": fact.plan,
            "service": fact.service,
            "has_password": fact.password is not None,
            "comment": getattr(fact, "comment", "") or "",
        },
    )


def _get_kind(wish, fact, differs, ops, is_proved):
    if not wish.present:
        return "extra"
    if not fact.present:
        return "missing"
    if not differs and any(op.verb == "remove" for op in ops):
        return "duplicate"
    return "hand_edited" if is_proved else "changed"


def _get_effect(wish, fact):
    is_on = fact.present and fact.on
    if is_on and not (wish.present and wish.on):
        return "cut"
    if wish.present and wish.on and not is_on:
        return "open"
    if is_on and _get_rates(wish) != _get_rates(fact):
        return "speed"
    return "other"


def _get_leak(wish, fact):
    is_wished = wish.present and wish.on
    is_on = fact.present and fact.on
    if not is_wished and not (wish.present and wish.walled):
        return "online_unpaid" if is_on or _get_up(fact.sessions) else ""
    if is_wished and not is_on:
        return "paid_off"
    if is_wished and _is_speed_known(fact) and _is_faster(fact, wish):
        return "faster"
    return ""


def _get_up(sessions):
    return [session for session in sessions if not session.is_silent]


def _get_rates(side):
    return side.rate_down or None, side.rate_up or None


def _is_speed_known(side):
    """Without a speed, a login of another program may have one that isn't read."""
    return isinstance(side, Desired) or side.ours or any(_get_rates(side))


def _is_faster(fact, wish):
    """No limit is faster than any."""
    return any(
        wished is not None and (found is None or found > wished)
        for found, wished in zip(_get_rates(fact), _get_rates(wish), strict=True)
    )


def _get_differing(wish, fact):
    if not (wish.present and fact.present):
        return ()
    names = [
        name for name in ("on", "walled") if getattr(wish, name) != _has(fact, name)
    ]
    if not fact.ours:
        names.append("mark")
    for name in _COMPARED:
        wished, found = getattr(wish, name), getattr(fact, name)
        if name == "password" and wished is None:
            continue
        if found is None and name in _NOT_ALWAYS_TOLD:
            continue
        if (wished or None) != (found or None):
            names.append(name)
    end = _to_second(fact.expires_at)
    if end is not None and end != _to_second(wish.expires_at):
        names.append("expires_at")
    return tuple(names)


def _has(fact, name):
    return bool(getattr(fact, name))


def _to_second(moment):
    return moment and moment.replace(microsecond=0)


# === WORDS === #


def _say(side):
    """Return what one side says of a login, in words."""
    if not side.present:
        return "not there"
    state = "on" if side.on else "pay page only" if side.walled else "off"
    if not side.on:
        return state
    if not _is_speed_known(side):
        return f"{state}, speed not known"
    down, up = (f"{rate / 1e6:g}" if rate else "∞" for rate in _get_rates(side))
    return f"{state}, {down} / {up} Mbit/s down / up"


def _add_details(text, side, differs):
    """Add to a sentence what differs beyond state and speed."""
    details = [
        _say_detail(name, label, side)
        for name, label in _LABELS.items()
        # Who made a login otherwise knows nothing of our plans.
        if name in differs and not (name == "plan" and "mark" in differs)
    ]
    if "mark" in differs and isinstance(side, Observed):
        details.append("made by somebody else")
    return "; ".join([text, *details])


def _say_detail(name, label, side):
    value = getattr(side, name)
    if name == "password":
        whose = "that of the line" if isinstance(side, Desired) else "another"
        return f"{label}: {whose if value is not None else 'none'}"
    if name == "expires_at" and value:
        value = f"{value:%Y-%m-%d %H:%M} UTC"
    return f"{label}: {value or 'none'}"
