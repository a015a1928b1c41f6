"""What a router says of itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ..access_types import IdentityError
from .exchange import Command
from .refusals import is_missing_menu, to_error
from .settings import RouterOsSettings
from .values import parse_clock, parse_span

NEEDED = ("read", "write", "api", "sensitive")
_WHO = ("identity", "routerboard", "license")
_COUNTED = {
    "ppp_secrets": "/ppp/secret",
    "hotspot_users": "/ip/hotspot/user",
    "simple_queues": "/queue/simple",
    "dhcp_leases": "/ip/dhcp-server/lease",
}


@dataclass(frozen=True)
class RouterFacts:
    """What `RouterOs.probe` found.

    :param serial: serial number of a board, or the licence id of a virtual router.
    :param clock_skew: seconds the router's clock is ahead of this host's; None
        where it doesn't tell.
    :param rights: policies of the user's group; empty where it may not see them.
    """

    identity: str
    version: str
    board: str
    serial: str
    uptime: timedelta | None
    clock_skew: float | None
    rights: tuple[str, ...]
    missing_rights: tuple[str, ...]
    ppp_secrets: int
    hotspot_users: int
    simple_queues: int
    dhcp_leases: int


def check_serial(run, settings: RouterOsSettings) -> None:
    """Raise `IdentityError` when this isn't the router with the gateway's serial.

    :param run: takes commands, returns their replies in order.
    """
    asked = [Command(f"/system/{name}/print") for name in _WHO]
    replies = run(asked)
    _check_readable(asked[0], replies[0], settings)
    identity, board, license_ = map(_get_row, replies)
    serial = _get_serial(board, license_)
    if serial != settings.serial:
        raise IdentityError(
            f"This router ({identity.get('name', '')}) has the serial number "
            f"{serial or 'none'}, the gateway is for {settings.serial}. Nothing was "
            "written. If the router was replaced, enter its number."
        )


def may_see_passwords(run, settings: RouterOsSettings) -> bool | None:
    """Tell whether our user may; None where the router doesn't tell.

    :param run: takes commands, returns their replies in order.
    """
    user, groups = run(_get_rights_commands(settings))
    rights = _get_rights(_get_row(user).get("group"), groups.rows)
    return "sensitive" in rights if rights else None


def _check_readable(command, reply, settings):
    """Each router has that menu: a refusal is one of all we ask."""
    if reply.trap and not is_missing_menu(reply.trap):
        raise to_error(reply.trap, command, settings)


def _get_row(reply):
    return reply.rows[0] if reply.rows else {}


def _get_rights_commands(settings):
    return [
        Command("/user/print", (f"?name={settings.user}",)),
        Command("/user/group/print"),
    ]


def _get_serial(board, license_):
    return (
        board.get("serial-number")
        or license_.get("system-id", "")
        or license_.get("software-id", "")
    )


def read_facts(run, settings: RouterOsSettings) -> RouterFacts:
    """Ask a router for its facts; what a model doesn't have is left out.

    :param run: takes commands, returns their replies in order.
    """
    asked = [
        Command("/system/identity/print"),
        Command("/system/resource/print"),
        Command("/system/routerboard/print"),
        Command("/system/license/print"),
        Command("/system/clock/print"),
        *_get_rights_commands(settings),
    ]
    asked += [Command(f"{path}/print", ("=count-only=",)) for path in _COUNTED.values()]
    replies = run(asked)
    _check_readable(asked[0], replies[0], settings)
    identity, resource, board, license_, clock, user = map(_get_row, replies[:6])
    rights = _get_rights(user.get("group"), replies[6].rows)
    counts = (int(reply.returned or 0) for reply in replies[7:])
    return RouterFacts(
        identity=identity.get("name", ""),
        version=resource.get("version", ""),
        board=board.get("model") or resource.get("board-name", ""),
        serial=_get_serial(board, license_),
        uptime=parse_span(resource.get("uptime", "")),
        clock_skew=_get_skew(clock),
        rights=rights,
        missing_rights=tuple(
            right for right in NEEDED if rights and right not in rights
        ),
        **dict(zip(_COUNTED, counts, strict=True)),
    )


def _get_rights(group, groups):
    for row in groups:
        if group and row.get("name") == group:
            policy = row.get("policy", "").split(",")
            return tuple(word for word in policy if word and not word.startswith("!"))
    return ()


def _get_skew(clock):
    shown = parse_clock(
        clock.get("date", ""), clock.get("time", ""), clock.get("gmt-offset", "")
    )
    return shown and round((shown - datetime.now(timezone.utc)).total_seconds())
