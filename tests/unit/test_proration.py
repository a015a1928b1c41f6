from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.periods import Cycle, period_from_date
from tools.proration import count, overlap, share

DAYS = st.dates(date(2020, 1, 1), date(2040, 12, 31))
PRICES = st.integers(-10_000_000, 10_000_000)
DIGITS = st.sampled_from([0, 2, 3])


def span(first, last):
    return date(*first), date(*last)


APRIL = span((2026, 4, 1), (2026, 4, 30))


@given(DAYS, st.integers(1, 400), st.data(), PRICES, DIGITS)
def test_any_split_of_a_period_sums_exactly_to_its_price(
    first, length, data, units, digits
):
    price = Decimal(units).scaleb(-digits)
    last = first + timedelta(days=length - 1)
    cuts = data.draw(st.sets(st.integers(1, max(length - 1, 1)), max_size=12))
    edges = sorted({0, length, *(cut for cut in cuts if cut < length)})
    parts = [
        (first + timedelta(days=a), first + timedelta(days=b - 1))
        for a, b in zip(edges, edges[1:], strict=False)
    ]
    shares = [share(price, (first, last), part, digits) for part in parts]
    assert sum(shares) == price
    for part, amount in zip(parts, shares, strict=True):
        exact = price * count(part) / length
        assert abs(amount - exact) < Decimal(1).scaleb(-digits)


@given(DAYS, st.integers(2, 400), st.data(), PRICES, DIGITS)
def test_used_and_unused_days_at_equal_price_are_the_whole(
    first, length, data, units, digits
):
    price = float(Decimal(units).scaleb(-digits))
    last = first + timedelta(days=length - 1)
    cut = first + timedelta(days=data.draw(st.integers(1, length - 1)))
    used = share(price, (first, last), (first, cut - timedelta(days=1)), digits)
    unused = share(price, (first, last), (cut, last), digits)
    assert round(used + unused, digits) == round(price, digits)


def test_a_part_costs_its_days_both_ends_inclusive():
    assert share(1500.0, APRIL, span((2026, 4, 11), (2026, 4, 30))) == 1000.0
    assert share(1500.0, APRIL, span((2026, 4, 1), (2026, 4, 1))) == 50.0


def test_february_of_a_leap_year_has_29_parts():
    whole = span((2028, 2, 1), (2028, 2, 29))
    assert share(2900.0, whole, span((2028, 2, 29), (2028, 2, 29))) == 100.0


def test_the_last_part_takes_the_rounding():
    whole = span((2026, 4, 1), (2026, 4, 3))
    parts = [
        share(100.0, whole, (whole[0] + timedelta(n), whole[0] + timedelta(n)))
        for n in range(3)
    ]
    assert parts == [33.33, 33.34, 33.33]


def test_a_part_that_leaves_its_period_is_refused():
    with pytest.raises(ValueError, match="no part of the period"):
        share(100.0, APRIL, span((2026, 3, 31), (2026, 4, 2)))
    with pytest.raises(ValueError, match="no part of the period"):
        share(100.0, APRIL, span((2026, 4, 2), (2026, 4, 1)))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (span((2026, 3, 1), (2026, 4, 1)), span((2026, 4, 1), (2026, 4, 1))),
        ((date(2026, 4, 30), None), span((2026, 4, 30), (2026, 4, 30))),
        ((date(2026, 5, 1), None), None),
        (span((2026, 3, 1), (2026, 3, 31)), None),
    ],
)
def test_spans_share_their_common_days(other, expected):
    assert overlap(APRIL, other) == expected


@given(
    DAYS,
    DAYS,
    st.integers(1, 12),
    st.integers(1, 31),
    st.integers(0, 24),
)
def test_periods_on_a_common_day_neither_overlap_nor_leave_a_gap(
    anchor, begin, months, day, steps
):
    cycle = Cycle(months, "months", day)
    first = cycle.first_start(begin)
    assert begin <= first
    first_part = period_from_date(Cycle(months, "months", day), first, begin, "UTC")
    assert first_part.whole[0] <= begin <= first_part.date_end
    number = cycle.number_at(anchor, begin) + steps
    assert cycle.start(anchor, number + 1) > cycle.start(anchor, number)
    start = cycle.start(anchor, number)
    # Its day, or the last of a shorter month.
    assert start.day == day or (start + timedelta(days=1)).day == 1


def test_the_last_day_of_the_month_is_the_31st_or_what_the_month_has():
    cycle = Cycle(1, "months", 31)
    anchor = date(2027, 2, 28)
    assert [cycle.start(anchor, n) for n in range(4)] == [
        date(2027, 2, 28),
        date(2027, 3, 31),
        date(2027, 4, 30),
        date(2027, 5, 31),
    ]


def test_a_first_part_runs_up_to_the_common_day():
    cycle = Cycle(1, "months", 1)
    begin = date(2026, 4, 11)
    part = period_from_date(cycle, cycle.first_start(begin), begin, "Africa/Nairobi")
    assert (part.date_start, part.date_end) == span((2026, 4, 11), (2026, 4, 30))
    assert part.whole == APRIL
    assert part.is_part


def test_a_quarter_from_the_common_day_has_its_part_in_front():
    cycle = Cycle(3, "months", 1)
    begin = date(2026, 2, 10)
    part = period_from_date(cycle, cycle.first_start(begin), begin, "UTC")
    assert part.date_end == date(2026, 2, 28)
    assert part.whole == span((2025, 12, 1), (2026, 2, 28))
