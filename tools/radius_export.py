"""Wishes as an SQL file that a person runs on the RADIUS database.

What both kinds of database need, and the statements for PostgreSQL; those for MariaDB
and MySQL are in `radius_export_my`.
"""

from collections.abc import Iterable
from typing import NamedTuple

from .access_types import Desired, RowError, login_key
from .radius_advice import conflicts
from .radius_rows import (
    CHECK,
    GROUP_CHECK,
    GROUP_REPLY,
    MEMBER,
    PLAN_PRIORITY,
    REPLY,
    login_rows,
    overlay,
    overlay_rows,
    plan_rows,
    shape,
)
from .radius_settings import RadiusSettings
from .radius_values import DISABLED, MARK, OVERLAYS, check

# Table, and the column that says whose row it is.
KEYED = {
    GROUP_CHECK: "groupname",
    GROUP_REPLY: "groupname",
    CHECK: "username",
    REPLY: "username",
}
_IS_OURS = "starts_with({0}groupname, 'isp_')"
NO_PLANS = ", ".join(f"'{name}'" for name in (*OVERLAYS, MARK))
IN_FRONT = ", ".join(f"'{name}'" for name in OVERLAYS)

_HEAD = """\
-- Access of subscribers for FreeRADIUS's SQL tables in PostgreSQL.
{notes}\\set ON_ERROR_STOP on
BEGIN;
SET LOCAL standard_conforming_strings = on;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL lock_timeout = '2s';
"""


class Content(NamedTuple):
    """What a file has to hold, whatever the database.

    :param notes: comment lines for its head.
    :param tables: table → rows (name, attribute, op, value or None) of groups.
    :param logins: the same of logins.
    :param gone: table → pairs (login, attribute) to be taken away if marked ours.
    :param members: (login, plan, group in front or "", its greatest priority).
    """

    notes: str
    tables: dict
    logins: dict
    gone: dict
    members: list


def make_content(desired: Iterable[Desired], settings: RadiusSettings) -> Content:
    """Return what to write for wishes; one that can't be is named in the notes."""
    wishes, refused = _sort_out(desired)
    zone = settings.zone()
    here = [wish for wish in wishes if wish.present]
    groups = {wish.plan: plan_rows(wish.plan, shape(wish)) for wish in here}
    fronts = {wish.login: overlay(wish, settings) for wish in here}
    for name in filter(None, fronts.values()):
        groups[name] = overlay_rows(name, settings)
    gone = {}
    for wish in wishes:
        for table, attribute in () if wish.present else login_rows(wish, zone):
            gone.setdefault(table, []).append((wish.login, attribute))
    on = sum(wish.on for wish in here)
    notes = [
        f"{len(wishes)} logins: {on} on, {len(here) - on} off or walled, "
        f"{len(wishes) - len(here)} removed; {len(refused)} left out.",
        "Holds passwords. Running it twice does no harm.",
        *refused,
    ]
    return Content(
        notes="".join(f"-- {text}\n" for text in notes),
        tables=_by_table(groups),
        logins=_by_table({wish.login: login_rows(wish, zone) for wish in here}),
        gone=gone,
        members=[
            (w.login, w.plan, fronts[w.login], int(fronts[w.login] != DISABLED))
            for w in here
        ],
    )


def _sort_out(desired):
    by_key, refused = {}, []
    for wish in desired:
        try:
            check(wish)
        except RowError as error:
            refused.append(str(error))
        else:
            by_key[login_key(wish.login)] = wish
    for key, sentence in conflicts(by_key).items():
        del by_key[key]
        refused.append(sentence)
    return list(by_key.values()), refused


def _by_table(slots):
    tables = {}
    for name, rows in slots.items():
        for (table, attribute), row in rows.items():
            content = (name, attribute, row and row.op, row and row.value)
            tables.setdefault(table, []).append(content)
    return tables


# === POSTGRESQL === #


def export_sql(desired: Iterable[Desired], settings: RadiusSettings) -> str:
    """Return a file that makes the tables match, whatever they hold now.

    Only rows that `radius_rows` calls ours are touched. A wish that can't be
    written is left out and named at the top.
    """
    content = make_content(desired, settings)
    lines = [_HEAD.format(notes=content.notes)]
    lines += _slot_statements("isp_groups", content.tables)
    lines += _gone_statements(content.gone)
    lines += _slot_statements("isp_logins", content.logins)
    if content.members:
        lines += _member_statements(content.members)
    return "".join(lines) + "COMMIT;\n"


def _slot_statements(temp, tables):
    """Return statements that put rows of groups or logins in place."""
    for table, values in tables.items():
        name = KEYED[table]
        ours = f"FROM {temp} AS w WHERE t.{name} = w.name AND lower(t.attribute) = "
        ours += "lower(w.attribute)"
        yield _temp(temp, "name text, attribute text, op text, value text", values)
        # The oldest of the right rows stays, all others of that attribute go.
        yield (
            f"DELETE FROM {table} AS t USING (SELECT t.id, w.value IS NOT NULL AND "
            f"row_number() OVER (PARTITION BY t.{name}, lower(t.attribute) ORDER BY "
            "(t.op = w.op AND t.value = w.value) IS NOT TRUE, t.id) = 1 AS stays "
            f"FROM {table} AS t JOIN {temp} AS w ON t.{name} = w.name "
            "AND lower(t.attribute) = lower(w.attribute)) AS d "
            "WHERE t.id = d.id AND NOT d.stays;\n"
            f"UPDATE {table} AS t SET attribute = w.attribute, op = w.op, "
            f"value = w.value {ours} AND (t.attribute, t.op, t.value) "
            "IS DISTINCT FROM (w.attribute, w.op, w.value);\n"
            f"INSERT INTO {table} ({name}, attribute, op, value) "
            f"SELECT w.name, w.attribute, w.op, w.value FROM {temp} AS w "
            "WHERE w.value IS NOT NULL AND NOT EXISTS "
            f"(SELECT FROM {table} AS t WHERE t.{name} = w.name "
            "AND lower(t.attribute) = lower(w.attribute));\n"
            f"DROP TABLE {temp};\n"
        )


def _gone_statements(gone):
    """Return statements that take logins away that carry our mark."""
    marked = (
        f"EXISTS (SELECT FROM {MEMBER} AS m WHERE m.username = t.username "
        f"AND {_IS_OURS.format('m.')})"
    )
    for table, values in gone.items():
        yield _temp("isp_gone", "name text, attribute text", values)
        yield (
            f"DELETE FROM {table} AS t USING isp_gone AS g WHERE t.username = g.name "
            f"AND lower(t.attribute) = lower(g.attribute) AND {marked};\n"
            "DROP TABLE isp_gone;\n"
        )
    if gone:
        yield _temp("isp_gone", "name text", {(name,) for name, _ in gone[CHECK]})
        yield (
            f"DELETE FROM {MEMBER} AS t USING isp_gone AS g WHERE t.username = g.name "
            f"AND {_IS_OURS.format('t.')};\nDROP TABLE isp_gone;\n"
        )


def _member_statements(members):
    """Return statements for the plan of each login, and for what stands before it."""
    columns = "name text, plan text, front text, priority int"
    yield _temp("isp_members", columns, members)
    of_plan = f"{_IS_OURS.format('t.')} AND t.groupname NOT IN ({NO_PLANS})"
    # Before every other group, those of other programs too.
    lowest = (
        "SELECT m.name, m.front, least(min(m.priority), min(t.priority) - 1) "
        f"AS priority FROM isp_members AS m LEFT JOIN {MEMBER} AS t "
        f"ON t.username = m.name AND t.groupname NOT IN ({IN_FRONT}) "
        "WHERE m.front <> '' GROUP BY m.name, m.front"
    )
    yield (
        f"DELETE FROM {MEMBER} AS t USING (SELECT t.id, row_number() OVER (PARTITION "
        f"BY t.username ORDER BY t.groupname <> m.plan, t.id) = 1 AS stays "
        f"FROM {MEMBER} AS t JOIN isp_members AS m ON t.username = m.name "
        f"AND {of_plan}) AS d WHERE t.id = d.id AND NOT d.stays;\n"
        f"UPDATE {MEMBER} AS t SET groupname = m.plan, priority = {PLAN_PRIORITY} "
        f"FROM isp_members AS m WHERE t.username = m.name AND {of_plan} "
        f"AND (t.groupname, t.priority) IS DISTINCT FROM (m.plan, {PLAN_PRIORITY});\n"
        f"INSERT INTO {MEMBER} (username, groupname, priority) "
        f"SELECT m.name, m.plan, {PLAN_PRIORITY} FROM isp_members AS m "
        f"WHERE NOT EXISTS (SELECT FROM {MEMBER} AS t WHERE t.username = m.name "
        f"AND {of_plan});\n"
        f"DELETE FROM {MEMBER} AS t USING (SELECT t.id, t.groupname = m.front AND "
        "row_number() OVER (PARTITION BY t.username, t.groupname ORDER BY t.id) = 1 "
        f"AS stays FROM {MEMBER} AS t JOIN isp_members AS m ON t.username = m.name "
        f"AND t.groupname IN ({IN_FRONT})) AS d WHERE t.id = d.id AND NOT d.stays;\n"
        f"UPDATE {MEMBER} AS t SET priority = l.priority FROM ({lowest}) AS l "
        "WHERE t.username = l.name AND t.groupname = l.front "
        "AND t.priority > l.priority;\n"
        f"INSERT INTO {MEMBER} (username, groupname, priority) "
        f"SELECT l.name, l.front, l.priority FROM ({lowest}) AS l "
        f"WHERE NOT EXISTS (SELECT FROM {MEMBER} AS t WHERE t.username = l.name "
        "AND t.groupname = l.front);\nDROP TABLE isp_members;\n"
    )


def _temp(name, columns, values):
    """Return statements for a temporary table with the given values."""
    return (
        f"CREATE TEMP TABLE {name} ({columns}) ON COMMIT DROP;\n"
        f"INSERT INTO {name} VALUES\n{literals(values, _quote)};\nANALYZE {name};\n"
    )


def literals(values, quote):
    """Return rows as SQL, one a line.

    :param quote: makes a literal of a text.
    """

    def literal(value):
        if value is None:
            return "NULL"
        return str(value) if isinstance(value, int) else quote(value)

    return ",\n".join(f"({', '.join(map(literal, row))})" for row in values)


def _quote(text):
    """Return an SQL literal; `check` let no NUL through."""
    return "'" + text.replace("'", "''") + "'"
