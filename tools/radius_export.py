"""Wishes as an SQL file for PostgreSQL that a person runs on the RADIUS database."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from .access_types import Desired, RowError, login_key
from .radius_rows import (
    CHECK,
    GROUP_CHECK,
    GROUP_REPLY,
    MEMBER,
    PLAN_PRIORITY,
    REPLY,
    conflicts,
    group_rows,
    login_rows,
)
from .radius_values import DISABLED, check, rate_limit

# Table, and the column that says whose row it is.
_KEYED = {
    GROUP_CHECK: "groupname",
    GROUP_REPLY: "groupname",
    CHECK: "username",
    REPLY: "username",
}
_IS_OURS = "starts_with({0}groupname, 'isp_')"

_HEAD = """\
-- Access of subscribers for FreeRADIUS's SQL tables in PostgreSQL.
-- {count} logins: {on} on, {off} off, {gone} removed; {refused} left out.
-- Holds passwords. Running it twice does no harm.
{notes}\\set ON_ERROR_STOP on
BEGIN;
SET LOCAL standard_conforming_strings = on;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL lock_timeout = '2s';
"""


def export_sql(desired: Iterable[Desired], zone: ZoneInfo, message: str) -> str:
    """Return a file that makes the tables match, whatever they hold now.

    Only rows that `radius_rows` calls ours are touched. A wish that can't be
    written is left out and named at the top.

    :param zone: zone of the FreeRADIUS host.
    :param message: what a refused login's router is told.
    """
    wishes, refused = _sort_out(desired)
    gone = [wish for wish in wishes if not wish.present]
    here = [wish for wish in wishes if wish.present]
    off = [wish for wish in here if not wish.on]
    slots = {}
    for wish in here:
        rate = rate_limit(wish.rate_up, wish.rate_down)
        slots[wish.plan] = group_rows(wish.plan, rate)
    if off:
        slots[DISABLED] = group_rows(DISABLED, None, message)
    lines = [
        _HEAD.format(
            count=len(wishes),
            on=len(here) - len(off),
            off=len(off),
            gone=len(gone),
            refused=len(refused),
            notes="".join(f"-- {text}\n" for text in refused),
        )
    ]
    lines += _slot_statements("isp_groups", slots)
    if gone:
        lines += _gone_statements(gone, zone)
    if here:
        rows = {wish.login: login_rows(wish, zone) for wish in here}
        lines += _slot_statements("isp_logins", rows)
        lines += _member_statements(here)
    return "".join(lines) + "COMMIT;\n"


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


def _slot_statements(temp, slots):
    """Return statements that put `slots` of groups or logins in place."""
    tables = {}
    for name, rows in slots.items():
        for (table, attribute), row in rows.items():
            value = row and row.value
            tables.setdefault(table, []).append((name, attribute, value))
    for table, values in tables.items():
        name = _KEYED[table]
        ours = f"FROM {temp} AS w WHERE t.{name} = w.name AND lower(t.attribute) = "
        ours += "lower(w.attribute)"
        yield _temp(temp, "name text, attribute text, value text", values)
        # The oldest of the right rows stays, all others of that attribute go.
        yield (
            f"DELETE FROM {table} AS t USING (SELECT t.id, w.value IS NOT NULL AND "
            f"row_number() OVER (PARTITION BY t.{name}, lower(t.attribute) ORDER BY "
            "(t.op = ':=' AND t.value = w.value) IS NOT TRUE, t.id) = 1 AS stays "
            f"FROM {table} AS t JOIN {temp} AS w ON t.{name} = w.name "
            "AND lower(t.attribute) = lower(w.attribute)) AS d "
            "WHERE t.id = d.id AND NOT d.stays;\n"
            f"UPDATE {table} AS t SET attribute = w.attribute, op = ':=', "
            f"value = w.value {ours} AND (t.attribute, t.op, t.value) "
            "IS DISTINCT FROM (w.attribute, ':=', w.value);\n"
            f"INSERT INTO {table} ({name}, attribute, op, value) "
            f"SELECT w.name, w.attribute, ':=', w.value FROM {temp} AS w "
            "WHERE w.value IS NOT NULL AND NOT EXISTS "
            f"(SELECT FROM {table} AS t WHERE t.{name} = w.name "
            "AND lower(t.attribute) = lower(w.attribute));\n"
            f"DROP TABLE {temp};\n"
        )


def _gone_statements(gone, zone):
    """Return statements that take logins away that carry our mark."""
    values = [
        (wish.login, table, attribute)
        for wish in gone
        for table, attribute in login_rows(wish, zone)
    ]
    yield _temp("isp_gone", "name text, tbl text, attribute text", values)
    marked = (
        f"EXISTS (SELECT FROM {MEMBER} AS m WHERE m.username = t.username "
        f"AND {_IS_OURS.format('m.')})"
    )
    for table in (CHECK, REPLY):
        yield (
            f"DELETE FROM {table} AS t USING isp_gone AS g WHERE g.tbl = '{table}' "
            "AND t.username = g.name AND lower(t.attribute) = lower(g.attribute) "
            f"AND {marked};\n"
        )
    yield (
        f"DELETE FROM {MEMBER} AS t USING isp_gone AS g WHERE t.username = g.name "
        f"AND {_IS_OURS.format('t.')};\nDROP TABLE isp_gone;\n"
    )


def _member_statements(here):
    """Return statements for the plan of each login, and for being off."""
    values = [(wish.login, wish.plan, "" if wish.on else "off") for wish in here]
    yield _temp("isp_members", "name text, plan text, off text", values)
    of_plan = f"{_IS_OURS.format('t.')} AND t.groupname <> '{DISABLED}'"
    # Before every other group, those of other programs too.
    lowest = (
        f"SELECT m.name, least(0, min(t.priority) - 1) AS priority FROM isp_members "
        f"AS m LEFT JOIN {MEMBER} AS t ON t.username = m.name "
        f"AND t.groupname <> '{DISABLED}' WHERE m.off <> '' GROUP BY m.name"
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
        f"DELETE FROM {MEMBER} AS t USING (SELECT t.id, m.off <> '' AND row_number() "
        f"OVER (PARTITION BY t.username ORDER BY t.id) = 1 AS stays FROM {MEMBER} AS t "
        f"JOIN isp_members AS m ON t.username = m.name "
        f"AND t.groupname = '{DISABLED}') AS d WHERE t.id = d.id AND NOT d.stays;\n"
        f"UPDATE {MEMBER} AS t SET priority = l.priority FROM ({lowest}) AS l "
        f"WHERE t.username = l.name AND t.groupname = '{DISABLED}' "
        "AND t.priority > l.priority;\n"
        f"INSERT INTO {MEMBER} (username, groupname, priority) "
        f"SELECT l.name, '{DISABLED}', l.priority FROM ({lowest}) AS l "
        f"WHERE NOT EXISTS (SELECT FROM {MEMBER} AS t WHERE t.username = l.name "
        f"AND t.groupname = '{DISABLED}');\nDROP TABLE isp_members;\n"
    )


def _temp(name, columns, values):
    """Return statements for a temporary table with the given values."""
    rows = ",\n".join(
        f"({', '.join('NULL' if value is None else _quote(value) for value in row)})"
        for row in values
    )
    return (
        f"CREATE TEMP TABLE {name} ({columns}) ON COMMIT DROP;\n"
        f"INSERT INTO {name} VALUES\n{rows};\nANALYZE {name};\n"
    )


def _quote(text):
    """Return an SQL literal; `check` let no NUL through."""
    return "'" + text.replace("'", "''") + "'"
