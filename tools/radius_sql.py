"""FreeRADIUS through its SQL tables in PostgreSQL, MariaDB or MySQL.

FreeRADIUS refuses everybody while its database is locked or away, so: short
transactions, a short lock time-out, no LOCK, no TRUNCATE.
"""

import contextlib
import functools
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from . import (
    radius_advice,
    radius_coa,
    radius_mark,
    radius_my,
    radius_pg,
    radius_plan,
    radius_rows,
)
from .access_driver import AccessDriver
from .access_types import (
    DependencyError,
    Desired,
    Mark,
    Result,
    RightsError,
    RowError,
    TransportError,
    login_key,
)
from .radius_accounting import read_attempts, read_news
from .radius_export import export_sql
from .radius_export_my import export_my
from .radius_rows import (
    GROUP_CHECK,
    GROUP_REPLY,
    MEMBER,
    TABLES,
    RadiusOp,
    Row,
    Snapshot,
)
from .radius_sessions import ACCOUNTING, ROUTERS, close_stale, read_open
from .radius_settings import RadiusSettings
from .radius_values import check, rate_limit
from .radius_words import make_session

_DIALECTS = {"postgresql": radius_pg, "mysql": radius_my}
_EXPORTS = {"postgresql": export_sql, "mysql": export_my}
_TARGETS_AT_ONCE = 5000


@dataclass(frozen=True)
class RadiusFacts:
    """What `RadiusSql.probe` found.

    :param server_time: aware, UTC.
    :param clock_skew: seconds the server is ahead of this host.
    :param time_zone: of the database session; says nothing on FreeRADIUS's host.
    :param read_only: a standby, or set so.
    :param missing_rights: such as "INSERT on radcheck".
    :param can_drop_sessions: whether routers can be told to end one.
    """

    server_version: str
    server_time: datetime
    clock_skew: float
    time_zone: str
    read_only: bool
    tables: tuple[str, ...]
    missing_tables: tuple[str, ...]
    missing_rights: tuple[str, ...]
    can_drop_sessions: bool


class RadiusSql(AccessDriver):
    """One FreeRADIUS database; see `AccessDriver` for how it is used."""

    Settings = RadiusSettings

    def __init__(self, settings: RadiusSettings):
        self._session = make_session(settings)
        self._dialect = _DIALECTS[settings.dialect]
        self.settings = settings
        self._zone = settings.zone()
        self._routers = None
        self._has_pyrad = radius_coa.is_available()
        # Why sessions are not known, as a sentence.
        self._blindness = ""

    def __enter__(self):
        self._session.deadline = self.deadline
        self._session.open()
        return self

    def __exit__(self, *exc_info):
        self._session.close()

    # === FACTS === #

    def probe(self) -> RadiusFacts:
        self._session.deadline = self.deadline
        wanted = dict.fromkeys(TABLES, self._dialect.RIGHTS)
        wanted[ACCOUNTING] = ("SELECT",)
        before = time.time()
        version, epoch, zone, read_only, tables, missing = self._dialect.probe(
            self._session, wanted
        )
        middle = (before + time.time()) / 2
        return RadiusFacts(
            server_version=version,
            server_time=datetime.fromtimestamp(float(epoch), timezone.utc),
            clock_skew=round(float(epoch) - middle, 3),
            time_zone=zone,
            read_only=read_only,
            tables=tuple(name for name in wanted if name in tables),
            missing_tables=tuple(name for name in wanted if name not in tables),
            missing_rights=tuple(missing),
            can_drop_sessions=self.can_kick,
        )

    def read(self, logins: Iterable[str] | None = None) -> Snapshot:
        self._session.deadline = self.deadline
        if logins is None:
            return self._observe(self._dialect.read(self._session), (), None)
        logins = [login.strip() for login in logins]
        snapshot = self._observe(
            self._dialect.read(self._session, logins), logins, logins
        )
        new = [key for key, observed in snapshot.items() if not observed.ours]
        if not new:
            return snapshot
        # A login new to us may be an old one in other letters. No index of
        # FreeRADIUS's schema knows that, so only new ones are asked for.
        twins = self._dialect.find_twins(self._session, new, set(logins))
        if not twins:
            return snapshot
        names = logins + twins
        return self._observe(self._dialect.read(self._session, names), logins, names)

    def _observe(self, found, logins, names):
        rows, groups = [], []
        for row in map(Row._make, found):
            (groups if row.table in (GROUP_CHECK, GROUP_REPLY) else rows).append(row)
        sessions = self._read_sessions(names)
        return radius_rows.observe(
            rows, groups, self._zone, logins, sessions, self._dialect.IS_BLURRED
        )

    def _read_sessions(self, names):
        if self._blindness:
            return []
        try:
            return read_open(self._session, names, self.settings.stale_after)
        except (RightsError, DependencyError) as error:
            # Access can be given and taken without; sessions then end by themselves.
            self._blindness = f"Sessions can't be seen, so none is dropped: {error}"
            return []

    def read_sessions(self, since=None, known=()):
        self._session.deadline = self.deadline
        return read_news(self._session, since, known)

    def close_stale(self):
        self._session.deadline = self.deadline
        try:
            return len(close_stale(self._session, self.settings.stale_after))
        except (RightsError, DependencyError, TransportError):
            # Accounting may be for others to write, or be locked by their clean-up.
            # Reading goes on; it fails by itself where the connection is lost.
            return 0

    def read_attempts(self, logins, limit):
        logins = list(logins)
        found = self.read(logins)
        observed = {login: found[login_key(login)] for login in logins}
        return read_attempts(self._session, logins, limit, observed)

    # === THE WAY === #

    def check(self, desired: Desired) -> None:
        check(desired)
        # Longer than the column that notes attempts: FreeRADIUS can't note it, and
        # refuses (tried on FreeRADIUS 3.2.1 with MariaDB 10.11).
        if self._dialect.IS_BLURRED and len(desired.password or "") > 64:
            raise RowError(
                f"{desired.login}: with MariaDB and MySQL, FreeRADIUS takes passwords "
                "of at most 64 characters. Set a shorter one on the connection."
            )

    def conflicts(self, wishes):
        return radius_advice.conflicts(wishes)

    def shared_names(self, desired):
        if not desired.present:
            return set()
        return {desired.plan, radius_rows.overlay(desired, self.settings)} - {""}

    def plan(self, desired: Iterable[Desired], observed: Snapshot) -> list[RadiusOp]:
        return radius_plan.plan(desired, observed, self.settings)

    def objection(self, desired, observed):
        return radius_advice.objection(desired, observed, self._dialect.IS_BLURRED)

    @staticmethod
    def export(settings: RadiusSettings, desired: Iterable[Desired]) -> str:
        """Return `desired` as an SQL file; see `radius_export.export_sql`."""
        return _EXPORTS[settings.dialect](desired, settings)

    def warnings(self, desired, observed):
        found = radius_advice.warnings(desired, observed)
        if self.settings.coa_secret:
            if self._blindness:
                found.append(self._blindness)
            if not self._has_pyrad:
                found.append(
                    "Sessions can't be dropped: the Python package pyrad is not "
                    "installed where Odoo runs. Install it: pip install pyrad."
                )
        return found

    # === SESSIONS === #

    @property
    def can_kick(self):
        if self._blindness or not self._has_pyrad:
            return False
        return bool(self.settings.coa_secret or self._read_routers())

    def kick(self, sessions):
        """Drop sessions by asking the router of each; see `radius_coa.disconnect`."""
        # What is up for sure first: the time may not suffice for all.
        sessions = sorted(sessions, key=lambda session: session.is_silent)
        return self._ask_routers(dict.fromkeys(sessions, {}))

    def change_speed(self, wishes):
        if not self.settings.coa_speed:
            return {}
        rates = {
            session: rate_limit(wish.rate_up, wish.rate_down)
            for session, wish in wishes.items()
        }
        # No limit at all can't be said.
        return self._ask_routers(
            {
                session: {radius_rows.RATE: rate}
                for session, rate in rates.items()
                if rate
            }
        )

    def _ask_routers(self, changes):
        settings = self.settings

        @functools.cache
        def find_target(nas):
            secret = radius_coa.find_secret(self._read_routers(), nas)
            if not (secret := secret or settings.coa_secret):
                return None
            return radius_coa.Target(
                settings.coa_host or nas, settings.coa_port, secret
            )

        return radius_coa.change(
            changes,
            find_target,
            settings.coa_timeout,
            settings.coa_tries,
            self.deadline,
        )

    def _read_routers(self):
        """Return (name, secret) of the routers FreeRADIUS knows from its table."""
        if self._routers is None:
            self._session.deadline = self.deadline
            try:
                rows = self._session.run(
                    "SELECT nasname, secret FROM nas", None, ROUTERS
                )
            except (RightsError, DependencyError):
                # Providers who name their routers in clients.conf have no such table.
                rows = ()
            self._routers = [row for row in rows if all(row)]
        return self._routers

    # === WHOSE IT IS === #

    def read_mark(self) -> Mark | None:
        self._session.deadline = self.deadline
        return radius_mark.read_mark(self._session)

    def write_mark(self, mark: Mark) -> None:
        self._session.deadline = self.deadline
        with self._transaction():
            radius_mark.write_mark(self._session, mark)

    # === WRITING === #

    def apply(
        self, ops: Iterable[RadiusOp], deadline: float | None = None
    ) -> dict[str, Result]:
        """Write `ops` in one transaction, or a few where there are very many; where a
        row is refused, in smaller ones until each refused login stands alone.

        :raise DriverError: lock, lost connection, missing rights, time used up.
        """
        self._session.deadline = self.deadline = deadline
        by_target, results = {}, {}
        for op in ops:
            by_target.setdefault(op.target, []).append(op)
        targets = list(by_target)
        # What is written stays when time runs out later, so that each run gets on.
        for start in range(0, len(targets), _TARGETS_AT_ONCE):
            part = targets[start : start + _TARGETS_AT_ONCE]
            results |= self._write_part(
                {name: by_target[name] for name in part}, results
            )
        return results

    def _write_part(self, by_target, earlier):
        broken = {
            name.removeprefix("shared "): result.error
            for name, result in earlier.items()
            if result.kind and name.startswith("shared ")
        }
        results = {}
        with contextlib.suppress(RowError):
            if not broken:
                self._write(by_target)
                return dict.fromkeys(by_target, Result())
        for target in [name for name, (op, *_) in by_target.items() if op.shared]:
            results |= self._write_apart({target: by_target.pop(target)})
        for name, result in results.items():
            if result.kind:
                broken[name.removeprefix("shared ")] = result.error
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
        verbs = {}
        for ops in by_target.values():
            for op in ops:
                found = verbs.setdefault(op.row.table, {})
                found.setdefault(op.verb, []).append(op.row)
        with self._transaction():
            for table in TABLES:
                if table in verbs:
                    self._dialect.write(self._session, table, verbs[table])

    def _transaction(self):
        return self._dialect.transaction(self._session)


def _needs(ops):
    """Return the groups the operations of a login refer to."""
    return [
        op.row.attribute
        for op in ops
        if op.row.table == MEMBER and op.verb in ("add", "set", "disable")
    ]
