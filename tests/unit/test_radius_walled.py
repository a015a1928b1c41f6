"""Walled logins, bound devices, pools and prefixes, judged by a real FreeRADIUS."""

import pytest
from radius_lab import NOW, applied, wish

from tools.access_types import IdentityError, Mark

pytest_plugins = ["radius_fixtures"]

WALLED = {"on": False, "walled": True}


# === THE PAY PAGE === #


def test_a_walled_login_is_let_in_with_the_list_speed_and_pool_of_the_pay_page(lab):
    lab.converge(wish(pool="homes"))
    outcome = lab.converge(wish(**WALLED), walled_pool="pay", walled_rate=512_000)
    assert applied(outcome["alice"]) == ("applied", "")
    answer = lab.auth("alice")
    assert answer.accepted
    assert answer.attributes["Mikrotik-Address-List"] == ["isp_walled"]
    assert answer.attributes["Mikrotik-Rate-Limit"] == ["512k/512k"]
    assert answer.attributes["Framed-Pool"] == ["pay"]
    assert "Session-Timeout" not in answer.attributes


def test_a_walled_login_is_let_in_after_its_end(lab):
    lab.converge(wish(expires_at=NOW))
    assert not lab.auth("alice").accepted
    lab.converge(wish(expires_at=NOW, **WALLED))
    assert lab.auth("alice").accepted


def test_paying_takes_a_walled_login_back_to_its_package(lab):
    lab.converge(wish())
    before = lab.everything()
    lab.converge(wish(**WALLED))
    assert lab.groups_of("alice") == [("isp_walled", 1), ("isp_plan_1", 10)]
    outcome = lab.converge(wish())["alice"]
    assert (outcome.state, outcome.on) == ("applied", True)
    assert lab.rows("radusergroup") == before["radusergroup"]
    answer = lab.auth("alice")
    assert answer.attributes["Mikrotik-Rate-Limit"] == ["5M/10M"]
    assert "Mikrotik-Address-List" not in answer.attributes


@pytest.mark.parametrize("first", [WALLED, {"on": False}])
def test_switched_off_and_walled_take_each_others_place(lab, first):
    second = {"on": False} if first is WALLED else WALLED
    lab.converge(wish(**first))
    lab.converge(wish(**second))
    names = [name for name, _priority in lab.groups_of("alice")]
    walled = second is WALLED
    assert names == ["isp_walled" if walled else "isp_disabled", "isp_plan_1"]
    assert lab.auth("alice").accepted == walled


def test_a_walled_login_with_a_fixed_address_keeps_it_and_gets_no_pool(lab):
    lab.converge(
        wish(fixed_ip="10.9.0.7", **WALLED), wish("bob", **WALLED), walled_pool="pay"
    )
    attributes = lab.auth("alice").attributes
    assert attributes["Framed-IP-Address"] == ["10.9.0.7"]
    assert attributes["Mikrotik-Address-List"] == ["isp_walled"]
    assert "Framed-Pool" not in attributes
    assert lab.auth("bob").attributes["Framed-Pool"] == ["pay"]


def test_new_settings_of_the_pay_page_change_its_group_and_nothing_else(lab):
    lab.converge(wish(**WALLED), wish("bob", **WALLED), walled_pool="pay")
    before = lab.everything()
    changes = {"walled_list": "unpaid", "walled_rate": 128_000}
    outcomes = lab.converge(wish(**WALLED), wish("bob", **WALLED), **changes)
    assert {o.state for o in outcomes.values()} == {"applied"}
    assert lab.rows("radcheck") == before["radcheck"]
    assert lab.rows("radusergroup") == before["radusergroup"]
    attributes = lab.auth("bob").attributes
    assert attributes["Mikrotik-Address-List"] == ["unpaid"]
    assert attributes["Mikrotik-Rate-Limit"] == ["128k/128k"]
    assert "Framed-Pool" not in attributes


def test_the_pay_page_stands_before_every_group_of_other_programs(lab):
    lab.sql(
        "INSERT INTO radusergroup (username, groupname, priority) "
        "VALUES ('alice', 'staff', 0)"
    )
    lab.sql(
        "INSERT INTO radgroupreply (groupname, attribute, op, value) "
        "VALUES ('staff', 'Mikrotik-Rate-Limit', ':=', '1G/1G')"
    )
    lab.converge(wish(**WALLED))
    assert lab.auth("alice").attributes["Mikrotik-Rate-Limit"] == ["256k/256k"]


def test_a_walled_login_refused_by_others_is_not_called_applied(lab):
    lab.check_row("alice", "Auth-Type", "Reject")
    outcome = lab.converge(wish(**WALLED))["alice"]
    assert not lab.auth("alice").accepted
    assert outcome.state == "error" and "Auth-Type" in outcome.error


# === DEVICE, POOLS, PREFIX === #


def test_a_bound_login_is_let_in_from_its_device_only(lab):
    lab.converge(wish(mac="AA:BB:CC:00:11:22"))
    right, wrong = "AA:BB:CC:00:11:22", "AA:BB:CC:00:11:23"
    assert lab.auth("alice", Calling_Station_Id=right).accepted
    assert not lab.auth("alice", Calling_Station_Id=wrong).accepted
    assert not lab.auth("alice").accepted
    lab.converge(wish(mac=None))
    assert lab.auth("alice", Calling_Station_Id=wrong).accepted


def test_a_mistyped_binding_is_repaired(lab):
    lab.check_row("alice", "Calling-Station-Id", "AA:BB:CC:00:11:22", ":=")
    lab.check_row("alice", "calling-station-id", "AA:BB:CC:00:11:29", "==")
    lab.converge(wish(mac="AA:BB:CC:00:11:22"))
    assert lab.auth("alice", Calling_Station_Id="AA:BB:CC:00:11:22").accepted
    assert not lab.auth("alice", Calling_Station_Id="AA:BB:CC:00:11:29").accepted


def test_the_pools_of_a_package_and_the_prefix_of_a_login_reach_the_router(lab):
    prefix = "2001:db8:7::/56"
    lab.converge(
        wish(pool="homes", ipv6_pool="homes6", ipv6_prefix=prefix),
        wish("bob", pool="homes", ipv6_pool="homes6"),
    )
    attributes = lab.auth("alice").attributes
    assert attributes["Framed-Pool"] == ["homes"]
    assert attributes["Mikrotik-Delegated-IPv6-Pool"] == ["homes6"]
    assert attributes["Delegated-IPv6-Prefix"] == [prefix]
    assert "Delegated-IPv6-Prefix" not in lab.auth("bob").attributes


def test_a_plan_asked_from_two_pools_is_refused(lab):
    outcomes = lab.converge(wish("alice", pool="a"), wish("bob", pool="b"))
    assert [o.kind for o in outcomes.values()] == ["row", "row"]


# === MANY SPELLINGS, ONE NAME === #


@pytest.mark.parametrize("other", ["ALICE", "alice ", "alicé"])
def test_a_name_mariadb_takes_for_another_programs_is_told(my_lab, other):
    my_lab.check_row(other, "Cleartext-Password", "x")
    before = my_lab.rows("radcheck")
    outcome = my_lab.converge(wish("alice"))["alice"]
    # Theirs is older, so that ours is refused.
    assert not my_lab.auth("alice").accepted
    assert outcome.state == "error" and "mixed up" in outcome.error
    assert my_lab.rows("radcheck")[:1] == before


@pytest.mark.parametrize("other", ["ALICE", "alice ", "alicé"])
def test_no_change_of_a_login_touches_the_rows_of_one_mariadb_takes_for_it(
    my_lab, other
):
    my_lab.check_row(other, "Cleartext-Password", "x")
    my_lab.sql(
        "INSERT INTO radusergroup (username, groupname, priority) VALUES "
        "(%s, 'staff', 3), (%s, 'isp_disabled', 0)",
        # In a group of ours a twin by case is our own, of before a rename.
        *(other, other if other == "alicé" else "ALICEX"),
    )
    before = {table: set(rows) for table, rows in my_lab.everything().items()}
    for wanted in (wish(), wish(on=False), wish(password="new"), wish(present=False)):
        my_lab.converge(wanted)
        after = my_lab.everything()
        assert all(before[table] <= set(after[table]) for table in before)


def test_both_kinds_of_database_get_the_same_plan(pg_lab, my_lab):
    wishes = [
        wish("alice", fixed_ip="10.9.0.7", simultaneous=1, mac="AA:BB:CC:00:11:22"),
        wish("bob", on=False, plan="isp_plan_2", pool="homes"),
        wish("carol", plan="isp_plan_2", pool="homes", **WALLED),
        wish("dora", present=False),
    ]
    described = []
    for lab in (pg_lab, my_lab):
        lab.check_row("bob", "cleartext-password", "old", "==")
        lab.check_row("bob", "Cleartext-Password", "older")
        lab.check_row("dora", "Cleartext-Password", "x")
        lab.sql(
            "INSERT INTO radusergroup (username, groupname, priority) VALUES "
            "('bob', 'staff', 0), ('bob', 'isp_plan_9', 10), ('dora', 'isp_plan_1', 10)"
        )
        with lab.driver() as driver:
            observed = driver.read([wanted.login for wanted in wishes])
            described.append([op.describe() for op in driver.plan(wishes, observed)])
    assert described[0] == described[1] != []


# === WHOSE IT IS === #


def test_a_mark_is_read_back_and_replaced_and_lets_nobody_in(lab):
    with lab.driver() as driver:
        assert driver.read_mark() is None
        driver.write_mark(Mark("0b1c-2d", 7))
        driver.write_mark(Mark("0b1c-2d", 8))
        assert driver.read_mark() == Mark("0b1c-2d", 8)
        assert len(lab.rows("radgroupreply")) == 1
        driver.converge([wish(), wish("bob", on=False)])
        assert driver.read_mark() == Mark("0b1c-2d", 8)
    assert "Class" not in lab.auth("alice").attributes


def test_a_damaged_mark_is_for_a_person_to_decide(lab):
    lab.sql(
        "INSERT INTO radgroupreply (groupname, attribute, op, value) "
        "VALUES ('isp_mark', 'Class', ':=', 'whose?')"
    )
    with lab.driver() as driver, pytest.raises(IdentityError, match="damaged"):
        driver.read_mark()
