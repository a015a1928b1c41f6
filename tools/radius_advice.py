"""What a person should know of a wish that meets the rows of others; pure functions."""

import re
from collections.abc import Mapping

from .access_types import Desired
from .radius_rows import (
    CHECK,
    MEMBER,
    PASSWORD,
    PLAN_PRIORITY,
    REPLY,
    RadiusObserved,
    lower,
    shape,
)
from .radius_values import PREFIX


def conflicts(wishes: Mapping[str, Desired]) -> dict[str, str]:
    """Return a sentence for each wish whose plan is asked in two ways."""
    shapes = {}
    for wish in wishes.values():
        if wish.present:
            shapes.setdefault(wish.plan, set()).add(shape(wish))
    torn = {plan for plan, found in shapes.items() if len(found) > 1}
    return {
        key: f"{wish.login}: the plan {wish.plan} is asked at more than one speed or "
        "from more than one pool. A plan has one for all; use a second package."
        for key, wish in wishes.items()
        if wish.present and wish.plan in torn
    }


def objection(wish: Desired, observed: RadiusObserved, is_blurred=False) -> str:
    """Return which row of others makes FreeRADIUS act against the wish, or "".

    :param is_blurred: the database takes names for equal whose letters differ in case.
    """
    is_in = observed.walled if wish.walled and not wish.on else observed.on
    is_fulfilled = is_in or not (wish.on or wish.walled)
    if observed.is_plain and observed.password and wish.present and is_fulfilled:
        return ""
    login = wish.login
    own = [row for row in observed.rows if row.name == login]
    checks = [row for row in own if row.table == CHECK]
    if not wish.present:
        if not any(lower(row) == PASSWORD.lower() for row in checks):
            return ""
        return (
            f"{login} is in the RADIUS database but in no group of ours ({PREFIX}…), "
            "so it was left alone. Remove its rows there by hand if it should go."
        )
    if is_blurred and (twins := sorted({row.name for row in observed.rows} - {login})):
        return (
            f"{login} is mixed up with {twins[0]!a}, because this database doesn't "
            "tell such names apart: FreeRADIUS gives it the rows of both. Remove the "
            "rows of one, or give the connection another login."
        )
    if not wish.on:
        if _is_blind(own):
            return (
                f"{login} is still let in: its radreply row Fall-Through = No keeps "
                "FreeRADIUS from looking at groups. Remove that row."
            )
        if not wish.walled:
            return ""
    if not is_in:
        return (
            f"{login} is refused by Auth-Type := Reject in radcheck, or in "
            "radgroupcheck of a group it is in, and not by us. Remove that row."
        )
    if not any(re.search(r"-password$|^auth-type$", lower(row)) for row in checks):
        return f"{login} has no password. Set one on the connection."
    return ""


def _is_blind(own):
    """Whether a row of the login keeps FreeRADIUS from looking at its groups."""
    return any(
        row.table == REPLY
        and lower(row) == "fall-through"
        and row.value.strip().lower() in ("no", "0")
        for row in own
    )


def warnings(wish: Desired, observed: RadiusObserved) -> list[str]:
    """Return what other programs left that may surprise."""
    if observed.is_plain or not wish.present:
        return []
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
        and lower(row).endswith("-password")
        and lower(row) != PASSWORD.lower()
    ]
    return found
