"""One exchange with one gateway as plain data: safe to hand to a thread.

Nothing here knows Odoo or a cursor. The worker makes a `Task`, a thread turns it into
an `Outcome`, the worker writes that down.
"""

import contextlib
import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime

from .access_driver import open_driver
from .access_guard import Guard
from .access_types import (
    Desired,
    DriverError,
    IdentityError,
    TransportError,
    get_health,
    login_key,
)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One row of `isp.access` within a task.

    :param dict record: the wish without its password, as it is stored once proved
    :param tuple[str, ...] logins: the logins of the gateway this row depends on: the
        wished one and those to be taken away
    :param datetime|None changed_at: naive UTC; sessions from before are out of date
    :param datetime|None speed_changed_at: naive UTC; those from before may be slow
    """

    access_id: int
    connection_id: int
    company_id: int
    version: int
    attempts: int
    record: dict
    logins: tuple[str, ...]
    changed_at: datetime | None = None
    speed_changed_at: datetime | None = None


@dataclass(frozen=True)
class Task:
    """All that is to be said to one gateway in one exchange.

    :param dict settings: address and secrets, as the driver takes them
    :param dict wishes: `login_key` → wish, a dict with the names of
        `tools.access_types.Desired`; other keys are ignored
    :param Guard|None guard: what is checked before anything is written
    """

    gateway_id: int
    gateway_type: str
    settings: dict = field(repr=False)
    token: str
    wishes: dict = field(repr=False)
    entries: list[Entry]
    guard: Guard | None = None


@dataclass(frozen=True)
class Said:
    """What came of one login.

    :param str outcome: ``applied``, ``unchanged``, ``error``, ``unfinished`` (a session
        may still be up) or ``unanswered``
    :param str commands: what was sent, secrets masked
    :param str reply: the device's answer or the reason in words
    :param str kind: of an error: ``row`` or ``dependency``
    """

    outcome: str
    commands: str = ""
    reply: str = ""
    kind: str = ""


@dataclass
class Outcome:
    """What came of a task.

    :param str health: ``up``, ``down``, ``auth_error``, ``rights_error``,
        ``config_error`` or ``identity_error``
    :param str error: why the gateway is not up, in words and without secrets
    :param dict said: `login_key` → `Said`; what is missing was not answered
    :param int duration_ms: of the whole exchange
    :param bool is_marked: the task's mark was found or left on the device
    :param str found: with ``identity_error``: the mark that stands on the device
    """

    health: str = "up"
    error: str = ""
    said: dict[str, Said] = field(default_factory=dict)
    duration_ms: int = 0
    is_marked: bool = False
    found: str = ""


class Keeper:
    """Keeps connections open between the exchanges of one run: a gateway is logged in
    to once a run, however many exchanges it takes."""

    def __init__(self):
        self._lock = threading.Lock()
        self._idle = {}
        self._is_closed = False

    @contextlib.contextmanager
    def lend(self, task, deadline):
        """Give the driver of a task's gateway, connected; one that failed is closed.

        A `TransportError` on a connection that was kept says so in `was_kept`.
        """
        kept = self._take(task)
        driver = kept or open_driver(task.gateway_type, task.settings)
        driver.deadline = deadline
        try:
            if not kept:
                driver.__enter__()
            yield driver
        except BaseException as error:
            driver.__exit__(None, None, None)
            if isinstance(error, TransportError):
                error.was_kept = kept is not None
            raise
        self._give_back(task, driver)

    def _take(self, task):
        with self._lock:
            settings, driver = self._idle.pop(task.gateway_id, (None, None))
        if driver is not None and settings == task.settings:
            return driver
        if driver is not None:
            driver.__exit__(None, None, None)
        return None

    def _give_back(self, task, driver):
        with self._lock:
            if not self._is_closed and task.gateway_id not in self._idle:
                self._idle[task.gateway_id] = (task.settings, driver)
                return
        driver.__exit__(None, None, None)

    def close(self):
        """End all idle connections; those still lent end when they are given back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, {}
        for _settings, driver in idle.values():
            driver.__exit__(None, None, None)


def exchange(task, deadline, keeper=None):
    """Carry out a task against its gateway; runs in a thread, never raises.

    :param Task task: what is to be said
    :param float deadline: a moment of `time.monotonic()`
    :param Keeper|None keeper: holds the connection for the run's next exchange
    :rtype: Outcome
    """
    started = time.monotonic()
    keeper = keeper or _Once()
    try:
        try:
            outcome = _exchange(keeper, task, deadline)
        except TransportError as error:
            if not error.was_kept:
                raise
            # The device closed a connection that lay idle, which is no fault of it;
            # nothing is written twice, because the difference is read anew.
            outcome = _exchange(keeper, task, deadline)
    except DriverError as error:
        outcome = Outcome(health=get_health(error), error=str(error))
        outcome.said = _get_said(error.outcomes)
        if isinstance(error, IdentityError):
            outcome.found = error.found
    except Exception as error:
        # Its text may hold an address with a password; its kind does not.
        _logger.exception("Exchange with gateway %s failed", task.gateway_id)
        outcome = Outcome(
            health="down",
            error=f"The driver failed unexpectedly ({type(error).__name__}); "
            "the server's log has the details.",
        )
    outcome.duration_ms = round(1000 * (time.monotonic() - started))
    return outcome


class _Once(Keeper):
    """A keeper that keeps nothing."""

    def __init__(self):
        super().__init__()
        self._is_closed = True


def _exchange(keeper, task, deadline):
    with keeper.lend(task, deadline) as driver:
        desired = [Desired.from_mapping(wish) for wish in task.wishes.values()]
        # A connection kept from the exchange before is asked anew.
        driver.guard = task.guard and task.guard.pass_driver
        outcomes = driver.converge(desired, deadline=deadline) if desired else {}
        return Outcome(
            said=_get_said(outcomes),
            is_marked=bool(task.guard and driver.keeps_mark and not driver.guard),
        )


def _get_said(outcomes):
    return {login_key(login): _say(outcome) for login, outcome in outcomes.items()}


def _say(outcome):
    commands = "\n".join(outcome.commands)
    if outcome.state != "applied":
        return Said(outcome.state, commands, outcome.error, outcome.kind)
    reply = "\n".join(outcome.warnings)
    return Said("applied" if outcome.changed else "unchanged", commands, reply)


def export(gateway_type, settings, wishes):
    """Return wishes as a text that a person runs on the gateway; no connection.

    :param dict wishes: as in `Task`
    :return: (text, dict of `login_key` → why a wish was left out)
    :raise DriverError: this kind of gateway can't be written by a file
    """
    driver = open_driver(gateway_type, settings)
    desired, refused = [], {}
    for key, wish in wishes.items():
        item = Desired.from_mapping(wish)
        try:
            driver.check(item)
        except DriverError as error:
            refused[key] = str(error)
        else:
            desired.append(item)
    return driver.export(driver.settings, desired), refused
