"""Usage of logins from the accounting table of FreeRADIUS, read by what is new.

FreeRADIUS keeps one row of ``radacct`` a session, whose counters each update
*replaces*, gigawords included (``Acct-Input-Gigawords << 32 | Acct-Input-Octets``). A
stop that is sent again without counters sets them to 0, and a router that starts anew
may take an old session's name: so what was counted once is never taken back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import NamedTuple

from .radius_words import words

ACCOUNTING = "radacct"
# Routers put the moment into their packets and may be behind, and rows show up when
# their transaction ends: what is that old is read once more. It counts once.
OVERLAP = 900.0


class Watermark(NamedTuple):
    """Up to where was read: seconds since 1970 and the row's id."""

    moment: float = 0.0
    row_id: int = 0


@dataclass(frozen=True)
class Accounted:
    """One row of the accounting table; *upload* is what the subscriber sent.

    :param row_id: its `radacctid`.
    :param unique_id: FreeRADIUS's name for the session, unlike the router's own.
    :param nas: address of the router.
    :param started_at: aware UTC; None where the router never said, as `stopped_at`.
    :param changed_at: aware UTC; the last moment the row tells of.
    :param caller: MAC address, as the router writes it.
    :param upload: bytes, RADIUS's input octets.
    :param download: bytes, RADIUS's output octets.
    :param cause: why it ended, in RADIUS's word.
    """

    row_id: int
    unique_id: str
    login: str
    session_id: str
    nas: str
    started_at: datetime | None
    stopped_at: datetime | None
    changed_at: datetime | None
    address: str
    caller: str
    upload: int
    download: int
    cause: str


@dataclass(frozen=True)
class Counted:
    """What is known of one session after all that was read of it.

    :param upload: bytes in all, as `download`; they never fall.
    :param row: what was read last.
    :param base_upload: bytes of an earlier session of the same name, as
        `base_download`.
    """

    row: Accounted
    upload: int
    download: int
    base_upload: int = 0
    base_download: int = 0


def read_changes(
    session, since: Watermark, limit: int = 10_000, overlap: float = OVERLAP
) -> tuple[list[Accounted], Watermark]:
    """Return rows that changed since, oldest change first, and up to where.

    As many rows as `limit` mean that there may be more: go on from there with an
    `overlap` of 0, which is for the first part of a run.

    :param session: an `SqlSession`.
    """
    word = words(session)
    moment = max(0.0, since.moment - overlap)
    row_id = 0 if overlap else since.row_id
    # MariaDB's queries leave the moment of the last update when a router starts anew.
    change = (
        "GREATEST(COALESCE(acctupdatetime, acctstarttime), "
        "COALESCE(acctstoptime, acctupdatetime, acctstarttime))"
    )
    epoch = word.epoch.format(change)
    # The first condition is for the indexes a provider may have made.
    statement = (
        f"{_select(word, epoch)} WHERE "
        f"(acctupdatetime >= {word.moment} OR acctstoptime >= {word.moment} "
        f"OR acctstarttime >= {word.moment}) "
        f"AND ({epoch} > %s OR {epoch} = %s AND radacctid > %s) "
        f"ORDER BY {epoch}, radacctid LIMIT {int(limit)}"
    )
    # FROM_UNIXTIME rounds.
    params = [int(moment)] * 3 + [moment, moment, row_id]
    rows = session.run(statement, params, ACCOUNTING)
    if not rows:
        return [], since
    return [_make(row) for row in rows], Watermark(float(rows[-1][-1]), rows[-1][0])


def read_rows(session, row_ids: Iterable[int]) -> list[Accounted]:
    """Return rows by their ids: for sessions thought open whose router's clock is so
    far behind that no change of theirs is ever new."""
    word = words(session)
    change = word.epoch.format("COALESCE(acctstoptime, acctupdatetime, acctstarttime)")
    rows = session.run(
        f"{_select(word, change)} WHERE {word.among.format('radacctid')}",
        [list(row_ids) or [0]],
        ACCOUNTING,
    )
    return [_make(row) for row in rows]


def merge(
    known: Mapping[str, Counted], rows: Iterable[Accounted]
) -> dict[str, Counted]:
    """Return what is known of each session that `rows` tell of, by `unique_id`.

    :param known: of earlier runs; rows that were read before change nothing.
    """
    found = {}
    for row in rows:
        old = found.get(row.unique_id) or known.get(row.unique_id)
        found[row.unique_id] = _merge_one(old, row)
    return found


def _merge_one(old, row):
    if old is None:
        return Counted(row, row.upload, row.download)
    base_up, base_down = old.base_upload, old.base_download
    if _is_another(old.row, row):
        base_up, base_down = old.upload, old.download
    # A packet without an address wipes out the one that was noted.
    kept = ("started_at", "address", "caller")
    return Counted(
        replace(row, **{n: getattr(row, n) or getattr(old.row, n) for n in kept}),
        max(old.upload, base_up + row.upload),
        max(old.download, base_down + row.download),
        base_up,
        base_down,
    )


def _is_another(old, row):
    """Whether a router gave the name of an ended session to a new one."""
    return bool(
        row.started_at
        and old.changed_at
        and row.started_at > old.changed_at
        and (row.upload < old.upload or row.download < old.download)
    )


def _select(word, change):
    columns = (
        "radacctid",
        "acctuniqueid",
        "username",
        "acctsessionid",
        word.address.format("nasipaddress"),
        word.epoch.format("acctstarttime"),
        word.epoch.format("acctstoptime"),
        word.address.format("framedipaddress"),
        "callingstationid",
        "acctinputoctets",
        "acctoutputoctets",
        "acctterminatecause",
        change,
    )
    return f"SELECT {', '.join(columns)} FROM radacct"


def _make(row):
    row_id, unique, login, name, nas, start, stop, address, caller, *rest = row
    upload, download, cause, change = rest
    return Accounted(
        row_id=row_id,
        unique_id=unique,
        login=login or "",
        session_id=name,
        nas=nas or "",
        started_at=_moment(start),
        stopped_at=_moment(stop),
        changed_at=_moment(change),
        address=address or "",
        caller=caller or "",
        upload=upload or 0,
        download=download or 0,
        cause=cause or "",
    )


def _moment(epoch):
    return None if epoch is None else datetime.fromtimestamp(float(epoch), timezone.utc)
