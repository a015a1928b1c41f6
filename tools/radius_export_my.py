"""Wishes as an SQL file for MariaDB and MySQL; its twin is in `radius_export`.

A temporary table may stand in a statement once only there, and equal names may differ
in case, so each step compares bytes and does one thing.
"""

from collections.abc import Iterable

from .access_types import Desired
from .radius_export import IN_FRONT, KEYED, NO_PLANS, literals, make_content
from .radius_rows import CHECK, MEMBER, PLAN_PRIORITY
from .radius_settings import RadiusSettings

_HEAD = """\
-- Access of subscribers for FreeRADIUS's SQL tables in MariaDB or MySQL.
{notes}SET NAMES utf8mb4;
SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION';
SET SESSION innodb_lock_wait_timeout = 2;
START TRANSACTION;
"""
_IS_OURS = "BINARY LEFT({0}.groupname, 4) = 'isp_'"
_OF_PLAN = f"{_IS_OURS.format('t')} AND t.groupname NOT IN ({NO_PLANS})"


def export_my(desired: Iterable[Desired], settings: RadiusSettings) -> str:
    """Return a file as `radius_export.export_sql` does, for MariaDB or MySQL."""
    content = make_content(desired, settings)
    lines = [_HEAD.format(notes=content.notes)]
    lines += _slot_statements(content.tables)
    lines += _gone_statements(content.gone)
    lines += _slot_statements(content.logins)
    if content.members:
        lines += _member_statements(content.members)
    return "".join(lines) + "COMMIT;\n"


def _same(name, other="w"):
    """Return the condition that a row of `t` is of a name; the index finds it."""
    return f"t.{name} = {other}.name AND BINARY t.{name} = BINARY {other}.name"


def _slot_statements(tables):
    for table, values in tables.items():
        name = KEYED[table]
        same = f"{_same(name)} AND t.attribute = w.attribute"
        source = f"{name} AS name, attribute, op, value"
        # No row has an empty value: that stands for none.
        values = [(*row[:2], row[2] or "", row[3] or "") for row in values]
        yield _temp("isp_slots", table, source, values)
        yield (
            f"DELETE t FROM {table} AS t JOIN isp_slots AS w ON {same} "
            "WHERE w.value = '';\n"
            f"DELETE t FROM {table} AS t JOIN (SELECT MIN(t.id) AS id, "
            f"MIN(t.{name}) AS name, w.attribute FROM {table} AS t "
            f"JOIN isp_slots AS w ON {same} GROUP BY BINARY t.{name}, w.attribute "
            f"HAVING COUNT(*) > 1) AS w ON {same} AND t.id <> w.id;\n"
            f"UPDATE {table} AS t JOIN isp_slots AS w ON {same} "
            "SET t.attribute = w.attribute, t.op = w.op, t.value = w.value;\n"
            f"INSERT INTO {table} ({name}, attribute, op, value) "
            f"SELECT w.name, w.attribute, w.op, w.value FROM isp_slots AS w "
            f"LEFT JOIN {table} AS t ON {same} WHERE w.value <> '' AND t.id IS NULL;\n"
            "DROP TEMPORARY TABLE isp_slots;\n"
        )


def _gone_statements(gone):
    """Return statements that take logins away that carry our mark."""
    marked = (
        f"EXISTS (SELECT 1 FROM {MEMBER} AS m WHERE m.username = t.username "
        f"AND BINARY m.username = BINARY t.username AND {_IS_OURS.format('m')})"
    )
    for table, values in gone.items():
        yield _temp("isp_gone", table, "username AS name, attribute", values)
        yield (
            f"DELETE t FROM {table} AS t JOIN isp_gone AS w ON {_same('username')} "
            f"AND t.attribute = w.attribute WHERE {marked};\n"
            "DROP TEMPORARY TABLE isp_gone;\n"
        )
    if gone:
        names = {(name,) for name, _attribute in gone[CHECK]}
        yield _temp("isp_gone", MEMBER, "username AS name", names)
        yield (
            f"DELETE t FROM {MEMBER} AS t JOIN isp_gone AS w ON {_same('username')} "
            f"WHERE {_IS_OURS.format('t')};\nDROP TEMPORARY TABLE isp_gone;\n"
        )


def _member_statements(members):
    """Return statements for the plan of each login, and for what stands before it."""
    source = "username AS name, groupname AS plan, groupname AS front, priority"
    yield _temp("isp_members", MEMBER, source, members)
    same = _same("username")
    join = f"{MEMBER} AS t JOIN isp_members AS w ON {same}"
    left = f"isp_members AS w LEFT JOIN {MEMBER} AS t ON {same}"
    into = f"INSERT INTO {MEMBER} (username, groupname, priority) SELECT w.name, "

    def second_ones(condition):
        return (
            f"DELETE t FROM {MEMBER} AS t JOIN (SELECT MIN(t.id) AS id, "
            f"MIN(t.username) AS name FROM {join} WHERE {condition} "
            f"GROUP BY BINARY t.username HAVING COUNT(*) > 1) AS w ON {same} "
            f"AND t.id <> w.id WHERE {condition};\n"
        )

    in_front = f"t.groupname IN ({IN_FRONT})"
    yield (
        f"{second_ones(_OF_PLAN)}"
        f"UPDATE {join} SET t.groupname = w.plan, t.priority = {PLAN_PRIORITY} "
        f"WHERE {_OF_PLAN};\n"
        f"{into}w.plan, {PLAN_PRIORITY} FROM {left} AND {_OF_PLAN} "
        "WHERE t.id IS NULL;\n"
        f"DELETE t FROM {join} WHERE {in_front} AND t.groupname <> w.front;\n"
        f"{second_ones(in_front)}"
        # Before every other group, those of other programs too.
        "UPDATE isp_members AS w JOIN (SELECT MIN(username) AS username, "
        f"MIN(priority) - 1 AS lowest FROM {MEMBER} "
        f"WHERE groupname NOT IN ({IN_FRONT}) GROUP BY BINARY username) AS t ON {same} "
        "SET w.priority = LEAST(w.priority, t.lowest);\n"
        f"UPDATE {join} SET t.priority = w.priority WHERE t.groupname = w.front "
        "AND t.priority > w.priority;\n"
        f"{into}w.front, w.priority FROM {left} AND t.groupname = w.front "
        "WHERE w.front <> '' AND t.id IS NULL;\n"
        "DROP TEMPORARY TABLE isp_members;\n"
    )


def _temp(name, table, columns, values):
    """Return statements for a temporary table whose columns are like the real ones:
    in another collation no index would serve."""
    return (
        f"CREATE TEMPORARY TABLE {name} AS SELECT {columns} FROM {table} LIMIT 0;\n"
        f"ALTER TABLE {name} ADD KEY (name);\n"
        f"INSERT INTO {name} VALUES\n{literals(values, _quote)};\n"
    )


def _quote(text):
    """Return an SQL literal; `check` let no NUL through."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
