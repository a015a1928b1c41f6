"""How the FreeRADIUS driver speaks to MariaDB and MySQL; its twin is `radius_pg`.

They take names for equal that differ in case, in accents or in blanks at the end. The
index finds those too, so that every change goes by a row's id, or compares bytes.
"""

import contextlib
import json

from .access_types import TransportError
from .radius_rows import GROUP_CHECK, GROUP_REPLY, MEMBER
from .radius_values import DISABLED, PREFIX

IS_BLURRED = True

RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
# How many names or rows one statement takes: a statement has a greatest length.
_NAMES_AT_ONCE = 10_000
_ROWS_AT_ONCE = 1_000


def probe(session, wanted):
    """Return (version, epoch, time zone, read only, tables, missing rights).

    :param wanted: rights by name of the table; the tables may be missing.
    """
    ((version, epoch, zone, read_only),) = session.run(
        "SELECT VERSION(), UNIX_TIMESTAMP(NOW(6)), "
        "IF(@@time_zone = 'SYSTEM', @@system_time_zone, @@time_zone), @@read_only"
    )
    tables = session.run(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_name IN %s",
        (list(wanted),),
    )
    tables = {name for (name,) in tables}
    missing = [
        f"{right} on {table}"
        for table, rights in wanted.items()
        if table in tables
        for right in sorted(
            set(rights) - _read_rights(session, table), key=rights.index
        )
    ]
    return version, float(epoch), zone, bool(read_only), tables, missing


def _read_rights(session, table):
    """Return what this user may do with a table, granted on whichever level."""
    grantee = (
        "grantee = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', "
        "SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')"
    )
    rows = session.run(
        "SELECT privilege_type FROM information_schema.user_privileges "
        f"WHERE {grantee} UNION "
        "SELECT privilege_type FROM information_schema.schema_privileges "
        # The schema of a grant is a pattern.
        f"WHERE {grantee} AND DATABASE() LIKE table_schema UNION "
        "SELECT privilege_type FROM information_schema.table_privileges "
        f"WHERE {grantee} AND table_schema = DATABASE() AND table_name = %s",
        (table,),
    )
    return {right for (right,) in rows}


def read(session, names=None):
    """Return rows (table, name, attribute, op, value, id); see `radius_pg.read`.

    Rows of names that the database takes for equal are among them. More than
    `_NAMES_AT_ONCE` names are read in parts, each as of one moment.
    """
    if names is None:
        return _run(session, f"{_READ.format(of='')} UNION ALL {_READ_GROUPS}")
    names = list(dict.fromkeys(names))
    login_rows = _READ.format(of="WHERE username IN %s")
    statement = f"{login_rows} UNION ALL {_READ_GROUPS}"
    rows = []
    for start in range(0, len(names) or 1, _NAMES_AT_ONCE):
        part = names[start : start + _NAMES_AT_ONCE] or [""]
        rows += _run(session, statement, [part] * 3)
        statement = login_rows
    return rows


def _run(session, statement, params=None):
    """Return the rows of a statement whose last column is an id, one by one.

    PyMySQL takes a packet for each row; many rows in one, as one list in JSON, come in
    half the time.
    """
    found = session.run(_PACKED.format(statement), params)
    values = (iter(json.loads(f"[{text}]")) for (text,) in found)
    return (row for each in values for row in zip(*[each] * 6, strict=True))


def find_twins(session, keys, names):
    """Return []: `read` has them already."""
    return []


@contextlib.contextmanager
def transaction(session):
    """All or nothing, one run at a time."""
    ((is_got,),) = session.run(
        "SELECT GET_LOCK(CONCAT('mybizna_isp ', LEFT(DATABASE(), 40)), "
        "@@innodb_lock_wait_timeout)"
    )
    if not is_got:
        raise TransportError(
            f"Another run writes to {session.place}. It is tried again by itself."
        )
    try:
        with session.transaction():
            yield
    finally:
        # A connection that was lost has let go of it.
        with contextlib.suppress(TransportError):
            session.run(
                "SELECT RELEASE_LOCK(CONCAT('mybizna_isp ', LEFT(DATABASE(), 40)))"
            )


def write(session, table, verbs):
    """Carry out changes on one table, each for many logins at once.

    :param verbs: verb of `Op` → rows.
    """
    name = "groupname" if table in (GROUP_CHECK, GROUP_REPLY) else "username"
    add, change = (_add_members, _set_members) if table == MEMBER else (_add, _set)
    work = (
        ("remove", _remove),
        ("enable", _enable),
        ("set", change),
        ("add", add),
        ("disable", add),
    )
    for verb, make in work:
        rows = verbs.get(verb, ())
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            statement, params = make(table, name, rows[start : start + _ROWS_AT_ONCE])
            session.run(statement, params, table)


# === STATEMENTS === #

_READ = (
    "SELECT 'radcheck' AS source, username AS name, attribute, op, value, id "
    "FROM radcheck {of} "
    "UNION ALL "
    "SELECT 'radreply', username, attribute, op, value, id FROM radreply {of} "
    "UNION ALL "
    "SELECT 'radusergroup', username, groupname, '', CAST(priority AS CHAR), id "
    "FROM radusergroup {of}"
)
_PACKED = (
    "SELECT GROUP_CONCAT(JSON_QUOTE(source), ',', JSON_QUOTE(name), ',', "
    "JSON_QUOTE(attribute), ',', JSON_QUOTE(op), ',', JSON_QUOTE(value), ',', id) "
    "FROM ({}) AS found GROUP BY id DIV 500"
)
# The prefix by bytes, `_` being a joker of LIKE.
_OURS = f"BINARY LEFT(groupname, {len(PREFIX)}) = '{PREFIX}'"
_READ_GROUPS = (
    "SELECT 'radgroupreply', groupname, attribute, op, value, id FROM radgroupreply "
    f"WHERE {_OURS} UNION ALL "
    "SELECT 'radgroupcheck', groupname, attribute, op, value, id FROM radgroupcheck "
    f"WHERE {_OURS} OR attribute = 'Auth-Type'"
)


def _remove(table, _name, rows):
    return f"DELETE FROM {table} WHERE id IN %s", ([row.row_id for row in rows],)


def _enable(_table, _name, rows):
    names = [row.name for row in rows]
    return (
        "DELETE FROM radusergroup WHERE username IN %s "
        f"AND BINARY username IN %s AND groupname = '{DISABLED}'",
        (names, names),
    )


def _set(table, _name, rows):
    values, params = _values(rows, ("row_id", "attribute", "op", "value"))
    return (
        f"UPDATE {table} AS t JOIN ({values}) AS v ON t.id = v.row_id "
        "SET t.attribute = v.attribute, t.op = v.op, t.value = v.value",
        params,
    )


def _set_members(table, _name, rows):
    values, params = _values(rows, ("row_id", "attribute", "value"))
    return (
        f"UPDATE {table} AS t JOIN ({values}) AS v ON t.id = v.row_id "
        "SET t.groupname = v.attribute, t.priority = v.value",
        params,
    )


def _add(table, name, rows):
    values, params = _values(rows, ("name", "attribute", "op", "value"))
    return (
        f"INSERT INTO {table} ({name}, attribute, op, value) SELECT v.* "
        f"FROM ({values}) AS v LEFT JOIN {table} AS t ON t.{name} = v.name "
        f"AND BINARY t.{name} = BINARY v.name AND t.attribute = v.attribute "
        "WHERE t.id IS NULL",
        params,
    )


def _add_members(table, _name, rows):
    values, params = _values(rows, ("name", "attribute", "value"))
    return (
        f"INSERT INTO {table} (username, groupname, priority) SELECT v.* "
        f"FROM ({values}) AS v LEFT JOIN {table} AS t ON t.username = v.name "
        "AND BINARY t.username = BINARY v.name AND t.groupname = v.attribute "
        "WHERE t.id IS NULL",
        params,
    )


def _values(rows, columns):
    """Return a table of values that every MySQL understands, and its parameters."""
    first = ", ".join(f"%s AS {column}" for column in columns)
    others = ", ".join(["%s"] * len(columns))
    text = " UNION ALL SELECT ".join([first, *[others] * (len(rows) - 1)])
    params = [
        int(value) if column == "row_id" else value
        for row in rows
        for column, value in ((name, getattr(row, name)) for name in columns)
    ]
    return f"SELECT {text}", params
