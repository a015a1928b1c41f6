"""FreeRADIUS through its SQL tables in PostgreSQL.

FreeRADIUS refuses everybody while its database is locked or away, so: short
transactions, a short lock time-out, no LOCK, no TRUNCATE. Many logins cost as
many statements as one, because each statement takes arrays.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from psycopg2 import sql

from . import radius_mark, radius_rows
from .access_driver import AccessDriver
from .access_types import Desired, Result, RowError
from .pg_session import PgSession
from .radius_export import export_sql
from .radius_rows import (
    CHECK,
    GROUP_CHECK,
    GROUP_REPLY,
    MEMBER,
    PREFIX,
    REPLY,
    RadiusOp,
    Row,
    Snapshot,
)
from .radius_settings import RadiusSettings
from .radius_values import DISABLED, check

TABLES = (GROUP_CHECK, GROUP_REPLY, CHECK, REPLY, MEMBER)
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
# Two runs on one database wait for each other; nothing else asks for this lock.
_RUN_LOCK = 0x6973705F726164


@dataclass(frozen=True)
class RadiusFacts:
    """What `RadiusSql.probe` found.

    :param server_time: aware, UTC.
    :param clock_skew: seconds the server is ahead of this host.
    :param time_zone: of the database session; says nothing on FreeRADIUS's host.
    :param read_only: a standby, or set so.
    :param missing_rights: such as "INSERT on radcheck".
    """

    server_version: str
    server_time: datetime
    clock_skew: float
    time_zone: str
    read_only: bool
    tables: tuple[str, ...]
    missing_tables: tuple[str, ...]
    missing_rights: tuple[str, ...]


class RadiusSql(AccessDriver):
    """One FreeRADIUS database; see `AccessDriver` for how it is used."""

    Settings = RadiusSettings

    def __init__(self, settings: RadiusSettings):
        settings.check()
        self.settings = settings
        self._zone = settings.zone()
        self._session = PgSession(
            f"the RADIUS database {settings.database} on {settings.host}",
            {
                "host": settings.host,
                "port": settings.port or 5432,
                "dbname": settings.database,
                "user": settings.user,
                "password": settings.password or None,
                "sslmode": settings.sslmode,
                "application_name": "mybizna_isp",
                "client_encoding": "utf8",
                "keepalives_idle": 10,
                **_get_options(settings),
            },
            settings.connect_timeout,
            settings.statement_timeout,
            settings.lock_timeout,
        )

    def __enter__(self):
        self._session.deadline = self.deadline
        self._session.open()
        return self

    def __exit__(self, *exc_info):
        self._session.close()

    # === FACTS === #

    def probe(self) -> RadiusFacts:
        before = time.time()
        ((version, epoch, zone, read_only),) = self._run(
            "SELECT current_setting('server_version'), "
            "extract(epoch FROM clock_timestamp())::float8, "
            "current_setting('TimeZone'), "
            "pg_is_in_recovery() OR current_setting('transaction_read_only')::bool"
        )
        middle = (before + time.time()) / 2
        found = self._run(
            "SELECT t.name, r.name, has_table_privilege(to_regclass(t.name), r.name) "
            "FROM unnest(%s::text[]) AS t(name), unnest(%s::text[]) AS r(name) "
            "WHERE to_regclass(t.name) IS NOT NULL",
            (list(TABLES), list(RIGHTS)),
        )
        # The sequence of an identity column asks for no rights of its own.
        sequences = self._run(
            "SELECT name, has_sequence_privilege(sequence, 'USAGE') FROM ("
            "SELECT name, pg_get_serial_sequence(name, 'id') AS sequence "
            "FROM unnest(%s::text[]) AS t(name) "
            "WHERE to_regclass(name) IS NOT NULL) AS s WHERE sequence IS NOT NULL",
            (list(TABLES),),
        )
        tables = tuple(name for name in TABLES if name in {row[0] for row in found})
        missing = [f"{right} on {table}" for table, right, has in found if not has]
        missing += [
            f"USAGE on the sequence of {name}" for name, has in sequences if not has
        ]
        return RadiusFacts(
            server_version=version,
            server_time=datetime.fromtimestamp(epoch, timezone.utc),
            clock_skew=round(epoch - middle, 3),
            time_zone=zone,
            read_only=read_only,
            tables=tables,
            missing_tables=tuple(name for name in TABLES if name not in tables),
            missing_rights=tuple(missing),
        )

    def read(self, logins: Iterable[str] | None = None) -> Snapshot:
        if logins is None:
            return self._read(sql.SQL(""), [], ())
        logins = [login.strip() for login in logins]
        snapshot = self._read_spelled(logins, logins)
        new = [key for key, observed in snapshot.items() if not observed.ours]
        if not new:
            return snapshot
        # A login new to us may be an old one in other letters. No index of
        # FreeRADIUS's schema knows that, so only new ones are asked for.
        twins = self._run(_TWINS, (new, logins), MEMBER)
        if not twins:
            return snapshot
        return self._read_spelled(logins, logins + [name for (name,) in twins])

    def _read_spelled(self, logins, spellings):
        where = sql.SQL("WHERE username = ANY(%s::text[])")
        return self._read(where, [spellings] * 3, logins)

    def _read(self, where, params, logins):
        rows, groups = [], []
        for *content, row_id in self._run(_READ.format(where=where), params):
            row = Row(*content, row_id=row_id)
            (groups if row.table in (GROUP_CHECK, GROUP_REPLY) else rows).append(row)
        return radius_rows.observe(rows, groups, self._zone, logins)

    # === THE WAY === #

    def check(self, desired: Desired) -> None:
        check(desired)

    def conflicts(self, wishes):
        return radius_rows.conflicts(wishes)

    def shared_names(self, desired):
        if not desired.present:
            return set()
        return {desired.plan} if desired.on else {desired.plan, DISABLED}

    def plan(self, desired: Iterable[Desired], observed: Snapshot) -> list[RadiusOp]:
        message = self.settings.reply_message
        return radius_rows.plan(desired, observed, self._zone, message)

    def objection(self, desired, observed):
        return radius_rows.objection(desired, observed)

    @staticmethod
    def export(settings: RadiusSettings, desired: Iterable[Desired]) -> str:
        """Return `desired` as an SQL file; see `radius_export.export_sql`."""
        return export_sql(desired, settings.zone(), settings.reply_message)

    def warnings(self, desired, observed):
        return radius_rows.warnings(desired, observed)

    # === MARK === #

    def read_mark(self):
        self._session.deadline = self.deadline
        return radius_mark.read_mark(self._session)

    def write_mark(self, mark):
        self._session.deadline = self.deadline
        radius_mark.write_mark(self._session, mark)

    # === WRITING === #

    def apply(
        self, ops: Iterable[RadiusOp], deadline: float | None = None
    ) -> dict[str, Result]:
        """Write `ops` in one transaction; where a row is refused, in smaller ones
        until each refused login stands alone.

        :raise DriverError: lock, lost connection, missing rights, time used up.
        """
        self.deadline = deadline
        by_target = {}
        for op in ops:
            by_target.setdefault(op.target, []).append(op)
        try:
            self._write(by_target)
            return dict.fromkeys(by_target, Result())
        except RowError:
            results = {}
        for target in [name for name, (op, *_) in by_target.items() if op.shared]:
            results |= self._write_apart({target: by_target.pop(target)})
        broken = {
            name.removeprefix("shared "): result.error
            for name, result in results.items()
            if result.kind
        }
        for target in list(by_target):
            needed = [broken[n] for n in _needs(by_target[target]) if n in broken]
            if needed:
                results[target] = Result("dependency", needed[0])
                del by_target[target]
        return results | self._write_apart(by_target)

    def _write_apart(self, by_target):
        """Write in halves, each a transaction, until the refused one is alone."""
        if not by_target:
            return {}
        try:
            self._write(by_target)
            return dict.fromkeys(by_target, Result())
        except RowError as error:
            if len(by_target) == 1:
                text = f"{next(iter(by_target))}: {error}"
                return dict.fromkeys(by_target, Result(error.kind, text))
        targets = list(by_target)
        middle = len(targets) // 2
        results = {}
        for part in (targets[:middle], targets[middle:]):
            results |= self._write_apart({name: by_target[name] for name in part})
        return results

    def _write(self, by_target):
        ops = [op for target_ops in by_target.values() for op in target_ops]
        with self._session.transaction():
            self._wait_for_turn()
            for table in TABLES:
                part = [op for op in ops if op.row.table == table]
                for statement, params in _statements(table, part):
                    self._run(statement, params, table)

    def _wait_for_turn(self):
        self._run("SELECT pg_advisory_xact_lock(%s)", (_RUN_LOCK,))

    def _run(self, statement, params=None, about=""):
        self._session.deadline = self.deadline
        return self._session.run(statement, params, about)


def _get_options(settings):
    """Return what makes libpq look for the tables in a schema of their own."""
    return {"options": f"-c search_path={settings.schema}"} if settings.schema else {}


def _needs(ops):
    """Return the groups the operations of a login refer to."""
    return [
        op.row.attribute
        for op in ops
        if op.row.table == MEMBER and op.verb in ("add", "set", "disable")
    ]


# === STATEMENTS === #

# One statement, so that all five tables are seen as of one moment.
_READ = sql.SQL(
    "SELECT 'radcheck', username, attribute, op, value, id FROM radcheck {where} "
    "UNION ALL "
    "SELECT 'radreply', username, attribute, op, value, id FROM radreply {where} "
    "UNION ALL "
    "SELECT 'radusergroup', username, groupname, '', priority::text, id "
    "FROM radusergroup {where} "
    "UNION ALL "
    "SELECT 'radgroupreply', groupname, attribute, op, value, id FROM radgroupreply "
    f"WHERE starts_with(groupname, '{PREFIX}') "
    "UNION ALL "
    "SELECT 'radgroupcheck', groupname, attribute, op, value, id FROM radgroupcheck "
    f"WHERE starts_with(groupname, '{PREFIX}') OR lower(attribute) = 'auth-type'"
)

_TWINS = (
    "SELECT DISTINCT username FROM radusergroup "
    "WHERE lower(btrim(username)) = ANY(%s::text[]) AND username <> ALL(%s::text[]) "
    f"AND starts_with(groupname, '{PREFIX}')"
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


def _statements(table, ops):
    """Yield (statement, parameters) that carry out `ops` on one table, each for
    all logins at once; removals first, in case somebody added unique indexes."""
    name = "groupname" if table in (GROUP_CHECK, GROUP_REPLY) else "username"
    words = {"table": sql.Identifier(table), "name": sql.Identifier(name)}
    verbs = {}
    for op in ops:
        verbs.setdefault(op.verb, []).append(op.row)
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
        if rows := verbs.get(verb):
            arrays = [[getattr(row, column) for row in rows] for column in columns]
            yield sql.SQL(text).format(**words), arrays
