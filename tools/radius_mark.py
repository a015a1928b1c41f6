"""Whose a FreeRADIUS database is: one inert reply row of a group nobody is in.

Group `isp_mark`, attribute `Class`, value "database-uuid:run".
"""

import re

from .access_guard import show
from .access_types import IdentityError, Mark
from .radius_rows import GROUP_REPLY
from .radius_values import MARK

_VALUE = re.compile(r"([0-9A-Za-z-]{1,64}):(\d{1,18})")

_READ = f"SELECT value FROM radgroupreply WHERE groupname = '{MARK}'"
_REMOVE = f"DELETE FROM radgroupreply WHERE groupname = '{MARK}'"
_ADD = (
    "INSERT INTO radgroupreply (groupname, attribute, op, value) "
    f"VALUES ('{MARK}', 'Class', ':=', %s)"
)


def read_mark(session):
    """Return the latest `Mark` in the database, or None.

    :param session: with `run(statement, params, about)`, such as `PgSession`
    :raise IdentityError: what stands there is no mark
    :raise DriverError: the database did not answer
    """
    marks = []
    for (value,) in session.run(_READ, None, GROUP_REPLY):
        found = _VALUE.fullmatch(value)
        if not found:
            raise IdentityError(
                f"The row of the group {MARK} in radgroupreply of {session.place} is "
                "damaged. Remove it if no other Odoo writes to this database."
            )
        marks.append(Mark(found[1], int(found[2])))
    return max(marks, key=lambda mark: mark.run, default=None)


def write_mark(session, mark):
    """Let `mark` be the only one, within a transaction of the caller's.

    :raise DriverError: the database did not answer, or refused
    """
    session.run(_REMOVE, None, GROUP_REPLY)
    session.run(_ADD, (show(mark),), GROUP_REPLY)
