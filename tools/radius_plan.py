"""The way from what FreeRADIUS's tables hold to what is wished; pure functions."""

from collections.abc import Iterable
from dataclasses import replace

from .access_types import Desired, login_key
from .radius_rows import (
    MEMBER,
    PLAN_PRIORITY,
    RadiusObserved,
    RadiusOp,
    Row,
    Snapshot,
    login_rows,
    lower,
    overlay,
    overlay_rows,
    plan_rows,
    shape,
)
from .radius_settings import RadiusSettings
from .radius_values import DISABLED, MARK, OVERLAYS, PREFIX


def plan(
    desired: Iterable[Desired], snapshot: Snapshot, settings: RadiusSettings
) -> list[RadiusOp]:
    """Return what must be done, groups before the logins that refer to them."""
    wishes = list(desired)
    zone = settings.zone()
    slots = {}
    for wish in wishes:
        if wish.present:
            if wish.plan not in slots:
                slots[wish.plan] = plan_rows(wish.plan, shape(wish))
            name = overlay(wish, settings)
            if name and name not in slots:
                slots[name] = overlay_rows(name, settings)
    by_group = {}
    for row in snapshot.groups:
        by_group.setdefault(row.name, []).append(row)
    ops = []
    for name, wanted in slots.items():
        ops += _plan_group(name, wanted, by_group.get(name, ()))
    for wish in wishes:
        observed = snapshot.get(login_key(wish.login)) or RadiusObserved(wish.login)
        ops += _plan_login(wish, observed, zone, settings)
    return ops


def _plan_group(name, slots, rows):
    ops = []
    for (table, attribute), wanted in slots.items():
        found = [r for r in rows if (r.table, lower(r)) == (table, attribute.lower())]
        # The words told to a refused login may be the provider's own.
        if attribute == "Reply-Message" and found:
            continue
        ops += _settle(found, wanted, shared=name)
    return ops


def _plan_login(wish, observed, zone, settings):
    key = login_key(wish.login)
    slots = login_rows(wish, zone)
    in_front = overlay(wish, settings)
    if _is_right(wish, observed, slots, in_front):
        return []
    marked = {
        row.name
        for row in observed.rows
        if row.table == MEMBER
        and row.attribute.startswith(PREFIX)
        and login_key(row.name) == key
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
    for (table, attribute), wanted in slots.items():
        found = [r for r in observed.of(table, attribute) if r.name == wish.login]
        if found or wanted:
            ops += _settle(found, wanted, key)
    return ops + _plan_membership(wish, observed, key, in_front)


def _is_right(wish, observed, slots, in_front):
    """Whether the rows are those wished and no others: so it is with nearly all."""
    if not wish.present:
        return not observed.rows
    wanted = {row[:5] for row in slots.values() if row}
    wanted.add((MEMBER, wish.login, wish.plan, "", str(PLAN_PRIORITY)))
    if in_front:
        wanted.add((MEMBER, wish.login, in_front, "", str(_priority(in_front))))
    rows = observed.rows
    return len(rows) == len(wanted) and {row[:5] for row in rows} == wanted


def _ours(observed, name):
    return [
        row
        for row in observed.rows
        if row.table == MEMBER
        and row.name == name
        and row.attribute.startswith(PREFIX)
        and row.attribute != MARK
    ]


def _plan_membership(wish, observed, key, wanted_overlay):
    ours = _ours(observed, wish.login)
    wanted = Row(MEMBER, wish.login, wish.plan, "", str(PLAN_PRIORITY))
    plans = [row for row in ours if row.attribute not in OVERLAYS]
    ops = _settle(plans, wanted, key)
    for name in OVERLAYS:
        found = [row for row in ours if row.attribute == name]
        if name == wanted_overlay:
            ops += _plan_overlay(wish, observed, key, name, found)
        elif name == DISABLED:
            ops += [RadiusOp("enable", key, row=row) for row in found[:1]]
        else:
            ops += _settle(found, None, key)
    return ops


def _priority(name):
    """The refusing group stands before the walling ones, all before every plan."""
    return 0 if name == DISABLED else 1


def _plan_overlay(wish, observed, key, name, found):
    # FreeRADIUS stops at the first group that applies: this one has to stand before
    # every other, those of other programs too.
    others = [
        int(row.value)
        for row in observed.rows
        if row.table == MEMBER
        and row.name == wish.login
        and row.attribute not in OVERLAYS
    ]
    priority = min([_priority(name), *(number - 1 for number in others)])
    if len(found) == 1 and int(found[0].value) <= priority:
        return []
    row = Row(MEMBER, wish.login, name, "", str(priority))
    if not found:
        return [RadiusOp("disable" if name == DISABLED else "add", key, row=row)]
    return _settle(found, row, key)


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
        new = wanted._replace(row_id=keep.row_id)
        ops.append(RadiusOp("set", login, shared, new, keep))
    return ops
