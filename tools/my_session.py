"""A MariaDB or MySQL connection with the manners of `pg_session.PgSession`.

PyMySQL is needed only where such a gateway is spoken to, so it is imported there. Its
time limits are those of one read from the socket, which a mute server never ends.
"""

import math
import time

from .access_types import (
    AuthError,
    DependencyError,
    RightsError,
    RowError,
    TransportError,
)
from .sql_session import SqlSession

# Error numbers to what they mean; texts of the server are not used, they may be in any
# language and may hold values. MariaDB manual, "MariaDB Error Codes"; MySQL manual,
# "Server Error Message Reference".
_REFUSED = {1045, 1251, 1524, 1698, 3118, 4151}
_NO_DATABASE = {1044, 1049}
_LOCKED = {1205, 1213}
_TIMED_OUT = {1317, 1969, 3024}
_NOT_ALLOWED = {1142, 1143, 1227, 1290, 1370, 1792, 1836}
_MISSING = {1054, 1146, 1305}
_ROW = {1048, 1062, 1264, 1265, 1292, 1364, 1366, 1406, 1452, 1644, 3819, 4025}
_NOT_UNDERSTOOD = {1064, 1149, 1193}


class MySession(SqlSession):
    """A connection by PyMySQL, whose `connect` takes `options`.

    Limits for locks are in whole seconds.
    """

    dialect = "mysql"

    # What PyMySQL raises; known once it is imported.
    _errors = ()

    def open(self):
        try:
            import pymysql
        except ImportError:
            raise DependencyError(
                f"PyMySQL is needed to reach {self.place} and is missing. Install "
                "it where Odoo runs: pip install PyMySQL."
            ) from None
        self._errors = (pymysql.err.Error, OSError)
        seconds = self._left(self._connect_timeout)
        try:
            self._connection = pymysql.connect(
                **self._options,
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=seconds,
                read_timeout=seconds,
                write_timeout=seconds,
            )
        except self._errors as error:
            raise self._refusal(error) from None
        except RuntimeError:
            # PyMySQL: sha256_password without the package cryptography.
            raise DependencyError(
                f"Logging in to {self.place} needs the Python package cryptography. "
                "Install it where Odoo runs, or give the user "
                "mysql_native_password."
            ) from None
        self._set_limits()

    def _set_limits(self):
        seconds = max(1, math.ceil(self._lock_timeout))
        self.run(
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
            # Longer values would be cut without a word.
            "group_concat_max_len = 8000000, "
            "innodb_lock_wait_timeout = %s, lock_wait_timeout = %s",
            (seconds, seconds),
        )
        self.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        if "MariaDB" in self._connection.get_server_info():
            limit = "max_statement_time = %s", self._statement_timeout
        else:
            # MySQL keeps it for reading only.
            limit = "max_execution_time = %s", int(self._statement_timeout * 1000)
        self.run(f"SET SESSION {limit[0]}", (limit[1],))

    def close(self):
        connection, self._connection = self._connection, None
        if connection is not None and connection.open:
            # A word of farewell could wait for a server that is mute.
            connection._force_close()

    def run(self, statement, params=None, about=""):
        if self._connection is None:
            raise TransportError(f"The connection to {self.place} is closed.")
        # Read anew by PyMySQL for each packet; there is no public way to change it.
        self._connection._read_timeout = self._left(self._statement_timeout + 1)
        self._connection._write_timeout = self._connection._read_timeout
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, params)
                return cursor.fetchall() if cursor.description else ()
        except self._errors as error:
            raise self._translate(error, about) from None
        except UnicodeError:
            raise DependencyError(
                f"{about or self.place} holds text that isn't UTF-8. Correct the rows."
            ) from None

    def _left(self, seconds):
        """Return how long may still be waited; raise when the time is used up."""
        if self.deadline is not None:
            seconds = min(seconds, self.deadline - time.monotonic())
        if seconds <= 0:
            self.close()
            raise self._mute()
        return seconds

    def _refusal(self, error):
        """Return what a failed connection means."""
        number = _number(error)
        if number in _REFUSED:
            return AuthError(
                f"Login to {self.place} refused. Check user and password of the "
                "gateway, and that the user may log in from this host."
            )
        if number in _NO_DATABASE:
            return DependencyError(
                f"No access to {self.place}: there is no such database, or the user "
                "may not use it. Check the name of the database on the gateway."
            )
        if "timed out" in str(error):
            return self._mute()
        return TransportError(
            f"Can't reach {self.place}. Check host and port of the gateway and that "
            "MariaDB or MySQL runs there; it is tried again by itself."
        )

    def _translate(self, error, about):
        number = _number(error)
        where = f"{about} in {self.place}" if about else self.place
        if number in _LOCKED:
            return TransportError(
                f"Another program holds a lock on {where}. It is tried again by itself."
            )
        if number in _TIMED_OUT:
            return TransportError(
                f"A statement on {where} took too long and was ended. It is tried "
                "again by itself."
            )
        if number in _NOT_ALLOWED:
            return RightsError(
                f"The user {self._options['user']} may not use {where} as it must. "
                "Grant it SELECT, INSERT, UPDATE and DELETE there (error "
                f"{number})."
            )
        if number in _MISSING:
            return DependencyError(
                f"{where} is not as FreeRADIUS's schema makes it: a table or column "
                f"is missing (error {number}). Load FreeRADIUS's schema.sql."
            )
        if number in _ROW or type(error).__name__ in ("DataError", "IntegrityError"):
            return RowError(f"{where} refused the row (error {number}).")
        if number in _NOT_UNDERSTOOD:
            return DependencyError(
                f"{where} did not understand a statement (error {number})."
            )
        if self._connection.open:
            return TransportError(
                f"{where} is in trouble (error {number}). It is tried again by itself."
            )
        self.close()
        if "timed out" in str(error):
            return self._mute()
        return TransportError(
            f"The connection to {self.place} was lost. It is tried again by itself."
        )


def _number(error):
    """Return the server's error number; 0 where there is none."""
    number = error.args[0] if error.args else 0
    return number if isinstance(number, int) else 0
