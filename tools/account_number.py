"""Account numbers that no single slip of a finger turns into another one.

The last digit is a Damm check digit (H. M. Damm, "Total anti-symmetrische
Quasigruppen", Marburg 2004): it finds every wrong digit and every swap of two
neighbours. It does not find a digit dropped or typed twice, so the length does: all
numbers have 6 digits, and when those are used up 8 digits, never 7. A dropped or
doubled digit gives 5, 7 or 9. Numbers do not begin with 0, which spreadsheets drop.
"""

import re

_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
# First payload and how many there are, for 6 digits and for 8 (check digit included).
_BLOCKS = ((10_000, 90_000), (1_000_000, 9_000_000))
_SHAPE = re.compile(r"[1-9][0-9]{5}(?:[0-9]{2})?")
_SEPARATORS = re.compile(r"[\s.\-]+")
_LOOKALIKES = str.maketrans("OoIl", "0011")

LAST = sum(count for _first, count in _BLOCKS)


def issue(n: int) -> str:
    """Return the n-th account number, check digit included.

    :param n: 1 for the first, up to ``LAST``; a database sequence.
    :raise ValueError: when n is outside of that.
    """
    left = n - 1
    for first, count in _BLOCKS:
        if 0 <= left < count:
            payload = str(first + left)
            return payload + str(_check_digit(payload))
        left -= count
    raise ValueError(f"There is no account number {n}: give a number from 1 to {LAST}.")


def is_valid(s: str) -> bool:
    """Tell whether ``s`` has the shape and the check digit of an issued number."""
    return bool(_SHAPE.fullmatch(s or "")) and _check_digit(s) == 0


def normalize(s: str) -> str:
    """Return ``s`` without blanks, dashes and dots, otherwise as typed."""
    return _SEPARATORS.sub("", s or "")


def forgiving(s: str) -> str | None:
    """Return the valid number meant by ``s``, or None.

    Reads O as 0, and I and l as 1. Only the check digit makes that safe: never do it
    to numbers that have none.
    """
    number = normalize(s).translate(_LOOKALIKES)
    return number if is_valid(number) else None


def _check_digit(digits: str) -> int:
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim
