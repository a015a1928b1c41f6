from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.periods import (
    Cycle,
    period_from_date,
    period_from_moment,
    to_local,
    to_utc,
)

DAYS = st.dates(date(2000, 1, 1), date(2060, 12, 31))
CYCLES = st.builds(
    Cycle, st.integers(1, 24), st.sampled_from(["days", "weeks", "months"])
)
ZONES = st.sampled_from(
    ["Africa/Nairobi", "UTC", "Europe/Zurich", "America/New_York", "Asia/Dhaka"]
)


def test_31_january_comes_back_after_february():
    monthly = Cycle(1, "months")
    starts = [monthly.start(date(2027, 1, 31), number) for number in range(4)]
    assert starts == [
        date(2027, 1, 31),
        date(2027, 2, 28),
        date(2027, 3, 31),
        date(2027, 4, 30),
    ]


def test_a_leap_year_gives_february_its_29th():
    assert Cycle(1, "months").start(date(2028, 1, 31), 1) == date(2028, 2, 29)


@pytest.mark.parametrize("duration", [0, -1])
def test_a_cycle_of_no_length_is_refused(duration):
    with pytest.raises(ValueError, match="at least 1"):
        Cycle(duration, "months")


def test_an_unknown_unit_is_refused():
    with pytest.raises(ValueError, match="unknown unit"):
        Cycle(1, "day")


@given(CYCLES, DAYS, st.integers(0, 60))
def test_periods_neither_overlap_nor_leave_a_gap(cycle, anchor, number):
    zone = "Africa/Nairobi"
    first = period_from_date(cycle, anchor, cycle.start(anchor, number), zone)
    second = period_from_date(cycle, anchor, cycle.start(anchor, number + 1), zone)
    assert first.date_end + timedelta(days=1) == second.date_start
    assert first.end_at == second.start_at
    assert first.date_start <= first.date_end


@given(CYCLES, DAYS, DAYS)
def test_the_period_of_a_day_holds_that_day(cycle, anchor, day):
    number = cycle.number_at(anchor, day)
    assert cycle.start(anchor, number) <= day < cycle.start(anchor, number + 1)


@given(DAYS, ZONES)
def test_a_local_day_begins_at_its_local_midnight(day, zone):
    local = to_local(to_utc(day, zone), zone)
    assert local.date() == day
    assert local.hour == 0


def test_24_hours_are_24_hours_on_the_day_clocks_change():
    start = datetime(2026, 3, 28, 22, 10)
    period = period_from_moment(Cycle(24, "hours"), start, "Europe/Zurich")
    assert period.end_at - period.start_at == timedelta(hours=24)


def test_the_midnight_that_clocks_skip_becomes_the_first_moment_that_exists():
    # In Cairo clocks went from 00:00 to 01:00 on 26 April 2024.
    moment = to_utc(date(2024, 4, 26), "Africa/Cairo")
    assert to_local(moment, "Africa/Cairo") == datetime(2024, 4, 26, 1, 0)
    assert to_utc(date(2024, 4, 27), "Africa/Cairo") - moment == timedelta(hours=23)


@given(CYCLES)
def test_no_period_is_shorter_than_said(cycle):
    for month in range(1, 13):
        start = date(2026, month, 1)
        assert (cycle.start(start, 1) - start).days >= cycle.shortest_days
