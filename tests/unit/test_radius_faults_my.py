"""The FreeRADIUS driver when MariaDB is away, slow, locked or hostile."""

import os
import signal
import socket
import sys
import threading
import time
import traceback

import pytest
from radius_lab import PASSWORD, ROLE, TABLES, wish

from tools.access_types import AuthError, DependencyError, RightsError, TransportError

pytest_plugins = ["radius_fixtures"]


@pytest.fixture
def lab(my_lab):
    return my_lab


@pytest.fixture
def trigger(lab):
    """Return a function that runs SQL before each row a table gets."""
    made = []

    def make(table, body):
        for moment in ("INSERT", "UPDATE"):
            name = f"trouble_{moment}"
            lab.sql(
                f"CREATE TRIGGER {name} BEFORE {moment} ON {table} "
                f"FOR EACH ROW BEGIN {body} END"
            )
            made.append(name)

    yield make
    for name in made:
        lab.sql(f"DROP TRIGGER {name}")


@pytest.fixture
def locked(lab):
    """A lock on all rows of radusergroup and the room between them, and on alice's."""
    lab.converge(wish())
    connection = lab.server.connect("radius")
    connection.begin()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM radusergroup FOR UPDATE")
    yield connection
    connection.close()


def wait_for_lock(lab, count=1):
    limit = time.monotonic() + 20
    statement = (
        "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
    )
    while len(lab.sql(statement)) < count:
        assert time.monotonic() < limit, "nothing came to wait for the lock"
        # The table is renewed only when nobody read it for a tenth of a second.
        time.sleep(0.15)


def backend(lab):
    (row,) = lab.sql(
        "SELECT id FROM information_schema.processlist WHERE user = %s", ROLE
    )
    return row[0]


# === AWAY AND MUTE === #


def test_mariadb_that_is_down_is_a_transport_error_and_works_when_back(lab):
    lab.server.pause()
    try:
        with pytest.raises(TransportError, match="Can't reach"):
            lab.converge(wish())
    finally:
        lab.server.resume()
        lab.connection.close()
        lab.connection = lab.server.connect("radius")
    assert lab.converge(wish())["alice"].state == "applied"
    lab.radius.wait()
    limit = time.monotonic() + 20
    while not lab.auth("alice").accepted:
        assert time.monotonic() < limit, "FreeRADIUS did not come back"


def test_a_host_that_takes_the_connection_and_says_nothing_ends_in_time(lab):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        with pytest.raises(TransportError, match="No answer"):
            lab.converge(wish(), port=port, connect_timeout=0.3)


def test_a_mariadb_that_freezes_after_login_ends_at_the_deadline(lab):
    pid = lab.server.process.pid
    with lab.driver(connect_timeout=30, statement_timeout=30) as driver:
        os.kill(pid, signal.SIGSTOP)
        # Who waited beyond the deadline would get an answer after all.
        thaw = threading.Timer(10, os.kill, (pid, signal.SIGCONT))
        thaw.start()
        try:
            with pytest.raises(TransportError, match="No answer"):
                driver.converge([wish()], deadline=time.monotonic() + 0.5)
            with pytest.raises(TransportError, match="closed"):
                driver.converge([wish()])
        finally:
            thaw.cancel()
            os.kill(pid, signal.SIGCONT)


def test_time_that_is_used_up_leaves_the_rest_for_the_next_run(lab):
    with lab.driver() as driver, pytest.raises(TransportError):
        driver.converge([wish()], deadline=time.monotonic() - 1)
    assert lab.rows("radcheck") == []


def test_a_connection_killed_in_mid_batch_leaves_nothing_behind(lab, locked):
    caught = []
    before = lab.everything()

    def run():
        try:
            lab.converge(
                wish(password="new", plan="isp_plan_2"),
                lock_timeout=30,
                statement_timeout=30,
            )
        except TransportError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for_lock(lab)
    lab.sql("KILL %s", backend(lab))
    thread.join(20)
    assert len(caught) == 1
    locked.rollback()
    assert {table: lab.rows(table) for table in TABLES} == before


# === LOCKS AND TWO AT ONCE === #


def test_a_lock_held_by_others_ends_in_time_and_logins_go_on(lab, locked):
    with pytest.raises(TransportError, match="lock on radusergroup"):
        lab.converge(wish(plan="isp_plan_2"), lock_timeout=1)
    assert lab.auth("alice").accepted
    locked.rollback()
    assert lab.converge(wish(plan="isp_plan_2"))["alice"].state == "applied"


def test_logins_go_on_while_a_batch_is_being_written(lab, locked):
    thread = threading.Thread(
        target=lambda: lab.converge(
            wish(password="new", plan="isp_plan_2"),
            lock_timeout=30,
            statement_timeout=30,
        )
    )
    thread.start()
    wait_for_lock(lab)
    assert lab.auth("alice").accepted
    locked.rollback()
    thread.join(20)
    assert lab.auth("alice", "new").accepted


def test_two_runs_that_planned_the_same_make_no_second_row(lab):
    with lab.driver() as one, lab.driver() as two:
        wishes = [wish("alice"), wish("bob", on=False)]
        ops = [
            driver.plan(wishes, driver.read(["alice", "bob"])) for driver in (one, two)
        ]
        assert ops[0] == ops[1] != []
        one.apply(ops[0])
        before = lab.everything()
        assert not any(result.kind for result in two.apply(ops[1]).values())
    assert lab.everything() == before


def test_a_second_run_waits_for_its_turn_and_gives_up_in_time(lab):
    with lab.driver() as one, lab.driver(lock_timeout=1) as two:
        ops = two.plan([wish()], two.read(["alice"]))
        with (
            one._dialect.transaction(one._session),
            pytest.raises(TransportError, match="Another run"),
        ):
            two.apply(ops)
        assert lab.rows("radcheck") == []
        assert not any(result.kind for result in two.apply(ops).values())


def test_a_crash_after_writing_and_before_recording_writes_nothing_again(lab):
    driver = lab.driver().__enter__()
    driver.apply(driver.plan([wish()], driver.read(["alice"])))
    lab.sql("KILL %s", backend(lab))
    before = lab.everything()
    outcome = lab.converge(wish())["alice"]
    assert (outcome.state, outcome.changed, outcome.commands) == ("applied", False, [])
    assert lab.everything() == before


# === REFUSED === #


def test_a_wrong_password_is_an_auth_error_that_tells_no_secret(lab):
    # Built here, because a traceback quotes the lines of this file.
    wrong = "-".join(["wr0ng", "gateway", "pw"])
    with pytest.raises(AuthError, match="user and password") as caught:
        lab.converge(wish(), password=wrong)
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    text += repr(lab.settings(password=wrong)) + repr(wish())
    for secret in (wrong, PASSWORD, "s3cret"):
        assert secret not in text


def test_an_unknown_user_is_an_auth_error(lab):
    with pytest.raises(AuthError):
        lab.converge(wish(), user="nobody_here")


def test_an_unknown_database_and_one_without_tables_are_told_as_such(lab):
    with pytest.raises(DependencyError, match="no such database"):
        lab.converge(wish(), database="nothing_here", user="root", password="")
    lab.server.create_database("empty")
    with pytest.raises(DependencyError, match="schema"):
        lab.converge(wish(), database="empty", user="root", password="")


def test_without_pymysql_a_person_is_told_what_to_install(lab, monkeypatch):
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with pytest.raises(DependencyError, match="pip install PyMySQL"):
        lab.converge(wish())


@pytest.fixture
def reader(lab):
    """A user who may read all and write only passwords."""
    lab.sql("CREATE USER isp_reader@'127.0.0.1'")
    lab.sql("GRANT SELECT ON radius.* TO isp_reader@'127.0.0.1'")
    lab.sql("GRANT INSERT, UPDATE, DELETE ON radius.radcheck TO isp_reader@'127.0.0.1'")
    yield {"user": "isp_reader", "password": ""}
    lab.sql("DROP USER isp_reader@'127.0.0.1'")


def test_missing_rights_are_a_rights_error_and_nothing_is_written(lab, reader):
    with pytest.raises(RightsError, match="isp_reader may not use radgroupreply"):
        lab.converge(wish(), **reader)
    assert lab.rows("radcheck") == []


def test_a_test_of_the_gateway_names_what_is_missing(lab, reader):
    with lab.driver(**reader) as driver:
        missing = driver.probe().missing_rights
    assert "DELETE on radusergroup" in missing
    assert not any("radcheck" in text or "SELECT" in text for text in missing)
    with lab.driver() as driver:
        facts = driver.probe()
    assert (facts.missing_rights, facts.missing_tables) == ((), ())
    assert facts.read_only is False
    # Both run on one machine, so the clocks agree but for the way there and back.
    assert abs(facts.clock_skew) < 5


# === POISON === #


def test_one_refused_login_does_not_stop_the_others(lab, trigger):
    trigger(
        "radcheck",
        "IF NEW.username = 'poison' THEN "
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF;",
    )
    wishes = [wish(f"user{n}") for n in range(20)]
    wishes.insert(7, wish("poison", password="p0ison-pw"))
    outcomes = lab.converge(*wishes)
    poison = outcomes.pop("poison")
    assert (poison.state, poison.kind, poison.changed) == ("error", "row", False)
    assert "radcheck" in poison.error
    assert "p0ison-pw" not in poison.error
    assert {o.state for o in outcomes.values()} == {"applied"}
    assert lab.auth("user19").accepted
    assert lab.groups_of("poison") == []


def test_a_refused_plan_group_stops_its_own_subscribers_only(lab, trigger):
    trigger(
        "radgroupreply",
        "IF NEW.groupname = 'isp_plan_bad' THEN SIGNAL SQLSTATE '45000'; END IF;",
    )
    outcomes = lab.converge(wish("alice"), wish("bob", plan="isp_plan_bad"))
    assert (outcomes["alice"].state, outcomes["bob"].state) == ("applied", "error")
    assert outcomes["bob"].kind == "dependency"
    assert not lab.auth("bob").accepted


def test_a_write_that_does_not_stay_is_never_called_applied(lab, trigger):
    trigger("radusergroup", "SET NEW.priority = 77;")
    outcome = lab.converge(wish())["alice"]
    assert (outcome.state, outcome.kind) == ("error", "row")
    assert "reads back differently" in outcome.error
