"""Sessions nobody ended: which of them are over, and how they end."""

import pytest
from radius_lab import ROLE, wish

from tools import radius_sessions
from tools.access_types import RightsError
from tools.radius_sessions import close_stale

pytest_plugins = ["radius_fixtures"]


def test_after_a_power_cut_two_hundred_homes_are_let_in_again(lab):
    homes = [wish(f"home{n}", simultaneous=1) for n in range(200)]
    lab.converge(*homes)
    assert lab.radius.count_started(home.login for home in homes) == 200
    # The router dies without a word, and comes back a quarter of an hour later.
    lab.age(1000, interval=300)
    passwords = {home.login: home.password for home in homes}
    assert lab.radius.count_accepted(passwords) == 0
    with lab.driver() as driver:
        closed = close_stale(driver._session, 900)
    assert len(closed) == 200
    assert lab.open_sessions() == []
    assert lab.radius.count_accepted(passwords) == 200


def close(lab):
    with lab.driver() as driver:
        return sorted(one.session_id for one in close_stale(driver._session, 900))


def told(lab, session, since, until, interval):
    """Have a session begin and be told of last so many seconds ago."""
    lab.start(session, session)
    ago = [lab.ago.format(name) for name in ("acctstarttime", "acctupdatetime")]
    lab.sql(
        f"UPDATE radacct SET acctstarttime = {ago[0]}, acctupdatetime = {ago[1]}, "
        "acctinterval = %s WHERE acctsessionid = %s",
        *(since, until, interval, session),
    )


def test_closing_leaves_what_is_alive_and_what_is_ended(lab):
    told(lab, "dead", 9000, 4000, 300)
    told(lab, "young", 2000, 0, 300)
    told(lab, "alive", 9000, 100, 300)
    lab.start("bob", "ended")
    lab.radius.acct_stop("bob", "ended")
    before = lab.sql("SELECT acctstoptime FROM radacct WHERE acctsessionid = 'ended'")
    assert close(lab) == ["dead"]
    assert close(lab) == []
    assert lab.open_sessions() == ["alive", "young"]
    after = lab.sql("SELECT acctstoptime FROM radacct WHERE acctsessionid = 'ended'")
    assert after == before
    rows = lab.sql("SELECT acctterminatecause FROM radacct WHERE username = 'dead'")
    assert rows == [("Stale-Session",)]


def test_while_the_accounting_is_cut_off_no_session_is_ended(lab):
    """FreeRADIUS, its network or the clock of the database: the lines stay up."""
    for number in range(3):
        told(lab, f"s{number}", 9000, 4000 + number, 300)
    # It is over: one is told of again, and some that began since.
    told(lab, "first", 9000, 0, 4100)
    told(lab, "new", 10, 10, None)
    told(lab, "newer", 400, 100, 300)
    # What another router tells says nothing of this one.
    told(lab, "far", 3000, 0, 300)
    lab.sql("UPDATE radacct SET nasipaddress = '10.9.9.9' WHERE username = 'far'")
    assert close(lab) == []


def test_a_router_that_tells_of_some_sessions_only_loses_none_of_the_others(lab):
    """Its hotspot sends updates, its PPPoE server none."""
    told(lab, "pppoe", 300_000, 300_000, None)
    told(lab, "hotspot", 3000, 0, 300)
    assert close(lab) == []
    lab.converge(wish("other"))
    assert not lab.auth("other", "wrong").accepted
    assert close(lab) == []


def test_who_is_refused_while_a_session_is_alive_ends_nothing(lab):
    """A second device, or a wrong password, with updates every ten minutes."""
    told(lab, "alice", 9000, 700, 600)
    told(lab, "young", 1000, 1000, None)
    told(lab, "put-back", 9000, 1000, -50)
    lab.sql("UPDATE radacct SET nasipaddress = '10.9.9.9' WHERE username = 'put-back'")
    for login in ("alice", "young", "put-back"):
        assert not lab.auth(login, "wrong").accepted
    assert close(lab) == []


def test_a_session_too_young_for_an_update_ends_when_its_login_is_refused(lab):
    told(lab, "old", 9000, 1000, 300)
    told(lab, "young", 1000, 1000, None)
    assert close(lab) == []
    assert not lab.auth("young").accepted
    assert close(lab) == ["young"]


def test_a_name_the_database_takes_for_the_same_is_another_ones(lab):
    told(lab, "alice", 9000, 4000, 300)
    lab.sql("UPDATE radacct SET username = 'alicé'")
    assert not lab.auth("alice").accepted
    assert close(lab) == []


def test_a_login_in_other_letters_ends_its_session(my_lab):
    told(my_lab, "alice", 9000, 4000, 300)
    assert not my_lab.auth("Alice").accepted
    assert close(my_lab) == ["alice"]


def test_where_attempts_cant_be_seen_those_that_were_outlived_end_all_the_same(pg_lab):
    told(pg_lab, "dead", 9000, 4000, 300)
    told(pg_lab, "young", 2000, 0, 300)
    columns = "id, username, reply, authdate, callingstationid"
    pg_lab.sql(f"REVOKE SELECT ({columns}) ON radpostauth FROM {ROLE}")
    try:
        assert close(pg_lab) == ["dead"]
    finally:
        pg_lab.sql(f"GRANT SELECT ({columns}) ON radpostauth TO {ROLE}")


def test_a_session_that_speaks_while_it_is_judged_stays(lab):
    told(lab, "dead", 9000, 4000, 300)
    told(lab, "young", 2000, 0, 300)
    with lab.driver() as driver:
        found = radius_sessions._find_outlived(driver._session, 900)
        lab.sql("UPDATE radacct SET acctupdatetime = NOW() WHERE username = 'dead'")
        assert found and not radius_sessions._close(driver._session, found)
    assert lab.open_sessions() == ["dead", "young"]


def test_a_clean_up_that_holds_a_lock_does_not_hold_up_reading(lab):
    told(lab, "dead", 9000, 4000, 300)
    told(lab, "young", 2000, 0, 300)
    other = lab.server.connect("radius")
    try:
        with other.cursor() as cursor:
            cursor.execute("START TRANSACTION")
            cursor.execute("DELETE FROM radacct WHERE username = 'dead'")
            with lab.driver() as driver:
                assert driver.close_stale() == 0
                assert len(driver.read_sessions().rows) == 2
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert close(lab) == ["dead"]


def test_closing_without_the_right_to_is_a_rights_error(pg_lab):
    told(pg_lab, "one", 9000, 4000, 300)
    told(pg_lab, "young", 2000, 0, 300)
    pg_lab.sql(f"REVOKE UPDATE ON radacct FROM {ROLE}")
    try:
        with pg_lab.driver() as driver, pytest.raises(RightsError, match="radacct"):
            close_stale(driver._session, 900)
    finally:
        pg_lab.sql(f"GRANT UPDATE ON radacct TO {ROLE}")
    assert pg_lab.open_sessions() == ["one", "young"]
