"""Wishes and facts as rows of FreeRADIUS's SQL tables.

Pure functions. The tables are those of FreeRADIUS 3 (`mods-config/sql/main`).
Ours are: of a login the check items `Cleartext-Password`, `Expiration`,
`Simultaneous-Use` and `Calling-Station-Id`, the reply items `Framed-IP-Address`,
`Delegated-IPv6-Prefix` and those named in `Desired.extra`; its memberships of groups
that begin with `isp_`; and of those groups the speed, the pools a package names and
what refuses or walls. Nothing else is ever written.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .access_types import Desired, Observed, Op, Session, login_key
from .radius_settings import RadiusSettings
from .radius_values import (
    ADDRESS,
    DISABLED,
    EXTRA_ATTRIBUTES,
    MARK,
    OVERLAYS,
    PREFIX,
    WALLED,
    WALLED_FIXED,
    escape,
    expiration,
    parse_expiration,
    parse_rate_limit,
    rate_limit,
    unescape,
)

CHECK, REPLY, MEMBER = "radcheck", "radreply", "radusergroup"
GROUP_CHECK, GROUP_REPLY = "radgroupcheck", "radgroupreply"
TABLES = (GROUP_CHECK, GROUP_REPLY, CHECK, REPLY, MEMBER)
PLAN_PRIORITY = 10
RATE, POOL = "Mikrotik-Rate-Limit", "Framed-Pool"
# RouterOS delegates from this pool; RFC 3162's Framed-IPv6-Pool is for the link only.
POOL6 = "Mikrotik-Delegated-IPv6-Pool"
ADDRESS_LIST = "Mikrotik-Address-List"
PASSWORD, EXPIRATION = "Cleartext-Password", "Expiration"
SESSIONS, CALLER = "Simultaneous-Use", "Calling-Station-Id"
PREFIX6 = "Delegated-IPv6-Prefix"
# The operators of check items that compare; all others are set.
_OPERATORS = {CALLER: "=="}

_NO_PLANS = frozenset((*OVERLAYS, MARK))
_SECRET = re.compile(r"password|secret", re.IGNORECASE)


class Row(NamedTuple):
    """A row of one of the five tables. A membership has the group's name as
    `attribute` and its priority as `value`."""

    table: str
    name: str
    attribute: str
    op: str
    value: str
    row_id: int | None = None

    def __repr__(self):
        return f"Row({self.table}, {self.name}, {_show(self)}, id {self.row_id})"

    @property
    def content(self):
        return self[2:5]


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
    """What the tables hold of one login, foreign rows too.

    :param is_plain: no row is of a kind that we don't write.
    """

    rows: tuple[Row, ...] = field(default=(), repr=False)
    is_plain: bool = False

    def of(self, table: str, attribute: str) -> list[Row]:
        attribute = attribute.lower()
        return [
            row for row in self.rows if row.table == table and lower(row) == attribute
        ]


class Snapshot(dict):
    """`RadiusObserved` by `login_key`, and the rows of our groups."""

    groups: tuple[Row, ...] = ()


def lower(row):
    """Return the attribute of a row in the form in which two are compared."""
    return _lower(row.attribute)


@functools.lru_cache(maxsize=1024)
def _lower(attribute):
    return attribute.strip().lower()


def _show(row):
    if row.table == MEMBER:
        return f"{row.attribute} (priority {row.value})"
    value = "***" if _SECRET.search(row.attribute) else row.value
    return f"{row.attribute} {row.op} {value}"


# === WHAT SHOULD BE === #


class Shape(NamedTuple):
    """What a plan's group gives; "" leaves what a person may have put there.

    :param rate: as MikroTik writes it, or None.
    """

    rate: str | None
    pool: str = ""
    ipv6_pool: str = ""


def shape(wish: Desired) -> Shape:
    """Return what `wish` asks of the group of its plan."""
    rate = rate_limit(wish.rate_up, wish.rate_down)
    return Shape(rate, wish.pool, wish.ipv6_pool)


def overlay(wish: Desired, settings: RadiusSettings) -> str:
    """Return the group that stands before the plan of this wish, or ""."""
    if wish.on:
        return ""
    if not wish.walled:
        return DISABLED
    return WALLED_FIXED if wish.fixed_ip and settings.walled_pool else WALLED


def plan_rows(name: str, wanted: Shape) -> dict:
    """Return the slots of a plan's group: (table, attribute) → row or None."""
    values = {RATE: wanted.rate}
    if wanted.pool:
        values[POOL] = escape(wanted.pool)
    if wanted.ipv6_pool:
        values[POOL6] = escape(wanted.ipv6_pool)
    return _group_reply(name, values)


def overlay_rows(name: str, settings: RadiusSettings) -> dict:
    """Return the slots of a group that stands before the plans."""
    if name == DISABLED:
        refusal = Row(GROUP_CHECK, name, "Auth-Type", ":=", "Reject")
        message = {"Reply-Message": escape(settings.reply_message)}
        return {(GROUP_CHECK, "Auth-Type"): refusal, **_group_reply(name, message)}
    rate = settings.walled_rate
    pool = escape(settings.walled_pool) if name == WALLED else None
    values = {ADDRESS_LIST: escape(settings.walled_list), RATE: rate_limit(rate, rate)}
    return _group_reply(name, {**values, POOL: pool})


def _group_reply(name, values):
    return {
        (GROUP_REPLY, attribute): Row(GROUP_REPLY, name, attribute, ":=", value)
        if value
        else None
        for attribute, value in values.items()
    }


def login_rows(wish: Desired, zone: ZoneInfo) -> dict:
    """Return the slots of a login: (table, attribute) → row, or None for no row."""
    # FreeRADIUS refuses whose end has come, even where a pay page waits.
    end = None if wish.walled and not wish.on else wish.expires_at
    values = {
        (CHECK, EXPIRATION): end and expiration(end, zone),
        (CHECK, SESSIONS): wish.simultaneous and str(wish.simultaneous),
        (CHECK, CALLER): wish.mac,
        (REPLY, ADDRESS): wish.fixed_ip,
        (REPLY, PREFIX6): wish.ipv6_prefix,
    }
    if wish.password is not None or not wish.present:
        values[CHECK, PASSWORD] = escape(wish.password or "")
    for name, value in wish.extra.items():
        text = EXTRA_ATTRIBUTES.get(name) == "text" and value is not None
        values[REPLY, name] = escape(value) if text else value
    return {
        (table, name): Row(table, wish.login, name, _OPERATORS.get(name, ":="), value)
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
    sessions: Iterable[Session] = (),
    is_blurred: bool = False,
) -> Snapshot:
    """Return a snapshot of rows as they were read; `logins` appear in any case.

    :param is_blurred: the database takes a name for equal that has accents.
    """
    snapshot = Snapshot()
    snapshot.groups = tuple(groups)
    rates = {
        row.name: parse_rate_limit(row.value)
        for row in _by_id(snapshot.groups)
        if row.table == GROUP_REPLY and lower(row) == RATE.lower()
    }
    refusing = {
        row.name for row in snapshot.groups if row.table == GROUP_CHECK and refuses(row)
    }
    by_key = {login_key(login): (login, ()) for login in logins}
    by_name = {}
    for row in _by_id(rows):
        by_name.setdefault(row.name, []).append(row)
    for name, found in by_name.items():
        key = login_key(name)
        if is_blurred and not key.isascii():
            key = unicodedata.normalize("NFKD", key).encode("ascii", "ignore").decode()
        login, others = by_key.get(key, (name, ()))
        by_key[key] = login, (*others, *found)
    open_ones = {}
    for session in sessions:
        open_ones.setdefault(login_key(session.login), []).append(session)
    for key, (login, found) in by_key.items():
        up = tuple(open_ones.get(key, ()))
        snapshot[key] = _observe_login(login, found, rates, refusing, zone, up)
    return snapshot


def _by_id(rows):
    return sorted(rows, key=lambda row: row.row_id or 0)


def refuses(row):
    return lower(row) == "auth-type" and row.value.strip().lower() == "reject"


def _first_group(members, plans, refusing):
    """Return what the group does that FreeRADIUS comes to first: it stops there, so
    that what refuses behind it is not seen."""
    walls = [members[name] for name in (WALLED, WALLED_FIXED) if name in members]
    last = min((*walls, *(members[name] for name in plans[:1])), default=None)
    if any(last is None or members[name] <= last for name in refusing & members.keys()):
        return "refused"
    return "walled" if walls and min(walls) == last else "plan"


_AUTH_TYPE = CHECK, "auth-type"
_PLAIN = {
    (CHECK, PASSWORD.lower()),
    (CHECK, EXPIRATION.lower()),
    (CHECK, SESSIONS.lower()),
    (CHECK, CALLER.lower()),
    (REPLY, ADDRESS.lower()),
    (REPLY, PREFIX6.lower()),
}


def _observe_login(login, found, rates, refusing, zone, sessions):
    # Of rows that stand twice the oldest is the one FreeRADIUS goes by.
    first, members, is_refused, is_plain = {}, {}, False, True
    for row in found:
        table, name, attribute, _op, value, _id = row
        if name != login:
            is_plain = False
            continue
        if table == MEMBER:
            members[attribute] = int(value)
            continue
        slot = table, _lower(attribute)
        first.setdefault(slot, value)
        is_plain = is_plain and slot in _PLAIN
        if slot == _AUTH_TYPE and refuses(row):
            is_refused = True
    ours = [name for name in members if name.startswith(PREFIX)]
    plans = [name for name in ours if name not in _NO_PLANS]
    plans.sort(key=members.get)
    seen = _first_group(members, plans, refusing)
    refused = is_refused or seen == "refused"
    walled = not refused and seen == "walled"
    count = first.get((CHECK, SESSIONS.lower()), "")
    password = first.get((CHECK, PASSWORD.lower()))
    rate_up, rate_down = rates.get(plans[0], (None, None)) if plans else (None, None)
    return RadiusObserved(
        login=login,
        present=bool(ours) or password is not None,
        ours=bool(ours),
        on=bool(first or members) and not refused and not walled,
        walled=walled,
        password=None if password is None else unescape(password),
        rate_down=rate_down,
        rate_up=rate_up,
        plan=plans[0] if plans else "",
        expires_at=parse_expiration(first.get((CHECK, EXPIRATION.lower()), ""), zone),
        simultaneous=int(count) if count.isdigit() else None,
        mac=first.get((CHECK, CALLER.lower())),
        fixed_ip=first.get((REPLY, ADDRESS.lower())),
        ipv6_prefix=first.get((REPLY, PREFIX6.lower())),
        sessions=sessions,
        rows=found,
        is_plain=is_plain and len(ours) == len(members),
    )
