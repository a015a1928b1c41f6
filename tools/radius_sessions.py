"""Open sessions in FreeRADIUS's accounting table, and the end of those that are not.

A session counts as open until its router says it ended. A router that lost its power
says nothing, so that sessions end here once their updates stay away.
"""

import contextlib
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from .access_types import DependencyError, RightsError, Session, login_key
from .radius_words import words

ACCOUNTING, ROUTERS, ATTEMPTS = "radacct", "nas", "radpostauth"
# What ends a session that its router forgot to end.
STALE_CAUSE = "Stale-Session"
# Interim updates come every few minutes; one that came after a gap says nothing.
_LONGEST_INTERVAL = 3600
# A router that never sends updates can only be given much time.
_WITHOUT_UPDATES = 86_400
_AT_ONCE = 1000
# How many of the last attempts to log in are looked through: no index knows more.
_ATTEMPTS_READ = 20_000
# Of more logins it is quicker to read every open session there is.
_MANY = 2000


def read_open(session, logins: Iterable[str] | None = None, stale_after: float = 0):
    """Return the open sessions of logins as `Session`s, of all when None or many.

    Ages are those of the database, so that no two clocks are compared.

    :param session: an `SqlSession`.
    :param stale_after: seconds, see `RadiusSettings`; 0 calls none silent.
    """
    word = words(session)
    where, params = "acctstoptime IS NULL", []
    logins = None if logins is None else list(logins)
    if logins is not None and len(logins) <= _MANY:
        where += f" AND {word.among.format('username')}"
        params.append(logins or [""])
    rows = session.run(f"{_select(word)} WHERE {where}", params, ACCOUNTING)
    return _make_sessions(rows, stale_after)


def close_stale(session, older_than: float) -> list[Session]:
    """End open sessions that are over beyond doubt, and return them as they were.

    Silence alone proves nothing: the way of the accounting may have been cut, a clock
    may be wrong. Either the router has let others in since and told of those for long,
    or the login itself was refused, which a line that is up has no cause to ask for.
    Needs UPDATE on the accounting table.

    :param older_than: seconds; at least three of a session's own intervals.
    """
    found = _find_outlived(session, older_than) | _find_locked_out(session, older_than)
    ids, closed = sorted(found), []
    for start in range(0, len(ids), _AT_ONCE):
        with session.transaction():
            closed += _close(
                session, {row_id: found[row_id] for row_id in ids[start:][:_AT_ONCE]}
            )
    return _make_sessions(closed)


def _close(session, found):
    """End those of `found` (row id → last word) that said nothing in the meantime."""
    word = words(session)
    last = word.epoch.format(_LAST)
    among = f"WHERE acctstoptime IS NULL AND {word.among.format('radacctid')}"
    rows = session.run(
        f"{_select(word, last)} {among} ORDER BY radacctid FOR UPDATE",
        [list(found)],
        ACCOUNTING,
    )
    rows = [row[:-1] for row in rows if row[-1] == found[row[0]]]
    if rows:
        session.run(
            f"UPDATE radacct SET acctstoptime = {_LAST}, "
            f"acctterminatecause = '{STALE_CAUSE}' {among}",
            [[row[0] for row in rows]],
            ACCOUNTING,
        )
    return rows


def _find_outlived(session, older_than):
    """Return row id → last word of sessions that sent updates, and none any more
    when their router told of younger ones; all by the clock of that router."""
    word = words(session)
    last, start = word.epoch.format(_LAST), word.epoch.format("acctstarttime")
    limit = f"GREATEST(%s, 3 * LEAST(acctinterval, {_LONGEST_INTERVAL}))"
    is_open = "acctstoptime IS NULL AND acctinterval > 0"
    rows = session.run(
        f"SELECT radacctid, {last} FROM radacct JOIN ("
        f"SELECT nasipaddress AS router, MAX({start}) AS proof FROM radacct "
        f"WHERE {is_open} AND {last} - {start} >= {limit} GROUP BY nasipaddress"
        f") AS young ON nasipaddress = router WHERE {is_open} "
        f"AND {last} + {limit} < proof",
        [older_than] * 2,
        ACCOUNTING,
    )
    return dict(rows)


def _find_locked_out(session, older_than):
    """Return row id → last word of silent sessions whose login was refused since."""
    word = words(session)
    refused = _read_refused(session)
    if not refused:
        return {}
    intervals = dict(
        session.run(
            "SELECT nasipaddress, MAX(acctinterval) FROM radacct "
            "WHERE acctstoptime IS NULL AND acctinterval > 0 GROUP BY nasipaddress",
            None,
            ACCOUNTING,
        )
    )
    rows = session.run(
        f"SELECT radacctid, username, {word.epoch.format(_LAST)}, "
        f"{word.age.format(_LAST)}, COALESCE(acctinterval, 0), nasipaddress "
        "FROM radacct WHERE acctstoptime IS NULL "
        f"AND {word.among.format('username')}",
        [list(refused)],
        ACCOUNTING,
    )
    by_key, found = {}, {}
    for login, moment in refused.items():
        by_key[login_key(login)] = max(moment, by_key.get(login_key(login), 0))
    for row_id, login, last, age, own, router in rows:
        limit = _get_limit(own or intervals.get(router), older_than)
        # A database that blurs names gives those of others too.
        since = by_key.get(login_key(login))
        if since and last is not None and min(age, since - last) > limit:
            found[row_id] = last
    return found


def _read_refused(session):
    """Return login → moment (seconds since 1970) at which it was refused last."""
    # Noting attempts, and letting us see them, is up to the provider.
    with contextlib.suppress(RightsError, DependencyError):
        rows = session.run(
            f"SELECT username, MAX({words(session).epoch.format('authdate')}) FROM ("
            "SELECT username, reply, authdate FROM radpostauth "
            f"ORDER BY id DESC LIMIT {_ATTEMPTS_READ}) AS attempt "
            "WHERE reply = 'Access-Reject' GROUP BY username",
            None,
            ATTEMPTS,
        )
        return dict(rows)
    return {}


_LAST = "COALESCE(acctupdatetime, acctstarttime)"


def _get_limit(interval, older_than):
    """Return after how many seconds a session is silent; `interval` may be None."""
    # A clock that was put back makes it negative, which says nothing.
    if not interval or interval < 0:
        return max(older_than, _WITHOUT_UPDATES)
    return max(older_than, 3 * min(interval, _LONGEST_INTERVAL))


def _select(word, *more):
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
        "acctinterval",
        *more,
    )
    return f"SELECT {', '.join(columns)} FROM radacct"


def _make_sessions(rows, stale_after=0):
    now = datetime.now(timezone.utc)

    def moment(age):
        return None if age is None else now - timedelta(seconds=float(age))

    def is_silent(age, interval):
        return bool(stale_after) and (age or 0) > _get_limit(interval, stale_after)

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
            is_silent=is_silent(started if updated is None else updated, interval),
        )
        for _id, login, session_id, started, updated, address, caller, nas, upload, (
            download
        ), interval in rows
    ]
