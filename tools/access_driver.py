"""The contract between the convergence worker and a kind of gateway.

A driver knows one kind of device. It turns wishes (`Desired`) and facts
(`Observed`) into operations (`Op`) by a pure function, applies them, and reads
back what it wrote. Nothing here knows Odoo, and no driver keeps state between
two runs: the difference between wish and fact is the whole queue.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from types import MappingProxyType

# The characters every stock FreeRADIUS SQL configuration leaves as they are
# (`safe_characters`), without the space and the escape sign.
LOGIN_PATTERN = re.compile(r"[A-Za-z0-9@._:/-]{1,64}")

_DRIVERS = {"freeradius": (".radius_sql", "RadiusSql")}


class DriverError(Exception):
    """Something went wrong with a device; the text may be shown to staff.

    :ivar kind: "transport" (not reached, too slow, locked: try again later),
        "auth" (name or password of the gateway refused), "rights" (logged in,
        but may not do it), "row" (this one login is the trouble) or
        "dependency" (something the device must have first is missing).
    :ivar outcomes: what was proved before a gateway-wide failure, by login.
    """

    kind = "transport"

    def __init__(self, message: str, outcomes: "dict[str, Outcome] | None" = None):
        super().__init__(message)
        self.outcomes = outcomes or {}


class TransportError(DriverError):
    kind = "transport"


class AuthError(DriverError):
    kind = "auth"


class RightsError(DriverError):
    kind = "rights"


class RowError(DriverError):
    kind = "row"


class DependencyError(DriverError):
    kind = "dependency"


@dataclass(frozen=True)
class Desired:
    """What one login should be allowed on one gateway.

    :param login: the user name; see `LOGIN_PATTERN`.
    :param password: clear text; None leaves the password that is there.
    :param on: may be on the net now.
    :param rate_down: bit/s towards the subscriber; None is not limited.
    :param rate_up: bit/s from the subscriber; None is not limited.
    :param plan: stable key of the package, such as "isp_plan_12".
    :param expires_at: aware moment at which the device cuts by itself.
    :param simultaneous: sessions at once; None is not limited.
    :param fixed_ip: IPv4 address of the subscriber; None is from the pool.
    :param present: False when the login should no longer exist here.
    :param extra: further reply attributes; the value None removes one, an
        attribute that is not named is left alone.
    """

    login: str
    password: str | None = field(default=None, repr=False)
    on: bool = False
    rate_down: int | None = None
    rate_up: int | None = None
    plan: str = ""
    expires_at: datetime | None = None
    simultaneous: int | None = None
    fixed_ip: str | None = None
    present: bool = True
    extra: Mapping[str, str | None] = field(
        default_factory=lambda: MappingProxyType({}), hash=False
    )


@dataclass(frozen=True)
class Observed:
    """What the device says about one login, in the units of `Desired`."""

    login: str
    present: bool = False
    ours: bool = False
    on: bool = False
    password: str | None = field(default=None, repr=False)
    rate_down: int | None = None
    rate_up: int | None = None
    plan: str = ""
    expires_at: datetime | None = None
    simultaneous: int | None = None
    fixed_ip: str | None = None


@dataclass(frozen=True)
class Op:
    """One change on the device.

    :param verb: "add", "set", "enable", "disable" or "remove".
    :param login: `login_key` of whom it belongs to; "" for a shared object.
    :param shared: name of the shared object (plan group, profile), or "".
    """

    verb: str
    login: str = ""
    shared: str = ""

    @property
    def target(self) -> str:
        """Under what `AccessDriver.apply` reports: the login, or "shared NAME"
        (no login holds a space)."""
        return self.login or f"shared {self.shared}"

    def describe(self) -> str:
        """Return the change in words for the access log, secrets masked."""
        raise NotImplementedError


@dataclass(frozen=True)
class Result:
    """How the operations of one target went: an empty `kind` is success."""

    kind: str = ""
    error: str = ""


@dataclass(frozen=True)
class Outcome:
    """What is proved of one login after a run.

    :param state: "applied" (read back as desired) or "error".
    :param kind: kind of the error: "row" or "dependency"; "" when applied.
    :param error: sentence for staff, no secret; "" when applied.
    :param commands: masked descriptions of the operations sent.
    :param changed: whether anything was written for it and stayed.
    :param on: observed afterwards, like `plan`, `rate_down` and `rate_up`;
        None where nothing was observed.
    :param warnings: facts a person should know, though the wish is fulfilled.
    """

    state: str
    kind: str = ""
    error: str = ""
    commands: list[str] = field(default_factory=list)
    changed: bool = False
    present: bool | None = None
    on: bool | None = None
    plan: str | None = None
    rate_down: int | None = None
    rate_up: int | None = None
    warnings: list[str] = field(default_factory=list)


def login_key(login: str) -> str:
    """Return the form in which two logins are compared: trimmed, lower case."""
    return login.strip().lower()


def check_login(login: str) -> None:
    """Raise `RowError` with a sentence when a login can't be used on a device."""
    if not LOGIN_PATTERN.fullmatch(login):
        raise RowError(
            f"The login {login[:80]!a} can't be used: 1 to 64 of the letters A-Z and "
            "a-z, digits and @ . _ : / - are allowed. Correct it on the connection."
        )


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

    def converge(
        self, desired: Iterable[Desired], deadline: float | None = None
    ) -> dict[str, Outcome]:
        """Make the device match, prove it by reading back, and tell.

        :param deadline: a moment of `time.monotonic()`; None is no limit.
        :return: an outcome for each login, under the spelling it came with.
        :raise DriverError: the gateway as a whole failed; its `outcomes` hold
            what is known already, every other login is to be tried again.
        """
        self.deadline = deadline
        desired = list(desired)
        wishes, outcomes = self._sort_out(desired)
        if not wishes:
            return outcomes
        logins = [wish.login for wish in wishes.values()]
        try:
            observed = self.read(logins)
            ops = self.plan(wishes.values(), observed)
            results = {}
            if ops:
                results = self.apply(ops, deadline)
                observed = self.read(logins)
        except DriverError as error:
            error.outcomes = outcomes
            raise
        left = {op.target for op in self.plan(wishes.values(), observed)}
        for key, wish in wishes.items():
            targets = [key, *(f"shared {name}" for name in self.shared_names(wish))]
            sent = [op for op in ops if op.target in targets]
            failed = [results[name] for name in targets if results.get(name, _OK).kind]
            outcomes[wish.login] = self._judge(
                wish, observed[key], sent, failed, not left.isdisjoint(targets)
            )
        for wish in desired:
            # The spelling a login was renamed from went with the one it has now.
            if (key := login_key(wish.login)) in wishes:
                outcomes.setdefault(wish.login, outcomes[wishes[key].login])
        return outcomes

    def _sort_out(self, desired):
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
            warnings=self.warnings(wish, observed),
        )


_OK = Result()


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
