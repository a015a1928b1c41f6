"""Rows on a router that others made or changed."""

import pytest
from routeros_lab import BOOKS, MAC, SECRET, TAG, gone, many, wish

pytest_plugins = ["routeros_fixtures"]

DONE = ("applied", "")


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


def test_a_foreign_secret_stays_a_conflict_beside_a_login_that_is_written(ros):
    ros.say(wish("paul", tag=f"{BOOKS}:19"))
    foreign(ros)
    outcomes = ros.converge(wish(), wish("john", tag=f"{BOOKS}:18"))
    assert outcomes["john"].state == "applied"
    assert outcomes["mary"].state == "error"
    assert "is not ours" in outcomes["mary"].error


def test_a_line_without_a_password_is_in_step_beside_a_login_that_is_written(ros):
    ros.say(wish())
    outcomes = ros.converge(
        wish(password=None), wish("john", tag=f"{BOOKS}:18", on=False)
    )
    assert [outcome.error for outcome in outcomes.values()] == ["", ""]


def test_a_foreign_row_that_outlives_a_closed_line_is_told(ros):
    foreign(ros)
    outcome = ros.converge(gone())["mary"]
    assert outcome.state == "applied" and "not ours" in outcome.warnings[0]
    assert not ros.converge(gone("john"))["john"].warnings


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
