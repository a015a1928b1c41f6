"""Usage of RADIUS logins from the accounting table of FreeRADIUS.

FreeRADIUS keeps one row of ``radacct`` a session, whose counters each interim update
*replaces*, gigawords included (``Acct-Input-Gigawords << 32 | Acct-Input-Octets``).
A login's usage is therefore the sum over its sessions, never over its updates.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Usage(NamedTuple):
    """Bytes of one login; *upload* is what the subscriber sent.

    :param int upload: bytes, RADIUS's input octets
    :param int download: bytes, RADIUS's output octets
    :param int sessions: how many sessions they were moved in
    """

    upload: int
    download: int
    sessions: int


def read_usage(cursor, logins: Iterable[str]) -> dict[str, Usage]:
    """Return the usage of logins that ever had a session.

    :param cursor: a DB-API cursor on FreeRADIUS's PostgreSQL database
    :param logins: user names, as they log in
    """
    cursor.execute(
        "SELECT username, COALESCE(SUM(acctinputoctets), 0), "
        "COALESCE(SUM(acctoutputoctets), 0), COUNT(*) "
        "FROM radacct WHERE username = ANY(%s) GROUP BY username",
        [list(logins)],
    )
    return {
        login: Usage(int(upload), int(download), sessions)
        for login, upload, download, sessions in cursor.fetchall()
    }
