"""Wishes as rows of a router's menus, and the way from one to the other.

Pure functions. Ours are rows whose comment begins with the mark of a line, and
profiles that begin with `isp_`. Of them only the fields named in `wanted_rows` and
`wanted_profile` are written; nothing else is ever touched.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..access_types import Desired, Op, login_key
from .menus import ADDRESS_LIST, ARP, HOTSPOT_USER, NAMED, SECRET, Menu, Row
from .settings import RouterOsSettings
from .snapshot import Snapshot
from .wishes import Want, wanted_profile, wanted_rows

# What must be there before what stands on it; payers before cuts.
SHARED, OPEN, CUT, GONE = range(4)
# Values whose absence is another state than an empty text: cleared by `unset`.
_UNSET = {(SECRET, "remote-address"), (SECRET, "remote-ipv6-prefix")}
_NOTHING = {"mac-address": "00:00:00:00:00:00", "address": "0.0.0.0"}
# Of no consequence to a session that is open.
_OF_ROW_ALONE = {"name", "password", "comment", "service"}
# What a person may have entered on a row and we would take away.
_FACTS = ("remote-address", "remote-ipv6-prefix", "caller-id", "mac-address")
_FACTS += ("address", "address-lists")


@dataclass(frozen=True)
class RouterOp(Op):
    """One row to add, set, enable, disable, unset or remove.

    :param row_id: the router's name of the row, "" for one to add.
    :param label: what the row is called.
    :param values: fields to write, in order; of `unset` the names alone.
    :param phase: what comes before what.
    :param needs: the shared object it stands on, or "".
    """

    menu: Menu = SECRET
    row_id: str = ""
    label: str = ""
    values: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    phase: int = OPEN
    needs: str = ""

    @property
    def changes_session(self) -> bool:
        """Whether a session that began before lives by something else."""
        return self.verb != "set" or not {name for name, _value in self.values} <= (
            _OF_ROW_ALONE
        )

    @property
    def has_password(self) -> bool:
        return any(name == "password" and value for name, value in self.values)

    def describe(self) -> str:
        values = ", ".join(
            f"{name}={'***' if name == 'password' else value}"
            for name, value in self.values
        )
        return f"{self.menu.path} {self.verb} {self.label}" + (values and f": {values}")


def plan(
    desired: Iterable[Desired], snapshot: Snapshot, settings: RouterOsSettings
) -> list[RouterOp]:
    """Return what turns `snapshot` into `desired`, in the order it has to happen."""
    planner = _Planner(snapshot, settings)
    desired = list(desired)
    put = [
        wish
        for wish in desired
        if wish.present and not conflict(wish, snapshot, settings)
    ]
    for wish in put:
        planner.put(wish)
    # After those that stay: a row may have passed from one login to another.
    for wish in (*put, *(wish for wish in desired if not wish.present)):
        planner.take_away(wish)
    return sorted(planner.ops, key=lambda op: op.phase)


class _Planner:
    def __init__(self, snapshot, settings):
        self.snapshot = snapshot
        self.settings = settings
        self.ops = []
        self._used = set()
        self._profiles = set()

    def put(self, wish):
        needs = self._put_profile(wish)
        for want in wanted_rows(wish, self.settings):
            row = pick(want, wish, self.snapshot, self._used)
            if row:
                self._used.add((row.menu, row.row_id))
            self._put_row(want, wish, row, needs)

    def take_away(self, wish):
        """Remove what nobody's wish stands on."""
        for row in self.snapshot.rows_of(wish):
            self._remove(row, wish)

    def _remove(self, row, wish):
        if (row.menu, row.row_id) in self._used:
            return
        self._used.add((row.menu, row.row_id))
        phase = GONE
        if row.menu is ADDRESS_LIST and wish.on:
            # This one only kept the line off.
            phase = OPEN
        self._add("remove", wish, row.menu, row.key, row.row_id, phase=phase)

    def _put_profile(self, wish):
        want = wanted_profile(wish, self.settings)
        if want is None:
            return ""
        shared = f"{want.menu.path} {want.key}"
        if shared in self._profiles:
            return shared
        self._profiles.add(shared)
        row = self.snapshot.profiles.get((want.menu, want.key))
        verb, row_id, values = "set", "", _differences(want, row)
        if row is None:
            verb, values = "add", _words(want)
        else:
            row_id = row.row_id
        if values:
            op = RouterOp(
                verb,
                shared=shared,
                menu=want.menu,
                row_id=row_id,
                label=want.key,
                values=tuple(values.items()),
                phase=SHARED,
            )
            self.ops.append(op)
        return shared

    def _put_row(self, want, wish, row, needs):
        phase = OPEN if wish.on or wish.walled else CUT
        more = {"phase": phase, "needs": needs}
        if row is None:
            values = {**_words(want), "comment": new_comment(want.menu, wish)}
            if want.menu is ARP:
                values["interface"] = self.snapshot.interface_of(wish.fixed_ip)
            self._add("add", wish, want.menu, want.key, values=values, **more)
            return
        values = _differences(want, row)
        comment = kept_comment(row, wish, self.settings)
        if comment != row.values["comment"]:
            values["comment"] = comment
        place = (want.menu, row.key, row.row_id)
        cleared = [name for name in values if _is_unset(want.menu, name, values)]
        for name in cleared:
            del values[name]
            self._add("unset", wish, *place, values={name: ""}, **more)
        if set(values) == {"disabled"}:
            verb = "disable" if values["disabled"] == "yes" else "enable"
            self._add(verb, wish, *place, **more)
        elif values:
            self._add("set", wish, *place, values=values, **more)

    def _add(self, verb, wish, menu, label, row_id="", values=(), phase=OPEN, needs=""):
        op = RouterOp(
            verb,
            login=login_key(wish.login),
            menu=menu,
            row_id=row_id,
            label=label,
            values=tuple(dict(values).items()),
            phase=phase,
            needs=needs,
        )
        self.ops.append(op)


def _is_unset(menu, name, values):
    return not values[name] and (menu, name) in _UNSET


def _words(want):
    """Return the values of a row to add: what is empty isn't said."""
    return {
        name: value
        for name, value in want.values.items()
        if value and (name, value) != ("disabled", "no")
    }


def _differences(want, row):
    """Return the values that differ, as they are written."""
    if row is None:
        return {}
    return {
        name: value or _NOTHING.get(name, "")
        for name, value in want.values.items()
        if want.menu.canonical(name, value) != row.values[name]
    }


def new_comment(menu: Menu, wish: Desired) -> str:
    """Return the comment of a new row: the mark, and whose it is where no name says."""
    return wish.tag if menu in NAMED else f"{wish.tag} {wish.login}"


def kept_comment(row: Row, wish: Desired, settings: RouterOsSettings) -> str:
    """Return the comment a row should have; what people wrote there stays."""
    words = row.note.split(" ") if row.note else []
    if row.menu not in NAMED and words[:1] != [wish.login]:
        words[: 1 if row.tag else 0] = [wish.login]
    return " ".join([wish.tag, *words])


def pick(want: Want, wish: Desired, snapshot: Snapshot, used=()) -> Row | None:
    """Return the row that is to become `want`, ours before others; None adds one."""
    found = [
        row
        for row in snapshot.candidates(want, wish)
        if (row.menu, row.row_id) not in used
    ]
    return min(found, key=lambda row: _rank(row, want, wish, snapshot), default=None)


def _rank(row, want, wish, snapshot):
    is_same = all(
        row.values[name] == want.menu.canonical(name, want.values[name])
        for name in ("list", want.menu.key)
        if name in want.values
    )
    # In its place before with its mark: two lines that swap addresses or devices swap
    # rows, because the router refuses to have two in one place even for a moment.
    return (not snapshot.is_ours(row, wish), not is_same, row.tag != wish.tag)


def conflict(wish: Desired, snapshot: Snapshot, settings: RouterOsSettings) -> str:
    """Return why nothing may be written for a wish before a person decides, or ""."""
    if not wish.present:
        return ""
    wants = wanted_rows(wish, settings)
    for want in wants:
        rows = snapshot.candidates(want, wish)
        if sentence := _doubled(want, wish, rows, snapshot):
            return sentence
        row = pick(want, wish, snapshot)
        if row is None:
            if sentence := _missing(want, wish, snapshot):
                return sentence
        elif sentence := _foreign(want, wish, row, snapshot):
            return sentence
    if wish.service == "static" and wish.on:
        return _kept_off(wish, snapshot, settings)
    return ""


def _doubled(want, wish, rows, snapshot):
    """Two rows for one place: which one counts is not ours to guess."""
    menu = want.menu
    if menu in NAMED:
        twins = [row for row in rows if row.key == wish.login]
        ours = [row for row in twins if snapshot.is_ours(row, wish)]
        if len(ours) == 1 and menu is not HOTSPOT_USER:
            return ""
    elif menu is ADDRESS_LIST:
        return ""
    else:
        twins = [row for row in rows if row.tag == wish.tag]
    if len(twins) < 2:
        return ""
    return (
        f"The router has {len(twins)} rows for {wish.login} where one belongs "
        f"({menu.noun} {', '.join(row.key for row in twins)}). Remove all but one."
    )


def _missing(want, wish, snapshot):
    if want.menu in (SECRET, HOTSPOT_USER) and wish.password is None:
        return (
            f"{wish.login} is not on the router yet and has no password. Enter one on "
            "the connection."
        )
    if want.menu is ARP and not snapshot.interface_of(wish.fixed_ip):
        return (
            f"No interface of the router has an address in the network of "
            f"{wish.fixed_ip}, so its device can't be bound. Give the router one, or "
            "take the device off the connection."
        )
    return ""


def _foreign(want, wish, row, snapshot):
    noun = want.menu.noun
    if snapshot.is_ours(row, wish):
        return ""
    if not snapshot.settings.adopt:
        return (
            f"The {noun} {row.key} exists on the router and is not ours: import it or "
            "remove it."
        )
    for name in _FACTS:
        value = row.values.get(name)
        if value and name in want.values and not want.values[name]:
            return (
                f"The {noun} {row.key} has {name} {value} on the router, the "
                "connection has none: taking it over would lose it. Enter it on the "
                "connection, or clear it on the router."
            )
    return ""


def _kept_off(wish, snapshot, settings):
    """A line that may be on, and somebody else's entry keeps it off."""
    address = ipaddress.ip_address(wish.fixed_ip)
    for row in snapshot.at(ADDRESS_LIST, str(address)):
        if row.values["disabled"] == "no" and not snapshot.is_ours(row, wish):
            return (
                f"{wish.fixed_ip} stands in the address list {row.values['list']} and "
                "the entry is not ours: remove it if the line may be on."
            )
    return ""
