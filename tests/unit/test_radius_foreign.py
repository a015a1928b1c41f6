"""What others wrote, and what nobody should: judged by a real FreeRADIUS."""

import pytest
from radius_lab import applied, wish

pytest_plugins = ["radius_fixtures"]


# === WHAT IS NOT OURS, AND WHAT IS WRONG === #


def test_rows_of_other_programs_are_left_alone(lab):
    lab.check_row("other", "Cleartext-Password", "x")
    lab.check_row("alice", "NAS-Port-Type", "Virtual", "==")
    lab.sql(
        "INSERT INTO radusergroup (username, groupname, priority) VALUES "
        "('other', 'staff', 1), ('alice', 'staff', 50);"
        "INSERT INTO radgroupreply (groupname, attribute, op, value) VALUES "
        "('staff', 'Mikrotik-Rate-Limit', ':=', '1M/1M'), "
        "('isp_plan_1', 'Framed-Pool', ':=', 'homes');"
        "INSERT INTO radreply (username, attribute, op, value) VALUES "
        "('alice', 'Idle-Timeout', '=', '600')"
    )
    before = {table: set(rows) for table, rows in lab.everything().items()}
    lab.converge(wish())
    lab.converge(wish(on=False, plan="isp_plan_2"))
    lab.converge(wish(present=False), wish("other", present=False))
    after = lab.everything()
    assert all(before[table] <= set(after[table]) for table in before)


def test_a_login_of_another_program_is_not_removed_and_a_person_is_told(lab):
    lab.check_row("alice", "Cleartext-Password", "x")
    outcome = lab.converge(wish(present=False))["alice"]
    assert (outcome.state, outcome.kind, outcome.changed) == ("error", "row", False)
    assert "by hand" in outcome.error
    assert lab.auth("alice", "x").accepted


def test_duplicate_and_mistyped_rows_are_repaired_and_the_newest_wish_wins(lab):
    lab.check_row("alice", "Cleartext-Password", "older")
    lab.check_row("alice", "cleartext-password", "old", "==")
    lab.check_row("alice", "Cleartext-Password", "s3cret", "==")
    lab.sql(
        "INSERT INTO radusergroup (username, groupname, priority) VALUES "
        "('alice', 'isp_plan_9', 10), ('alice', 'isp_plan_1', 0), "
        "('alice', 'isp_disabled', 0), ('alice', 'isp_disabled', 3)"
    )
    outcome = lab.converge(wish())["alice"]
    assert applied(outcome) == ("applied", "")
    assert lab.auth("alice").accepted
    assert not lab.auth("alice", "older").accepted
    assert lab.groups_of("alice") == [("isp_plan_1", 10)]
    passwords = lab.sql(
        "SELECT op, value FROM radcheck WHERE lower(attribute) = 'cleartext-password'"
    )
    assert passwords == [(":=", "s3cret")]


def test_a_suspension_stands_before_every_group_of_other_programs(lab):
    lab.sql(
        "INSERT INTO radusergroup (username, groupname, priority) "
        "VALUES ('alice', 'staff', 0)"
    )
    outcome = lab.converge(wish())["alice"]
    assert "staff" in outcome.warnings[0]
    assert lab.auth("alice").accepted
    lab.converge(wish(on=False))
    assert not lab.auth("alice").accepted


def test_a_subscriber_let_in_past_all_groups_is_not_called_off(lab):
    lab.converge(wish())
    lab.sql(
        "INSERT INTO radreply (username, attribute, op, value) "
        "VALUES ('alice', 'Fall-Through', '=', 'No')"
    )
    outcome = lab.converge(wish(on=False))["alice"]
    assert lab.auth("alice").accepted
    assert outcome.state == "error" and "Fall-Through" in outcome.error


@pytest.mark.parametrize("where", ["radcheck", "foreign group"])
def test_a_subscriber_refused_by_rows_of_others_is_not_called_on(lab, where):
    if where == "radcheck":
        lab.check_row("alice", "Auth-Type", "Reject")
    else:
        lab.sql(
            "INSERT INTO radgroupcheck (groupname, attribute, op, value) "
            "VALUES ('blocked', 'Auth-Type', ':=', 'Reject');"
            "INSERT INTO radusergroup (username, groupname, priority) "
            "VALUES ('alice', 'blocked', -1)"
        )
    outcome = lab.converge(wish())["alice"]
    assert not lab.auth("alice").accepted
    assert (outcome.state, outcome.on) == ("error", False)
    assert "Auth-Type" in outcome.error


def test_a_refusing_group_that_was_emptied_by_hand_is_filled_again(lab):
    lab.converge(wish(on=False))
    lab.sql("DELETE FROM radgroupcheck")
    assert lab.auth("alice").accepted
    outcome = lab.converge(wish(on=False))["alice"]
    assert (outcome.state, outcome.changed) == ("applied", True)
    assert not lab.auth("alice").accepted


def test_words_for_the_refused_that_a_person_chose_stay(lab):
    lab.converge(wish(on=False))
    lab.sql("UPDATE radgroupreply SET value = 'Karibu tena, lipa kwanza'")
    lab.converge(wish("bob", on=False))
    answer = lab.auth("bob")
    assert answer.attributes["Reply-Message"] == ["Karibu tena, lipa kwanza"]


def test_a_subscriber_without_a_password_is_an_error_that_says_so(lab):
    outcome = lab.converge(wish(password=None))["alice"]
    assert outcome.state == "error" and "no password" in outcome.error
    lab.check_row("alice", "Cleartext-Password", "by hand")
    outcome = lab.converge(wish(password=None))["alice"]
    assert applied(outcome) == ("applied", "")
    assert lab.auth("alice", "by hand").accepted


# === HOSTILE AND ODD VALUES === #


@pytest.mark.parametrize(
    "login", ["x' OR '1'='1", "a b", "", "josé", "a\nUser-Name = b", "a%", "x" * 65]
)
def test_a_hostile_login_is_refused_and_nothing_is_written(lab, login):
    lab.converge(wish("honest"))
    before = lab.everything()
    outcome = lab.converge(wish(login))[login]
    assert (outcome.state, outcome.kind) == ("error", "row")
    assert lab.everything() == before


def test_a_hostile_login_is_a_literal_to_the_database_as_well(lab):
    lab.converge(wish("honest"))
    with lab.driver() as driver:
        observed = driver.read(["x' OR '1'='1"])
    assert [o.present for o in observed.values()] == [False]


@pytest.mark.parametrize(
    "password",
    [
        "it's",
        'say "hi"',
        '"quoted"',
        "'quoted'",
        "`touch /tmp/isp-owned`",
        "back\\slash",
        "two\\\\slashes",
        "no\\newline",
        "\\101bc",
        "\\",
        "'; DROP TABLE radcheck; --",
        "%{User-Name}",
        "${x}",
        "pä€ßwörd",
        " spaces ",
        "%s",
        "x" * 64,
    ],
)
def test_a_password_of_any_signs_works_as_typed(lab, password):
    outcome = lab.converge(wish(password=password))["alice"]
    assert applied(outcome) == ("applied", "")
    assert lab.auth("alice", password).accepted
    assert not lab.auth("alice", password[:-1] + "?").accepted
    assert not lab.converge(wish(password=password))["alice"].changed
    with lab.driver() as driver:
        assert driver.read(["alice"])["alice"].password == password


def test_a_password_longer_than_freeradius_can_take_is_refused(lab):
    outcome = lab.converge(wish(password="x" * 128))["alice"]
    if lab.dialect == "postgresql":
        assert lab.auth("alice", "x" * 128).accepted
    else:
        # Let in by the rows, refused by the column that notes the attempt.
        assert (outcome.state, outcome.kind) == ("error", "row")
        assert "64 characters" in outcome.error and lab.rows("radcheck") == []
