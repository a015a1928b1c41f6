"""A MikroTik router through RouterOS's API.

One connection, many commands under way. What the router has is read anew in every run;
ids are never kept. The end of access by the clock (`Desired.expires_at`), sessions at
once and RADIUS attributes are no fields of a router's rows: the worker cuts on time.
"""

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from ..access_driver import AccessDriver
from ..access_types import (
    Desired,
    Kick,
    Mark,
    Result,
    RightsError,
    Session,
    login_key,
)
from ..sessions import News, get_row
from . import export as rsc
from . import plan as planning
from . import wishes
from .apply import UNSENT, apply_ops
from .exchange import Command, Exchange
from .facts import RouterFacts, check_serial, may_see_passwords, read_facts
from .kept import Kept
from .link import open_link
from .menus import INTERFACE, MARKED, NAMED, PPP_PROFILE, PROFILES, Row
from .refusals import is_missing_menu, raise_for
from .sessions import ACTIVE, kick, parse_session
from .settings import RouterOsSettings
from .snapshot import Snapshot

# From so many logins on, one print of a whole menu is cheaper than a question each.
FEW = 50
_MASKED = set("*")


class RouterOs(AccessDriver):
    """One router; see `AccessDriver` for how it is used."""

    Settings = RouterOsSettings
    can_kick = True

    def __init__(self, settings: RouterOsSettings):
        settings.check()
        self.settings = settings
        self._exchange = None
        self._kept = Kept()
        self._spelled = []
        # Targets whose sessions the last writing made out of date, and its moment.
        self._written, self._written_at = set(), None
        self._has_sent_passwords = False
        # Targets that found no time, and seconds that reading took at most.
        self._unsent, self._reading = set(), 0.0
        # `login_key` → what it was planned from last; a conflict is told from all
        # rows at once, and what is read back has those of some logins only.
        self._snapshots = {}

    def __enter__(self):
        where = f"the router {self.settings.host}"
        sock = open_link(self.settings, self.deadline)
        self._exchange = Exchange(sock, where, self.settings.operation_timeout)
        if self.settings.serial:
            try:
                check_serial(self._run, self.settings)
            except BaseException:
                self._exchange.close()
                raise
        return self

    def __exit__(self, *exc_info):
        if self._exchange is not None:
            self._exchange.close()

    # === FACTS === #

    def probe(self) -> RouterFacts:
        return read_facts(self._run, self.settings)

    def converge(self, desired, deadline=None):
        desired = list(desired)
        # A login that only changes its case is one wish, and two names to a router.
        self._spelled = [wish.login for wish in desired]
        self._written, self._has_sent_passwords = set(), False
        self._unsent, self._snapshots = set(), {}
        try:
            outcomes = super().converge(desired, deadline)
        finally:
            self._spelled = []
        for wish in desired:
            # Nothing is known of it yet: it goes on waiting.
            if not self._unsent.isdisjoint(self._targets(login_key(wish.login), wish)):
                outcomes.pop(wish.login, None)
        return outcomes

    def read(self, logins: Iterable[str] | None = None) -> Snapshot:
        spelled = None
        if logins is not None:
            spelled = {login_key(login): {login.strip()} for login in logins}
            for login in self._spelled:
                if names := spelled.get(login_key(login)):
                    names.add(login.strip())
        names = None
        if spelled is not None and len(spelled) <= FEW:
            names = sorted(name for found in spelled.values() for name in found)
            if not names:
                return Snapshot((), (), spelled, self.settings)
        if not self._spelled:
            # Who only looks is told what is there now.
            self._kept.clear()
        rows, sessions = self._read_rows(names)
        return Snapshot(rows, sessions, spelled, self.settings)

    def read_sessions(self, since=None, known=()):
        """Override: the menus of sessions alone; a router's rows may be many."""
        _rows, sessions = self._read_menus((), None)
        return News([get_row(session) for session in sessions], is_whole=True)

    def _read_rows(self, names):
        """Return rows and sessions of some names, or of all with None."""
        asked = None if names is None else set(names)
        rows, missing = [], []
        for menu in (*NAMED, *MARKED, *PROFILES, INTERFACE):
            found = self._kept.get(menu, asked)
            if found is None:
                missing.append(menu)
            else:
                rows += found
        answers, sessions = self._read_menus(missing, names)
        for menu, found in answers:
            self._kept.put(menu, asked, found)
            rows += found
        return rows, sessions

    def _read_menus(self, menus, names):
        """Return (menu, rows) of some menus, and the sessions."""
        commands = [
            _print(menu.path, menu.fields, self._narrow(menu, names), with_id=True)
            for menu in menus
        ]
        for menu in ACTIVE:
            who = () if names is None else _any_of(menu.login, names)
            commands.append(_print(menu.path, menu.fields, who, with_id=True))
        # Before asking: what began by the router's answer began before it.
        now = datetime.now(timezone.utc)
        began = time.monotonic()
        replies = self._ask(commands)
        self._reading = max(self._reading, time.monotonic() - began)
        answers = [
            (menu, [Row.of(menu, raw) for raw in reply.rows])
            for menu, reply in zip(menus, replies, strict=False)
        ]
        self._check_passwords([row for _menu, rows in answers for row in rows])
        sessions = [
            parse_session(menu, raw, now)
            for menu, reply in zip(ACTIVE, replies[len(menus) :], strict=True)
            for raw in reply.rows
            # Who was let in by RADIUS is RADIUS's to drop.
            if raw.get("radius") != "true"
        ]
        return answers, sessions

    def _narrow(self, menu, names):
        """Return the query words that leave out rows which can't be ours."""
        if menu in NAMED:
            return () if names is None else _any_of("name", names)
        if "list" not in menu.fields:
            return menu.queries
        # A router's own entries of that list are not rows of ours.
        return (*_any_of("list", self.settings.lists()), *menu.queries, "?#&")

    def _check_passwords(self, rows):
        """Raise `RightsError` where the router hides passwords: some versions show
        signs instead, others nothing. Each would be written anew in every run."""
        rows = [row for row in rows if "password" in row.values]
        shown = {row.values["password"] for row in rows}
        is_hidden = False
        if any(row.tag or row.values["password"] for row in rows) and all(
            set(text) <= _MASKED for text in shown
        ):
            may_see = may_see_passwords(self._run, self.settings)
            is_hidden = not may_see
            if may_see is None:
                # The router doesn't tell, but what was written just now does.
                is_hidden = shown != {""} or self._has_sent_passwords
        if is_hidden:
            raise RightsError(
                f"The user {self.settings.user} may not see passwords on "
                f"{self.settings.host}, so they can't be compared. Add the policy "
                "'sensitive' to its group."
            )

    def _ask(self, commands):
        """Return the replies to questions; a menu this router lacks is empty."""
        replies = self._run(commands)
        for command, reply in zip(commands, replies, strict=True):
            if reply.trap and not is_missing_menu(reply.trap):
                raise_for(reply.trap, command, self.settings)
        return replies

    def _run(self, commands):
        return self._exchange.run(list(commands), self.deadline)

    # === THE WAY === #

    def check(self, desired: Desired) -> None:
        wishes.check(desired)

    def conflicts(self, wished):
        return wishes.conflicts(wished)

    def shared_names(self, desired):
        want = desired.present and wishes.wanted_profile(desired, self.settings)
        return {f"{want.menu.path} {want.key}"} if want else set()

    def plan(self, desired, observed: Snapshot):
        desired = list(desired)
        self._snapshots.update((login_key(wish.login), observed) for wish in desired)
        return planning.plan(desired, observed, self.settings)

    def objection(self, desired, observed):
        snapshot = self._snapshots[login_key(desired.login)]
        return planning.conflict(desired, snapshot, self.settings)

    def warnings(self, desired, observed):
        return wishes.warnings(desired, observed)

    @staticmethod
    def export(settings: RouterOsSettings, desired: Iterable[Desired]) -> str:
        """Return `desired` as a script; see `export.export_rsc`."""
        return rsc.export_rsc(desired, settings)

    # === WRITING === #

    def apply(self, ops, deadline=None) -> dict[str, Result]:
        self.deadline = deadline
        ops = list(ops)
        self._kept.drop({op.menu for op in ops})
        self._has_sent_passwords = any(op.has_password for op in ops)
        stop_at = self._get_stop()
        results = apply_ops(
            ops,
            lambda commands: self._exchange.run(commands, deadline, stop_at),
            self.settings,
        )
        self._unsent = {name for name, said in results.items() if said is UNSENT}
        if any(result.kind for result in results.values()):
            # Somebody else may have changed what was read before.
            self._kept.clear()
        self._written = {op.target for op in ops if op.changes_session}
        # A router tells whole seconds: the begin of a session is less than one off.
        self._written_at = datetime.now(timezone.utc) + timedelta(seconds=1)
        return results

    def _get_stop(self):
        """Return when to stop writing, so that there is time to prove it."""
        if self.deadline is None:
            return None
        now = time.monotonic()
        # On a router that takes longest to read, something is written all the same.
        return max(self.deadline - 1.2 * self._reading, now + (self.deadline - now) / 3)

    def _judge(self, wish, observed, sent, failed, differs):
        """Override: a refusal means nothing where the router shows what was wished;
        what a lost connection had sent was carried out meanwhile."""
        return super()._judge(wish, observed, sent, failed if differs else [], differs)

    def _kick_stale(self, wishes, observed, left):
        """Override: the sessions of a row that isn't ours are not ours to drop."""
        foreign = {
            key
            for key, wish in wishes.items()
            if planning.conflict(wish, observed, self.settings)
        }
        wishes = {key: self._freshen(key, wish) for key, wish in wishes.items()}
        return super()._kick_stale(wishes, observed, left | foreign)

    def _freshen(self, key, wish):
        """Who dialled in while we wrote may have been let in by the old row."""
        targets = {key, *(f"shared {name}" for name in self.shared_names(wish))}
        if wish.fresh_since is None or targets.isdisjoint(self._written):
            return wish
        return replace(wish, fresh_since=max(wish.fresh_since, self._written_at))

    def kick(self, sessions: Iterable[Session]) -> dict[Session, Kick]:
        return kick(list(sessions), self._run)

    # === WHOSE THE ROUTER IS === #

    def read_mark(self) -> Mark | None:
        raw = self._find_mark()
        prefix, _sign, rest = raw.get("comment", "").partition(":")
        database, _sign, run = rest.partition(":")
        if prefix != "isp" or not run.isdigit():
            return None
        return Mark(database, int(run))

    def write_mark(self, mark: Mark) -> None:
        raw = self._find_mark()
        comment = f"=comment=isp:{mark.database}:{mark.run}"
        if raw:
            words = (f"=.id={raw['.id']}", comment)
            command = Command(f"{PPP_PROFILE.path}/set", words)
        else:
            words = (f"=name={wishes.MARK}", comment)
            command = Command(f"{PPP_PROFILE.path}/add", words)
        [reply] = self._run([command])
        if reply.trap:
            raise_for(reply.trap, command, self.settings)

    def _find_mark(self):
        words = (f"?name={wishes.MARK}",)
        [reply] = self._ask(
            [_print(PPP_PROFILE.path, ("name", "comment"), words, with_id=True)]
        )
        return reply.rows[0] if reply.rows else {}


def _print(path, fields, words=(), with_id=False):
    names = ",".join(((".id",) if with_id else ()) + tuple(fields))
    return Command(f"{path}/print", (f"=.proplist={names}", *words))


def _any_of(name, values):
    """Return query words for a field that has one of some values."""
    values = sorted(values)
    words = [f"?{name}={value}" for value in values]
    # Each sign joins the last two answers of the stack.
    return (*words, *(["?#" + "|" * (len(values) - 1)] if len(values) > 1 else []))
