"""Rows of menus that were read already, so that none is read twice for nothing."""

import time

from .menus import NAMED, Menu, Row

# As long as a person's edit beside us may go unseen.
KEPT_SECONDS = 20.0


class Kept:
    """What one connection was told, until something is written there."""

    def __init__(self):
        self._answers = {}

    def put(self, menu: Menu, names: set[str] | None, rows: list[Row]) -> None:
        """Keep an answer.

        :param names: logins that were asked for; None is all.
        """
        ends = time.monotonic() + KEPT_SECONDS
        # A menu without names is always read whole.
        self._answers[menu] = (ends, names if menu in NAMED else None, rows)

    def get(self, menu: Menu, names: set[str] | None) -> list[Row] | None:
        """Return rows among which are all of some logins; None is to ask."""
        ends, kept, rows = self._answers.get(menu, (0.0, None, None))
        if time.monotonic() > ends:
            return None
        is_enough = kept is None or (names is not None and names <= kept)
        return rows if is_enough else None

    def drop(self, menus) -> None:
        """Forget menus that are about to be written to."""
        for menu in menus:
            self._answers.pop(menu, None)

    def clear(self) -> None:
        self._answers = {}
