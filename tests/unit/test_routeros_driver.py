"""What a wish becomes on a router, and what is left alone there."""

import time
from datetime import datetime, timedelta, timezone

import pytest
from routeros_lab import ACTIVE, BOOKS, MAC, SECRET, TAG, gone, many, wish

from tools.access_types import Mark

pytest_plugins = ["routeros_fixtures"]

DONE = ("applied", "")
USERS, QUEUES = "/ip/hotspot/user", "/queue/simple"
LEASES, LISTS, ARP = "/ip/dhcp-server/lease", "/ip/firewall/address-list", "/ip/arp"
IP = "10.5.0.9"


def now():
    return datetime.now(timezone.utc)


# === PPPOE === #


def test_a_payment_lets_a_subscriber_dial_in_at_the_package_speed(ros):
    """F13: 10 down and 5 up are rx 5 and tx 10 to the router."""
    assert ros.router.dial("mary", "s3cret")
    assert ros.say(wish()) == DONE
    assert ros.router.dial("mary", "s3cret") == ""
    assert ros.router.session_rate("mary") == "5000000/10000000"


def test_an_unchanged_wish_writes_nothing(ros):
    ros.say(wish())
    assert not ros.writes(lambda: ros.say(wish()))


def test_a_suspension_ends_every_session_and_keeps_password_and_plan(ros):
    """F3: also the second session of one login."""
    ros.say(wish())
    for mac in (MAC, "02:00:00:00:00:07"):
        assert ros.router.dial("mary", "s3cret", mac) == ""
    before = ros.secret()
    outcome = ros.converge(wish(on=False))["mary"]
    assert (outcome.state, outcome.on) == ("applied", False)
    assert not ros.router.sessions("mary")
    assert ros.router.dial("mary", "s3cret")
    assert ros.secret() == {**before, "disabled": "true"}


def test_a_suspension_is_one_command(ros):
    ros.say(wish())
    writes = ros.writes(lambda: ros.say(wish(on=False)))
    assert [(path, verb) for path, verb, _values in writes] == [(SECRET, "disable")]


def test_a_router_that_keeps_a_session_is_unfinished_and_not_applied(ros, monkeypatch):
    ros.say(wish())
    ros.router.dial("mary", "s3cret")
    keep = type(ros.router).remove

    def remove(router, path, ids):
        if path != ACTIVE:
            keep(router, path, ids)

    monkeypatch.setattr(type(ros.router), "remove", remove)
    state, error = ros.say(wish(on=False))
    assert state == "unfinished" and "still be up" in error


def test_a_crash_between_row_and_session_is_made_good_by_the_next_run(ros):
    ros.say(wish())
    ros.router.dial("mary", "s3cret")
    ros.router.age("mary", 60)
    changed_at = now() - timedelta(seconds=30)
    with ros.driver() as driver:
        slow = wish(rate_down=1_000_000, plan="isp_plan_2")
        driver.apply(driver.plan([slow], driver.read(["mary"])))
    again = wish(rate_down=1_000_000, plan="isp_plan_2", fresh_since=changed_at)
    outcome = ros.converge(again)["mary"]
    assert outcome.state == "applied" and "gone" in outcome.commands[0]
    assert not ros.router.sessions("mary")


def test_who_dials_in_while_the_row_is_written_does_not_keep_the_old_speed(ros):
    ros.say(wish())
    slow = wish(plan="isp_plan_2", rate_down=1_000_000, fresh_since=now())
    ros.router.before["/ppp/secret/set"] = lambda: ros.router.dial("mary", "s3cret")
    assert ros.say(slow) == DONE
    assert not ros.router.sessions("mary")
    ros.router.dial("mary", "s3cret")
    assert ros.say(slow) == DONE
    assert ros.router.session_rate("mary") == "5000000/1000000"


def test_a_session_that_began_after_the_change_is_left_alone(ros):
    ros.say(wish())
    ros.router.dial("mary", "s3cret")
    ros.say(wish(fresh_since=now() - timedelta(minutes=5)))
    assert len(ros.router.sessions("mary")) == 1


def test_a_routers_wrong_clock_changes_nothing_about_sessions(ros):
    ros.router.clock_ahead = timedelta(days=-4000)
    ros.say(wish())
    ros.router.dial("mary", "s3cret")
    ros.router.age("mary", 60)
    ros.say(wish(fresh_since=now() - timedelta(minutes=5)))
    assert len(ros.router.sessions("mary")) == 1
    ros.say(wish(fresh_since=now() - timedelta(seconds=5)))
    assert not ros.router.sessions("mary")


def test_a_session_that_radius_let_in_is_not_ours_to_drop(ros):
    ros.router[ACTIVE].insert(name="mary", started=0.0, radius="true", session_id="0x1")
    ros.say(wish(on=False))
    assert len(ros.router.sessions("mary")) == 1


def test_a_login_that_is_gone_is_off_at_once_also_after_a_crash(ros):
    ros.say(wish())
    ros.router.dial("mary", "s3cret")
    with ros.driver() as driver:
        driver.apply(driver.plan([gone()], driver.read(["mary"])))
    assert ros.secret() is None
    assert ros.say(gone()) == DONE
    assert not ros.router.sessions("mary")


def test_a_walled_login_gets_the_list_and_speed_of_the_pay_page(ros):
    assert ros.say(wish(on=False, walled=True), walled_pool="walled") == DONE
    assert ros.router.dial("mary", "s3cret") == ""
    [session] = ros.router.sessions("mary")
    assert (session["rate"], session["lists"]) == ("256000/256000", "isp_walled")
    profile = ros.router.row("/ppp/profile", name="isp_walled")
    assert profile["remote-address"] == "walled"
    assert ros.say(wish()) == DONE
    assert ros.secret()["profile"] == "isp_plan_1"


def test_a_fixed_address_stays_while_walled_and_goes_when_taken_off(ros):
    ros.say(wish(on=False, walled=True, fixed_ip="10.7.0.2"))
    assert ros.secret()["remote-address"] == "10.7.0.2"
    assert ros.say(wish()) == DONE
    assert "remote-address" not in ros.secret()


def test_addresses_pools_prefixes_and_device_stand_where_the_router_reads_them(ros):
    full = {
        "mac": MAC.lower(),
        "fixed_ip": "10.7.0.2",
        "ipv6_prefix": "2001:db8:7::/56",
    }
    assert ros.say(wish(pool="homes", ipv6_pool="homes6", **full)) == DONE
    row = ros.secret()
    assert row["caller-id"].upper() == MAC
    assert row["remote-ipv6-prefix"] == "2001:db8:7::/56"
    profile = ros.router.row("/ppp/profile", name="isp_plan_1")
    assert profile["remote-address"] == "homes"
    assert profile["dhcpv6-pd-pool"] == "homes6"
    assert ros.router.dial("mary", "s3cret", "02:00:00:00:00:07")
    assert ros.router.dial("mary", "s3cret", MAC) == ""


def test_a_new_speed_is_written_once_for_all_of_a_package(ros):
    ros.converge(*many(30))
    faster = many(30, rate_down=20_000_000)
    writes = ros.writes(lambda: ros.converge(*faster))
    assert [(path, verb) for path, verb, _values in writes] == [("/ppp/profile", "set")]


def test_a_renamed_login_stops_working_under_its_old_name(ros):
    ros.say(wish())
    ros.router.dial("mary", "s3cret")
    assert ros.say(wish("mary2"), gone()) == DONE
    assert ros.secret() is None and ros.secret("mary2")
    assert not ros.router.sessions("mary")


def test_a_change_of_case_renames_the_row(ros):
    ros.say(wish("Mary"))
    [(row_id, _row)] = ros.router.find(SECRET, name="Mary")
    assert ros.say(wish(), gone("Mary")) == DONE
    assert [key for key, _row in ros.router.find(SECRET)] == [row_id]
    assert ros.secret()["name"] == "mary"


def test_a_login_that_passed_to_another_line_takes_its_row_along(ros):
    ros.say(wish())
    assert ros.say(wish(tag=f"{BOOKS}:99")) == DONE
    assert ros.secret()["comment"] == f"{BOOKS}:99"


# === WHAT IS NOT OURS === #


def foreign(ros, **values):
    given = {"name": "mary", "password": "by-hand", "profile": "default"}
    return ros.router[SECRET].insert(**{**given, **values})


def test_a_secret_made_by_hand_is_a_conflict_for_a_person(ros):
    foreign(ros, comment="house 7")
    ros.router.dial("mary", "by-hand")
    state, error = ros.say(wish(on=False))
    assert (state, error) == (
        "error",
        "The PPP secret mary exists on the router and is not ours: import it or "
        "remove it.",
    )
    assert not ros.router.writes
    assert len(ros.router.sessions("mary")) == 1


def test_a_secret_made_by_hand_is_adopted_on_request_and_keeps_what_is_not_ours(ros):
    row_id = foreign(ros, comment="house 7", routes="10.99.0.0/24", service="any")
    assert ros.say(wish(), adopt=True) == DONE
    assert ros.router.find(SECRET)[0][0] == row_id
    row = ros.secret()
    assert (row["comment"], row["routes"]) == (f"{TAG} house 7", "10.99.0.0/24")
    assert (row["password"], row["profile"], row["service"]) == (
        *("s3cret", "isp_plan_1"),
        "any",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("remote_address", "10.7.0.2"),
        ("caller_id", MAC),
        ("remote_ipv6_prefix", "2::/56"),
    ],
)
def test_adopting_loses_no_address_that_only_the_router_knows(ros, name, value):
    foreign(ros, **{name: value})
    state, error = ros.say(wish(), adopt=True)
    assert state == "error" and "would lose it" in error and value in error
    assert not ros.router.writes


def test_a_foreign_login_in_other_letters_is_another_login(ros):
    foreign(ros, name="Mary")
    assert ros.say(wish(), gone("Mary")) == DONE
    assert ros.secret("Mary")["password"] == "by-hand"
    assert ros.secret()["password"] == "s3cret"


def test_a_row_of_other_books_is_foreign(ros):
    foreign(ros, comment="isp:00000000:17")
    assert ros.say(wish())[0] == "error"
    assert ros.say(gone()) == DONE
    assert ros.secret()["password"] == "by-hand"


def test_what_is_gone_takes_away_our_rows_only(ros):
    foreign(ros)
    ros.say(wish("john", tag=f"{BOOKS}:18"))
    assert ros.say(gone(), gone("john")) == DONE
    assert ros.secret() and ros.secret("john") is None


def test_our_mark_copied_to_another_row_changes_nothing_there(ros):
    ros.say(wish())
    foreign(ros, name="mary-copy", comment=TAG)
    before = ros.secret("mary-copy")
    ros.say(wish(on=False))
    assert ros.secret("mary-copy") == before


def test_words_that_people_add_to_the_comment_stay(ros):
    ros.say(wish())
    ros.router.set(SECRET, [ros.secret()[".id"]], {"comment": f"{TAG} call before 9"})
    assert not ros.writes(lambda: ros.say(wish()))
    ros.say(wish(on=False))
    assert ros.secret()["comment"] == f"{TAG} call before 9"


def test_fields_that_are_not_ours_are_never_written(ros):
    ros.say(wish())
    row_id = ros.secret()[".id"]
    ros.router.set(SECRET, [row_id], {"routes": "10.99.0.0/24", "service": "any"})
    ros.say(wish(on=False))
    assert (ros.secret()["routes"], ros.secret()["service"]) == ("10.99.0.0/24", "any")


# === DRIFT === #


@pytest.mark.parametrize(
    ("field", "value"),
    [("profile", "default"), ("password", "x"), ("disabled", "yes"), ("name", "mary2")],
)
def test_a_row_edited_by_hand_is_put_right(ros, field, value):
    ros.say(wish())
    ros.router.set(SECRET, [ros.secret()[".id"]], {field: value})
    assert ros.say(wish()) == DONE
    assert ros.router.dial("mary", "s3cret") == ""
    assert ros.router.session_rate("mary") == "5000000/10000000"


def test_a_rate_edited_by_hand_is_put_right_and_written_another_way_is_not(ros):
    ros.say(wish())
    profile = ros.router.row("/ppp/profile", name="isp_plan_1")[".id"]
    ros.router.set("/ppp/profile", [profile], {"rate-limit": "5M/10M"})
    assert not ros.writes(lambda: ros.say(wish()))
    ros.router.set("/ppp/profile", [profile], {"rate-limit": "5M/100M"})
    assert len(ros.writes(lambda: ros.say(wish()))) == 1


def test_a_row_deleted_by_hand_is_made_again(ros):
    ros.say(wish())
    ros.router.remove(SECRET, [ros.secret()[".id"]])
    assert ros.say(wish()) == DONE
    assert ros.router.dial("mary", "s3cret") == ""


def test_a_profile_deleted_by_hand_is_made_again(ros):
    ros.say(wish())
    ros.router.remove(
        "/ppp/profile", [ros.router.row("/ppp/profile", name="isp_plan_1")[".id"]]
    )
    assert ros.say(wish()) == DONE
    assert ros.router.dial("mary", "s3cret") == ""


def test_a_profile_that_vanishes_while_writing_is_made_in_the_next_run(ros):
    with ros.driver() as driver:
        ops = driver.plan([wish()], driver.read(["mary"]))
        results = driver.apply([op for op in ops if not op.shared])
    assert results["mary"].kind == "dependency"
    assert ros.say(wish()) == DONE


def test_a_refusal_is_never_called_applied(ros):
    """F2: the router's own words, for that one login."""
    refusals = [None, ("failure: no space left", "4")]
    ros.server.traps = {"/ppp/secret/add": refusals}
    outcomes = ros.converge(*many(3))
    bad = [outcome for outcome in outcomes.values() if outcome.state == "error"]
    assert len(bad) == 1 and "no space left" in bad[0].error
    assert sum(outcome.state == "applied" for outcome in outcomes.values()) == 2


def test_a_refused_profile_stops_its_own_subscribers_only(ros):
    other = wish("john", tag=f"{BOOKS}:18", plan="isp_plan_2", ipv6_pool="no-such-pool")
    outcomes = ros.converge(wish(), other)
    assert outcomes["mary"].state == "applied"
    assert (outcomes["john"].state, outcomes["john"].kind) == ("error", "dependency")
    assert "dhcpv6-pd-pool" in outcomes["john"].error
    assert ros.secret("john") is None


# === HOTSPOT === #


def test_a_hotspot_login_that_is_off_loses_session_and_cookie(ros):
    hot = {"service": "hotspot"}
    assert ros.say(wish(**hot)) == DONE
    assert ros.router.enter_hotspot("mary", "s3cret", MAC) == ""
    before = ros.router.row(USERS, name="mary")
    assert ros.say(wish(on=False, **hot)) == DONE
    assert not ros.router.find("/ip/hotspot/active")
    assert not ros.router.find("/ip/hotspot/cookie")
    after = ros.router.row(USERS, name="mary")
    assert (after[".id"], after["disabled"]) == (before[".id"], "true")
    assert ros.say(wish(mac=MAC, **hot)) == DONE
    assert ros.router.enter_hotspot("mary", None, MAC)


def test_a_hotspot_renewal_keeps_the_row_and_its_counters(ros):
    """F6: set, never removed and added again."""
    ros.say(wish(service="hotspot", on=False))
    writes = ros.writes(lambda: ros.say(wish(service="hotspot")))
    assert [verb for _path, verb, _values in writes] == ["enable"]


def test_a_hotspot_name_on_two_servers_is_for_a_person(ros):
    for server in ("lobby", "bar"):
        ros.router[USERS].insert(name="mary", server=server, comment=TAG)
    state, error = ros.say(wish(service="hotspot"))
    assert state == "error" and "2 rows" in error


# === WITHOUT LOGIN === #


def static(**values):
    return wish(service="static", fixed_ip=IP, **values)


def test_a_fixed_address_gets_a_queue_with_upload_first_and_its_device(ros):
    """F13 for queues: max-limit is upload/download."""
    assert ros.say(static(mac=MAC)) == DONE
    queue = ros.router.row(QUEUES, name="mary")
    assert (queue["target"], queue["max-limit"]) == (f"{IP}/32", "5000000/10000000")
    arp = ros.router.row(ARP, address=IP)
    assert (arp["mac-address"], arp["interface"]) == (MAC, "ether2")
    assert not ros.writes(lambda: ros.say(static(mac=MAC)))


def test_a_fixed_address_is_cut_and_walled_by_list_and_its_queue_stays(ros):
    ros.say(static())
    queue = ros.router.row(QUEUES, name="mary")[".id"]
    for values, name in (({}, "isp_off"), ({"walled": True}, "isp_walled")):
        outcome = ros.converge(static(on=False, **values))["mary"]
        assert (outcome.state, outcome.on) == ("applied", False)
        [(_id, entry)] = ros.router.find(LISTS)
        assert (entry["list"], entry["address"]) == (name, IP)
    assert ros.converge(static())["mary"].on
    assert not ros.router.find(LISTS)
    assert ros.router.row(QUEUES, name="mary")[".id"] == queue


def test_a_new_fixed_address_moves_all_rows(ros):
    ros.say(static(mac=MAC, on=False))
    moved = wish(service="static", fixed_ip="10.5.0.77", mac=MAC, on=False)
    assert ros.say(moved) == DONE
    for path in (ARP, LISTS):
        [(_id, row)] = ros.router.find(path)
        assert row["address"] == "10.5.0.77"
    assert ros.router.row(QUEUES, name="mary")["target"] == "10.5.0.77/32"


def test_an_address_that_somebody_else_keeps_off_is_not_called_on(ros):
    ros.router[LISTS].insert(list="isp_off", address=IP, comment="abuse")
    state, error = ros.say(static())
    assert state == "error" and "isp_off" in error
    assert ros.router.find(LISTS)


def test_a_device_in_no_network_of_the_router_is_for_a_person(ros):
    state, error = ros.say(wish(service="static", fixed_ip="192.0.2.9", mac=MAC))
    assert state == "error" and "No interface" in error


def test_a_known_device_gets_its_lease_and_is_cut_by_its_list(ros):
    dhcp = {"service": "dhcp", "mac": MAC}
    assert ros.say(wish(**dhcp)) == DONE
    lease = ros.router.row(LEASES, mac_address=MAC)
    assert lease["rate-limit"] == "5000000/10000000"
    assert lease["comment"] == f"{TAG} mary"
    outcome = ros.converge(wish(on=False, **dhcp))["mary"]
    assert (outcome.state, outcome.on) == ("applied", False)
    assert ros.router.row(LEASES, mac_address=MAC)["address-lists"] == "isp_off"
    new = wish(service="dhcp", mac="AA:BB:CC:00:11:33")
    assert ros.say(new) == DONE
    [(row_id, row)] = ros.router.find(LEASES)
    assert (row_id, row["mac-address"]) == (lease[".id"], "AA:BB:CC:00:11:33")


def test_our_mark_on_two_leases_is_for_a_person(ros):
    ros.say(wish(service="dhcp", mac=MAC))
    ros.router[LEASES].insert(mac_address="AA:BB:CC:00:11:99", comment=f"{TAG} mary")
    state, error = ros.say(wish(service="dhcp", mac=MAC, on=False))
    assert state == "error" and "2 rows" in error


def test_a_login_that_changes_its_way_onto_the_net_leaves_nothing_behind(ros):
    ways = [static(mac=MAC, on=False), wish(service="dhcp", mac=MAC)]
    ways += [wish(service="hotspot"), wish(), static()]
    for way in ways:
        assert ros.say(way) == DONE
    for path in (SECRET, USERS, LEASES, ARP, LISTS):
        assert not ros.router.find(path), path
    assert ros.say(gone()) == DONE
    assert not ros.router.find(QUEUES)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"service": "static"}, "fixed address"),
        ({"service": "dhcp"}, "MAC"),
        ({"service": "pigeon"}, "pigeon"),
        ({"mac": "12:34"}, "no MAC address"),
        ({"fixed_ip": "10.5.0"}, "no IPv4 address"),
        ({"ipv6_prefix": "fe80::1/200"}, "no IPv6 prefix"),
        ({"password": "a\nb"}, "control character"),
        ({"tag": "mine"}, "no mark"),
        ({"plan": ""}, "no package"),
        ({"rate_up": -1}, "no speed"),
    ],
)
def test_a_wish_no_router_takes_is_refused_in_words(ros, values, words):
    state, error = ros.say(wish(**values))
    assert state == "error" and words in error
    assert not ros.router.writes


def test_two_lines_with_one_address_are_told_apart_before_writing(ros):
    outcomes = ros.converge(static(), wish("john", service="static", fixed_ip=IP))
    assert "same address" in outcomes["john"].error
    assert outcomes["mary"].state == "applied"


def test_a_new_login_without_a_password_is_not_let_in(ros):
    state, error = ros.say(wish(password=None))
    assert state == "error" and "no password" in error
    assert ros.secret() is None
    ros.say(wish())
    assert ros.say(wish(password=None, on=False)) == DONE
    assert ros.secret()["password"] == "s3cret"


def test_what_a_router_has_no_field_for_is_said(ros):
    outcome = ros.converge(
        wish(extra={"Filter-Id": "x", "Class": None}, simultaneous=2)
    )
    warnings = " ".join(outcome["mary"].warnings)
    assert "Filter-Id" in warnings and "Class" not in warnings
    assert "Sessions at once" in warnings


# === FACTS AND MARK === #


def test_a_test_of_the_gateway_tells_what_it_is_and_may(ros):
    ros.converge(*many(3))
    with ros.driver() as driver:
        facts = driver.probe()
    assert (facts.identity, facts.serial, facts.version) == (
        "tower-1",
        "HF10ABC",
        "7.18.2",
    )
    assert (facts.ppp_secrets, facts.hotspot_users) == (3, 0)
    assert facts.uptime == timedelta(days=9, hours=3, minutes=4, seconds=5)
    assert abs(facts.clock_skew) <= 5 and facts.missing_rights == ()
    ros.router.clock_ahead = timedelta(hours=2)
    ros.router.add_user("reader", "x", "read,api,!write")
    with ros.driver(user="reader", password="x") as driver:
        facts = driver.probe()
    assert facts.missing_rights == ("write",)
    assert facts.rights == ("read", "api")
    assert abs(facts.clock_skew - 7200) <= 5


def test_a_probe_writes_nothing(ros):
    with ros.driver() as driver:
        driver.probe()
        driver.read_mark()
    assert not ros.router.writes


def test_the_mark_tells_whose_the_router_is(ros):
    with ros.driver() as driver:
        assert driver.read_mark() is None
        for run in (7, 8):
            driver.write_mark(Mark("0f3c-uuid", run))
            assert driver.read_mark() == Mark("0f3c-uuid", run)
    assert len(ros.router.find("/ppp/profile", name="isp_mark")) == 1


def test_a_router_without_hotspot_serves_pppoe(ros):
    for path in ("/ip/hotspot/user", "/ip/hotspot/user/profile", "/ip/hotspot/active"):
        del ros.router.tables[path]
    assert ros.say(wish()) == DONE
    state, error = ros.say(wish("john", service="hotspot", tag=f"{BOOKS}:18"))
    assert state == "error" and "Install the package" in error


def test_no_secret_is_in_what_is_told(ros):
    outcome = ros.converge(wish())["mary"]
    with ros.driver() as driver:
        observed = driver.read(["mary"])
        ops = driver.plan([wish(password="n3w")], observed)
    told = f"{outcome}{observed}{ops}{ros.settings()}{[op.describe() for op in ops]}"
    assert (
        "s3cret" not in told
        and "n3w" not in told
        and ros.settings().password not in told
    )


def test_one_run_logs_in_once(ros):
    with ros.driver() as driver:
        for on in (True, False, True):
            driver.converge([wish(on=on)], time.monotonic() + 5)
    assert ros.server.logins == 1
