"""Another program's open transaction, used like a connection of our own.

What is written is committed, or not, with all else in that transaction. A failure
undoes what this side did and leaves the rest as it was.
"""

import contextlib

import psycopg2

from .access_types import TransportError
from .pg_session import PgSession


class CursorSession(PgSession):
    """A `PgSession` that neither connects nor commits.

    What keeps the transaction whole raises psycopg2's own errors and is not for
    swallowing: a transaction that is broken would be committed as nothing at all.

    :param cursor: as Odoo's: `execute(statement, params, log_exceptions=…)`,
        `fetchall`, `description` and `closed`.
    :param place: words for messages.
    :param schema: the one the tables are in.
    :param lock_timeout: seconds to wait for a lock; whoever pays waits as long.
    """

    def __init__(self, cursor, place, schema, lock_timeout):
        super().__init__(place, {"user": "of this system"}, 0, 0, lock_timeout)
        self._connection = cursor
        self._schema = schema
        self._before = ()

    def open(self):
        """Begin what can be undone alone.

        :raise psycopg2.Error: the transaction was broken before.
        """
        self._execute("SAVEPOINT isp_radius_scope")
        self._execute(
            "SELECT current_setting('search_path'), current_setting('lock_timeout')"
        )
        self._before = self._connection.fetchone()
        self._set(self._schema, f"{int(self._lock_timeout * 1000)}ms")

    def close(self, failed=False):
        """End it: kept as part of the transaction, or undone.

        :raise psycopg2.Error: the transaction is lost as a whole.
        """
        if failed:
            # Takes the two settings back as well.
            self._execute("ROLLBACK TO SAVEPOINT isp_radius_scope")
        else:
            self._set(*self._before)
        self._execute("RELEASE SAVEPOINT isp_radius_scope")

    def run(self, statement, params=None, about=""):
        try:
            self._execute(statement, params)
            cursor = self._connection
            return cursor.fetchall() if cursor.description else []
        except psycopg2.Error as error:
            if error.pgcode:
                raise self._translate(error, about) from None
            raise TransportError(f"The connection to {self.place} was lost.") from None

    @contextlib.contextmanager
    def transaction(self):
        """All or nothing within the transaction; undone on any exception."""
        self._execute("SAVEPOINT isp_radius_write")
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK TO SAVEPOINT isp_radius_write")
            self._execute("RELEASE SAVEPOINT isp_radius_write")
            raise
        self._execute("RELEASE SAVEPOINT isp_radius_write")

    def _execute(self, statement, params=None):
        # What is refused is raised and told of; Odoo would log it as an error too.
        self._connection.execute(statement, params, log_exceptions=False)

    def _set(self, search_path, lock_timeout):
        self._execute(
            "SELECT set_config('search_path', %s, true), "
            "set_config('lock_timeout', %s, true)",
            (search_path, lock_timeout),
        )
