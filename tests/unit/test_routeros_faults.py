"""Routers that are slow, silent, cut off or killed in the middle; and many at once."""

import contextlib
import time
from collections import Counter
from dataclasses import replace

import pytest
from routeros_lab import BOOKS, SECRET, gone, many, wish

from tools.access_types import TransportError

pytest_plugins = ["routeros_fixtures"]

DONE = ("applied", "")


def states(outcomes):
    return Counter(outcome.state for outcome in outcomes.values())


@pytest.mark.parametrize("done", [12, 15, 20, 27])
def test_silence_in_mid_batch_doubles_nothing_and_the_next_run_ends_equal(ros, done):
    wishes = many(20)
    ros.server.silent_after = done
    with pytest.raises(TransportError, match="nothing came"):
        ros.converge(*wishes, operation_timeout=0.5)
    ros.server.silent_after = None
    assert states(ros.converge(*wishes)) == {"applied": 20}
    names = [row["name"] for _id, row in ros.router.find(SECRET)]
    assert sorted(names) == sorted(each.login for each in wishes)


def test_a_connection_cut_at_any_byte_leaves_what_can_be_finished(ros):
    """F6, too: the old row is there whatever is lost on the way."""
    ros.converge(*many(5))
    wishes = many(5, password="n3w")
    with ros.driver() as driver:
        driver.read(["user0"])
    for place in range(0, 2400, 61):
        ros.server.cut_at = place
        try:
            ros.converge(*wishes)
        except TransportError:
            assert len(ros.router.find(SECRET)) == 5
    ros.server.cut_at = None
    assert states(ros.converge(*wishes)) == {"applied": 5}
    assert {row["password"] for _id, row in ros.router.find(SECRET)} == {"n3w"}


def test_a_crash_after_writing_and_before_recording_writes_nothing_again(ros):
    ros.converge(*many(5))
    assert not ros.writes(lambda: ros.converge(*many(5)))


def test_a_router_that_is_silent_from_the_start_ends_in_time(ros):
    ros.server.silent_after = 0
    with pytest.raises(TransportError):
        ros.converge(wish(), seconds=0.5)


@pytest.mark.parametrize(("cost", "state"), [(0.001, True), (0.02, True), (5, False)])
def test_a_slow_router_is_served_until_the_deadline_and_no_longer(ros, cost, state):
    ros.server.cost = cost
    if state:
        assert ros.say(wish(), seconds=10) == DONE
        return
    began = time.monotonic()
    with pytest.raises(TransportError, match="in the time given"):
        ros.converge(wish(), seconds=0.5)
    # Far below what one command takes this router.
    assert time.monotonic() - began < 4


def test_what_a_deadline_cut_off_is_finished_by_the_next_runs(ros):
    wishes = many(60)
    ros.server.cost = 0.02
    for _run in range(40):
        with contextlib.suppress(TransportError):
            outcomes = ros.converge(*wishes, seconds=0.5)
            if len(outcomes) == 60:
                break
    assert states(outcomes) == {"applied": 60}
    assert len(ros.router.find(SECRET)) == 60


def test_a_slow_router_proves_what_it_has_time_for_and_is_not_called_down(ros):
    wishes = many(200)
    ros.server.cost = 0.1
    with ros.driver() as driver:
        known = {}
        for _exchange in range(2):
            outcomes = driver.converge(wishes, time.monotonic() + 4)
            assert states(outcomes).keys() == {"applied"}
            assert len(outcomes) > len(known)
            known = outcomes
    assert len(known) < 200
    ros.server.cost = 0
    assert states(ros.converge(*wishes)) == {"applied": 200}


def test_a_speed_that_a_slow_router_had_no_time_for_is_told_of_nobody(ros):
    wishes = [replace(each, plan=f"isp_plan_{each.login}") for each in many(40)]
    ros.converge(*wishes)
    faster = [
        replace(each, rate_down=20_000_000 + number)
        for number, each in enumerate(wishes)
    ]
    ros.server.cost = 0.1
    outcomes = ros.converge(*faster, seconds=4)
    rates = [row.get("rate-limit", "") for _id, row in ros.router.find("/ppp/profile")]
    changed = [rate for rate in rates if rate.startswith("5000000/2")]
    assert states(outcomes) == {"applied": len(changed)}
    assert len(outcomes) < 40


def test_a_row_that_vanished_does_not_stop_those_beside_it(ros):
    wishes = many(10)
    ros.converge(*wishes)
    off = many(10, on=False)
    with ros.driver() as driver:
        ops = driver.plan(off, driver.read([each.login for each in off]))
        ros.router.remove(SECRET, [ros.secret("user4")[".id"]])
        results = driver.apply(ops)
    failed = [key for key, result in results.items() if result.kind]
    assert failed == ["user4"]
    disabled = ros.router.find(SECRET, disabled="yes")
    assert len(disabled) == 9
    assert states(ros.converge(*off)) == {"applied": 10}


def test_removing_what_is_gone_already_is_done(ros):
    ros.say(wish())
    with ros.driver() as driver:
        ops = driver.plan([gone()], driver.read(["mary"]))
        ros.router.remove(SECRET, [ros.secret()[".id"]])
        assert not driver.apply(ops)["mary"].kind


def test_a_refusal_that_is_the_gateways_stops_at_once(ros):
    ros.server.traps = {"/ppp/secret/add": [("interrupted", "2")]}
    with pytest.raises(TransportError, match="interrupted"):
        ros.converge(*many(3))


def test_a_menu_that_can_not_be_read_changes_nothing(ros):
    ros.say(wish())
    ros.server.traps = {"/ppp/secret/print": [("failure: busy", "4")]}
    with pytest.raises(TransportError, match="busy"):
        ros.converge(wish(on=False))
    assert ros.secret().get("disabled") is None


def test_somebody_who_undoes_what_we_write_is_told_of(ros, monkeypatch):
    ros.say(wish())
    change = type(ros.router).set

    def undo(router, path, ids, values):
        change(router, path, ids, {**values, "disabled": "no"})

    monkeypatch.setattr(type(ros.router), "set", undo)
    state, error = ros.say(wish(on=False))
    assert state == "error" and "something else" in error


def test_ten_thousand_suspensions_take_few_commands_and_none_where_nothing_changes(ros):
    count = 10_000
    for number in range(count):
        ros.router[SECRET].insert(
            name=f"user{number}",
            password="s3cret",
            service="pppoe",
            profile="isp_plan_1",
            comment=f"{BOOKS}:{number}",
        )
    ros.router["/ppp/profile"].insert(name="isp_plan_1", rate_limit="5000000/10000000")
    for number in range(0, count, 100):
        ros.router.dial(f"user{number}", "s3cret")
    off = many(count, on=False)
    before = ros.server.count
    assert states(ros.converge(*off, seconds=120)) == {"applied": count}
    assert (ros.server.count - before) / count <= 1.1
    assert ros.server.count - before < 200
    assert not ros.router.find("/ppp/active")
    before = ros.server.count
    assert not ros.writes(lambda: ros.converge(*off, seconds=120))
    assert ros.server.count - before < 20
