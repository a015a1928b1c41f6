"""The plan as a pure function: applied, nothing is left of it; and nobody else's
rows are in it."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from routeros_lab import BOOKS, Lab, gone, new_lab, wish

from tools.routeros import driver as driving

pytest_plugins = ["routeros_fixtures"]

LOGINS = ("mary", "john", "Ann", "o.b-c@net")
MACS = ("AA:BB:CC:00:11:01", "AA:BB:CC:00:11:02")
TABLES = (
    *("/ppp/secret", "/ip/hotspot/user", "/queue/simple", "/ip/arp", "/ppp/profile"),
    *("/ip/dhcp-server/lease", "/ip/firewall/address-list"),
)


@st.composite
def wishes(draw):
    """Wishes of a few lines, each of them once."""
    found = []
    for number, login in enumerate(LOGINS):
        if draw(st.booleans()):
            found.append(gone(login))
            continue
        service = draw(st.sampled_from(["pppoe", "hotspot", "static", "dhcp"]))
        is_walled = draw(st.booleans())
        values = {
            "service": service,
            "on": not is_walled and draw(st.booleans()),
            "walled": is_walled,
            "plan": draw(st.sampled_from(["isp_plan_1", "isp_plan_2"])),
            "rate_up": None,
            "rate_down": 1_000_000,
            "password": draw(st.sampled_from(["a", "b 'c\"", "é$"])),
        }
        if service == "static" or draw(st.booleans()):
            values["fixed_ip"] = f"10.5.0.{number + 10 * draw(st.integers(1, 2))}"
        if service == "dhcp" or draw(st.booleans()):
            values["mac"] = f"AA:BB:CC:00:{draw(st.integers(0, 1))}0:0{number}"
        found.append(wish(login, tag=f"{BOOKS}:{number}", **values))
    return found


FOREIGN = st.lists(
    st.tuples(
        st.sampled_from(["/ppp/secret", "/ip/hotspot/user", "/queue/simple"]),
        st.sampled_from(["neighbour", "mary", "MARY"]),
        st.sampled_from(["", "house 7", "isp:ffff0000:17", "isp: x"]),
    ),
    max_size=3,
    unique_by=lambda row: row[:2],
)


@pytest.fixture(scope="module")
def shared():
    with new_lab() as server:
        yield Lab(server)


def tables(router):
    return {path: copy.deepcopy(router[path].rows) for path in TABLES}


def foreign_rows(rows):
    """Return rows that carry no mark of ours, profiles apart."""
    return {
        (path, row_id): row
        for path, found in rows.items()
        for row_id, row in found.items()
        if path != "/ppp/profile" and not row.get("comment", "").startswith(BOOKS)
    }


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(wishes(), min_size=1, max_size=3), FOREIGN)
def test_a_plan_that_was_applied_leaves_nothing_to_do(shared, stages, foreign):
    """Whatever came before; and what isn't ours is as it was."""
    shared.server.router = type(shared.router)()
    for path, name, comment in foreign:
        shared.router[path].insert(name=name, comment=comment)
    before = foreign_rows(tables(shared.router))
    with shared.driver() as driver:
        for stage in stages:
            logins = [each.login for each in stage]
            results = driver.apply(driver.plan(stage, driver.read(logins)))
            assert not [result for result in results.values() if result.kind]
            assert driver.plan(stage, driver.read(logins)) == []
            assert driver.plan(stage, driver.read()) == []
    assert foreign_rows(tables(shared.router)) == before


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(wishes(), wishes(), FOREIGN)
def test_few_questions_and_whole_menus_give_the_same_plan(
    shared, first, second, foreign
):
    shared.server.router = type(shared.router)()
    for path, name, comment in foreign:
        shared.router[path].insert(name=name, comment=comment)
    few = driving.FEW
    with shared.driver() as driver:
        driver.converge(first)
        for login in LOGINS:
            shared.router.dial(login, "a")
        logins = [each.login for each in second]
        try:
            plans, sessions = [], []
            for driving.FEW in (50, 0):
                seen = driver.read(logins)
                plans.append(driver.plan(second, seen))
                sessions.append({key: len(seen[key].sessions) for key in sorted(seen)})
        finally:
            driving.FEW = few
    assert plans[0] == plans[1]
    assert sessions[0] == sessions[1]


def test_payers_are_let_in_before_anybody_is_cut(ros):
    ros.converge(wish("a", on=True), wish("b", on=False, tag=f"{BOOKS}:2"))
    swapped = (wish("a", on=False), wish("b", tag=f"{BOOKS}:2"), gone("c"))
    writes = ros.writes(lambda: ros.converge(*swapped))
    assert [verb for _path, verb, _values in writes] == ["enable", "disable"]


def test_a_dry_run_writes_nothing_and_is_what_is_done_later(ros):
    with ros.driver() as driver:
        ops = driver.plan([wish()], driver.read(["mary"]))
        assert not ros.router.writes
        outcome = driver.converge([wish()])["mary"]
    assert outcome.commands == [op.describe() for op in ops]
    verbs = [(f"{path} {verb}") for path, verb, _values in ros.router.writes]
    assert verbs == [" ".join(op.describe().split()[:2]) for op in ops]
