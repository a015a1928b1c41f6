"""What FreeRADIUS keeps of sessions and of attempts to log in, as news."""

import time
from collections.abc import Iterable
from datetime import datetime, timezone

from .access_types import Observed
from .radius_attempts import explain
from .radius_attempts import read_attempts as read_noted
from .radius_usage import Accounted, Watermark, read_changes, read_rows
from .radius_words import words
from .sessions import Attempt, News, SessionRow

ACCOUNTING = "radacct"
PAGE = 5000
# What is read at once; the rest is asked for again.
MAX_ROWS = 20_000


def read_news(session, since=None, known: Iterable[str] = ()) -> News:
    """Return what is new in the accounting since a watermark, some of it again.

    :param session: an open `PgSession` or `MySession` on FreeRADIUS's database.
    :param since: the `mark` of an earlier answer; None is from the beginning. A number
        of 0 says that the last reading was complete.
    :param known: unique ids of sessions to tell of in any case.
    :raise DriverError: of the kind that fits.
    """
    mark = _not_ahead(Watermark(since[0].timestamp(), since[1]) if since else _START)
    page, mark = read_changes(session, mark, PAGE, **({} if not mark.row_id else _ON))
    found = list(page)
    while len(page) == PAGE and len(found) < MAX_ROWS:
        page, mark = read_changes(session, mark, PAGE, **_ON)
        found += page
    has_more = len(page) == PAGE
    seen = {row.unique_id for row in found}
    found += _read_known(session, [name for name in known if name not in seen])
    if not has_more:
        mark = _not_ahead(Watermark(mark.moment))
    moment, row_id = datetime.fromtimestamp(mark.moment, timezone.utc), mark.row_id
    return News([_get_row(row) for row in found], (moment, row_id), has_more=has_more)


# Going on within one reading.
_ON = {"overlap": 0}
_START = Watermark()
# Routers without a battery begin in 1970 and learn the time later, within a session.
_NO_CLOCK = datetime(2000, 1, 1, tzinfo=timezone.utc)


def _not_ahead(mark):
    """Return a mark that one router whose clock is ahead can't move past the others.

    One within a reading is left alone: it ends.
    """
    if mark.row_id:
        return mark
    return mark._replace(moment=min(mark.moment, time.time()))


def _read_known(session, unique_ids):
    if not unique_ids:
        return []
    rows = session.run(
        "SELECT radacctid FROM radacct WHERE "
        + words(session).among.format("acctuniqueid"),
        [unique_ids],
        ACCOUNTING,
    )
    return read_rows(session, [row_id for (row_id,) in rows])


def _get_row(row: Accounted) -> SessionRow:
    # A router whose clock is ahead tells of what is yet to come.
    now = datetime.now(timezone.utc)
    moments = (row.started_at, row.changed_at, row.stopped_at)
    started, changed, stopped = (moment and min(moment, now) for moment in moments)
    if started and started < _NO_CLOCK:
        started = None
    return SessionRow(
        login=row.login,
        unique_id=row.unique_id,
        session_id=row.session_id,
        nas=row.nas,
        started_at=started,
        updated_at=changed,
        stopped_at=stopped,
        address=row.address,
        caller=row.caller,
        upload=row.upload,
        download=row.download,
        cause=row.cause,
        is_ahead=bool(row.changed_at and row.changed_at > now),
    )


def read_attempts(
    session, logins: Iterable[str], limit: int, observed: dict[str, Observed]
) -> list[Attempt]:
    """Return the last attempts of each login, the newest first.

    :param observed: what the gateway holds of these logins, by login as asked.
    """
    return sorted(
        (
            Attempt(
                noted.login,
                noted.at,
                noted.is_accepted,
                "" if noted.is_accepted else explain(noted, observed[login]),
                noted.caller,
            )
            for login, found in read_noted(session, logins, limit).items()
            for noted in found
        ),
        key=lambda attempt: attempt.at,
        reverse=True,
    )
