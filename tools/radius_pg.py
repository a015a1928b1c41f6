"""How the FreeRADIUS driver speaks to PostgreSQL; its twin is `radius_my`.

Many logins cost as many statements as one, because each statement takes arrays.
"""

import contextlib

from psycopg2 import sql

from .radius_rows import GROUP_CHECK, GROUP_REPLY, MEMBER, TABLES
from .radius_values import DISABLED, PREFIX

# Names that differ in case, in an accent or in blanks at the end are different ones.
IS_BLURRED = False

RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
# Two runs on one database wait for each other; nothing else asks for this lock.
_RUN_LOCK = 0x6973705F726164
# What a statement can do well within its time limit, on a busy machine too.
_NAMES_AT_ONCE = 20_000
_ROWS_AT_ONCE = 10_000


def probe(session, wanted):
    """Return (version, epoch, time zone, read only, tables, missing rights).

    :param wanted: rights by name of the table; the tables may be missing.
    """
    ((version, epoch, zone, read_only),) = session.run(
        "SELECT current_setting('server_version'), "
        "extract(epoch FROM clock_timestamp())::float8, "
        "current_setting('TimeZone'), "
        "pg_is_in_recovery() OR current_setting('transaction_read_only')::bool"
    )
    pairs = [(table, right) for table, rights in wanted.items() for right in rights]
    found = session.run(
        "SELECT w.name, w.right, has_table_privilege(to_regclass(w.name), w.right) "
        'FROM unnest(%s::text[], %s::text[]) AS w(name, "right") '
        "WHERE to_regclass(w.name) IS NOT NULL",
        [list(column) for column in zip(*pairs, strict=True)],
    )
    # The sequence of an identity column asks for no rights of its own.
    sequences = session.run(
        "SELECT name, has_sequence_privilege(sequence, 'USAGE') FROM ("
        "SELECT name, pg_get_serial_sequence(name, 'id') AS sequence "
        "FROM unnest(%s::text[]) AS t(name) "
        "WHERE to_regclass(name) IS NOT NULL) AS s WHERE sequence IS NOT NULL",
        (list(TABLES),),
    )
    missing = [f"{right} on {table}" for table, right, has in found if not has]
    missing += [
        f"USAGE on the sequence of {name}" for name, has in sequences if not has
    ]
    return version, epoch, zone, read_only, {row[0] for row in found}, missing


def read(session, names=None):
    """Return rows (table, name, attribute, op, value, id) as of one moment.

    More than `_NAMES_AT_ONCE` names are read in parts, each as of one moment.

    :param names: of logins, as they are spelled; None reads all.
    """
    if names is None:
        return session.run(f"{_READ.format(of='')} UNION ALL {_READ_GROUPS}")
    names = list(dict.fromkeys(names))
    logins = f"{_NAMES} {_READ.format(of='JOIN asked USING (username)')}"
    statement = f"{logins} UNION ALL {_READ_GROUPS}"
    rows = []
    for start in range(0, len(names) or 1, _NAMES_AT_ONCE):
        rows += session.run(statement, (names[start : start + _NAMES_AT_ONCE],))
        statement = logins
    return rows


def find_twins(session, keys, names):
    """Return logins of ours with the `login_key` of `keys`, but not among `names`."""
    rows = session.run(_TWINS, (list(keys),), MEMBER)
    return [name for (name,) in rows if name not in names]


@contextlib.contextmanager
def transaction(session):
    """All or nothing, one run at a time."""
    with session.transaction():
        session.run("SELECT pg_advisory_xact_lock(%s)", (_RUN_LOCK,))
        yield


def write(session, table, verbs):
    """Carry out changes on one table, each for all logins at once.

    :param verbs: verb of `Op` → rows.
    """
    for statement, params in _statements(table, verbs):
        session.run(statement, params, table)


# === STATEMENTS === #

# The planner thinks a hundred of an array, and is right about a materialised one.
_NAMES = "WITH asked AS MATERIALIZED (SELECT unnest(%s::text[]) AS username)"
# One statement, so that all five tables are seen as of one moment.
_READ = (
    "SELECT 'radcheck', username, attribute, op, value, id FROM radcheck {of} "
    "UNION ALL "
    "SELECT 'radreply', username, attribute, op, value, id FROM radreply {of} "
    "UNION ALL "
    "SELECT 'radusergroup', username, groupname, '', priority::text, id "
    "FROM radusergroup {of}"
)
_READ_GROUPS = (
    "SELECT 'radgroupreply', groupname, attribute, op, value, id FROM radgroupreply "
    f"WHERE starts_with(groupname, '{PREFIX}') "
    "UNION ALL "
    "SELECT 'radgroupcheck', groupname, attribute, op, value, id FROM radgroupcheck "
    f"WHERE starts_with(groupname, '{PREFIX}') OR lower(attribute) = 'auth-type'"
)

_TWINS = (
    f"{_NAMES} SELECT DISTINCT t.username FROM radusergroup AS t "
    "JOIN asked ON lower(btrim(t.username)) = asked.username "
    f"WHERE starts_with(t.groupname, '{PREFIX}')"
)
_REMOVE = "DELETE FROM {table} WHERE id = ANY(%s::bigint[])"
_SET = (
    "UPDATE {table} AS t SET attribute = v.attribute, op = v.op, value = v.value "
    "FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) "
    "AS v(id, attribute, op, value) WHERE t.id = v.id "
    "AND (t.attribute, t.op, t.value) IS DISTINCT FROM (v.attribute, v.op, v.value)"
)
_ADD = (
    "INSERT INTO {table} ({name}, attribute, op, value) "
    "SELECT v.* FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) "
    "AS v(name, attribute, op, value) WHERE NOT EXISTS (SELECT FROM {table} AS t "
    "WHERE t.{name} = v.name AND t.attribute = v.attribute)"
)
_SET_MEMBER = (
    "UPDATE radusergroup AS t SET groupname = v.groupname, priority = v.priority "
    "FROM unnest(%s::bigint[], %s::text[], %s::int[]) AS v(id, groupname, priority) "
    "WHERE t.id = v.id "
    "AND (t.groupname, t.priority) IS DISTINCT FROM (v.groupname, v.priority)"
)
_ADD_MEMBER = (
    "INSERT INTO radusergroup (username, groupname, priority) "
    "SELECT v.* FROM unnest(%s::text[], %s::text[], %s::int[]) "
    "AS v(username, groupname, priority) "
    "WHERE NOT EXISTS (SELECT FROM radusergroup AS t "
    "WHERE t.username = v.username AND t.groupname = v.groupname)"
)
_ENABLE = (
    "DELETE FROM radusergroup "
    f"WHERE groupname = '{DISABLED}' AND username = ANY(%s::text[])"
)


def _statements(table, verbs):
    """Yield (statement, parameters); removals first, in case somebody added unique
    indexes."""
    name = "groupname" if table in (GROUP_CHECK, GROUP_REPLY) else "username"
    words = {"table": sql.Identifier(table), "name": sql.Identifier(name)}
    member = table == MEMBER
    texts = {
        "remove": (_REMOVE, ("row_id",)),
        "enable": (_ENABLE, ("name",)),
        "set": (_SET_MEMBER, ("row_id", "attribute", "value"))
        if member
        else (_SET, ("row_id", "attribute", "op", "value")),
        "add": (_ADD_MEMBER, ("name", "attribute", "value"))
        if member
        else (_ADD, ("name", "attribute", "op", "value")),
        "disable": (_ADD_MEMBER, ("name", "attribute", "value")),
    }
    for verb, (text, columns) in texts.items():
        rows = verbs.get(verb, ())
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[start : start + _ROWS_AT_ONCE]
            arrays = [[getattr(row, column) for row in part] for column in columns]
            yield sql.SQL(text).format(**words), arrays
