"""A PostgreSQL connection that keeps its time limit even when the server is mute.

`connect_timeout` ends with the connection and `statement_timeout` is kept by the
server, so neither helps against one that was stopped or cut off in mid-talk.
libpq's asynchronous mode does: this side waits, and for as long as it wants.
"""

import contextlib
import re
import select
import time

import psycopg2
from psycopg2 import extensions

from .access_types import (
    AuthError,
    DependencyError,
    RightsError,
    RowError,
    TransportError,
)
from .sql_session import SqlSession

# SQLSTATE, or its class, to what it means; texts of the server are not used, they
# may be in any language and may hold values. PostgreSQL manual, appendix A.
_LOCKED = {"55P03", "40001", "40P01"}
_TIMED_OUT = {"57014", "25P03"}
_NOT_ALLOWED = {"42501", "25006"}
_MISSING = {"42P01", "42703", "3D000", "42883", "3F000"}
_ROW_CLASSES = {"22", "23", "27", "38", "39", "44", "P0"}
_PASSING_CLASSES = {"08", "53", "57", "58", "40", "55", "25", "XX"}

# "SEVERITY:  text" is of the server, in any language.
_FROM_SERVER = re.compile(r"(?:^|failed: )(\S+:  .*)", re.MULTILINE)


class PgSession(SqlSession):
    """A connection by psycopg2, whose `connect` takes `options`."""

    dialect = "postgresql"

    def open(self):
        limit = self._limit(self._connect_timeout)
        try:
            self._connection = psycopg2.connect(async_=True, **self._options)
            self._wait(limit)
        except psycopg2.Error as error:
            self.close()
            raise self._refusal(error) from None
        self.run(
            "SELECT set_config('lock_timeout', %s, false), "
            "set_config('statement_timeout', %s, false), "
            "set_config('default_transaction_isolation', 'read committed', false)",
            (
                f"{int(self._lock_timeout * 1000)}ms",
                f"{int(self._statement_timeout * 1000)}ms",
            ),
        )

    def close(self):
        if self._connection is not None:
            with contextlib.suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None

    def run(self, statement, params=None, about=""):
        if self._connection is None:
            raise TransportError(f"The connection to {self.place} is closed.")
        limit = self._limit(self._statement_timeout + 1)
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, params)
                self._wait(limit)
                return cursor.fetchall() if cursor.description else []
        except psycopg2.Error as error:
            raise self._translate(error, about) from None
        except UnicodeDecodeError:
            raise DependencyError(
                f"{about or self.place} holds text that isn't UTF-8. Make the database "
                "UTF8, or correct the rows."
            ) from None
        except ValueError:
            # Raised by psycopg2 for a NUL, which PostgreSQL can't hold.
            raise RowError(f"A value for {about or self.place} holds a NUL.") from None

    def _limit(self, seconds):
        limit = time.monotonic() + seconds
        return limit if self.deadline is None else min(limit, self.deadline)

    def _wait(self, limit):
        """Let libpq work until it has what it wants, or the time is over."""
        while (state := self._connection.poll()) != extensions.POLL_OK:
            # poll(2): a descriptor may be beyond what select(2) takes.
            poller = select.poll()
            wanted = select.POLLIN if state == extensions.POLL_READ else select.POLLOUT
            poller.register(self._connection.fileno(), wanted)
            left = limit - time.monotonic()
            if left <= 0 or not poller.poll(left * 1000):
                self.close()
                raise self._mute()

    def _refusal(self, error):
        """Return what a failed connection means.

        libpq gives no SQLSTATE then, only text in the server's language. A refusal
        names the role or the database in quotes; a line of libpq's own, such as on a
        host of the same name as the role, is not looked at.
        """
        text = "\n".join(_FROM_SERVER.findall(str(error)))
        named = re.findall(r'["«„»“]([^"«„»“”]*)["»“«”]', text)
        missing = re.search(r'database ".*" does not exist', text)
        if "fe_sendauth" in str(error) or (
            self._options["user"] in named
            and not missing
            and "too many connections" not in text
        ):
            return AuthError(
                f"Login to {self.place} refused. Check user and password of the "
                "gateway, and that pg_hba.conf there lets this host in."
            )
        if missing or self._options["dbname"] in named:
            return DependencyError(
                f"No access to {self.place}: there is no such database, or the role "
                "may not connect to it. Check the name of the database on the gateway."
            )
        return TransportError(
            f"Can't reach {self.place}. Check host and port of the gateway and that "
            "PostgreSQL runs there; it is tried again by itself."
        )

    def _translate(self, error, about):
        state = error.pgcode or ""
        where = f"{about} in {self.place}" if about else self.place
        if state in _LOCKED:
            return TransportError(
                f"Another program holds a lock on {where}. It is tried again by itself."
            )
        if state in _TIMED_OUT:
            return TransportError(
                f"A statement on {where} took too long and was ended. It is tried "
                "again by itself."
            )
        if state in _NOT_ALLOWED:
            return RightsError(
                f"The role {self._options['user']} may not use {where} as it must. "
                "Grant it SELECT, INSERT, UPDATE and DELETE there and USAGE on the "
                "table's sequence (SQLSTATE "
                f"{state})."
            )
        if state in _MISSING:
            return DependencyError(
                f"{where} is not as FreeRADIUS's schema makes it: a table or column "
                f"is missing (SQLSTATE {state}). Load FreeRADIUS's schema.sql."
            )
        if state[:2] in _ROW_CLASSES:
            return RowError(
                f"{where} refused the row (SQLSTATE {state}, "
                f"{type(error).__name__}{_constraint(error)})."
            )
        if state and state[:2] not in _PASSING_CLASSES:
            return DependencyError(
                f"{where} did not understand a statement (SQLSTATE {state})."
            )
        if state and not self._connection.closed:
            return TransportError(
                f"{where} is in trouble (SQLSTATE {state}). It is tried again by "
                "itself."
            )
        self.close()
        return TransportError(
            f"The connection to {self.place} was lost. It is tried again by itself."
        )


def _constraint(error):
    name = error.diag.constraint_name
    return f", constraint {name}" if name else ""
