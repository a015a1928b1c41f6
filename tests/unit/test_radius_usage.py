"""Usage and attempts, from what a real FreeRADIUS noted of real packets."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from radius_lab import wish

from tools.radius_attempts import Attempt, explain, read_attempts
from tools.radius_usage import Accounted, Watermark, merge, read_changes, read_rows

pytest_plugins = ["radius_fixtures"]

NOW = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
MAC = "AA:BB:CC:00:11:22"


def account(lab, status, session="one", login="alice", **counters):
    send = {"Start": lab.radius.acct_start, "Stop": lab.radius.acct_stop}.get(status)
    if send is None:
        send, counters = lab.radius.acct_start, {**counters, "Acct_Status_Type": status}
    names = {name.replace("_", "-"): value for name, value in counters.items()}
    return send(login, session, **names)


def read(lab, known=None, since=None):
    with lab.driver() as driver:
        rows, mark = read_changes(driver._session, since or Watermark())
    return {**(known or {}), **merge(known or {}, rows)}, mark


def totals(known):
    return sorted((c.row.session_id, c.upload, c.download) for c in known.values())


# === READING === #


def test_usage_counts_gigawords_and_each_session_once(lab):
    account(lab, "Start", Framed_IP_Address="10.9.0.7", Calling_Station_Id=MAC)
    known, mark = read(lab)
    # Packets without an address wipe it out of the table.
    for octets in (100, 250):
        account(lab, "Interim-Update", Acct_Input_Octets=octets)
    account(
        lab,
        "Stop",
        Acct_Input_Octets=500,
        Acct_Output_Octets=7,
        Acct_Output_Gigawords=3,
        Acct_Terminate_Cause="User-Request",
    )
    known, _mark = read(lab, known, mark)
    assert totals(known) == [("one", 500, (3 << 32) + 7)]
    (counted,) = known.values()
    row = counted.row
    assert (row.login, row.nas, row.address) == ("alice", "127.0.0.1", "10.9.0.7")
    assert (row.caller, row.cause) == (MAC, "User-Request")
    assert row.started_at <= row.stopped_at
    age = datetime.now(timezone.utc) - row.stopped_at
    assert timedelta(seconds=-2) < age < timedelta(minutes=5)


def test_a_stop_sent_again_without_counters_takes_nothing_back(lab):
    account(lab, "Start")
    account(lab, "Stop", Acct_Input_Octets=500, Acct_Output_Octets=900)
    known, mark = read(lab)
    account(lab, "Stop")
    ((upload,),) = lab.sql("SELECT acctinputoctets FROM radacct")
    assert upload == 0
    known, _mark = read(lab, known, mark)
    assert totals(known) == [("one", 500, 900)]


def test_a_session_whose_start_was_lost_counts(lab):
    account(lab, "Interim-Update", Acct_Input_Octets=70)
    assert totals(read(lab)[0]) == [("one", 70, 0)]


def test_a_router_that_starts_anew_ends_its_sessions_and_takes_nothing_back(lab):
    account(lab, "Start")
    account(lab, "Interim-Update", Acct_Input_Octets=70)
    known, mark = read(lab)
    account(lab, "Accounting-On", session="boot", login="")
    account(lab, "Start", "two")
    account(lab, "Interim-Update", "two", Acct_Input_Octets=5)
    known, _mark = read(lab, known, mark)
    assert totals(known) == [("one", 70, 0), ("two", 5, 0)]
    assert next(c for c in known.values() if c.row.session_id == "one").row.stopped_at


def test_reading_goes_on_where_it_ended_and_misses_nothing_of_the_same_second(lab):
    for number in range(7):
        account(lab, "Start", f"s{number}")
    found, mark = [], Watermark()
    with lab.driver() as driver:
        while True:
            rows, mark = read_changes(driver._session, mark, limit=3, overlap=0)
            found += [row.session_id for row in rows]
            if len(rows) < 3:
                break
        assert sorted(found) == [f"s{number}" for number in range(7)]
        assert read_changes(driver._session, mark, overlap=0) == ([], mark)
    account(lab, "Interim-Update", "s2", Acct_Input_Octets=9)
    lab.sql(
        f"UPDATE radacct SET acctupdatetime = {lab.ago.format('acctupdatetime')} "
        "WHERE acctsessionid = 's2'",
        -5,
    )
    with lab.driver() as driver:
        rows, _mark = read_changes(driver._session, mark, overlap=0)
    assert [(row.session_id, row.upload) for row in rows] == [("s2", 9)]


def test_what_a_router_with_a_slow_clock_tells_late_is_read_and_counts_once(lab):
    account(lab, "Start")
    account(lab, "Interim-Update", Acct_Input_Octets=10)
    known, mark = read(lab)
    account(lab, "Start", "late")
    account(lab, "Interim-Update", "late", Acct_Input_Octets=5)
    lab.sql(
        f"UPDATE radacct SET acctupdatetime = {lab.ago.format('acctupdatetime')}, "
        f"acctstarttime = {lab.ago.format('acctstarttime')} "
        "WHERE acctsessionid = 'late'",
        *(600, 600),
    )
    known, mark = read(lab, known, mark)
    assert totals(known) == [("late", 5, 0), ("one", 10, 0)]
    known, mark = read(lab, known, mark)
    assert totals(known) == [("late", 5, 0), ("one", 10, 0)]


def test_a_session_of_a_router_whose_clock_stands_is_found_by_its_row(lab):
    account(lab, "Start")
    known, mark = read(lab)
    account(lab, "Stop", Acct_Input_Octets=5)
    lab.sql("UPDATE radacct SET acctupdatetime = acctstarttime - interval '9' day")
    lab.sql("UPDATE radacct SET acctstoptime = acctupdatetime")
    lab.sql("UPDATE radacct SET acctstarttime = acctupdatetime")
    known, _mark = read(lab, known, mark)
    assert totals(known) == [("one", 0, 0)]
    with lab.driver() as driver:
        rows = read_rows(driver._session, [c.row.row_id for c in known.values()])
    assert totals(merge(known, rows)) == [("one", 5, 0)]


# === COUNTING === #

ROW = Accounted(
    *(1, "u1", "alice", "one", "10.0.0.1", NOW, None, NOW, "", "", 0, 0, "")
)


def row(minutes, upload, started=0, **values):
    return replace(
        ROW,
        started_at=NOW + timedelta(minutes=started),
        changed_at=NOW + timedelta(minutes=minutes),
        upload=upload,
        **values,
    )


def test_a_name_used_again_after_its_session_ended_counts_both():
    known = merge({}, [row(10, 100)])
    known = merge(known, [row(21, 30, started=20), row(25, 60, started=20)])
    assert known["u1"].upload == 160
    known = merge(known, [row(25, 60, started=20), row(26, 0, started=20)])
    assert known["u1"].upload == 160


def test_a_start_that_is_lost_later_is_kept():
    known = merge({}, [row(1, 5)])
    known = merge(known, [replace(row(2, 6), started_at=None)])
    assert known["u1"].row.started_at == NOW


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9), st.integers(0, 9))),
    st.data(),
)
def test_counters_never_fall_and_reading_twice_counts_once(steps, data):
    rows = [row(m, upload, s, download=upload * 2) for m, upload, s in steps]
    known, last = {}, (0, 0)
    for one in rows:
        known = {**known, **merge(known, [one])}
        now = known["u1"].upload, known["u1"].download
        assert now >= last and now[0] >= one.upload
        last = now
        again = merge(known, [one])["u1"]
        assert (again.upload, again.download) == now


# === ATTEMPTS === #


def attempts(lab, login="alice"):
    with lab.driver() as driver:
        observed = driver.read([login])[login]
        found = read_attempts(driver._session, [login])[login]
    return [explain(attempt, observed) for attempt in found], found


def test_attempts_are_told_newest_first_and_never_the_password(lab):
    lab.converge(wish())
    lab.auth("alice", "tr1ed-and-wrong")
    lab.auth("alice")
    words, found = attempts(lab)
    assert words == ["alice was let in.", "The password for alice was wrong."]
    assert [attempt.is_accepted for attempt in found] == [True, False]
    assert "tr1ed" not in repr(found) + repr(words)
    age = datetime.now(timezone.utc) - found[0].at
    assert timedelta(seconds=-2) < age < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"on": False}, "switched off"),
        ({"expires_at": NOW}, "had ended on 01 May 12:00 UTC"),
        ({"mac": MAC}, f"not {MAC}"),
    ],
)
def test_a_refusal_is_told_in_words(lab, changes, word):
    lab.converge(wish(**changes))
    assert not lab.auth("alice").accepted
    assert word in attempts(lab)[0][0]


def test_an_unknown_login_and_one_that_is_online_are_told(lab):
    lab.auth("alice")
    assert "no login alice" in attempts(lab)[0][0]
    lab.converge(wish(simultaneous=1))
    lab.start("alice", "one", Calling_Station_Id=MAC)
    assert not lab.auth("alice").accepted
    assert f"online already from {MAC}" in attempts(lab)[0][0]


def test_another_device_is_told_where_it_was_noted(pg_lab):
    pg_lab.converge(wish(mac=MAC))
    with pg_lab.driver() as driver:
        observed = driver.read(["alice"])["alice"]
    attempt = Attempt("alice", NOW - timedelta(days=400), False, "AA:BB:CC:00:11:29")
    assert "this was AA:BB:CC:00:11:29" in explain(attempt, observed)
