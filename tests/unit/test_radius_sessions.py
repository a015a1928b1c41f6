"""Open sessions and how they end: a real FreeRADIUS, which also plays the router."""

import collections
import contextlib
import socket
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest
from pyrad import packet
from pyrad.dictionary import Dictionary
from radius_lab import ROLE, wish

from tools import radius_coa
from tools.access_types import Session
from tools.radius_sessions import read_open

pytest_plugins = ["radius_fixtures"]

MAC = "AA:BB:CC:00:11:22"


def secret(lab):
    return {"coa_secret": lab.radius.secret}


def kick(lab, *sessions, **changes):
    with lab.driver(**{**secret(lab), **changes}) as driver:
        said = driver.kick(sessions)
    return [said[session].state for session in sessions]


def session(login, name="one", **values):
    return Session(login, name, **{"nas": "127.0.0.1", **values})


# === WHAT IS OPEN === #


def test_open_sessions_are_seen_with_address_device_and_start(lab):
    lab.converge(wish())
    lab.start("alice", "one", Framed_IP_Address="10.9.0.7", Calling_Station_Id=MAC)
    lab.start("alice", "gone")
    lab.radius.acct_stop("alice", "gone")
    with lab.driver() as driver:
        (found,) = driver.read(["alice"])["alice"].sessions
    assert (found.session_id, found.address) == ("one", "10.9.0.7")
    assert (found.caller, found.nas) == (MAC, "127.0.0.1")
    age = datetime.now(timezone.utc) - found.started_at
    # FreeRADIUS counts whole seconds.
    assert timedelta(seconds=-2) < age < timedelta(seconds=60)


def test_the_age_of_a_session_is_told_by_the_databases_clock_alone(lab):
    lab.converge(wish())
    lab.start("alice", "one")
    # What a database in another zone, or with a wrong clock, would have noted.
    lab.age(3600, interval=1800)
    with lab.driver() as driver:
        (found,) = driver.read(["alice"])["alice"].sessions
    age = datetime.now(timezone.utc) - found.started_at
    assert timedelta(minutes=59) < age < timedelta(minutes=62)


def is_silent(lab, **changes):
    with lab.driver(**changes) as driver:
        (found,) = driver.read(["alice"])["alice"].sessions
    return found.is_silent


def test_a_session_without_updates_is_silent(lab):
    lab.converge(wish())
    lab.start("alice", "one")
    lab.age(1000, interval=300)
    assert is_silent(lab)
    assert not is_silent(lab, stale_after=0)
    # Three intervals of its own have not passed.
    lab.age(0, interval=600)
    assert not is_silent(lab)


def test_a_router_that_never_sends_updates_is_given_a_day(lab):
    lab.converge(wish())
    lab.start("alice", "one")
    lab.age(80_000)
    assert not is_silent(lab)
    lab.age(10_000)
    assert is_silent(lab)


def test_access_works_without_the_right_to_see_sessions_and_says_so(pg_lab):
    pg_lab.sql(f"REVOKE SELECT ON radacct FROM {ROLE}")
    try:
        outcome = pg_lab.converge(wish(), **secret(pg_lab))["alice"]
    finally:
        pg_lab.sql(f"GRANT SELECT ON radacct TO {ROLE}")
    assert outcome.state == "applied"
    assert "none is dropped" in outcome.warnings[0]


# === DROPPING === #


def test_a_login_switched_off_is_dropped_and_comes_back_to_a_refusal(lab):
    lab.converge(wish())
    lab.start("alice", "one")
    outcome = lab.converge(wish(on=False), **secret(lab))["alice"]
    assert outcome.state == "applied"
    assert "drop session one of alice on 127.0.0.1: dropped" in outcome.commands
    assert lab.open_sessions() == []
    assert not lab.auth("alice").accepted


def test_expiry_walls_drops_and_lets_in_to_the_pay_page(lab):
    lab.converge(wish())
    lab.start("alice", "one")
    now = datetime.now(timezone.utc) + timedelta(seconds=2)
    walled = wish(on=False, walled=True, fresh_since=now)
    assert lab.converge(walled, **secret(lab))["alice"].state == "applied"
    assert lab.open_sessions() == []
    attributes = lab.auth("alice").attributes
    assert attributes["Mikrotik-Address-List"] == ["isp_walled"]


def test_a_new_package_drops_sessions_from_before_and_leaves_those_from_after(lab):
    lab.converge(wish())
    lab.start("alice", "old")
    lab.age(100, interval=100)
    lab.start("alice", "new")
    since = datetime.now(timezone.utc) - timedelta(seconds=50)
    faster = wish(plan="isp_plan_2", rate_down=50_000_000, fresh_since=since)
    lab.converge(faster, **secret(lab))
    assert lab.open_sessions() == ["new"]
    assert lab.auth("alice").attributes["Mikrotik-Rate-Limit"] == ["5M/50M"]


def test_every_session_of_a_login_is_dropped_and_no_other_ones(lab):
    lab.converge(wish(), wish("bob"))
    for login, name in (("alice", "one"), ("alice", "two"), ("bob", "three")):
        lab.start(login, name)
    lab.converge(wish(on=False), wish("bob"), **secret(lab))
    assert lab.open_sessions() == ["three"]


def test_a_session_the_router_does_not_know_is_gone(lab):
    with lab.driver(**secret(lab)) as driver:
        said = driver.kick([session("alice")])
    assert [tuple(kick) for kick in said.values()] == [("gone", "was gone already")]


def test_a_refusal_of_the_router_is_not_called_gone(lab):
    lab.converge(wish("forbidden"))
    lab.start("forbidden", "one")
    outcome = lab.converge(wish("forbidden", on=False), **secret(lab))["forbidden"]
    assert outcome.state == "unfinished"
    assert "not allowed" in outcome.error and "501" in outcome.error
    assert lab.open_sessions() == ["one"]


@pytest.mark.parametrize("login", ["by-address", "by-caller"])
def test_a_session_is_named_in_other_words_when_the_router_asks_for_them(lab, login):
    lab.start(login, "one", Framed_IP_Address="10.9.0.7", Calling_Station_Id=MAC)
    named = session(login, address="10.9.0.7", caller=MAC)
    assert kick(lab, named) == ["gone"]
    assert lab.open_sessions() == []


def test_a_wrong_secret_and_a_closed_port_are_silence(lab):
    lab.start("alice", "one")
    quick = {"coa_timeout": 0.1, "coa_tries": 2}
    assert kick(lab, session("alice"), coa_secret="other", **quick) == ["silent"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert kick(lab, session("alice"), coa_port=port, **quick) == ["silent"]
    assert lab.open_sessions() == ["one"]


def test_a_silent_session_is_dropped_too_and_decides_nothing(lab):
    """F3: its updates may be lost, or its router's clock wrong, and it lives on."""
    lab.converge(wish())
    lab.start("alice", "one")
    lab.age(4000, interval=300)
    quick = {"coa_timeout": 0.1, "coa_tries": 1, "coa_secret": "other"}
    outcome = lab.converge(wish(on=False), **quick)["alice"]
    assert outcome.state == "applied"
    assert lab.open_sessions() == ["one"]
    outcome = lab.converge(wish(on=False), **secret(lab))["alice"]
    assert "drop session one of alice on 127.0.0.1: dropped" in outcome.commands
    assert lab.open_sessions() == []


def test_a_silent_session_is_left_alone_where_the_login_has_a_fresh_one(lab):
    """A router that goes by the login alone would drop the fresh one."""
    lab.converge(wish())
    lab.start("alice", "dead")
    lab.age(4000, interval=300)
    lab.start("alice", "fresh")
    lab.sql(
        f"UPDATE radacct SET acctstarttime = {lab.ago.format('acctstarttime')} "
        "WHERE acctsessionid = 'fresh'",
        100,
    )
    since = datetime.now(timezone.utc) - timedelta(seconds=500)
    lab.converge(wish(fresh_since=since), **secret(lab))
    assert lab.open_sessions() == ["dead", "fresh"]
    lab.radius.acct_stop("alice", "fresh")
    lab.converge(wish(fresh_since=since), **secret(lab))
    assert lab.open_sessions() == []


def test_a_router_without_power_leaves_the_access_as_wished_and_the_drop_unfinished(
    lab,
):
    lab.converge(wish())
    lab.start("alice", "one")
    quick = {"coa_timeout": 0.1, "coa_tries": 1, "coa_secret": "other"}
    outcome = lab.converge(wish(on=False), **quick)["alice"]
    assert (outcome.state, outcome.on) == ("unfinished", False)
    assert "may still be up" in outcome.error


def test_the_secret_of_a_router_is_the_one_freeradius_has_of_it(lab):
    lab.sql(
        "INSERT INTO nas (nasname, shortname, secret) VALUES "
        "('127.0.0.0/8', 'all', 'other'), ('127.0.0.1', 'one', %s), "
        "('tower.example', 'name', 'x')",
        lab.radius.secret,
    )
    lab.start("alice", "one")
    with lab.driver() as driver:
        assert driver.can_kick
    assert kick(lab, session("alice"), coa_secret=None) == ["gone"]
    assert lab.open_sessions() == []


def test_without_a_secret_nothing_is_dropped_and_the_log_says_so(lab):
    lab.converge(wish())
    lab.start("alice", "one")
    outcome = lab.converge(wish(on=False))["alice"]
    assert outcome.state == "applied"
    assert "can drop none" in outcome.warnings[0]
    assert lab.open_sessions() == ["one"]


def test_without_pyrad_access_works_and_a_person_is_told(lab, monkeypatch):
    monkeypatch.setattr(radius_coa, "is_available", lambda: False)
    lab.converge(wish())
    lab.start("alice", "one")
    outcome = lab.converge(wish(on=False), **secret(lab))["alice"]
    assert outcome.state == "applied"
    assert "pyrad" in outcome.warnings[0]


def test_a_thousand_sessions_are_dropped_in_one_go(pg_lab):
    lab = pg_lab
    lab.sql(
        "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, "
        "acctstarttime, acctupdatetime) SELECT 's' || n, 'u' || n, 'user' || n, "
        "'127.0.0.1', now(), now() FROM generate_series(1, 1000) AS n"
    )
    with lab.driver(**secret(lab)) as driver:
        driver.deadline = time.monotonic() + 60
        said = driver.kick(read_open(driver._session))
    assert len(said) == 1000
    assert {kick.state for kick in said.values()} == {"gone"}
    assert lab.open_sessions() == []


class SlowRouter:
    """Answers one Disconnect-Request every `pace` seconds and forgets what comes while
    it has `room` of them to do."""

    def __init__(self, pace, room):
        self.pace, self.room = pace, room
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.words = Dictionary(str(radius_coa.DICTIONARY))
        self.forgotten = 0
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join(10)
        self.socket.close()

    def serve(self):
        to_do = collections.deque()
        ready_at = time.monotonic()
        while True:
            left = max(0.001, ready_at - time.monotonic()) if to_do else None
            self.socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                raw, sender = self.socket.recvfrom(4096)
                if not raw:
                    return
                if len(to_do) < self.room:
                    to_do.append((raw, sender))
                else:
                    self.forgotten += 1
            if to_do and time.monotonic() >= ready_at:
                self.answer(*to_do.popleft())
                ready_at = time.monotonic() + self.pace

    def answer(self, raw, sender):
        asked = packet.CoAPacket(packet=raw, secret=b"right", dict=self.words)
        reply = asked.CreateReply()
        reply.code = packet.DisconnectACK
        self.socket.sendto(reply.ReplyPacket(), sender)


def test_a_slow_router_with_little_room_is_asked_no_faster_than_it_answers():
    sessions = [session(f"user{number}") for number in range(150)]
    with SlowRouter(pace=0.02, room=12) as router:
        target = radius_coa.Target("127.0.0.1", router.port, "right")
        said = radius_coa.disconnect(sessions, lambda nas: target, 0.3, 3)
    assert {kick.state for kick in said.values()} == {"gone"}
    assert len(said) == 150
    # It was too much for it at least once: what was forgotten was asked for again.
    assert router.forgotten > 0


def test_what_the_time_does_not_suffice_for_is_silent(lab):
    with lab.driver(coa_secret="other", coa_timeout=60) as driver:
        driver.deadline = time.monotonic() + 0.2
        said = driver.kick([session("alice")])
    assert [kick.text for kick in said.values()] == ["no time was left to drop it"]


def test_a_forged_answer_is_no_answer():
    """A stranger who guesses identifier and port knows no secret."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as router:
        router.bind(("127.0.0.1", 0))
        router.settimeout(10)

        def forge():
            raw, sender = router.recvfrom(4096)
            for answer in (
                b"\x29" + raw[1:2] + b"\x00\x14" + 16 * b"\x00",
                b"\x29" + raw[1:2] + b"\xff\xff" + 16 * b"\x00",
                b"\x29",
            ):
                router.sendto(answer, sender)

        thread = threading.Thread(target=forge)
        thread.start()
        target = radius_coa.Target("127.0.0.1", router.getsockname()[1], "right")
        one = session("alice")
        said = radius_coa.disconnect([one], lambda nas: target, 0.5, 1)
        thread.join(10)
    assert said[one].state == "silent"
    assert "right" not in repr(target)


def test_a_packet_has_what_a_strict_router_asks_for():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as router:
        router.bind(("127.0.0.1", 0))
        router.settimeout(10)
        target = radius_coa.Target("127.0.0.1", router.getsockname()[1], "right")
        one = session("alice", address="10.9.0.7")
        radius_coa.disconnect([one], lambda nas: target, 0.1, 1)
        raw = router.recv(4096)
    kinds, rest = {}, raw[20:]
    while rest:
        kinds[rest[0]] = rest[2 : rest[1]]
        rest = rest[rest[1] :]
    assert raw[0] == 40
    # User-Name, Framed-IP-Address, Acct-Session-Id, and the moment within 300 s.
    assert (kinds[1], kinds[8], kinds[44]) == (b"alice", b"\x0a\x09\x00\x07", b"one")
    assert abs(int.from_bytes(kinds[55], "big") - time.time()) < 60
    assert len(kinds[80]) == 16


@pytest.mark.parametrize(
    ("address", "found"),
    [("10.1.2.3", "narrow"), ("10.9.9.9", "wide"), ("192.0.2.1", None), ("x", None)],
)
def test_the_narrowest_network_names_the_secret(address, found):
    routers = [("10.0.0.0/8", "wide"), ("10.1.2.0/24", "narrow"), ("tower", "no")]
    assert radius_coa.find_secret(routers, address) == found
