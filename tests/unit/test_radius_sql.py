"""The FreeRADIUS driver, judged by what a real FreeRADIUS answers."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from radius_lab import NOW, applied, wish
from servers.freeradius import FreeRadius

from tools.access_driver import get_driver, open_driver
from tools.access_types import DependencyError
from tools.radius_sql import RadiusSql

pytest_plugins = ["radius_fixtures"]


# === ON, OFF, SPEED === #


def test_a_new_subscriber_is_refused_then_accepted_at_the_package_speed(lab):
    assert not lab.auth("alice").accepted
    outcome = lab.converge(wish())["alice"]
    assert applied(outcome) == ("applied", "")
    assert outcome.changed and outcome.on
    assert (outcome.rate_up, outcome.rate_down) == (5_000_000, 10_000_000)
    answer = lab.auth("alice")
    assert answer.accepted
    # What the router receives is the subscriber's upload: 5M up, 10M down.
    assert answer.attributes["Mikrotik-Rate-Limit"] == ["5M/10M"]
    assert not lab.auth("alice", "wrong").accepted


def test_a_subscriber_who_was_never_on_exists_and_is_refused(lab):
    outcome = lab.converge(wish(on=False))["alice"]
    assert (outcome.state, outcome.on, outcome.present) == ("applied", False, True)
    answer = lab.auth("alice")
    assert not answer.accepted
    assert "Reply-Message" in answer.attributes


def test_a_suspension_is_one_row_and_leaves_password_and_plan_rows_as_they_are(lab):
    lab.converge(wish())
    before = lab.everything()
    outcome = lab.converge(wish(on=False))["alice"]
    assert (outcome.state, outcome.on) == ("applied", False)
    after = lab.everything()
    assert after["radcheck"] == before["radcheck"]
    assert after["radreply"] == before["radreply"]
    assert after["radusergroup"][:1] == before["radusergroup"]
    assert lab.groups_of("alice") == [("isp_disabled", 0), ("isp_plan_1", 10)]
    assert not lab.auth("alice").accepted


def test_lifting_a_suspension_gives_back_the_old_password_and_speed(lab):
    lab.converge(wish())
    before = lab.everything()
    lab.converge(wish(on=False))
    lab.converge(wish())
    assert lab.rows("radcheck") == before["radcheck"]
    assert lab.rows("radusergroup") == before["radusergroup"]
    answer = lab.auth("alice")
    assert answer.accepted
    assert answer.attributes["Mikrotik-Rate-Limit"] == ["5M/10M"]


@pytest.mark.parametrize(
    ("old", "new"), [(2_000_000, 20_000_000), (20_000_000, 2_000_000)]
)
def test_a_changed_package_leaves_one_plan_row_with_the_new_speed(lab, old, new):
    lab.converge(wish(plan="isp_plan_1", rate_up=old, rate_down=old))
    lab.converge(wish(plan="isp_plan_2", rate_up=new, rate_down=new))
    assert lab.groups_of("alice") == [("isp_plan_2", 10)]
    text = f"{new // 10**6}M/{new // 10**6}M"
    assert lab.auth("alice").attributes["Mikrotik-Rate-Limit"] == [text]


def test_a_package_changed_while_suspended_stays_suspended(lab):
    lab.converge(wish(on=False))
    lab.converge(wish(on=False, plan="isp_plan_2"))
    assert lab.groups_of("alice") == [("isp_disabled", 0), ("isp_plan_2", 10)]
    assert not lab.auth("alice").accepted


def test_a_new_speed_of_a_package_is_one_row_for_all_its_subscribers(lab):
    logins = ["alice", "bob", "carol"]
    lab.converge(*(wish(login) for login in logins))
    before = lab.everything()
    outcomes = lab.converge(*(wish(n, rate_down=512_000) for n in logins))
    assert {o.rate_down for o in outcomes.values()} == {512_000}
    assert lab.rows("radusergroup") == before["radusergroup"]
    assert lab.rows("radcheck") == before["radcheck"]
    assert lab.auth("bob").attributes["Mikrotik-Rate-Limit"] == ["5M/512k"]


def test_a_package_without_a_speed_sends_no_limit(lab):
    lab.converge(wish())
    lab.converge(wish(rate_up=None, rate_down=None))
    answer = lab.auth("alice")
    assert answer.accepted
    assert "Mikrotik-Rate-Limit" not in answer.attributes


def test_a_terminated_login_is_gone_and_refused(lab):
    lab.converge(wish(fixed_ip="10.9.0.7"))
    outcome = lab.converge(wish(present=False))["alice"]
    assert (outcome.state, outcome.present) == ("applied", False)
    assert not lab.auth("alice").accepted
    assert lab.rows("radcheck") + lab.rows("radreply") + lab.groups_of("alice") == []


def test_a_renamed_login_works_under_the_new_name_only(lab):
    lab.converge(wish("alice"))
    outcomes = lab.converge(wish("alice", present=False), wish("bob"))
    assert [o.state for o in outcomes.values()] == ["applied", "applied"]
    assert lab.auth("bob").accepted
    assert not lab.auth("alice").accepted


@pytest.mark.parametrize("is_told", [True, False])
def test_a_login_in_other_letters_takes_the_place_of_the_old_one(lab, is_told):
    lab.converge(wish("AliceHome"))
    old = [wish("AliceHome", present=False)] * is_told
    outcomes = lab.converge(*old, wish("alicehome"))
    assert {o.state for o in outcomes.values()} == {"applied"}
    assert len(outcomes) == 1 + is_told
    assert lab.auth("alicehome").accepted
    # MariaDB takes both for one name; then it is the new row that lets in.
    assert lab.auth("AliceHome").accepted == (lab.dialect == "mysql")
    names = lab.sql("SELECT DISTINCT username FROM radcheck")
    assert names == [("alicehome",)]
    # The old spelling is asked to go once more, much later.
    lab.converge(wish("AliceHome", present=False))
    assert lab.auth("alicehome").accepted


def test_a_login_of_another_program_in_other_letters_is_left_alone(pg_lab):
    lab = pg_lab
    lab.check_row("ALICE", "Cleartext-Password", "x")
    lab.converge(wish("alice"))
    assert lab.auth("ALICE", "x").accepted


# === EXPIRATION === #


def test_a_past_expiration_refuses_and_a_future_one_ends_the_session_in_time(lab):
    lab.converge(wish(expires_at=NOW - timedelta(minutes=1)))
    assert not lab.auth("alice").accepted
    end = datetime.now(timezone.utc) + timedelta(hours=2)
    lab.converge(wish(expires_at=end))
    answer = lab.auth("alice")
    assert answer.accepted
    assert 7080 < int(answer.attributes["Session-Timeout"][0]) <= 7200


def test_an_expiration_is_written_in_the_zone_of_the_radius_host(lab, tmp_path):
    end = datetime.now(timezone.utc) + timedelta(hours=2)
    place = {"port": lab.server.port, "user": lab.server.user}
    zone = "America/New_York"
    with FreeRadius(
        tmp_path, host="127.0.0.1", time_zone=zone, dialect=lab.dialect, **place
    ) as far:
        outcome = lab.converge(wish(expires_at=end), tz=zone)["alice"]
        assert applied(outcome) == ("applied", "")
        answer = far.auth("alice", "s3cret")
        assert answer.accepted
        assert 7080 < int(answer.attributes["Session-Timeout"][0]) <= 7200
        # With the wrong zone the same host would cut off at once.
        lab.converge(wish(expires_at=end), tz="Pacific/Pago_Pago")
        assert not far.auth("alice", "s3cret").accepted


def test_an_expiration_that_is_no_longer_wished_is_removed(lab):
    lab.converge(wish())
    lab.converge(wish(expires_at=None))
    assert "Session-Timeout" not in lab.auth("alice").attributes


# === FURTHER ATTRIBUTES === #


def test_fixed_address_and_reply_attributes_reach_the_router(lab):
    extra = {"Mikrotik-Address-List": "vip\\lane", "Acct-Interim-Interval": "300"}
    lab.converge(wish(fixed_ip="10.9.0.7", extra=extra))
    attributes = lab.auth("alice").attributes
    assert attributes["Framed-IP-Address"] == ["10.9.0.7"]
    assert attributes["Acct-Interim-Interval"] == ["300"]
    # radclient shows a backslash doubled.
    assert attributes["Mikrotik-Address-List"] == ["vip\\\\lane"]
    lab.converge(wish(extra={"Acct-Interim-Interval": None}))
    attributes = lab.auth("alice").attributes
    assert "Framed-IP-Address" not in attributes
    assert "Acct-Interim-Interval" not in attributes
    assert "Mikrotik-Address-List" in attributes


def test_a_second_session_is_refused_where_one_is_allowed(lab):
    lab.converge(wish(simultaneous=1))
    assert lab.radius.acct_start("alice", "one").accepted
    assert not lab.auth("alice").accepted
    assert lab.radius.acct_stop("alice", "one").accepted
    assert lab.auth("alice").accepted


# === MANY === #


def test_an_unchanged_wish_writes_nothing(lab):
    wishes = [wish("alice", fixed_ip="10.9.0.7", simultaneous=2), wish("bob", on=False)]
    lab.converge(*wishes)
    before = lab.everything()
    outcomes = lab.converge(*wishes)
    assert lab.everything() == before
    assert [(o.state, o.changed, o.commands) for o in outcomes.values()] == [
        ("applied", False, []),
        ("applied", False, []),
    ]


def test_a_thousand_subscribers_take_as_many_statements_as_one(lab):
    def count(number, **values):
        wishes = [wish(f"user{n}", **values) for n in range(number)]
        outcomes = {}
        statements = lab.count_statements(
            lambda: outcomes.update(lab.converge(*wishes))
        )
        assert {o.state for o in outcomes.values()} == {"applied"}
        assert len(outcomes) == number
        return statements

    assert count(1) > 5
    lab.empty()
    one = count(1)
    lab.empty()
    # MariaDB takes rows by the thousand: there are two thousand of them in radcheck.
    one += lab.dialect == "mysql"
    assert count(1000) == one
    assert count(1000, on=False) <= one
    assert count(1000, password="new") <= one
    assert not lab.auth("user999").accepted
    assert lab.auth("user999", "new").accepted


def test_a_run_logs_in_once_under_its_own_name(pg_lab):
    lab = pg_lab
    with lab.driver() as driver:
        driver.converge([wish()])
        driver.converge([wish(on=False)])
        names = lab.sql(
            "SELECT application_name FROM pg_stat_activity WHERE usename = %s",
            "isp_writer",
        )
    assert names == [("mybizna_isp",)]


def test_commands_tell_what_was_done_without_the_password(lab):
    first = lab.converge(wish())["alice"].commands
    again = lab.converge(wish(password="other-pass", on=False))["alice"].commands
    assert "radgroupreply isp_plan_1: add Mikrotik-Rate-Limit := 5M/10M" in first
    assert "radcheck alice: add Cleartext-Password := ***" in first
    assert "radusergroup alice: disable isp_disabled (priority 0)" in again
    assert not any("s3cret" in c or "other-pass" in c for c in first + again)


def test_what_would_be_done_is_what_is_done(lab):
    lab.converge(wish())
    new = wish(on=False, plan="isp_plan_2", rate_down=1_000_000)
    with lab.driver() as driver:
        before = lab.everything()
        planned = driver.plan([new], driver.read(["alice"]))
        assert lab.everything() == before
    described = [op.describe() for op in planned]
    assert sorted(lab.converge(new)["alice"].commands) == sorted(described)


def test_reading_all_tells_ours_from_those_of_others(lab):
    lab.converge(wish())
    lab.check_row("other", "Cleartext-Password", "x")
    with lab.driver() as driver:
        observed = driver.read()
    assert {key: o.ours for key, o in observed.items()} == {
        "alice": True,
        "other": False,
    }
    assert "s3cret" not in repr(observed)


def test_one_login_on_two_connections_is_refused_for_both(lab):
    outcomes = lab.converge(wish("alice"), wish("ALICE", password="b"), wish("bob"))
    assert [outcomes[n].state for n in ("alice", "ALICE", "bob")] == [
        "error",
        "error",
        "applied",
    ]


def test_a_plan_asked_at_two_speeds_is_refused(lab):
    outcomes = lab.converge(wish("alice"), wish("bob", rate_down=1_000))
    assert [o.kind for o in outcomes.values()] == ["row", "row"]
    assert "more than one speed" in outcomes["bob"].error


# === CHOICE OF A DRIVER === #


def test_the_driver_of_a_type_is_found_and_an_unknown_type_is_an_error():
    assert get_driver("freeradius") is RadiusSql
    with pytest.raises(DependencyError, match="pigeon"):
        get_driver("pigeon")
    with pytest.raises(DependencyError, match="pigeon"):
        open_driver("pigeon", {})


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"host": None}, "address"),
        ({"database": ""}, "database"),
        ({"user": None}, "user"),
        ({"dialect": "oracle"}, "oracle"),
        ({"tz": "Mars/Base"}, "Mars/Base"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_gateway_with_missing_or_wrong_settings_is_told_which(lab, changes, word):
    settings = vars(lab.settings()) | changes
    with pytest.raises(DependencyError, match=word):
        open_driver("freeradius", settings)


def test_the_file_for_a_person_gives_what_the_driver_gives(lab):
    lab.sql(
        "INSERT INTO radusergroup (username, groupname, priority) VALUES "
        "('bob', 'staff', 0), ('bob', 'isp_plan_9', 10), ('dora', 'isp_plan_1', 10);"
    )
    lab.check_row("bob", "cleartext-password", "old", "==")
    lab.check_row("bob", "Cleartext-Password", "older")
    lab.check_row("dora", "Cleartext-Password", "x")
    lab.check_row("other", "Cleartext-Password", "x")
    wishes = [
        wish("alice", fixed_ip="10.9.0.7", password="it's \\ \"`"),
        wish("bob", on=False, plan="isp_plan_2", extra={"Framed-Pool": "a'b"}),
        wish("dora", present=False),
        wish("other", present=False),
        wish("x' OR '1'='1"),
    ]
    text = RadiusSql.export(replace(lab.settings(), host=None, database=None), wishes)
    assert "1 left out" in text
    script = text.replace("\\set ON_ERROR_STOP on\n", "")
    lab.sql(script)
    once = lab.everything()
    lab.sql(script)
    assert lab.everything() == once
    outcomes = lab.converge(*wishes[:3])
    assert [o.changed for o in outcomes.values()] == [False] * 3
    assert {o.state for o in outcomes.values()} == {"applied"}
    assert lab.auth("alice", "it's \\ \"`").accepted
    assert not lab.auth("bob").accepted and not lab.auth("dora", "x").accepted
    assert lab.auth("other", "x").accepted
