"""FreeRADIUS's tables beside Odoo's, written in the transaction that pays.

Only what opens a login or lets it on for longer is written so; whatever takes away
goes the worker's way, where it can be held.
"""

from collections.abc import Iterable

from .access_types import Desired, Observed, login_key
from .cursor_session import CursorSession
from .radius_settings import RadiusSettings
from .radius_sql import RadiusSql

# A person may be waiting for the answer; the worker does it otherwise.
LOCK_TIMEOUT = 0.3


class RadiusLocal(RadiusSql):
    """`with RadiusLocal(settings, cursor) as radius: radius.open_up(wishes)`.

    :param cursor: of the open transaction; see `CursorSession`.
    """

    def __init__(self, settings: RadiusSettings, cursor):
        super().__init__(settings)
        self._session = CursorSession(
            cursor, "the RADIUS tables", settings.schema, LOCK_TIMEOUT
        )

    def __exit__(self, kind, *exc_info):
        self._session.close(failed=kind is not None)

    def open_up(self, desired: Iterable[Desired]) -> list[str]:
        """Write the wishes that give more than there is; return their logins.

        :raise DriverError: nothing was written.
        """
        wishes, _refused = self.sort_out(list(desired))
        if not wishes:
            return []
        observed = self.read([wish.login for wish in wishes.values()])
        gains = [wish for key, wish in wishes.items() if is_gain(wish, observed[key])]
        # A plan that changes does so for all its logins, which is the worker's to do.
        changing = {
            op.shared
            for op in self.plan(gains, observed)
            if op.shared and op.verb != "add"
        }
        gains = [wish for wish in gains if changing.isdisjoint(self.shared_names(wish))]
        ops = self.plan(gains, observed)
        results = self.apply(ops) if ops else {}
        failed = {name for name, result in results.items() if result.kind}
        return [wish.login for wish in gains if login_key(wish.login) not in failed]

    def _transaction(self):
        # A lock kept to the end of a payment would make workers and payments wait
        # for each other; what two at once leave double, the worker takes away.
        return self._session.transaction()


def is_gain(wish: Desired, observed: Observed) -> bool:
    """Tell whether a wish only gives: opens a login or puts its end off.

    One that others made, and that does not bear our mark yet, is left to the worker.
    """
    if not (wish.present and wish.on) or (observed.present and not observed.ours):
        return False
    if not observed.on or observed.walled:
        return True
    if observed.expires_at is None:
        return False
    return wish.expires_at is None or wish.expires_at > observed.expires_at
