"""Questions to a gateway beside the daily exchange: an audit, a test, its sessions.

Nothing here knows Odoo or a cursor. The worker makes a `Question`, a thread turns it
into an `Answer`, the worker writes that down.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from importlib import import_module

from .access_driver import open_driver
from .access_types import DependencyError, DriverError, get_health

_logger = logging.getLogger(__name__)

# Kind → (module, function), called as function(driver, matter, deadline, tell). It
# returns plain data; `tell(done, total)` lets a person see how far it is.
_JOBS: dict[str, tuple[str, str]] = {
    "probe": (".access_jobs", "probe"),
    "audit": (".access_look", "look"),
    "dry_run": (".access_look", "look"),
    "fetch": (".access_look", "fetch"),
    "acceptance": (".access_acceptance", "accept"),
    "remove": (".access_acceptance", "remove"),
    "sessions": (".session_jobs", "read_sessions"),
    "attempts": (".session_jobs", "read_attempts"),
}


@dataclass(frozen=True)
class Question:
    """What one thread needs to know.

    :param str kind: what is asked
    :param dict settings: address and secrets, as the driver takes them
    :param dict matter: what the function of this kind needs; may hold secrets
    """

    job_id: int
    kind: str
    gateway_id: int
    gateway_type: str
    settings: dict = field(repr=False)
    matter: dict = field(repr=False)
    token: str


@dataclass
class Answer:
    """What came of a question.

    :param str error: why there is no answer, in words and without secrets; "" is good
    :param str health: as in `access_exchange.Outcome`
    :param dict content: what the function returned
    """

    error: str = ""
    health: str = "up"
    content: dict = field(default_factory=dict, repr=False)
    duration_ms: int = 0


def ask(question: Question, deadline: float, tell: Callable = lambda *_: None):
    """Ask a gateway; runs in a thread, never raises.

    :param deadline: a moment of `time.monotonic()` at which all talk must end
    :param tell: called with (done, total) as work goes on
    :rtype: Answer
    """
    started = time.monotonic()
    answer = Answer()
    try:
        function = _get_function(question.kind)
        with open_driver(question.gateway_type, question.settings) as driver:
            driver.deadline = deadline
            answer.content = function(driver, question.matter, deadline, tell)
    except DriverError as error:
        answer.error = str(error)
        answer.health = get_health(error)
    except Exception as error:
        # Its text may hold an address with a password; its kind does not.
        _logger.exception("Job %s of kind %s failed", question.job_id, question.kind)
        answer.error = (
            f"It failed unexpectedly ({type(error).__name__}); the server's log has "
            "the details."
        )
        answer.health = "down"
    answer.duration_ms = round(1000 * (time.monotonic() - started))
    return answer


def probe(driver, _matter, _deadline, _tell):
    """Return what a gateway tells of itself, as lines for a person."""
    return {"facts": describe(driver.probe())}


def describe(facts):
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


def _get_function(kind):
    if kind not in _JOBS:
        raise DependencyError(f"Nobody knows how to ask a gateway for {kind!r}.")
    module, name = _JOBS[kind]
    return getattr(import_module(module, __package__), name)
