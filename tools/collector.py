"""Python's collector of cycles, kept still while very many values are made.

They all live to the end, so there is nothing to collect; but each of its whole looks
goes through every value there is (`gc`, "Generations"), which took a third of the time
of comparing 100,000 logins.
"""

import contextlib
import gc
import threading

# Fewer values are not worth the trouble.
MANY = 10_000

_lock = threading.Lock()
_holders = 0
_was_on = True


@contextlib.contextmanager
def kept_still(count: int):
    """Keep the collector still while about `count` values are made, if those are many.

    It is the whole process's: the last of several threads lets it go on.
    """
    if count < MANY:
        yield
        return
    _hold(1)
    try:
        yield
    finally:
        _hold(-1)


def _hold(change):
    global _holders, _was_on
    with _lock:
        if not _holders:
            _was_on = gc.isenabled()
        _holders += change
        if _holders:
            gc.disable()
        elif _was_on:
            gc.enable()
