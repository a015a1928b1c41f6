"""The access function: what a connection may do at a moment, and why.

Pure and time-free in its facts: callers store facts (open suspensions, extensions,
coverage by money) and ask for any moment. Nothing here knows a device or a database.
"""

from dataclasses import dataclass
from datetime import datetime

ON, LIMITED, OFF = "on", "limited", "off"


@dataclass(frozen=True)
class Span:
    """A reason with its time: from ``start`` (inclusive) to ``end`` (exclusive).

    :param str kind: the reason's key
    :param datetime start: naive UTC
    :param datetime|None end: naive UTC, ``None`` for open
    """

    kind: str
    start: datetime
    end: datetime | None

    def holds(self, moment):
        """Whether the reason holds at a naive UTC moment."""
        return self.start <= moment and (self.end is None or moment < self.end)


@dataclass(frozen=True)
class Facts:
    """What is known of a connection, free of "now".

    :param str state: ``new``, ``ready`` (paid, not started), ``active`` or ``closed``
    :param datetime|None covered_until: end of the last period that money covers,
        grace included, naive UTC
    :param tuple[Span, ...] suspensions: reasons to be off
    :param tuple[Span, ...] extensions: reasons to be on without money
    :param str on_expiry: ``suspend``, ``walled`` (the pay page only), ``fallback`` (a
        slower plan) or ``nothing``
    """

    state: str
    covered_until: datetime | None
    suspensions: tuple[Span, ...] = ()
    extensions: tuple[Span, ...] = ()
    on_expiry: str = "suspend"


@dataclass(frozen=True)
class Access:
    """The decision.

    :param str level: ``on``, ``limited`` (the fallback plan, or the pay page only) or
        ``off``
    :param str reason: ``covered``, ``extension``, ``unlimited``, ``unpaid``, ``never``,
        ``suspended``, ``new``, ``ready`` or ``closed``
    :param str|None kind: the kind of the suspension or extension that decided
    :param datetime|None until: when money or the extension that decided ends
    """

    level: str
    reason: str
    kind: str | None = None
    until: datetime | None = None


def decide(facts, moment):
    """Return what a connection may do at a moment.

    A suspension wins over everything but the end of the contract; then money; then
    extensions; a payment therefore lifts nothing but "unpaid".

    :param Facts facts: what is known
    :param datetime moment: naive UTC
    :rtype: Access
    """
    if facts.state in ("new", "ready", "closed"):
        return Access(OFF, facts.state)
    open_suspensions = [span for span in facts.suspensions if span.holds(moment)]
    if open_suspensions:
        longest = _get_longest(open_suspensions)
        return Access(OFF, "suspended", longest.kind, longest.end)
    open_extensions = [span for span in facts.extensions if span.holds(moment)]
    if facts.covered_until is not None and moment < facts.covered_until:
        return Access(ON, "covered", None, facts.covered_until)
    if open_extensions:
        longest = _get_longest(open_extensions)
        return Access(ON, "extension", longest.kind, longest.end)
    reason = "unpaid" if facts.covered_until is not None else "never"
    if facts.on_expiry == "nothing":
        return Access(ON, "unlimited", None, facts.covered_until)
    if facts.on_expiry in ("fallback", "walled"):
        return Access(LIMITED, reason, None, facts.covered_until)
    return Access(OFF, reason, None, facts.covered_until)


def _get_longest(spans):
    return max(spans, key=lambda span: span.end or datetime.max)


def expiry(facts):
    """Return the moment access ends by what is known now, or ``None``.

    The later of coverage and extensions; an open-ended extension has no expiry of its
    own, so coverage alone counts beside it.
    """
    ends = [span.end for span in facts.extensions if span.end is not None]
    if facts.covered_until is not None:
        ends.append(facts.covered_until)
    return max(ends, default=None)
