"""One exchange with one gateway as plain data: safe to hand to a thread.

Nothing here knows Odoo or a cursor. The worker makes a `Task`, a thread turns it into
an `Outcome`, the worker writes that down.
"""

import logging
import time
from dataclasses import dataclass, field, fields

from .access_driver import Desired, DriverError, login_key, open_driver

_logger = logging.getLogger(__name__)

_HEALTH = {
    "transport": "down",
    "auth": "auth_error",
    "rights": "rights_error",
    "dependency": "config_error",
}
_WISH_KEYS = {item.name for item in fields(Desired)}


@dataclass(frozen=True)
class Entry:
    """One row of `isp.access` within a task.

    :param dict record: the wish without its password, as it is stored once proved
    :param tuple[str, ...] logins: the logins of the gateway this row depends on: the
        wished one and those to be taken away
    """

    access_id: int
    connection_id: int
    company_id: int
    version: int
    attempts: int
    record: dict
    logins: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """All that is to be said to one gateway in one exchange.

    :param dict settings: address and secrets, as the driver takes them
    :param dict wishes: `login_key` → wish, a dict with the names of
        `tools.access_driver.Desired`; other keys are ignored
    :param bool is_probe: whether a person asked for a test of the connection
    """

    gateway_id: int
    gateway_type: str
    settings: dict = field(repr=False)
    token: str
    wishes: dict = field(repr=False)
    entries: list[Entry]
    is_probe: bool = False


@dataclass(frozen=True)
class Said:
    """What came of one login.

    :param str outcome: ``applied``, ``unchanged``, ``error`` or ``unanswered``
    :param str commands: what was sent, secrets masked
    :param str reply: the device's answer or the reason in words
    """

    outcome: str
    commands: str = ""
    reply: str = ""


@dataclass
class Outcome:
    """What came of a task.

    :param str health: ``up``, ``down``, ``auth_error``, ``rights_error`` or
        ``config_error``
    :param str error: why the gateway is not up, in words and without secrets
    :param dict said: `login_key` → `Said`; what is missing was not answered
    :param str facts: what a probe found
    :param int duration_ms: of the whole exchange
    """

    health: str = "up"
    error: str = ""
    said: dict[str, Said] = field(default_factory=dict)
    facts: str = ""
    duration_ms: int = 0


def exchange(task, deadline):
    """Carry out a task against its gateway; runs in a thread, never raises.

    :param Task task: what is to be said
    :param float deadline: a moment of `time.monotonic()`
    :rtype: Outcome
    """
    started = time.monotonic()
    try:
        outcome = _exchange(task, deadline)
    except DriverError as error:
        outcome = Outcome(health=_HEALTH.get(error.kind, "down"), error=str(error))
        outcome.said = _get_said(error.outcomes)
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


def _exchange(task, deadline):
    with open_driver(task.gateway_type, task.settings) as driver:
        facts = _describe(driver.probe()) if task.is_probe else ""
        desired = [_get_desired(wish) for wish in task.wishes.values()]
        outcomes = driver.converge(desired, deadline=deadline) if desired else {}
        return Outcome(said=_get_said(outcomes), facts=facts)


def _get_desired(wish):
    return Desired(**{key: wish[key] for key in _WISH_KEYS & wish.keys()})


def _get_said(outcomes):
    return {login_key(login): _say(outcome) for login, outcome in outcomes.items()}


def _say(outcome):
    commands = "\n".join(outcome.commands)
    if outcome.state != "applied":
        return Said("error", commands, outcome.error)
    reply = "\n".join(outcome.warnings)
    return Said("applied" if outcome.changed else "unchanged", commands, reply)


def _describe(facts):
    """Return a driver's facts, a dataclass, as lines for a person."""
    pairs = (
        (item.name.replace("_", " "), getattr(facts, item.name))
        for item in fields(facts)
    )
    return "\n".join(f"{name}: {_word(value)}" for name, value in pairs)


def _word(value):
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def export(gateway_type, settings, wishes):
    """Return wishes as a text that a person runs on the gateway; no connection.

    :param dict wishes: as in `Task`
    :return: (text, dict of `login_key` → why a wish was left out)
    :raise DriverError: this kind of gateway can't be written by a file
    """
    driver = open_driver(gateway_type, settings)
    desired, refused = [], {}
    for key, wish in wishes.items():
        item = _get_desired(wish)
        try:
            driver.check(item)
        except DriverError as error:
            refused[key] = str(error)
        else:
            desired.append(item)
    return driver.export(driver.settings, desired), refused
