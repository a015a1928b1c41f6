"""What a wish looks like on a router, whatever is there now."""

import ipaddress
from dataclasses import dataclass

from ..access_types import Desired, Observed, RowError, check_login
from .menus import (
    ADDRESS_LIST,
    ARP,
    HOTSPOT_PROFILE,
    HOTSPOT_USER,
    LEASE,
    PPP_PROFILE,
    QUEUE,
    SECRET,
    TAG,
    Menu,
)
from .settings import RouterOsSettings
from .values import canonical_mac, rate_text

WALLED = "isp_walled"
MARK = "isp_mark"
_CONTROL = {chr(code) for code in (*range(32), 127)}


@dataclass(frozen=True)
class Want:
    """A row that should be there, with the fields that are ours to say."""

    menu: Menu
    values: dict

    @property
    def key(self) -> str:
        return self.values[self.menu.key]


def wanted_rows(wish: Desired, settings: RouterOsSettings) -> list[Want]:
    """Return the rows a login that is present stands on, its profile apart."""
    return _ROWS[wish.service](wish, settings)


def wanted_profile(wish: Desired, settings: RouterOsSettings) -> Want | None:
    """Return the shared profile of a login: that of its package, or the walled one."""
    if wish.service == "pppoe":
        menu, pool = PPP_PROFILE, "remote-address"
    elif wish.service == "hotspot":
        menu, pool = HOTSPOT_PROFILE, "address-pool"
    else:
        return None
    values = {"name": _profile(wish), "rate-limit": _rate(wish, settings)}
    if wish.walled:
        values["address-list"] = settings.walled_list
        pools = {pool: settings.walled_pool}
    else:
        pools = {pool: wish.pool}
        if wish.service == "pppoe":
            pools["dhcpv6-pd-pool"] = wish.ipv6_pool
    # No pool leaves the one that is there.
    return Want(menu, values | {name: value for name, value in pools.items() if value})


def _profile(wish):
    return WALLED if wish.walled else wish.plan


def _rate(wish, settings):
    if wish.walled:
        return rate_text(settings.walled_rate, settings.walled_rate)
    return rate_text(wish.rate_up, wish.rate_down)


def _login_values(wish):
    values = {"name": wish.login}
    if wish.password is not None:
        values["password"] = wish.password
    values["profile"] = _profile(wish)
    values["disabled"] = "no" if wish.on or wish.walled else "yes"
    return values


def _pppoe_rows(wish, settings):
    values = {
        **_login_values(wish),
        "service": "pppoe",
        "caller-id": wish.mac or "",
        "remote-address": wish.fixed_ip or "",
        "remote-ipv6-prefix": wish.ipv6_prefix or "",
    }
    return [Want(SECRET, values)]


def _hotspot_rows(wish, settings):
    values = {
        **_login_values(wish),
        "mac-address": wish.mac or "",
        "address": wish.fixed_ip or "",
    }
    return [Want(HOTSPOT_USER, values)]


def _static_rows(wish, settings):
    rate = _rate(wish, settings)
    queue = {"target": f"{wish.fixed_ip}/32", "max-limit": rate or "0/0"}
    rows = [Want(QUEUE, {"name": wish.login, **queue, "disabled": "no"})]
    place = {"address": wish.fixed_ip}
    if wish.mac:
        rows.append(Want(ARP, {**place, "mac-address": wish.mac, "disabled": "no"}))
    if name := _get_list(wish, settings):
        rows.append(Want(ADDRESS_LIST, {"list": name, **place, "disabled": "no"}))
    return rows


def _dhcp_rows(wish, settings):
    values = {"mac-address": wish.mac, "rate-limit": _rate(wish, settings)}
    if address := wish.fixed_ip or wish.pool:
        values["address"] = address
    # The router puts the address of a bound lease into that list, whichever it is.
    values |= {"address-lists": _get_list(wish, settings), "disabled": "no"}
    return [Want(LEASE, values)]


def _get_list(wish, settings):
    """Return the address list that keeps a line without login from the net."""
    if wish.on:
        return ""
    return settings.walled_list if wish.walled else settings.off_list


_ROWS = {
    "pppoe": _pppoe_rows,
    "hotspot": _hotspot_rows,
    "static": _static_rows,
    "dhcp": _dhcp_rows,
}


def check(wish: Desired) -> None:
    """Raise `RowError` with a sentence when a wish can't be written to a router."""
    check_login(wish.login)
    if not wish.present:
        return
    name = wish.login
    if wish.service not in _ROWS:
        raise RowError(f"{name}: RouterOS knows no access of kind {wish.service!r}.")
    if not TAG.fullmatch(wish.tag):
        raise RowError(f"{name}: {wish.tag!r} is no mark for a row of a router.")
    if wish.service in ("pppoe", "hotspot") and not wish.plan:
        raise RowError(f"{name} has no package to make a profile of.")
    if wish.password is not None and not _CONTROL.isdisjoint(wish.password):
        raise RowError(f"The password of {name} holds a control character: change it.")
    _check_addresses(wish)
    for rate in (wish.rate_up, wish.rate_down):
        if rate is not None and not 0 <= rate < 10**13:
            raise RowError(f"{name}: {rate} bit/s is no speed a router can keep.")


def _check_addresses(wish):
    name = wish.login
    if wish.mac and len(canonical_mac(wish.mac)) != 17:
        raise RowError(f"{name}: {wish.mac!a} is no MAC address. Correct it.")
    if wish.service == "static" and not wish.fixed_ip:
        raise RowError(
            f"{name} gets onto the net by a fixed address and has none. Enter it on "
            "the connection."
        )
    if wish.service == "dhcp" and not wish.mac:
        raise RowError(
            f"{name} gets its address by DHCP and no device is known. Enter its MAC "
            "address on the connection."
        )
    for value, kind, word in (
        (wish.fixed_ip, ipaddress.IPv4Address, "IPv4 address"),
        (wish.ipv6_prefix, ipaddress.IPv6Network, "IPv6 prefix"),
    ):
        try:
            if value:
                kind(value)
        except ValueError:
            raise RowError(f"{name}: {value!a} is no {word}. Correct it.") from None


def conflicts(wished) -> dict[str, str]:
    """Return a sentence for each key whose wish asks for what another one has."""
    places, sentences = {}, {}
    for key, wish in wished.items():
        if not wish.present or wish.service not in ("static", "dhcp"):
            continue
        place = wish.fixed_ip if wish.service == "static" else wish.mac
        other = places.setdefault((wish.service, place), key)
        if other != key:
            sentences[key] = (
                f"{wish.login} and {wished[other].login} have the same "
                f"{'address' if wish.service == 'static' else 'device'} {place} on "
                "this router. Give each its own."
            )
    return sentences


def warnings(wish: Desired, observed: Observed) -> list[str]:
    """Return what a fulfilled wish asked for and a router has no field for."""
    if not wish.present:
        if not observed.present:
            return []
        return [
            f"A row for {wish.login} is on the router and not ours, so it was left "
            "alone: whoever has its password may still get in. Remove it there."
        ]
    said = []
    if names := [name for name, value in wish.extra.items() if value is not None]:
        said.append(
            f"RADIUS attributes mean nothing to a router: {', '.join(sorted(names))}."
        )
    if wish.simultaneous is not None:
        said.append("Sessions at once are limited by the profile on the router only.")
    if wish.service not in ("pppoe",) and wish.ipv6_prefix:
        said.append("An IPv6 prefix is written for PPPoE logins only.")
    return said
