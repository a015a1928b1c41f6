"""Wishes as rows of FreeRADIUS's SQL tables, and the way from one to the other.

Pure functions. The tables are those of FreeRADIUS 3 (`mods-config/sql/main`).
Ours are: of a login the check items `Cleartext-Password`, `Expiration` and
`Simultaneous-Use`, the reply item `Framed-IP-Address` and those named in
`Desired.extra`; its memberships of groups that begin with `isp_`; and of those
groups the speed and what refuses. Nothing else is ever written.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from .access_types import Desired, Observed, Op, login_key
from .radius_values import (
    ADDRESS,
    DISABLED,
    EXTRA_ATTRIBUTES,
    PREFIX,
    escape,
    expiration,
    parse_expiration,
    parse_rate_limit,
    rate_limit,
    unescape,
)

CHECK, REPLY, MEMBER = "radcheck", "radreply", "radusergroup"
GROUP_CHECK, GROUP_REPLY = "radgroupcheck", "radgroupreply"
PLAN_PRIORITY = 10
RATE = "Mikrotik-Rate-Limit"
PASSWORD, EXPIRATION = "Cleartext-Password", "Expiration"
SESSIONS = "Simultaneous-Use"

_SECRET = re.compile(r"password|secret", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """A row of one of the five tables. A membership has the group's name as
    `attribute` and its priority as `value`."""

    table: str
    name: str
    attribute: str
    op: str
    value: str = field(repr=False)
    row_id: int | None = field(default=None, compare=False)

    @property
    def content(self):
        return self.attribute, self.op, self.value


@dataclass(frozen=True)
class RadiusOp(Op):
    """One row to add, to set (from `old`), or to remove (`row` is the old one)."""

    row: Row = None
    old: Row | None = None

    def describe(self) -> str:
        row = self.row
        text = f"{row.table} {row.name}: {self.verb} {_show(row)}"
        return f"{text}, was {_show(self.old)}" if self.old else text


@dataclass(frozen=True)
class RadiusObserved(Observed):
    """What the tables hold of one login, foreign rows too."""

    rows: tuple[Row, ...] = field(default=(), repr=False)

    def of(self, table: str, attribute: str) -> list[Row]:
        wanted = (table, attribute.lower())
        return [row for row in self.rows if (row.table, _lower(row)) == wanted]


class Snapshot(dict):
    """`RadiusObserved` by `login_key`, and the rows of our groups."""

    groups: tuple[Row, ...] = ()


def _lower(row):
    return row.attribute.strip().lower()


def _show(row):
    if row.table == MEMBER:
        return f"{row.attribute} (priority {row.value})"
    value = "***" if _SECRET.search(row.attribute) else row.value
    return f"{row.attribute} {row.op} {value}"


# === WHAT SHOULD BE === #


def group_rows(name: str, rate: str | None, message: str = "") -> dict:
    """Return the slots of one of our groups: (table, attribute) → row or None."""
    if name == DISABLED:
        return {
            (GROUP_CHECK, "Auth-Type"): Row(
                GROUP_CHECK, name, "Auth-Type", ":=", "Reject"
            ),
            (GROUP_REPLY, "Reply-Message"): Row(
                GROUP_REPLY, name, "Reply-Message", ":=", escape(message)
            ),
        }
    row = rate and Row(GROUP_REPLY, name, RATE, ":=", rate)
    return {(GROUP_REPLY, RATE): row or None}


def login_rows(wish: Desired, zone: ZoneInfo) -> dict:
    """Return the slots of a login: (table, attribute) → row, or None for no row."""
    values = {
        (CHECK, EXPIRATION): wish.expires_at and expiration(wish.expires_at, zone),
        (CHECK, SESSIONS): wish.simultaneous and str(wish.simultaneous),
        (REPLY, ADDRESS): wish.fixed_ip,
    }
    if wish.password is not None or not wish.present:
        values[CHECK, PASSWORD] = escape(wish.password or "")
    for name, value in wish.extra.items():
        text = EXTRA_ATTRIBUTES.get(name) == "text" and value is not None
        values[REPLY, name] = escape(value) if text else value
    return {
        (table, name): Row(table, wish.login, name, ":=", value)
        if value and wish.present
        else None
        for (table, name), value in values.items()
    }


# === WHAT IS === #


def observe(
    rows: Iterable[Row],
    groups: Iterable[Row],
    zone: ZoneInfo,
    logins: Iterable[str] = (),
) -> Snapshot:
    """Return a snapshot of rows as they were read; `logins` appear in any case."""
    snapshot = Snapshot()
    snapshot.groups = tuple(groups)
    rates = {
        row.name: parse_rate_limit(row.value)
        for row in _by_id(snapshot.groups)
        if row.table == GROUP_REPLY and _lower(row) == RATE.lower()
    }
    refusing = {
        row.name
        for row in snapshot.groups
        if row.table == GROUP_CHECK and _refuses(row)
    }
    by_key = {login_key(login): (login, []) for login in logins}
    for row in _by_id(rows):
        by_key.setdefault(login_key(row.name), (row.name, []))[1].append(row)
    for key, (login, found) in by_key.items():
        snapshot[key] = _observe_login(login, found, rates, refusing, zone)
    return snapshot


def _by_id(rows):
    return sorted(rows, key=lambda row: row.row_id or 0)


def _refuses(row):
    return _lower(row) == "auth-type" and row.value.strip().lower() == "reject"


def _observe_login(login, found, rates, refusing, zone):
    own = [row for row in found if row.name == login]
    # Of rows that stand twice the oldest is the one FreeRADIUS goes by.
    first = {}
    for row in own:
        if row.table != MEMBER:
            first.setdefault((row.table, _lower(row)), row.value)
    members = {row.attribute: int(row.value) for row in own if row.table == MEMBER}
    ours = [name for name in members if name.startswith(PREFIX)]
    plans = sorted(
        (name for name in ours if name != DISABLED), key=lambda name: members[name]
    )
    # FreeRADIUS stops at the first group: what refuses behind the plan is not seen.
    last = min((members[name] for name in plans), default=None)
    refused = any(row.table == CHECK and _refuses(row) for row in own) or any(
        last is None or members[name] <= last for name in refusing & members.keys()
    )
    password = first.get((CHECK, PASSWORD.lower()))
    sessions = first.get((CHECK, SESSIONS.lower()), "")
    rate_up, rate_down = rates.get(plans[0], (None, None)) if plans else (None, None)
    return RadiusObserved(
        login=login,
        present=bool(ours) or password is not None,
        ours=bool(ours),
        on=bool(own) and not refused,
        password=None if password is None else unescape(password),
        rate_down=rate_down,
        rate_up=rate_up,
        plan=plans[0] if plans else "",
        expires_at=parse_expiration(first.get((CHECK, EXPIRATION.lower()), ""), zone),
        simultaneous=int(sessions) if sessions.isdigit() else None,
        fixed_ip=first.get((REPLY, ADDRESS.lower())),
        rows=tuple(found),
    )


# === THE WAY === #


def plan(
    desired: Iterable[Desired], snapshot: Snapshot, zone: ZoneInfo, message: str
) -> list[RadiusOp]:
    """Return what must be done, groups before the logins that refer to them."""
    wishes = list(desired)
    rates = {}
    for wish in wishes:
        if wish.present:
            rates[wish.plan] = rate_limit(wish.rate_up, wish.rate_down)
            if not wish.on:
                rates[DISABLED] = None
    ops = []
    for name, rate in rates.items():
        rows = [row for row in snapshot.groups if row.name == name]
        ops += _plan_group(name, group_rows(name, rate, message), rows)
    for wish in wishes:
        observed = snapshot.get(login_key(wish.login)) or RadiusObserved(wish.login)
        ops += _plan_login(wish, observed, zone)
    return ops


def _plan_group(name, slots, rows):
    ops = []
    for (table, attribute), wanted in slots.items():
        found = [r for r in rows if (r.table, _lower(r)) == (table, attribute.lower())]
        # The words told to a refused login may be the provider's own.
        if attribute == "Reply-Message" and found:
            continue
        ops += _settle(found, wanted, shared=name)
    return ops


def _plan_login(wish, observed, zone):
    key = login_key(wish.login)
    marked = {
        row.name
        for row in observed.rows
        if row.table == MEMBER and row.attribute.startswith(PREFIX)
    }
    # Rows of a login that doesn't carry our mark are not ours to remove. A marked
    # one of another spelling was left by a rename, and goes.
    leaving = marked - {wish.login} if wish.present else marked & {wish.login}
    ops = []
    for name in sorted(leaving):
        gone = replace(wish, login=name, present=False)
        for table, attribute in login_rows(gone, zone):
            found = [r for r in observed.of(table, attribute) if r.name == name]
            ops += _settle(found, None, key)
        ops += _settle(_ours(observed, name), None, key)
    if not wish.present:
        return ops
    for (table, attribute), wanted in login_rows(wish, zone).items():
        found = [r for r in observed.of(table, attribute) if r.name == wish.login]
        ops += _settle(found, wanted, key)
    return ops + _plan_membership(wish, observed, key)


def _ours(observed, name):
    return [
        row
        for row in observed.rows
        if row.table == MEMBER and row.name == name and row.attribute.startswith(PREFIX)
    ]


def _plan_membership(wish, observed, key):
    ours = _ours(observed, wish.login)
    wanted = Row(MEMBER, wish.login, wish.plan, "", str(PLAN_PRIORITY))
    ops = _settle([row for row in ours if row.attribute != DISABLED], wanted, key)
    found = [row for row in ours if row.attribute == DISABLED]
    if wish.on:
        return ops + [RadiusOp("enable", key, row=row) for row in found[:1]]
    # FreeRADIUS stops at the first group that applies: the refusing one has to
    # stand before every other, those of other programs too.
    others = [
        int(row.value)
        for row in observed.rows
        if row.table == MEMBER and row.name == wish.login and row.attribute != DISABLED
    ]
    priority = min([0, *(number - 1 for number in others)])
    if len(found) == 1 and int(found[0].value) <= priority:
        return ops
    row = Row(MEMBER, wish.login, DISABLED, "", str(priority))
    if not found:
        return [*ops, RadiusOp("disable", key, row=row)]
    return ops + _settle(found, row, key)


def _settle(found, wanted, login="", shared=""):
    """Return what makes `wanted` the only row of `found`; the newest one stays."""
    if wanted is None:
        return [RadiusOp("remove", login, shared, row) for row in found]
    if not found:
        return [RadiusOp("add", login, shared, wanted)]
    right = [row for row in found if row.content == wanted.content]
    keep = (right or found)[-1]
    ops = [RadiusOp("remove", login, shared, row) for row in found if row is not keep]
    if keep.content != wanted.content:
        new = Row(**{**vars(wanted), "row_id": keep.row_id})
        ops.append(RadiusOp("set", login, shared, new, keep))
    return ops


# === WHAT A PERSON SHOULD KNOW === #


def conflicts(wishes: Mapping[str, Desired]) -> dict[str, str]:
    """Return a sentence for each wish whose plan is asked at two speeds."""
    speeds = {}
    for wish in wishes.values():
        if wish.present:
            rate = rate_limit(wish.rate_up, wish.rate_down)
            speeds.setdefault(wish.plan, set()).add(rate)
    return {
        key: f"{wish.login}: the plan {wish.plan} is asked at more than one speed. A "
        "plan has one speed for all; use a second package."
        for key, wish in wishes.items()
        if wish.present and len(speeds[wish.plan]) > 1
    }


def objection(wish: Desired, observed: RadiusObserved) -> str:
    """Return which row of others makes FreeRADIUS act against the wish, or ""."""
    login = wish.login
    own = [row for row in observed.rows if row.name == login]
    checks = [row for row in own if row.table == CHECK]
    if not wish.present:
        if not any(_lower(row) == PASSWORD.lower() for row in checks):
            return ""
        return (
            f"{login} is in the RADIUS database but in no group of ours ({PREFIX}…), "
            "so it was left alone. Remove its rows there by hand if it should go."
        )
    if not wish.on:
        blind = any(
            row.table == REPLY
            and _lower(row) == "fall-through"
            and row.value.strip().lower() in ("no", "0")
            for row in own
        )
        if not blind:
            return ""
        return (
            f"{login} is still let in: its radreply row Fall-Through = No keeps "
            "FreeRADIUS from looking at groups. Remove that row."
        )
    if not observed.on:
        return (
            f"{login} is refused by Auth-Type := Reject in radcheck, or in "
            "radgroupcheck of a group it is in, and not by us. Remove that row."
        )
    if not any(re.search(r"-password$|^auth-type$", _lower(row)) for row in checks):
        return f"{login} has no password. Set one on the connection."
    return ""


def warnings(wish: Desired, observed: RadiusObserved) -> list[str]:
    """Return what other programs left that may surprise."""
    own = [row for row in observed.rows if row.name == wish.login]
    found = [
        f"The group {row.attribute} of another program stands before the plan of "
        f"{wish.login} and may decide its speed."
        for row in own
        if row.table == MEMBER
        and not row.attribute.startswith(PREFIX)
        and int(row.value) <= PLAN_PRIORITY
    ]
    found += [
        f"{wish.login} has a second password row ({row.attribute}) that is not ours."
        for row in own
        if row.table == CHECK
        and _lower(row).endswith("-password")
        and _lower(row) != PASSWORD.lower()
    ]
    return found if wish.present else []
