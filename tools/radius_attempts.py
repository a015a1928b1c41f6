"""The last attempts of a login to get in, and why one was refused, in words.

FreeRADIUS notes only that it refused. Why is told from what its tables say of the login
now. The password that was tried stands in the same table, and is never read.
"""

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import NamedTuple

from .access_types import Observed
from .radius_words import words

ATTEMPTS = "radpostauth"
ACCEPTED = "Access-Accept"


class Attempt(NamedTuple):
    """:param at: aware UTC; :param caller: MAC address where it was noted, or ""."""

    login: str
    at: datetime
    is_accepted: bool
    caller: str = ""


def read_attempts(
    session, logins: Iterable[str], limit: int = 20
) -> dict[str, list[Attempt]]:
    """Return the last attempts by login, newest first.

    :param session: an `SqlSession`.
    :param logins: as they log in.
    :param limit: of each login.
    """
    word = words(session)
    # MySQL's schema has no column for the device.
    caller = "callingstationid" if session.dialect == "postgresql" else "NULL"
    statement = (
        f"SELECT {word.epoch.format('authdate')}, reply, {caller} FROM radpostauth "
        "WHERE username = %s ORDER BY id DESC LIMIT %s"
    )
    found = {}
    for login in dict.fromkeys(logins):
        found[login] = [
            Attempt(
                login,
                datetime.fromtimestamp(float(epoch), timezone.utc),
                reply == ACCEPTED,
                device or "",
            )
            for epoch, reply, device in session.run(
                statement, (login, int(limit)), ATTEMPTS
            )
        ]
    return found


def explain(attempt: Attempt, observed: Observed) -> str:
    """Return a sentence on an attempt, by what the gateway says of the login now.

    :param observed: of the same login, its open sessions too.
    """
    login = attempt.login
    if attempt.is_accepted:
        return f"{login} was let in."
    if not observed.present:
        return f"There is no login {login} here. Was it typed right?"
    if observed.password is None:
        return f"{login} has no password here. Set one on the connection."
    if observed.walled:
        return (
            f"{login} is let in to the pay page only, and was refused all the same: "
            "the password was probably wrong."
        )
    if not observed.on:
        return f"{login} is switched off."
    if observed.expires_at and observed.expires_at <= attempt.at:
        return (
            f"The access of {login} had ended on {observed.expires_at:%d %b %H:%M} UTC."
        )
    if observed.mac and attempt.caller and attempt.caller != observed.mac:
        return (
            f"{login} is tied to the device {observed.mac}; this was {attempt.caller}."
        )
    sessions = [
        s for s in observed.sessions if not s.started_at or s.started_at <= attempt.at
    ]
    if observed.simultaneous and len(sessions) >= observed.simultaneous:
        caller = sessions[0].caller and f" from {sessions[0].caller}"
        return f"{login} is online already{caller}, as often as it may be."
    if observed.mac:
        return (
            f"The password was wrong, or the device is not {observed.mac}, which "
            f"{login} is tied to."
        )
    return f"The password for {login} was wrong."
