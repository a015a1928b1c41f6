"""Sessions a router has open, and ending them."""

from dataclasses import dataclass
from datetime import datetime

from ..access_types import Kick, Session
from .exchange import IDS, Command
from .refusals import is_gone
from .values import canonical_mac, parse_span


@dataclass(frozen=True)
class Active:
    """A menu of sessions: what it calls login and caller."""

    name: str
    path: str
    login: str
    caller: str
    fields: tuple[str, ...]


PPP = Active(
    "ppp",
    "/ppp/active",
    "name",
    "caller-id",
    ("name", "caller-id", "address", "uptime", "session-id", "radius"),
)
HOTSPOT = Active(
    "hotspot",
    "/ip/hotspot/active",
    "user",
    "mac-address",
    ("user", "mac-address", "address", "uptime", "bytes-in", "bytes-out", "radius"),
)
ACTIVE = (PPP, HOTSPOT)
COOKIE = "/ip/hotspot/cookie"


def parse_session(menu: Active, raw: dict[str, str], now: datetime) -> Session:
    """Return a row of a menu of sessions.

    :param now: aware, by our clock; the router's may be wrong, its uptime is not.
    """
    uptime = parse_span(raw.get("uptime", ""))
    return Session(
        login=raw.get(menu.login, ""),
        session_id=f"{menu.name}:{raw.get('session-id', '')}:{raw.get('.id', '')}",
        started_at=now - uptime if uptime is not None else None,
        address=raw.get("address", ""),
        caller=canonical_mac(raw.get(menu.caller, "")),
        updated_at=now,
        upload=int(raw.get("bytes-in", 0)),
        download=int(raw.get("bytes-out", 0)),
    )


def kick(sessions: list[Session], run) -> dict[Session, Kick]:
    """End sessions, and look whether they are gone.

    :param run: takes commands, returns their replies in order.
    """
    by_menu = {
        menu: [each for each in sessions if each.session_id.startswith(menu.name)]
        for menu in ACTIVE
    }
    # With its cookie a hotspot device is back at once, without a password.
    _remove_cookies({each.login for each in by_menu[HOTSPOT]}, run)
    refusals = {}
    for menu, found in by_menu.items():
        refusals |= _remove(menu, found, run)
    left = set()
    for menu, found in by_menu.items():
        if found:
            left |= _read_open(menu, found, run)
    return {each: _judge(each, left, refusals) for each in sessions}


def _judge(session, left, refusals):
    # A new session of the same login has another id, or is younger than the old one.
    if session.session_id not in left:
        return Kick("gone", "gone")
    if session in refusals:
        return Kick("refused", f"the router refused: {refusals[session]}")
    return Kick("silent", "the router says yes and still shows it")


def _remove(menu, sessions, run):
    """Remove sessions, together where that goes; return refusals by session."""
    groups = [sessions[at : at + IDS] for at in range(0, len(sessions), IDS)]
    apart = []
    for group, reply in zip(groups, run(_removals(menu, groups)), strict=True):
        if reply.trap:
            apart += [[each] for each in group]
    refusals = {}
    for [each], reply in zip(apart, run(_removals(menu, apart)), strict=True):
        if reply.trap and not is_gone(reply.trap):
            refusals[each] = reply.trap.message
    return refusals


def _removals(menu, groups):
    return [
        Command(f"{menu.path}/remove", (f"=.id={_ids(group)}",)) for group in groups
    ]


def _ids(group):
    return ",".join(each.session_id.rpartition(":")[2] for each in group)


def _read_open(menu, sessions, run):
    """Return the ids of sessions that are open; with no answer, those we know."""
    names = ("session-id",) if "session-id" in menu.fields else ()
    words = (f"=.proplist={','.join(('.id', *names))}",)
    [reply] = run([Command(f"{menu.path}/print", words)])
    if reply.trap:
        return {each.session_id for each in sessions}
    return {
        f"{menu.name}:{raw.get('session-id', '')}:{raw.get('.id', '')}"
        for raw in reply.rows
    }


def _remove_cookies(logins, run):
    if not logins:
        return
    [reply] = run([Command(f"{COOKIE}/print", ("=.proplist=.id,user",))])
    ids = [raw[".id"] for raw in reply.rows if raw.get("user") in logins]
    run(
        [
            Command(f"{COOKIE}/remove", (f"=.id={','.join(ids[at : at + IDS])}",))
            for at in range(0, len(ids), IDS)
        ]
    )
