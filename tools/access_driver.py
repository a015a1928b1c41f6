"""The contract between the convergence worker and a kind of gateway.

A driver knows one kind of device. It plans by a pure function, applies, and reads back
what it wrote. Nothing here knows Odoo, and no driver keeps state between two runs: the
difference between wish and fact is the whole queue.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib import import_module

from .access_types import (
    DependencyError,
    Desired,
    DriverError,
    Kick,
    Mark,
    Observed,
    Op,
    Outcome,
    Result,
    Session,
    login_key,
)
from .collector import kept_still
from .sessions import Attempt, News, Watermark, get_open

_DRIVERS = {
    "freeradius": (".radius_sql", "RadiusSql"),
    "radius_local": (".radius_sql", "RadiusSql"),
    "routeros": (".routeros.driver", "RouterOs"),
}


class AccessDriver(ABC):
    """A gateway for the length of one run: `with Driver(settings) as driver:`.

    Entering connects and logs in, once. Failures of the whole gateway are
    raised (`TransportError`, `AuthError`, `RightsError`, `DependencyError`);
    failures of one login are in its `Outcome`.

    :ivar deadline: moment of `time.monotonic()` at which all talk must end.
    """

    Settings: type
    deadline: float | None = None

    @abstractmethod
    def __enter__(self): ...

    @abstractmethod
    def __exit__(self, *exc_info): ...

    @abstractmethod
    def probe(self):
        """Return facts about the device; writes nothing."""

    @abstractmethod
    def read(self, logins: Iterable[str] | None = None) -> dict[str, Observed]:
        """Return what is there, by `login_key`, asked and absent ones included;
        None reads every login."""

    @abstractmethod
    def plan(
        self, desired: Iterable[Desired], observed: dict[str, Observed]
    ) -> list[Op]:
        """Return what turns `observed` into `desired`; no I/O."""

    @abstractmethod
    def apply(
        self, ops: Iterable[Op], deadline: float | None = None
    ) -> dict[str, Result]:
        """Carry out `ops`; return a `Result` for each `Op.target` among them."""

    @abstractmethod
    def check(self, desired: Desired) -> None:
        """Raise `RowError` when this wish can't be written to this device."""

    def conflicts(self, wishes: Mapping[str, Desired]) -> dict[str, str]:
        """Return a sentence for each key whose wish contradicts another's."""
        return {}

    def shared_names(self, desired: Desired) -> set[str]:
        """Return the shared objects (`Op.shared`) this wish stands on."""
        return set()

    def objection(self, desired: Desired, observed: Observed) -> str:
        """Return why the device doesn't do what `desired` asks although all that
        is ours is right, or ""."""
        return ""

    def warnings(self, desired: Desired, observed: Observed) -> list[str]:
        """Return facts about a fulfilled wish that a person should know."""
        return []

    # Whether sessions can be dropped at all with the settings that are there.
    can_kick = False

    def kick(self, sessions: Iterable[Session]) -> dict[Session, Kick]:
        """Drop sessions until `deadline`; return what came of each."""
        raise NotImplementedError

    def change_speed(self, wishes: Mapping[Session, Desired]) -> dict[Session, Kick]:
        """Give live sessions the speed of a wish; return what came of each, nothing
        where the device can't."""
        return {}

    # Asked once before anything is written; raises `IdentityError` to prevent it.
    guard: Callable[["AccessDriver", Mapping[str, Observed]], None] | None = None

    def pass_guard(self, observed: Mapping[str, Observed]) -> None:
        """To be called before a write; `observed` is what was read of its logins.

        :raise IdentityError: nothing may be written.
        """
        guard, self.guard = self.guard, None
        if guard:
            guard(self, observed)

    @property
    def keeps_mark(self) -> bool:
        """Whether devices of this kind can hold a mark."""
        return type(self).write_mark is not AccessDriver.write_mark

    def read_sessions(
        self, since: Watermark | None = None, known: Iterable[str] = ()
    ) -> News:
        """Return sessions that changed since a watermark; all open ones where the
        device keeps no history.

        :param since: the `mark` of an earlier answer.
        :param known: unique ids of sessions to tell of in any case.
        """
        return News(get_open(self.read().values()), is_whole=True)

    def close_stale(self) -> int:
        """End sessions that nothing was heard of for long, so that whoever had them
        is let in again; return how many. Devices that see their sessions have none."""
        return 0

    def read_attempts(self, logins: Iterable[str], limit: int) -> list[Attempt]:
        """Return each login's last attempts, the newest first.

        :raise DependencyError: the device keeps none.
        """
        raise DependencyError(
            "This kind of gateway keeps no record of attempts to log in. Look into "
            "the log of the router itself."
        )

    def read_mark(self) -> Mark | None:
        """Return whose the device is, as it says itself; None where it has no mark."""
        return None

    def write_mark(self, mark: Mark) -> None:
        """Leave a mark, instead of the one that is there."""
        raise NotImplementedError

    def converge(
        self, desired: Iterable[Desired], deadline: float | None = None
    ) -> dict[str, Outcome]:
        """Make the device match, prove it by reading back, drop sessions that live
        by what was allowed before, and tell.

        :param deadline: a moment of `time.monotonic()`; None is no limit.
        :return: an outcome for each login, under the spelling it came with.
        :raise DriverError: the gateway as a whole failed; its `outcomes` hold
            what is known already, every other login is to be tried again.
        """
        self.deadline = deadline
        desired = list(desired)
        with kept_still(len(desired)):
            return self._converge(desired)

    def _converge(self, desired):
        wishes, outcomes = self.sort_out(desired)
        if not wishes:
            return outcomes
        targets = {key: self._targets(key, wish) for key, wish in wishes.items()}
        try:
            observed, sent_to, results, left = self._make_match(wishes, targets)
        except DriverError as error:
            error.outcomes = outcomes
            raise
        kicks = self._kick_stale(wishes, observed, left)
        for key, wish in wishes.items():
            names = targets[key]
            sent = [op for name in reversed(names) for op in sent_to.get(name, ())]
            failed = [results[name] for name in names if results.get(name, _OK).kind]
            outcome = self._judge(
                wish, observed[key], sent, failed, not left.isdisjoint(names)
            )
            outcomes[wish.login] = _add_kicks(outcome, kicks.get(key, {}))
        for wish in desired:
            # The spelling a login was renamed from went with the one it has now.
            if (key := login_key(wish.login)) in wishes:
                outcomes.setdefault(wish.login, outcomes[wishes[key].login])
        return outcomes

    def _make_match(self, wishes, targets):
        """Write what differs and read it back.

        :return: (key → observed, target → operations sent, target → result, targets
            that still differ)
        """
        observed = self.read([wish.login for wish in wishes.values()])
        ops = self.plan(wishes.values(), observed)
        if not ops:
            return observed, {}, {}, set()
        sent_to = {}
        for op in ops:
            sent_to.setdefault(op.target, []).append(op)
        self.pass_guard(observed)
        results = self.apply(ops, self.deadline)
        # What nothing was sent for is proved already.
        proof, left = self._prove(
            wish
            for key, wish in wishes.items()
            if not sent_to.keys().isdisjoint(targets[key])
        )
        observed.update(proof)
        return observed, sent_to, results, left

    def _prove(self, wishes):
        """Read wishes back; return what was read and the targets that still differ."""
        wishes = list(wishes)
        proof = self.read([wish.login for wish in wishes])
        return proof, {op.target for op in self.plan(wishes, proof)}

    def _targets(self, key, wish):
        """Return the names under which `apply` reports what a wish stands on."""
        return [key, *(f"shared {name}" for name in self.shared_names(wish))]

    def _kick_stale(self, wishes, observed, left):
        """Drop stale sessions of logins that are as wished, and slow ones that can't be
        told their speed; return kicks by key."""
        if not self.can_kick:
            return {}
        stale, slow = {}, {}
        for key, wish in wishes.items():
            # What is not off yet would only dial in again.
            if key not in left:
                stale[key] = stale_sessions(wish, observed[key])
                slow |= dict.fromkeys(slow_sessions(wish, observed[key]), wish)
        if not slow and not any(stale.values()):
            return {}
        self.pass_guard(observed)
        told = self.change_speed(slow) if slow else {}
        done = {s: kick for s, kick in told.items() if kick.state in _SETTLED}
        for session, wish in slow.items():
            stale[login_key(wish.login)].append(session)
        sessions = [s for found in stale.values() for s in found if s not in done]
        said = {**(self.kick(sessions) if sessions else {}), **done}
        unsaid = Kick("silent", "no time was left to drop it")
        return {
            key: {session: said.get(session, unsaid) for session in found}
            for key, found in stale.items()
            if found
        }

    def sort_out(self, desired):
        """Split into wishes to work on, by key, and outcomes of refused ones."""
        outcomes, groups = {}, {}
        for wish in desired:
            try:
                self.check(wish)
            except DriverError as error:
                outcomes[wish.login] = Outcome("error", error.kind, str(error))
            else:
                groups.setdefault(login_key(wish.login), []).append(wish)
        wishes = {}
        for key, group in groups.items():
            # A change of case alone is a rename: the spelling that stays wins.
            wanted = [wish for wish in group if wish.present] or group[:1]
            if len(wanted) == 1:
                wishes[key] = wanted[0]
                continue
            for wish in wanted:
                outcomes[wish.login] = Outcome(
                    "error",
                    "row",
                    f"The login {wish.login} stands on more than one connection of "
                    "this gateway. Give each connection a login of its own.",
                )
        for key, sentence in self.conflicts(wishes).items():
            outcomes[wishes.pop(key).login] = Outcome("error", "row", sentence)
        return wishes, outcomes

    def _judge(self, wish, observed, sent, failed, differs):
        """Return the outcome of one wish from what was read back."""
        kind = error = ""
        if failed:
            kind, error = failed[0].kind, failed[0].error
        elif differs:
            kind, error = (
                "row",
                f"{wish.login} was written but reads back differently: something "
                "else on the gateway changes it. Look for a second program or a "
                "trigger that writes there.",
            )
        elif objection := self.objection(wish, observed):
            kind, error = "row", objection
        return Outcome(
            state="error" if kind else "applied",
            kind=kind,
            error=error,
            commands=[op.describe() for op in sent],
            changed=bool(sent) and not failed,
            present=observed.present,
            on=observed.on,
            plan=observed.plan,
            rate_down=observed.rate_down,
            rate_up=observed.rate_up,
            warnings=self.warnings(wish, observed) + self._warn(wish, observed),
        )

    def _warn(self, wish, observed):
        """Return a fact about sessions that should end and that nobody can drop."""
        stale = [s for s in stale_sessions(wish, observed) if not s.is_silent]
        if not stale or self.can_kick:
            return []
        return [
            f"Sessions that should end: {len(stale)}. This gateway can drop none; they "
            "end by themselves, or fill in what it needs to drop them."
        ]


_OK = Result()
# Of a session that was told or dropped, nothing is left to do.
_SETTLED = ("gone", "changed")


def stale_sessions(wish: Desired, observed: Observed) -> list[Session]:
    """Return the open sessions that `wish` no longer allows."""
    if not wish.present or not (wish.on or wish.walled):
        return list(observed.sessions) if wish.present or observed.ours else []
    if wish.fresh_since is None:
        return []
    dated = [session for session in observed.sessions if session.started_at]
    stale = [session for session in dated if session.started_at < wish.fresh_since]
    if len(stale) == len(dated):
        return stale
    # Some routers go by the login alone, and would drop the fresh one.
    return [session for session in stale if not session.is_silent]


def slow_sessions(wish: Desired, observed: Observed) -> list[Session]:
    """Return the open sessions that `wish` allows, but at another speed."""
    if wish.speed_since is None or not (wish.present and wish.on):
        return []
    stale = stale_sessions(wish, observed)
    return [
        session
        for session in observed.sessions
        if session.started_at
        and session.started_at < wish.speed_since
        and session not in stale
        and not session.is_silent
    ]


def _add_kicks(outcome, kicks):
    """Return an outcome that also tells which sessions were dropped or changed."""
    if not kicks:
        return outcome
    commands = [
        ("change speed of" if kick.state == "changed" else "drop")
        + f" session {session.session_id} of {session.login}"
        + (f" on {session.nas}" if session.nas else "")
        + f": {kick.text}"
        for session, kick in kicks.items()
    ]
    left = [
        kick.text
        for session, kick in kicks.items()
        if kick.state not in _SETTLED and not session.is_silent
    ]
    changed = {"commands": [*outcome.commands, *commands], "changed": True}
    if left and outcome.state == "applied":
        changed["state"] = "unfinished"
        changed["error"] = (
            f"{len(left)} of {len(kicks)} sessions may still be up: {left[0]}"
        )
    return replace(outcome, **changed)


def get_driver(gateway_type: str) -> type[AccessDriver]:
    """Return the driver class of a gateway type, such as "freeradius".

    :raise DependencyError: no driver is known for it.
    """
    if gateway_type not in _DRIVERS:
        raise DependencyError(
            f"No driver knows gateways of type {gateway_type!r}. Choose one of: "
            f"{', '.join(sorted(_DRIVERS))}."
        )
    module, name = _DRIVERS[gateway_type]
    return getattr(import_module(module, __package__), name)


def open_driver(gateway_type: str, settings: Mapping) -> AccessDriver:
    """Return a driver for `with`, not connected yet.

    :param settings: the fields of the driver's `Settings` by name: host, port,
        database, user, password, dialect, tz …
    :raise DependencyError: type unknown, or settings missing or wrong.
    """
    driver = get_driver(gateway_type)
    return driver(driver.Settings.from_mapping(settings))
