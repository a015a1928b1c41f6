"""What a connection to a FreeRADIUS database has in common, whichever kind it is."""

import contextlib
from abc import ABC, abstractmethod

from .access_types import DriverError, TransportError


class SqlSession(ABC):
    """One connection. After a `TransportError` that lost it, it is closed for good.

    :param place: words for messages, such as "the RADIUS database radius on db1".
    :param options: keyword arguments of the library's `connect`.
    :param connect_timeout: seconds for connecting and logging in.
    :param statement_timeout: seconds for one statement, kept by both sides.
    :param lock_timeout: seconds to wait for a lock, kept by the server.
    :ivar deadline: moment of `time.monotonic()` at which all talk must end.
    """

    dialect = ""

    def __init__(
        self, place, options, connect_timeout, statement_timeout, lock_timeout
    ):
        self.place = place
        self.deadline = None
        self._options = options
        self._connect_timeout = connect_timeout
        self._statement_timeout = statement_timeout
        self._lock_timeout = lock_timeout
        self._connection = None

    @abstractmethod
    def open(self):
        """Connect and log in.

        :raise DriverError: "transport", "auth" or "dependency".
        """

    @abstractmethod
    def close(self):
        """End the connection, also one that was lost."""

    @abstractmethod
    def run(self, statement, params=None, about=""):
        """Run one statement and return its rows, an empty sequence where it has none.

        :param about: name of the table, for messages.
        :raise DriverError: of the kind that fits.
        """

    @contextlib.contextmanager
    def transaction(self):
        """All or nothing; rolls back on any exception."""
        self.run("START TRANSACTION")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            if self._connection is not None:
                with contextlib.suppress(DriverError):
                    self.run("ROLLBACK")
            raise

    def _mute(self):
        """Return the error of a server that didn't answer in time."""
        return TransportError(
            f"No answer from {self.place} in time. Check that it runs and that the "
            "network between is up; it is tried again by itself."
        )
