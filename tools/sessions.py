"""Sessions of any kind of gateway, and what was moved in them day by day.

Counters are cumulative: a session's usage is its last count, never the sum of its
updates. A count that falls is a device that forgot, not traffic that was undone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .access_types import Session

# Start times are reckoned from ages, and rounded.
_SAME_MOMENT = timedelta(seconds=2)

# (time of the last update, row number) up to which a gateway's rows were read.
Watermark = tuple[datetime, int]


@dataclass(frozen=True)
class SessionRow:
    """One session as a gateway tells of it; moments are aware.

    :param unique_id: tells sessions of one gateway apart.
    :param session_id: the device's name for it (Acct-Session-Id, `.id`).
    :param nas: address of the router that holds it.
    :param stopped_at: None while it is open.
    :param upload: bytes the subscriber sent; `download` those that came.
    :param cause: why it ended, in the device's words.
    :param is_ahead: the device's clock is ahead; its moments were put back to now.
    """

    login: str
    unique_id: str
    session_id: str = ""
    nas: str = ""
    started_at: datetime | None = None
    updated_at: datetime | None = None
    stopped_at: datetime | None = None
    address: str = ""
    caller: str = ""
    upload: int = 0
    download: int = 0
    cause: str = ""
    is_ahead: bool = False


@dataclass(frozen=True)
class News:
    """What a gateway tells of sessions since it was last asked.

    :param mark: what to ask with next time; None where it can't be told apart.
    :param is_whole: the rows are all that are open; what is missing has ended.
    :param has_more: there are more than were read at once.
    """

    rows: list[SessionRow] = field(default_factory=list)
    mark: Watermark | None = None
    is_whole: bool = False
    has_more: bool = False


class Attempt(NamedTuple):
    """One attempt to log in.

    :param at: aware.
    :param reason: why it was refused, in words; "" when it was not.
    :param caller: the device it came from, "" where that was not noted.
    """

    login: str
    at: datetime
    accepted: bool
    reason: str = ""
    caller: str = ""


def get_row(session: Session) -> SessionRow:
    """Return an open session of a device that keeps no history."""
    return SessionRow(
        login=session.login,
        unique_id=f"{session.nas}/{session.login}/{session.session_id}",
        session_id=session.session_id,
        nas=session.nas,
        started_at=session.started_at,
        updated_at=session.updated_at,
        address=session.address,
        caller=session.caller,
        upload=session.upload,
        download=session.download,
    )


def is_restart(old: SessionRow, new: SessionRow) -> bool:
    """Whether `new` is another session under the name of `old`.

    A router that restarts counts its sessions anew, so that names return; the start
    is then later than what was last heard. A Start that was sent twice is none: there
    was nothing to forget yet.
    """
    last = max(filter(None, (old.updated_at, old.stopped_at)), default=None)
    if not (new.started_at and last and (old.upload or old.download)):
        return False
    has_fallen = new.upload < old.upload or new.download < old.download
    if new.is_ahead and not has_fallen:
        # What was put back to now moves on with each reading.
        return False
    has_moved = (new.upload, new.download) != (old.upload, old.download)
    return has_moved and new.started_at > last + _SAME_MOMENT


def merge(old: SessionRow | None, new: SessionRow) -> SessionRow:
    """Return what is known of one session after the gateway told of it again.

    No counter falls, whatever a resent Stop says, and what was known stays known.
    """
    if old is None:
        return replace(new, started_at=new.started_at or new.updated_at, is_ahead=False)
    starts = [moment for moment in (old.started_at, new.started_at) if moment]
    updates = [moment for moment in (old.updated_at, new.updated_at) if moment]
    return replace(
        new,
        session_id=new.session_id or old.session_id,
        nas=new.nas or old.nas,
        started_at=min(starts, default=None),
        updated_at=max(updates, default=None),
        stopped_at=_get_stop(old, new),
        address=new.address or old.address,
        caller=new.caller or old.caller,
        upload=max(old.upload, new.upload),
        download=max(old.download, new.download),
        cause=new.cause or old.cause,
        is_ahead=False,
    )


def _get_stop(old, new):
    """Return when a session ended by what the gateway says now, to the second."""
    if not (old.stopped_at and new.stopped_at):
        return new.stopped_at
    is_same = abs(new.stopped_at - old.stopped_at) <= _SAME_MOMENT
    return old.stopped_at if is_same or new.is_ahead else new.stopped_at


def get_days(
    old: SessionRow | None, row: SessionRow, zone: ZoneInfo
) -> dict[date, tuple[int, int]]:
    """Return the bytes a session moved since it was last heard of, by local day.

    :param old: as it was known; `row` is what `merge` made of it.
    :return: day → (upload, download); their sums are what was added, to the byte.
    """
    upload = row.upload - (old.upload if old else 0)
    download = row.download - (old.download if old else 0)
    end = row.stopped_at or row.updated_at or row.started_at
    start = (old and (old.updated_at or old.started_at)) or row.started_at or end
    if end is None or not (upload or download):
        return {}
    days = {}
    for place, amount in enumerate((upload, download)):
        for day, part in spread(amount, start, end, zone).items():
            days.setdefault(day, [0, 0])[place] = part
    return {day: tuple(parts) for day, parts in days.items()}


def spread(
    amount: int, start: datetime, end: datetime, zone: ZoneInfo
) -> dict[date, int]:
    """Divide an amount among the local days from `start` to `end`, by their time.

    Nobody knows when within that time it was moved. The parts add up to `amount`.
    """
    if end <= start:
        return {end.astimezone(zone).date(): amount}
    whole = end.timestamp() - start.timestamp()
    day, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    parts, given = {}, 0
    while day < last:
        midnight = datetime.combine(day + timedelta(days=1), time(), zone)
        reached = int(amount * ((midnight.timestamp() - start.timestamp()) / whole))
        parts[day], given = reached - given, reached
        day += timedelta(days=1)
    parts[last] = amount - given
    return parts


def get_open(observed: Iterable) -> list[SessionRow]:
    """Return the sessions of `Observed` values as rows."""
    return [get_row(session) for item in observed for session in item.sessions]
