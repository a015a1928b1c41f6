"""What a wish becomes on a router, and what is left alone there."""

import time
from datetime import datetime, timedelta, timezone

import pytest
from routeros_lab import ACTIVE, BOOKS, MAC, SECRET, gone, many, wish

from tools.access_types import Mark

pytest_plugins = ["routeros_fixtures"]

DONE = ("applied", "")


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


@pytest.mark.parametrize("text", ["2001:db8:0:0::/56", "2001:0DB8::/56"])
def test_a_prefix_is_one_however_it_is_written(ros, text):
    assert ros.say(wish(ipv6_prefix=text)) == DONE
    assert ros.secret()["remote-ipv6-prefix"] == "2001:db8::/56"
    assert not ros.writes(lambda: ros.say(wish(ipv6_prefix=text)))


def test_sessions_are_read_without_the_rows(ros):
    ros.converge(*many(3))
    ros.router.dial("user1", "s3cret")
    ros.router[ACTIVE].insert(name="paul", radius="true", started=0.0)
    asked = ros.router.asked.copy()
    with ros.driver() as driver:
        news = driver.read_sessions()
    assert [row.login for row in news.rows] == ["user1"] and news.is_whole
    prints = {path for path in ros.router.asked - asked if path.endswith("/print")}
    assert prints == {f"{ACTIVE}/print", "/ip/hotspot/active/print"}


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


# === WHAT IS REFUSED === #


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
    assert facts.missing_rights == ("write", "sensitive")
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
