"""The menus of RouterOS in which lines live, and rows of them in one form.

Names of fields: RouterOS manual, PPP AAA, HotSpot, Simple Queues, DHCP Server, ARP,
Address Lists.
"""

import re
from dataclasses import dataclass, field

from .values import (
    canonical_address,
    canonical_flag,
    canonical_mac,
    canonical_name,
    canonical_rate,
    canonical_text,
)

# What marks a row as ours, before a space and what people write.
TAG = re.compile(r"isp:[0-9A-Za-z_-]+:\d+")


@dataclass(frozen=True)
class Menu:
    """A menu: its path, what a person calls a row, and the fields we know.

    :param key: the field that tells its rows apart.
    :param fields: field → the function that brings its values into one form.
    :param queries: words that narrow the print of all rows to those that count.
    """

    path: str
    noun: str
    key: str
    fields: dict = field(hash=False, repr=False)
    queries: tuple[str, ...] = ()

    def canonical(self, name: str, value: str) -> str:
        return self.fields[name](value)


_STATUS = {"disabled": canonical_flag, "comment": canonical_text}
# Asked the other way round: what isn't set may not be shown at all.
STATIC = ("?dynamic=true", "?#!")

SECRET = Menu(
    "/ppp/secret",
    "PPP secret",
    "name",
    {
        "name": canonical_text,
        "password": canonical_text,
        # Which services a hand-made secret serves is its maker's choice.
        "service": lambda text: "pppoe" if text in ("", "any", "pppoe") else text,
        "profile": canonical_text,
        "caller-id": canonical_mac,
        "remote-address": canonical_address,
        "remote-ipv6-prefix": canonical_address,
        **_STATUS,
    },
)
HOTSPOT_USER = Menu(
    "/ip/hotspot/user",
    "hotspot user",
    "name",
    {
        "name": canonical_text,
        "password": canonical_text,
        "profile": canonical_text,
        "mac-address": canonical_mac,
        "address": canonical_address,
        **_STATUS,
    },
)
QUEUE = Menu(
    "/queue/simple",
    "simple queue",
    "name",
    {
        "name": canonical_text,
        "target": canonical_address,
        "max-limit": canonical_rate,
        **_STATUS,
    },
)
LEASE = Menu(
    "/ip/dhcp-server/lease",
    "DHCP lease",
    "mac-address",
    {
        "mac-address": canonical_mac,
        "address": canonical_address,
        "rate-limit": canonical_rate,
        "address-lists": canonical_text,
        **_STATUS,
    },
    STATIC,
)
ARP = Menu(
    "/ip/arp",
    "ARP entry",
    "address",
    {
        "address": canonical_address,
        "mac-address": canonical_mac,
        "interface": canonical_text,
        **_STATUS,
    },
    STATIC,
)
ADDRESS_LIST = Menu(
    "/ip/firewall/address-list",
    "address-list entry",
    "address",
    {"list": canonical_text, "address": canonical_address, **_STATUS},
    STATIC,
)
PPP_PROFILE = Menu(
    "/ppp/profile",
    "PPP profile",
    "name",
    {
        "name": canonical_text,
        "rate-limit": canonical_rate,
        "remote-address": canonical_name,
        "address-list": canonical_text,
        "dhcpv6-pd-pool": canonical_name,
        "comment": canonical_text,
    },
)
HOTSPOT_PROFILE = Menu(
    "/ip/hotspot/user/profile",
    "hotspot profile",
    "name",
    {
        "name": canonical_text,
        "rate-limit": canonical_rate,
        "address-pool": canonical_name,
        "address-list": canonical_text,
    },
)
INTERFACE = Menu(
    "/ip/address",
    "address of the router",
    "address",
    {"address": canonical_text, "interface": canonical_text},
)

# Rows with the login as their name, and rows known by the mark alone.
NAMED = (SECRET, HOTSPOT_USER, QUEUE)
MARKED = (LEASE, ARP, ADDRESS_LIST)
PROFILES = (PPP_PROFILE, HOTSPOT_PROFILE)


@dataclass(frozen=True)
class Row:
    """A row of a menu as the router has it, its values in one form."""

    menu: Menu
    row_id: str
    values: dict = field(hash=False, repr=False)

    @classmethod
    def of(cls, menu: Menu, raw: dict[str, str]) -> "Row":
        """Build from the words of a print: what is absent is empty."""
        values = {name: way(raw.get(name, "")) for name, way in menu.fields.items()}
        return cls(menu, raw.get(".id", ""), values)

    @property
    def key(self) -> str:
        return self.values[self.menu.key]

    @property
    def tag(self) -> str:
        """The mark of the line this row is of, or ""."""
        word = self.values.get("comment", "").partition(" ")[0]
        return word if TAG.fullmatch(word) else ""

    @property
    def note(self) -> str:
        """What the comment says after the mark."""
        comment = self.values.get("comment", "")
        return comment[len(self.tag) :].strip() if self.tag else comment


def is_ours(row: Row, mark: str) -> bool:
    """Tell whether a row carries a mark of the same books as `mark`.

    :param mark: how marks of these books begin, or the mark of a line; "" takes any.
    """
    books = ":".join(mark.split(":")[:2])
    return bool(row.tag) and (not mark or row.tag.rpartition(":")[0] == books)
