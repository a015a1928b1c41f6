from datetime import timedelta

import pytest
from radius_lab import NOW, ROLE, wish

from tools.access_driver import stale_sessions
from tools.access_exchange import Keeper, Task, exchange
from tools.access_types import Observed, Session

pytest_plugins = ["radius_fixtures"]

SINCE = NOW - timedelta(hours=1)
OLD = Session("alice", "1", started_at=SINCE - timedelta(seconds=1))
NEW = Session("alice", "2", started_at=SINCE + timedelta(seconds=1))
UNKNOWN = Session("alice", "3")
ALL = (OLD, NEW, UNKNOWN)


@pytest.mark.parametrize(
    ("wished", "ours", "stale"),
    [
        ({"fresh_since": SINCE}, True, [OLD]),
        ({"fresh_since": None}, True, []),
        ({"on": False, "walled": True, "fresh_since": SINCE}, True, [OLD]),
        ({"on": False}, True, [*ALL]),
        ({"present": False}, True, [*ALL]),
        ({"present": False}, False, []),
    ],
)
def test_sessions_that_live_by_what_was_allowed_before_are_stale(wished, ours, stale):
    observed = Observed("alice", present=True, ours=ours, sessions=ALL)
    assert stale_sessions(wish(**wished), observed) == stale


def test_one_connection_serves_all_exchanges_of_a_run(pg_lab):
    keeper = Keeper()
    before = _count_logins(pg_lab)
    for name in ("alice", "bob", "carol"):
        assert _exchange(pg_lab, keeper, name).said[name].outcome == "applied"
    keeper.close()
    assert _count_logins(pg_lab) == before + 1


def test_a_kept_connection_that_the_device_closed_is_opened_anew(pg_lab):
    keeper = Keeper()
    _exchange(pg_lab, keeper, "alice")
    pg_lab.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
        ROLE,
    )
    outcome = _exchange(pg_lab, keeper, "bob")
    keeper.close()
    assert (outcome.health, outcome.said["bob"].outcome) == ("up", "applied")


def test_other_settings_get_a_connection_of_their_own(pg_lab):
    keeper = Keeper()
    _exchange(pg_lab, keeper, "alice")
    outcome = _exchange(pg_lab, keeper, "bob", password="another")
    keeper.close()
    assert outcome.health == "auth_error"


def _exchange(lab, keeper, name, **changes):
    settings = lab.settings(**changes)
    names = ("host", "port", "database", "user", "password")
    task = Task(
        gateway_id=1,
        gateway_type="freeradius",
        settings={key: getattr(settings, key) for key in names},
        token="token",
        wishes={name: vars(wish(name))},
        entries=[],
    )
    return exchange(task, None, keeper)


def _count_logins(lab):
    log = lab.postgres.log()
    return log.count(f"connection authorized: user={ROLE} ")
