"""Open sessions in FreeRADIUS's accounting table, and the end of those that are not.

A session counts as open until its router says it ended. A router that lost its power
says nothing, so that sessions end here once their updates stay away.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from .access_types import Session
from .radius_words import words

ACCOUNTING, ROUTERS = "radacct", "nas"
# What ends a session that its router forgot to end.
STALE_CAUSE = "Stale-Session"
# Interim updates come every few minutes; one that came after a gap says nothing.
_LONGEST_INTERVAL = 3600
# A router that never sends updates can only be given much time.
_WITHOUT_UPDATES = 86_400
_AT_ONCE = 1000
# Of more logins it is quicker to read every open session there is.
_MANY = 2000


def read_open(session, logins: Iterable[str] | None = None, stale_after: float = 0):
    """Return the open sessions of logins as `Session`s, of all when None or many.

    Ages are those of the database, so that no two clocks are compared.

    :param session: an `SqlSession`.
    :param stale_after: seconds, see `RadiusSettings`; 0 counts all.
    """
    word = words(session)
    where, params = "acctstoptime IS NULL", []
    logins = None if logins is None else list(logins)
    if logins is not None and len(logins) <= _MANY:
        where += f" AND {word.among.format('username')}"
        params.append(logins or [""])
    if stale_after:
        where += f" AND NOT {_is_stale(word, 'acctinterval > 0')}"
        params += [stale_after] * 2
    rows = session.run(f"{_select(word)} WHERE {where}", params, ACCOUNTING)
    return _make_sessions(rows)


def close_stale(session, older_than: float) -> list[Session]:
    """End open sessions that got no update for long, and return them as they were.

    Short is an interval where a session, or another one of its router, ever was
    updated; otherwise a day. Needs UPDATE on the accounting table.

    :param older_than: seconds; at least three of a session's own intervals.
    """
    word = words(session)
    sends = (
        "(acctinterval > 0 OR nasipaddress IN "
        "(SELECT nasipaddress FROM radacct WHERE acctinterval > 0))"
    )
    find = (
        f"{_select(word)} WHERE acctstoptime IS NULL AND {_is_stale(word, sends)} "
        f"ORDER BY radacctid LIMIT {_AT_ONCE} FOR UPDATE"
    )
    end = (
        "UPDATE radacct SET acctstoptime = COALESCE(acctupdatetime, acctstarttime), "
        f"acctterminatecause = '{STALE_CAUSE}' WHERE acctstoptime IS NULL AND "
    )
    closed = []
    while True:
        with session.transaction():
            rows = session.run(find, [older_than] * 2, ACCOUNTING)
            if rows:
                ids = [row[0] for row in rows]
                session.run(end + word.among.format("radacctid"), [ids], ACCOUNTING)
        closed += _make_sessions(rows)
        if len(rows) < _AT_ONCE:
            return closed


def _is_stale(word, sends_updates):
    silence = word.age.format("COALESCE(acctupdatetime, acctstarttime)")
    own = f"3 * LEAST(COALESCE(acctinterval, 0), {_LONGEST_INTERVAL})"
    return (
        f"COALESCE({silence} > CASE WHEN {sends_updates} THEN GREATEST(%s, {own}) "
        f"ELSE GREATEST(%s, {_WITHOUT_UPDATES}) END, FALSE)"
    )


def _select(word):
    columns = (
        "radacctid",
        "username",
        "acctsessionid",
        word.age.format("acctstarttime"),
        word.age.format("acctupdatetime"),
        word.address.format("framedipaddress"),
        "callingstationid",
        word.address.format("nasipaddress"),
        "acctinputoctets",
        "acctoutputoctets",
    )
    return f"SELECT {', '.join(columns)} FROM radacct"


def _make_sessions(rows):
    now = datetime.now(timezone.utc)

    def moment(age):
        return None if age is None else now - timedelta(seconds=float(age))

    return [
        Session(
            login=login or "",
            session_id=session_id,
            started_at=moment(started),
            updated_at=moment(updated),
            address=address or "",
            caller=caller or "",
            nas=nas or "",
            upload=upload or 0,
            download=download or 0,
        )
        for _id, login, session_id, started, updated, address, caller, nas, upload, (
            download
        ) in rows
    ]
