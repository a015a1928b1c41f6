"""Whose a FreeRADIUS database is: one inert reply row of a group nobody is in.

Group `isp_mark`, attribute `Class`, value "database-uuid:run".
"""

from .access_guard import parse, show

GROUP, ATTRIBUTE = "isp_mark", "Class"

_READ = "SELECT value FROM radgroupreply WHERE groupname = %s AND attribute = %s"
_REMOVE = "DELETE FROM radgroupreply WHERE groupname = %s AND attribute = %s"
_ADD = (
    "INSERT INTO radgroupreply (groupname, attribute, op, value) "
    "VALUES (%s, %s, ':=', %s)"
)


def read_mark(session):
    """Return the latest `Mark` in the database, or None.

    :param session: with `run(statement, params, about)`, such as `PgSession`
    :raise DriverError: the database did not answer
    """
    rows = session.run(_READ, (GROUP, ATTRIBUTE), "radgroupreply")
    marks = [parse(value) for (value,) in rows]
    return max(marks, key=lambda mark: mark.run, default=None)


def write_mark(session, mark):
    """Let `mark` be the only one; all or nothing.

    :raise DriverError: the database did not answer, or refused
    """
    with session.transaction():
        session.run(_REMOVE, (GROUP, ATTRIBUTE), "radgroupreply")
        session.run(_ADD, (GROUP, ATTRIBUTE, show(mark)), "radgroupreply")
