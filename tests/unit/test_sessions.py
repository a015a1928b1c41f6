"""What sessions moved, by their cumulative counters; pure."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from tools.sessions import SessionRow, get_days, is_restart, merge, spread

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
NAIROBI = ZoneInfo("Africa/Nairobi")
COUNTS = st.integers(0, 2**50)


def row(minute=0, **values):
    given_values = {"started_at": NOW, "updated_at": NOW + timedelta(minutes=minute)}
    return SessionRow("alice", "u1", **{**given_values, **values})


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1))
def test_no_counter_falls_and_each_byte_is_counted_once(counts):
    known, total = None, [0, 0]
    for minute, (upload, download) in enumerate(counts):
        told = row(minute, upload=upload, download=download)
        merged = merge(known, told)
        if known:
            assert (merged.upload, merged.download) >= (known.upload, known.download)
        for parts in get_days(known, merged, NAIROBI).values():
            total = [whole + part for whole, part in zip(total, parts, strict=True)]
        known = merged
    assert total == [max(up for up, _ in counts), max(down for _, down in counts)]


@given(COUNTS, st.integers(0, 400 * 86400), st.integers(-(10**9), 10**9))
def test_the_parts_of_days_add_up_to_the_byte(amount, seconds, offset):
    start = NOW + timedelta(seconds=offset)
    parts = spread(amount, start, start + timedelta(seconds=seconds), NAIROBI)
    assert sum(parts.values()) == amount
    assert all(part >= 0 for part in parts.values())
    assert len(parts) == (max(parts) - min(parts)).days + 1


def test_what_was_moved_over_midnight_is_divided_at_local_midnight():
    start = datetime(2026, 11, 22, 20, tzinfo=timezone.utc)
    parts = spread(4000, start, start + timedelta(hours=4), NAIROBI)
    # Midnight in Nairobi is 21:00 UTC.
    assert {day.day: part for day, part in parts.items()} == {22: 1000, 23: 3000}


def test_a_session_counts_from_where_it_was_last_heard_of():
    old = row(5, upload=10, download=100)
    merged = merge(old, row(10, upload=15, download=180))
    assert list(get_days(old, merged, NAIROBI).values()) == [(5, 80)]
    # It began ten days ago; what came since five minutes ago is today's.
    long_ago = {"started_at": NOW - timedelta(days=10)}
    old = row(5, upload=10, **long_ago)
    days = get_days(old, row(10, upload=15, **long_ago), NAIROBI)
    assert days == {NOW.date(): (5, 0)}


def test_a_stop_without_octets_leaves_what_was_counted():
    merged = merge(
        row(5, upload=10, download=100, address="10.0.0.1"),
        row(6, stopped_at=NOW + timedelta(minutes=6), cause="User-Request"),
    )
    assert (merged.upload, merged.download) == (10, 100)
    assert (merged.address, merged.cause) == ("10.0.0.1", "User-Request")
    assert merged.stopped_at == NOW + timedelta(minutes=6)


def test_a_router_that_restarted_begins_another_session_under_the_same_name():
    old = row(5, upload=10, download=100)
    later = NOW + timedelta(minutes=9)
    assert is_restart(old, row(9, started_at=later, upload=1))
    assert is_restart(old, row(9, started_at=later, upload=500, download=500))


def test_a_start_put_back_to_now_is_no_restart():
    """The router's clock is ahead: each reading takes its start for now."""
    known = merge(None, row(0, upload=10))
    for minute in (5, 10):
        now = NOW + timedelta(minutes=minute)
        told = row(minute, started_at=now, upload=10 * minute, is_ahead=True)
        assert not is_restart(known, told)
        known = merge(known, told)
    # The clock has caught up, and nothing was moved since.
    later = NOW + timedelta(minutes=12)
    assert not is_restart(known, row(12, started_at=later, upload=100))
    ended = merge(known, row(12, stopped_at=later, upload=100, is_ahead=True))
    again = row(17, stopped_at=NOW + timedelta(minutes=17), is_ahead=True)
    assert merge(ended, again).stopped_at == later
    assert is_restart(known, row(15, started_at=later, upload=3, is_ahead=True))


def test_what_was_moved_before_a_router_knew_the_time_is_of_the_day_it_told():
    told = merge(None, row(5, started_at=None, upload=10))
    assert told.started_at == NOW + timedelta(minutes=5)
    assert get_days(None, told, NAIROBI) == {NOW.date(): (10, 0)}
    later = row(10, started_at=None, upload=15)
    assert not is_restart(told, later)
    assert merge(told, later).started_at == told.started_at


def test_a_start_that_was_sent_twice_is_no_restart():
    later = NOW + timedelta(seconds=7)
    assert not is_restart(row(), row(1, started_at=later))
    assert not is_restart(row(5, upload=1), row(6, upload=2))
