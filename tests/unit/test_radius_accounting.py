"""Accounting and attempts to log in, told by a real FreeRADIUS."""

import re
import time
from datetime import datetime, timedelta, timezone

import pytest
from radius_lab import NOW, wish

from tools import radius_accounting

pytest_plugins = ["radius_fixtures"]

GIGAWORD = 2**32


@pytest.fixture
def reader(lab):
    with lab.driver() as driver:
        yield driver


def account(lab, status, session="s1", login="alice", **attributes):
    answer = lab.radius._account(status, login, session, attributes)
    assert answer.accepted


def seconds_ago(seconds):
    """Return an Event-Timestamp of so long ago, as a router would send it."""
    return int(time.time()) - seconds


def read(reader, since=None, known=()):
    return reader.read_sessions(since, known)


def test_a_session_is_told_with_all_that_is_known_of_it(lab, reader):
    at = datetime.now(timezone.utc)
    account(
        lab,
        "Start",
        Framed_IP_Address="10.0.0.7",
        Calling_Station_Id="AA:BB:CC:00:11:22",
    )
    account(
        lab,
        "Stop",
        Acct_Input_Octets=7,
        Acct_Input_Gigawords=2,
        Acct_Output_Octets=9,
        Acct_Output_Gigawords=3,
        Acct_Terminate_Cause="Lost-Carrier",
        Framed_IP_Address="10.0.0.7",
    )
    [row] = read(reader).rows
    assert (row.login, row.session_id, row.nas) == ("alice", "s1", "127.0.0.1")
    assert (row.address, row.caller) == ("10.0.0.7", "AA:BB:CC:00:11:22")
    assert (row.upload, row.download) == (2 * GIGAWORD + 7, 3 * GIGAWORD + 9)
    assert row.cause == "Lost-Carrier"
    for moment in (row.started_at, row.updated_at, row.stopped_at):
        assert abs(moment - at) < timedelta(seconds=5)


def test_what_was_read_is_read_again_only_while_it_is_recent(lab, reader):
    account(lab, "Start", "old", Event_Timestamp=seconds_ago(7200))
    account(lab, "Start", "new")
    news = read(reader)
    assert {row.session_id for row in news.rows} == {"old", "new"}
    assert {row.session_id for row in read(reader, news.mark).rows} == {"new"}


def test_an_update_that_comes_a_little_late_is_read(lab, reader):
    account(lab, "Start", "right")
    news = read(reader)
    account(lab, "Start", "late", Event_Timestamp=seconds_ago(300))
    assert "late" in {row.session_id for row in read(reader, news.mark).rows}


def test_a_mark_stays_where_it_is_while_nothing_happens(lab, reader):
    account(lab, "Start")
    first = read(reader)
    again = read(reader, first.mark)
    assert again.mark == first.mark
    lab.sql("DELETE FROM radacct")
    assert read(reader, first.mark).mark == first.mark


def test_a_router_with_a_slow_clock_is_heard_by_the_name_of_its_session(lab, reader):
    account(lab, "Start", "slow", Event_Timestamp=seconds_ago(9000))
    account(lab, "Start", "right")
    news = read(reader)
    [slow] = [row for row in news.rows if row.session_id == "slow"]
    account(lab, "Stop", "slow", Event_Timestamp=seconds_ago(8000))
    assert {row.session_id for row in read(reader, news.mark).rows} == {"right"}
    rows = read(reader, news.mark, [slow.unique_id]).rows
    [stopped] = [row for row in rows if row.session_id == "slow"]
    assert stopped.stopped_at


def test_a_router_with_a_fast_clock_tells_of_now(lab, reader):
    account(lab, "Start", Event_Timestamp=seconds_ago(-7200))
    [row] = read(reader).rows
    assert row.started_at <= datetime.now(timezone.utc)


def test_a_router_with_a_fast_clock_hides_nothing_of_the_others(lab, reader):
    account(lab, "Start", "fast", Event_Timestamp=seconds_ago(-7200))
    mark = read(reader).mark
    assert mark[0] <= datetime.now(timezone.utc)
    account(lab, "Start", "right")
    assert "right" in {row.session_id for row in read(reader, mark).rows}
    # What an earlier release had noted is put right.
    far = datetime.now(timezone.utc) + timedelta(hours=5), 0
    assert "right" in {row.session_id for row in read(reader, far).rows}


def test_a_start_before_a_router_knew_the_time_is_none(lab, reader):
    account(lab, "Start", "s1", Event_Timestamp=90_000)
    account(lab, "Interim-Update", "s1", Acct_Input_Octets=7)
    [row] = read(reader).rows
    assert (row.started_at, row.upload) == (None, 7)


def test_more_than_is_read_at_once_is_read_on_and_each_once(lab, reader, monkeypatch):
    for number in range(7):
        account(lab, "Start", f"s{number}", Event_Timestamp=seconds_ago(100 - number))
    monkeypatch.setattr(radius_accounting, "MAX_ROWS", 4)
    monkeypatch.setattr(radius_accounting, "PAGE", 2)
    first = read(reader)
    assert (len(first.rows), first.has_more) == (4, True)
    second = read(reader, first.mark)
    assert (len(second.rows), second.has_more) == (3, False)
    names = {row.session_id for row in first.rows + second.rows}
    assert names == {f"s{number}" for number in range(7)}


def test_the_accounting_is_only_read(lab, reader):
    account(lab, "Start")
    account(lab, "Stop", Acct_Input_Octets=1)
    before = lab.sql("SELECT * FROM radacct ORDER BY radacctid")
    assert read(reader).rows
    assert reader.read_attempts(["alice"], 5) == []
    assert lab.sql("SELECT * FROM radacct ORDER BY radacctid") == before


# === ATTEMPTS TO LOG IN === #


def reasons(reader, login="alice"):
    return [attempt.reason for attempt in reader.read_attempts([login], 5)]


def test_an_attempt_is_told_with_its_reason(lab, reader):
    lab.converge(wish())
    assert not lab.auth("alice", "wrong").accepted
    assert lab.auth("alice").accepted
    accepted, refused = reasons(reader)
    assert accepted == ""
    assert re.match("The password .*was wrong", refused)
    attempts = reader.read_attempts(["alice"], 5)
    assert [attempt.accepted for attempt in attempts] == [True, False]


def test_no_password_that_was_tried_is_told(lab, reader):
    lab.auth("alice", "tr1ed-s3cret")
    [attempt] = reader.read_attempts(["alice"], 5)
    assert "s3cret" not in str(attempt)


@pytest.mark.parametrize(
    ("off", "reason"),
    [
        ({"on": False}, "switched off"),
        ({"expires_at": NOW - timedelta(hours=1)}, "was over|had ended"),
        ({"simultaneous": 1}, "online already"),
    ],
)
def test_a_login_that_is_refused_says_why(lab, reader, off, reason):
    lab.converge(wish(**off))
    account(lab, "Start")
    assert not lab.auth("alice").accepted
    [said] = reasons(reader)
    assert re.search(reason, said)


def test_a_login_nobody_has_says_so(lab, reader):
    assert not lab.auth("nobody").accepted
    [reason] = reasons(reader, "nobody")
    assert re.match("There is no (such )?login", reason)


def test_another_device_says_so(lab, reader):
    lab.converge(wish())
    lab.check_row("alice", "Calling-Station-Id", "AA:AA:AA:AA:AA:AA", "==")
    assert not lab.auth("alice").accepted
    [reason] = reasons(reader)
    assert "AA:AA:AA:AA:AA:AA" in reason


def test_each_login_has_its_last_attempts_the_newest_first(lab, reader):
    for _ in range(3):
        lab.auth("alice", "wrong")
        lab.auth("bob", "wrong")
    attempts = reader.read_attempts(["alice", "bob"], 2)
    assert sorted(attempt.login for attempt in attempts) == ["alice"] * 2 + ["bob"] * 2
    assert attempts == sorted(attempts, key=lambda attempt: attempt.at, reverse=True)
