"""What a part of a period costs, so that the parts add up to the whole.

Days count both ends inclusive. A part is the difference of two running totals, each
rounded: whatever the split, the parts of one whole telescope to its amount exactly.
"""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal


def share(amount, whole, part, digits=2):
    """Return what ``part`` of the period ``whole`` costs.

    amount × days ÷ days of the whole, rounded half away from zero at the running
    totals: ``share`` of adjoining parts sums exactly to ``share`` of both together.

    :param float|Decimal amount: the price of the whole period, of either sign
    :param tuple[date, date] whole: its first and last day
    :param tuple[date, date] part: first and last day, within the whole
    :param int digits: decimal places of the currency
    :return: the amount, the type of ``amount`` (a float is the nearest to the decimal)
    :raise ValueError: when the part isn't within the whole, or ends before it starts
    """
    first, last = whole
    if not first <= part[0] <= part[1] <= last:
        raise ValueError(
            f"{part[0]} to {part[1]} is no part of the period {first} to {last}"
        )
    before = running(amount, whole, part[0] - timedelta(days=1), digits)
    result = running(amount, whole, part[1], digits) - before
    return result if isinstance(amount, Decimal) else float(result)


def running(amount, whole, day, digits=2):
    """Return what the days from the beginning of a period through ``day`` cost.

    :param float|Decimal amount: the price of the whole period
    :param tuple[date, date] whole: its first and last day
    :param date day: the last day counted; before the first one it is nothing
    :param int digits: decimal places of the currency
    :rtype: Decimal
    """
    total = count(whole)
    days = min(max((day - whole[0]).days + 1, 0), total)
    exact = Decimal(str(amount)) * days / total
    return exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def count(span):
    """Return how many days a span has, both ends inclusive.

    :param tuple[date, date] span: first and last day
    :rtype: int
    """
    return (span[1] - span[0]).days + 1


def overlap(one, other):
    """Return the days two spans share, or ``None``.

    :param tuple[date, date] one: first and last day
    :param tuple[date, date|None] other: first and last day; ``None`` is without end
    :rtype: tuple[date, date] | None
    """
    first = max(one[0], other[0])
    last = one[1] if other[1] is None else min(one[1], other[1])
    return (first, last) if first <= last else None
