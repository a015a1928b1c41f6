"""The FreeRADIUS driver when the database is away, slow, locked or hostile."""

import os
import signal
import socket
import threading
import time
import traceback

import pytest
from radius_lab import PASSWORD, ROLE, wish

from tools import radius_sql
from tools.access_types import AuthError, DependencyError, RightsError, TransportError

pytest_plugins = ["radius_fixtures"]


@pytest.fixture
def lab(pg_lab):
    """PostgreSQL's part; MariaDB's is in test_radius_faults_my."""
    return pg_lab


@pytest.fixture
def trigger(lab):
    """Return a function that runs PL/pgSQL before each row a table gets."""
    made = []

    def make(table, body):
        lab.sql(
            "CREATE OR REPLACE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {body} RETURN NEW; END $$;"
            f"CREATE TRIGGER trouble BEFORE INSERT OR UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION trouble()"
        )
        made.append(table)

    yield make
    for table in made:
        lab.sql(f"DROP TRIGGER trouble ON {table}")


@pytest.fixture
def locked(lab):
    """A lock on radusergroup that readers don't feel, held during the test."""
    connection = lab.postgres.connect("radius")
    connection.autocommit = False
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE radusergroup IN SHARE MODE")
    yield connection
    connection.close()


def backend(lab):
    (row,) = lab.sql("SELECT pid FROM pg_stat_activity WHERE usename = %s", ROLE)
    return row[0]


def wait_for(lab, condition):
    """Wait until a connection of the gateway's role fulfils an SQL condition."""
    limit = time.monotonic() + 20
    statement = f"SELECT 1 FROM pg_stat_activity WHERE usename = %s AND {condition}"
    while not lab.sql(statement, ROLE):
        assert time.monotonic() < limit, f"never came to {condition}"
        time.sleep(0.02)


# === AWAY AND MUTE === #


def test_a_database_that_is_down_is_a_transport_error_and_works_when_back(lab):
    lab.converge(wish(password="other"))
    lab.postgres.pause()
    try:
        with pytest.raises(TransportError, match="Can't reach"):
            lab.converge(wish())
        assert not lab.auth("alice", "other").accepted
    finally:
        lab.postgres.resume()
        lab.connection.close()
        lab.connection = lab.postgres.connect("radius")
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


def test_a_server_that_freezes_after_login_ends_at_the_deadline(lab):
    with lab.driver() as driver:
        pid = backend(lab)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(TransportError, match="No answer"):
                driver.converge([wish()], deadline=time.monotonic() + 0.5)
            with pytest.raises(TransportError, match="closed"):
                driver.converge([wish()])
        finally:
            os.kill(pid, signal.SIGCONT)


def test_time_that_is_used_up_leaves_the_rest_for_the_next_run(lab):
    with lab.driver() as driver, pytest.raises(TransportError):
        driver.converge([wish()], deadline=time.monotonic() - 1)
    assert lab.rows("radcheck") == []


def test_a_connection_lost_in_mid_batch_leaves_nothing_behind(lab, locked):
    caught = []

    def run():
        try:
            lab.converge(wish(), lock_timeout=30, statement_timeout=30)
        except TransportError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    # By now the password row is written, and the group row waits for its lock.
    wait_for(lab, "wait_event_type = 'Lock'")
    lab.sql("SELECT pg_terminate_backend(%s)", backend(lab))
    thread.join(20)
    assert len(caught) == 1
    locked.rollback()
    assert [lab.rows(table) for table in ("radcheck", "radusergroup")] == [[], []]


# === LOCKS AND TWO AT ONCE === #


def test_a_lock_held_by_others_ends_in_time_and_logins_go_on(lab, locked):
    lab.sql("SELECT 1")
    with pytest.raises(TransportError, match="lock on radusergroup"):
        lab.converge(wish(), lock_timeout=0.2)
    assert lab.rows("radcheck") == []
    locked.rollback()
    lab.converge(wish())
    with locked.cursor() as cursor:
        cursor.execute("LOCK TABLE radusergroup IN SHARE MODE")
    with pytest.raises(TransportError):
        lab.converge(wish(on=False), lock_timeout=0.2)
    assert lab.auth("alice").accepted
    locked.rollback()
    assert lab.converge(wish(on=False))["alice"].state == "applied"


def test_logins_go_on_while_a_batch_is_being_written(lab, locked):
    locked.rollback()
    lab.converge(wish())
    with locked.cursor() as cursor:
        cursor.execute("LOCK TABLE radusergroup IN SHARE MODE")
    new = [wish(password="new"), wish("bob")]
    thread = threading.Thread(
        target=lambda: lab.converge(*new, lock_timeout=30, statement_timeout=30)
    )
    thread.start()
    wait_for(lab, "wait_event_type = 'Lock'")
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


def test_two_runs_that_write_the_same_at_once_make_no_second_row(lab, locked):
    with lab.driver() as reader:
        ops = reader.plan([wish()], reader.read(["alice"]))
    errors = []

    def write():
        with lab.driver(lock_timeout=30, statement_timeout=30) as driver:
            errors.extend(r.error for r in driver.apply(ops).values() if r.kind)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    # One has written its password row and waits for the table, one for its turn.
    wait_for(lab, "wait_event_type = 'Lock' HAVING count(*) = 2")
    locked.rollback()
    for thread in threads:
        thread.join(20)
    assert errors == []
    assert len(lab.rows("radcheck")) == 2
    assert len(lab.rows("radusergroup")) == 1
    assert len(lab.rows("radgroupreply")) == 1


def test_a_crash_after_writing_and_before_recording_writes_nothing_again(lab):
    driver = lab.driver().__enter__()
    ops = driver.plan([wish()], driver.read(["alice"]))
    driver.apply(ops)
    lab.sql("SELECT pg_terminate_backend(%s)", backend(lab))
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


def test_a_host_that_has_the_name_of_the_role_is_not_taken_for_a_refusal(lab):
    # ".invalid" never resolves (RFC 2606); libpq's own text quotes that name.
    name = "radius.invalid"
    with pytest.raises(TransportError, match="Can't reach"):
        lab.converge(wish(), host=name, user=name, database=name)


def test_an_unknown_user_is_an_auth_error(lab):
    with pytest.raises(AuthError):
        lab.converge(wish(), user="nobody_here")


def test_an_unknown_database_is_told_as_such(lab):
    with pytest.raises(DependencyError, match="no such database"):
        lab.converge(wish(), database="nothing_here")
    lab.postgres.create_database(ROLE)
    lab.sql(f"DROP DATABASE {ROLE}")
    with pytest.raises(DependencyError, match="no such database"):
        lab.converge(wish(), database=ROLE)


def test_a_database_without_the_tables_is_told_as_such(lab):
    lab.postgres.create_database("empty")
    with pytest.raises(DependencyError, match="schema"):
        lab.converge(wish(), database="empty")
    with lab.driver(database="empty") as driver:
        assert driver.probe().missing_tables == (
            "radgroupcheck",
            "radgroupreply",
            "radcheck",
            "radreply",
            "radusergroup",
            "radacct",
        )


@pytest.fixture
def reader(lab):
    """A role that may read all and write only passwords."""
    lab.sql(
        "CREATE ROLE isp_reader LOGIN;"
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO isp_reader;"
        "GRANT INSERT, UPDATE, DELETE ON radcheck TO isp_reader"
    )
    yield "isp_reader"
    lab.sql("DROP OWNED BY isp_reader; DROP ROLE isp_reader")


def test_missing_rights_are_a_rights_error_and_nothing_is_written(lab, reader):
    with pytest.raises(RightsError, match="isp_reader may not use radgroupreply"):
        lab.converge(wish(), user=reader)
    assert lab.rows("radcheck") == []


def test_a_test_of_the_gateway_names_what_is_missing(lab, reader):
    with lab.driver(user=reader) as driver:
        missing = driver.probe().missing_rights
    assert "DELETE on radusergroup" in missing
    assert "USAGE on the sequence of radcheck" in missing
    assert "INSERT on radcheck" not in missing
    with lab.driver() as driver:
        facts = driver.probe()
    assert (facts.missing_rights, facts.missing_tables) == ((), ())
    assert facts.read_only is False
    # Both run on one machine, so the clocks agree but for the way there and back.
    assert abs(facts.clock_skew) < 5


def test_a_database_that_only_reads_is_a_rights_error(lab):
    lab.sql(f"ALTER ROLE {ROLE} SET default_transaction_read_only = on")
    try:
        with pytest.raises(RightsError):
            lab.converge(wish())
        with lab.driver() as driver:
            assert driver.probe().read_only is True
    finally:
        lab.sql(f"ALTER ROLE {ROLE} RESET default_transaction_read_only")


# === POISON === #


def test_one_refused_login_does_not_stop_the_others(lab, trigger):
    trigger(
        "radcheck",
        "IF NEW.username = 'poison' THEN RAISE EXCEPTION 'no %', NEW.value; END IF;",
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
        "IF NEW.groupname = 'isp_plan_bad' THEN RAISE EXCEPTION 'no'; END IF;",
    )
    outcomes = lab.converge(wish("alice"), wish("bob", plan="isp_plan_bad"))
    assert (outcomes["alice"].state, outcomes["bob"].state) == ("applied", "error")
    assert outcomes["bob"].kind == "dependency"
    assert lab.auth("alice").accepted
    assert not lab.auth("bob").accepted


def test_a_speed_that_can_not_be_changed_is_an_error_of_each_subscriber(lab, trigger):
    lab.converge(wish("alice"), wish("bob"))
    trigger("radgroupreply", "RAISE EXCEPTION 'no';")
    faster = [wish(name, rate_down=50_000_000) for name in ("alice", "bob")]
    outcomes = lab.converge(*faster)
    assert {(o.state, o.changed) for o in outcomes.values()} == {("error", False)}
    assert {o.rate_down for o in outcomes.values()} == {10_000_000}


def test_a_write_that_does_not_stay_is_never_called_applied(lab, trigger):
    trigger("radusergroup", "RETURN NULL;")
    outcome = lab.converge(wish())["alice"]
    assert (outcome.state, outcome.kind) == ("error", "row")
    assert "reads back differently" in outcome.error


# === VERY MANY === #


def test_what_was_written_stays_when_the_connection_is_lost_later(
    lab, trigger, monkeypatch
):
    monkeypatch.setattr(radius_sql, "_TARGETS_AT_ONCE", 2)
    trigger(
        "radusergroup",
        "IF NEW.username = 'user4' THEN "
        "PERFORM pg_terminate_backend(pg_backend_pid()); END IF;",
    )
    wishes = [wish(f"user{n}") for n in range(5)]
    with pytest.raises(TransportError):
        lab.converge(*wishes)
    names = [name for (name,) in lab.sql("SELECT username FROM radusergroup")]
    assert sorted(names) == ["user0", "user1", "user2"]
    lab.sql("DROP TRIGGER trouble ON radusergroup")
    outcomes = lab.converge(*wishes)
    lab.sql(
        "CREATE TRIGGER trouble BEFORE INSERT ON radusergroup "
        "FOR EACH ROW EXECUTE FUNCTION trouble()"
    )
    assert [o.changed for o in outcomes.values()] == [False, False, False, True, True]


def test_a_plan_group_refused_early_stops_its_subscribers_written_later(
    lab, trigger, monkeypatch
):
    monkeypatch.setattr(radius_sql, "_TARGETS_AT_ONCE", 1)
    trigger(
        "radgroupreply",
        "IF NEW.groupname = 'isp_plan_bad' THEN RAISE EXCEPTION 'no'; END IF;",
    )
    outcomes = lab.converge(wish("alice"), wish("bob", plan="isp_plan_bad"))
    assert (outcomes["alice"].state, outcomes["bob"].kind) == ("applied", "dependency")
    assert lab.groups_of("bob") == []
