"""A new speed for a session that is on, by CoA: FreeRADIUS also plays the router."""

from datetime import datetime, timedelta, timezone

import pytest
from radius_lab import wish

pytest_plugins = ["radius_fixtures"]


def _told(lab):
    """Return what the routers were told, by name of the session that is open."""
    return dict(
        lab.sql(
            "SELECT acctsessionid, COALESCE(connectinfo_stop, '') FROM radacct "
            "WHERE acctstoptime IS NULL"
        )
    )


def _faster(login="alice", **values):
    since = datetime.now(timezone.utc) - timedelta(seconds=50)
    values = {"plan": "isp_plan_2", "rate_down": 50_000_000, **values}
    return wish(login, speed_since=since, **values)


def _start(lab, login="alice"):
    """A session from before the change."""
    lab.converge(wish(login))
    lab.start(login, f"{login} old")
    lab.age(100, interval=100)


def _converge(lab, wanted, **settings):
    settings = {"coa_secret": lab.radius.secret, "coa_speed": True, **settings}
    return lab.converge(wanted, **settings)[wanted.login]


def test_a_session_goes_on_at_the_new_speed(lab):
    _start(lab)
    lab.start("alice", "new")
    outcome = _converge(lab, _faster())
    assert _told(lab) == {"alice old": "5M/50M", "new": ""}
    assert outcome.state == "applied"
    assert outcome.commands[-1].startswith("change speed of session alice old")


def test_a_router_that_refuses_a_speed_is_asked_to_drop_the_session(lab):
    _start(lab, "fixed-speed")
    outcome = _converge(lab, _faster("fixed-speed"))
    assert (_told(lab), outcome.state) == ({}, "applied")
    assert outcome.commands[-1].startswith("drop session")


def test_a_router_that_does_not_know_the_session_has_ended_it(lab):
    _start(lab)
    lab.sql("UPDATE radacct SET acctsessionid = 'other' WHERE 1 = 1")
    with lab.driver(coa_secret=lab.radius.secret, coa_speed=True) as driver:
        session = driver.read(["alice"])["alice"].sessions[0]
        lab.sql("UPDATE radacct SET acctsessionid = 'again' WHERE 1 = 1")
        said = driver.change_speed({session: _faster()})
    assert said[session].state == "gone"


@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        ({}, {"coa_speed": False}),
        # No limit can't be said.
        ({"rate_down": None, "rate_up": None}, {}),
        # Another address takes a new session.
        ({"fresh_since": datetime.now(timezone.utc) + timedelta(days=1)}, {}),
    ],
)
def test_what_no_router_can_be_told_drops_the_session(lab, changes, settings):
    _start(lab)
    outcome = _converge(lab, _faster(**changes), **settings)
    assert (_told(lab), outcome.state) == ({}, "applied")


def test_a_line_that_is_off_is_dropped_and_not_slowed(lab):
    _start(lab)
    outcome = _converge(lab, _faster(on=False))
    assert (_told(lab), outcome.state) == ({}, "applied")
    assert not lab.auth("alice").accepted


def test_a_router_without_power_leaves_the_speed_unfinished(lab):
    _start(lab)
    quick = {"coa_secret": "other", "coa_timeout": 0.1, "coa_tries": 1}
    outcome = _converge(lab, _faster(), **quick)
    assert outcome.state == "unfinished"
    assert _told(lab) == {"alice old": ""}
