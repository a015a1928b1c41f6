"""What a router says, arranged for looking things up. Pure."""

import ipaddress
from collections.abc import Iterable, Mapping

from ..access_types import Desired, Observed, Session, login_key
from .menus import (
    ADDRESS_LIST,
    HOTSPOT_PROFILE,
    HOTSPOT_USER,
    INTERFACE,
    LEASE,
    MARKED,
    NAMED,
    PPP_PROFILE,
    PROFILES,
    QUEUE,
    SECRET,
    Row,
    is_ours,
)
from .settings import RouterOsSettings
from .values import is_address, split_rate
from .wishes import WALLED


class Snapshot(dict):
    """`login_key` → `Observed`, and the rows behind it.

    :param spelled: `login_key` → the spellings asked for; None is every login.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        sessions: Iterable[Session],
        spelled: Mapping[str, set[str]] | None,
        settings: RouterOsSettings,
    ):
        super().__init__()
        self.settings = settings
        self.profiles = {}
        self._networks = []
        self._spelled = spelled
        self._of_login, self._of_tag, self._of_key = {}, {}, {}
        for row in rows:
            if row.menu in PROFILES:
                self.profiles[row.menu, row.key] = row
            elif row.menu is INTERFACE:
                self._add_network(row)
            else:
                self._add(row)
        self._observe(sessions)

    def _add_network(self, row):
        try:
            network = ipaddress.ip_interface(row.key).network
        except ValueError:
            return
        self._networks.append((network, row.values["interface"]))

    def _add(self, row):
        is_old = row.values.get("list") in self.settings.old_walled_lists
        if is_old and not self.is_ours(row):
            # What others do with a list that is ours no more is theirs.
            return
        login = self.login_of(row)
        key = login_key(login)
        is_asked = self._spelled is None or login in self._spelled.get(key, ())
        if login and is_asked:
            self._of_login.setdefault(key, []).append(row)
        if row.menu in MARKED:
            if row.tag:
                self._of_tag.setdefault(row.tag, []).append(row)
            self._of_key.setdefault((row.menu, row.key), []).append(row)

    @staticmethod
    def login_of(row: Row) -> str:
        """Return whose row it is: by its name, or by the word after our mark."""
        if row.menu in NAMED:
            return row.key
        return row.note.partition(" ")[0] if row.tag else ""

    # === LOOKING UP === #

    def is_ours(self, row: Row, wish: Desired | None = None) -> bool:
        """Tell whether a row carries a mark of these books."""
        return is_ours(row, self.settings.books or (wish.tag if wish else ""))

    def at(self, menu, key: str) -> list[Row]:
        """Return the rows of a menu without names that are for one address or MAC."""
        return self._of_key.get((menu, key), [])

    def candidates(self, want, wish: Desired) -> list[Row]:
        """Return the rows that may be the wanted one: by name, mark or address."""
        if want.menu in NAMED:
            return [
                row
                for row in self._of_login.get(login_key(wish.login), [])
                if row.menu is want.menu
                # Another spelling that isn't ours is another login to the router.
                and (row.key == wish.login or self.is_ours(row, wish))
            ]
        found = [row for row in self._of_tag.get(wish.tag, []) if row.menu is want.menu]
        key = want.menu.canonical(want.menu.key, want.key)
        for row in self.at(want.menu, key):
            is_same = row.values.get("list") == want.values.get("list")
            if row not in found and is_same:
                found.append(row)
        return found

    def rows_of(self, wish: Desired) -> list[Row]:
        """Return all rows of ours that are a login's, wherever they stand."""
        found = [
            row
            for row in self._of_login.get(login_key(wish.login), [])
            if self.is_ours(row, wish)
            # Under that name another line may have its row by now.
            and (row.menu in NAMED or not wish.tag or row.tag == wish.tag)
        ]
        if wish.tag:
            marked = self._of_tag.get(wish.tag, [])
            found += [row for row in marked if row not in found]
        return found

    def interface_of(self, address: str) -> str:
        """Return the interface in whose network an address lies, or ""."""
        address = ipaddress.ip_address(address)
        found = [
            (network.prefixlen, name)
            for network, name in self._networks
            if address in network
        ]
        return max(found, default=(0, ""))[1]

    # === OBSERVED === #

    def _observe(self, sessions):
        by_key = {}
        for session in sessions:
            is_asked = self._spelled is None or session.login in self._spelled.get(
                login_key(session.login), ()
            )
            if is_asked:
                by_key.setdefault(login_key(session.login), []).append(session)
        keys = set(self._of_login) | set(by_key)
        if self._spelled is not None:
            keys = self._spelled.keys()
        for key in keys:
            rows = self._of_login.get(key, [])
            self[key] = self._observe_login(key, rows, tuple(by_key.get(key, ())))

    def _observe_login(self, key, rows, sessions):
        ours = [row for row in rows if self.is_ours(row)]
        if not rows:
            # The router let it in by a row that was there: only we remove those.
            return Observed(key, ours=bool(sessions), sessions=sessions)
        row = min(ours or rows, key=lambda row: _MAIN.index(row.menu))
        more = {"present": True, "ours": bool(ours), "sessions": sessions}
        if row.menu in (SECRET, HOTSPOT_USER):
            return self._observe_named(row, more)
        return self._observe_address(row, rows, more)

    def _observe_named(self, row, more):
        values = row.values
        is_enabled = values["disabled"] == "no"
        is_walled = values["profile"] == WALLED
        menu = PPP_PROFILE if row.menu is SECRET else HOTSPOT_PROFILE
        profile = self.profiles.get((menu, values["profile"]))
        up, down = split_rate(profile.values["rate-limit"]) if profile else (None, None)
        address = values.get("remote-address", values.get("address"))
        return Observed(
            row.key,
            on=is_enabled and not is_walled,
            walled=is_enabled and is_walled,
            service="pppoe" if row.menu is SECRET else "hotspot",
            password=values["password"],
            rate_up=up,
            rate_down=down,
            plan=values["profile"],
            mac=values.get("caller-id", values.get("mac-address")) or None,
            fixed_ip=address if is_address(address) else None,
            ipv6_prefix=values.get("remote-ipv6-prefix") or None,
            **more,
        )

    def _observe_address(self, row, rows, more):
        address = row.values.get("target", row.values.get("address", ""))
        lists = [
            entry.values["list"]
            for entry in (self.at(ADDRESS_LIST, address) if address else ())
            if entry.values["disabled"] == "no"
        ]
        lists.append(row.values.get("address-lists", ""))
        is_on = row.menu in (QUEUE, LEASE) and not any(lists)
        rate = row.values.get("max-limit", row.values.get("rate-limit", ""))
        up, down = split_rate(rate)
        return Observed(
            self.login_of(row),
            on=is_on,
            walled=self.settings.walled_list in lists,
            service="dhcp" if row.menu is LEASE else "static",
            rate_up=up,
            rate_down=down,
            mac=row.values.get("mac-address") or None,
            fixed_ip=address if is_address(address) else None,
            **more,
        )


# Which row tells of a login, should it have several.
_MAIN = (SECRET, HOTSPOT_USER, QUEUE, *MARKED)
