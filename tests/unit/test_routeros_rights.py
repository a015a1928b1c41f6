"""What a router lets our user see, and knowing that it is the right one."""

import pytest
from routeros_lab import SECRET, many, wish

from tools.access_types import RightsError

pytest_plugins = ["routeros_fixtures"]


def test_a_router_that_shows_no_passwords_at_all_is_not_rewritten_in_every_run(ros):
    ros.converge(*many(3))
    ros.router.masked = ""
    ros.router.add_user("blind", "x", "read,write,api")
    with pytest.raises(RightsError, match="sensitive"):
        ros.converge(*many(3, on=False), user="blind", password="x")
    assert not ros.router.find(SECRET, disabled="yes")


def test_a_router_that_tells_neither_passwords_nor_rights_is_found_out_by_reading(ros):
    ros.router.masked = ""
    ros.router.add_user("blind", "x", "read,write,api")
    del ros.router.tables["/user/group"]
    ros.router.policies = lambda user: ["read", "write", "api"]
    with pytest.raises(RightsError, match="sensitive"):
        ros.converge(*many(3), user="blind", password="x")


def test_a_password_of_stars_stops_nobody(ros):
    ros.say(wish(password="****"))
    assert ros.say(wish(password="****", on=False)) == ("applied", "")


def test_a_password_emptied_by_hand_is_no_matter_of_rights(ros):
    ros.say(wish())
    ros.router.set(SECRET, [ros.secret()[".id"]], {"password": ""})
    assert ros.say(wish()) == ("applied", "")
    assert ros.secret()["password"] == "s3cret"


def test_knowing_the_router_takes_three_questions(ros):
    """A slow one has no time for all its facts at each login."""
    before = ros.server.count
    with ros.driver(serial="HF10ABC"):
        assert ros.server.count - before == 3
