"""The acceptance test against devices that do one thing wrong each."""

from dataclasses import dataclass, replace

import pytest

from tools.access_acceptance import accept
from tools.access_driver import AccessDriver
from tools.access_guard import Guard
from tools.access_types import (
    Kick,
    Mark,
    Observed,
    Op,
    Result,
    Session,
    TransportError,
    login_key,
)

MATTER = {
    "login": "isp-canary-1",
    "tag": "isp:1:0",
    "service": "pppoe",
    "guard": Guard(Mark("our-books", 9)),
    "needs_walled": True,
}


@dataclass(frozen=True)
class Write(Op):
    wish: object = None

    def describe(self):
        return f"{self.verb} {self.login}"


@dataclass
class Facts:
    clock_skew: float | None = 0.0
    read_only: bool = False
    missing_rights: tuple = ()


class Device(AccessDriver):
    """A device in memory; `facts_of` says what it makes of a wish."""

    can_kick = True

    def __init__(self):
        self.users, self.writes = {}, []
        self.facts, self.mark = Facts(), None
        self.kicked, self.kick_state = [], "gone"

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        pass

    def probe(self):
        return self.facts

    def read_mark(self):
        return self.mark

    def write_mark(self, mark):
        self.mark = mark

    def facts_of(self, wish):
        return Observed(
            wish.login,
            present=True,
            ours=True,
            on=wish.on,
            walled=wish.walled,
            password=wish.password,
            rate_down=wish.rate_down,
            rate_up=wish.rate_up,
            plan=wish.plan,
        )

    # Not Odoo's `read`.
    # pylint: disable-next=method-required-super
    def read(self, logins=None):
        keys = self.users if logins is None else map(login_key, logins)
        return {key: self.users.get(key) or Observed(key) for key in keys}

    def plan(self, desired, observed):
        return [
            Write("set" if wish.present else "remove", login_key(wish.login), wish=wish)
            for wish in desired
            if (wish.present and self.facts_of(wish) != observed[login_key(wish.login)])
            or (not wish.present and observed[login_key(wish.login)].present)
        ]

    def apply(self, ops, deadline=None):
        for op in ops:
            self.writes.append(op.wish)
            if op.wish.present:
                self.users[op.login] = self.facts_of(op.wish)
            else:
                self.users.pop(op.login, None)
        return {op.target: Result() for op in ops}

    def check(self, desired):
        pass

    def kick(self, sessions):
        self.kicked += sessions
        return {
            session: Kick(self.kick_state, "said the device") for session in sessions
        }


def run(device, **matter):
    content = accept(device, {**MATTER, **matter}, None, lambda *_: None)
    return content["is_passed"], {
        s["name"]: (s["state"], s["text"]) for s in content["steps"]
    }


def test_a_device_that_obeys_passes_and_is_empty_again():
    device = Device()
    is_passed, steps = run(device)
    assert is_passed, steps
    assert not device.users
    assert steps["Pay Page"][0] == "passed"


class Reversing(Device):
    def facts_of(self, wish):
        facts = super().facts_of(wish)
        return replace(facts, rate_down=facts.rate_up, rate_up=facts.rate_down)


class Open(Device):
    def facts_of(self, wish):
        return replace(super().facts_of(wish), on=True)


class Wallless(Device):
    def facts_of(self, wish):
        return replace(super().facts_of(wish), walled=False)


class Forgetful(Device):
    def facts_of(self, wish):
        return replace(super().facts_of(wish), password="x")


@pytest.mark.parametrize(
    ("device", "step", "text"),
    [
        (Reversing(), "Login Made", "reads back at 10 Mbit/s down, 50 up"),
        (Open(), "Pay Page", "can't be held to the pay page"),
        (Wallless(), "Pay Page", "can't be held to the pay page"),
        (Forgetful(), "Login Made", "password differs"),
    ],
)
def test_a_device_that_does_one_thing_wrong_fails_there_and_is_empty(
    device, step, text
):
    is_passed, steps = run(device)
    assert not is_passed
    assert steps[step][0] == "failed"
    assert text in steps[step][1]
    assert steps["Clean After"][0] == "passed"
    assert not device.users


class Slow(Device):
    """Finds no time to write, which says nothing of what it holds."""

    def converge(self, desired, deadline=None):
        super().converge([])
        return {}


def test_a_device_that_finds_no_time_to_write_is_told_to_be_slow():
    is_passed, steps = run(Slow())
    assert not is_passed
    assert "too slow" in steps["Login Made"][1]


def test_no_pay_page_is_no_fault_where_no_package_asks_for_it():
    is_passed, steps = run(Wallless(), needs_walled=False)
    assert is_passed
    assert steps["Pay Page"][0] == "skipped"
    is_passed, steps = run(Open(), needs_walled=False)
    assert not is_passed
    assert steps["Switched Off"][0] == "failed"


@pytest.mark.parametrize(
    ("facts", "mark", "step"),
    [
        (Facts(missing_rights=("INSERT on radcheck",)), None, "Rights"),
        (Facts(read_only=True), None, "Rights"),
        (Facts(clock_skew=-4000.0), None, "Clock"),
        (Facts(), Mark("other-books", 7), "Identity"),
    ],
)
def test_what_is_wrong_before_is_told_and_nothing_is_written(facts, mark, step):
    device = Device()
    device.facts, device.mark = facts, mark
    is_passed, steps = run(device)
    assert not is_passed
    assert steps[step][0] == "failed"
    assert not device.writes


def test_our_own_mark_and_a_device_without_a_clock_are_no_fault():
    device = Device()
    device.facts, device.mark = Facts(clock_skew=None), Mark("our-books", 7)
    is_passed, steps = run(device)
    assert is_passed
    assert steps["Clock"][0] == "skipped"


class Dialed(Device):
    """The canary is in use by the time it is switched off."""

    def facts_of(self, wish):
        return replace(super().facts_of(wish), sessions=(Session(wish.login, "1"),))


@pytest.mark.parametrize(
    ("state", "expected"), [("gone", "passed"), ("silent", "failed")]
)
def test_a_session_that_is_there_has_to_go(state, expected):
    device = Dialed()
    device.kick_state = state
    is_passed, steps = run(device, needs_walled=False)
    assert device.kicked
    assert steps["Session Dropped"][0] == expected
    assert is_passed == (expected == "passed")


class Cut(Device):
    """The line breaks at one write and stays so until it is mended."""

    is_broken, at = False, 2

    def apply(self, ops, deadline=None):
        ops = list(ops)
        if self.is_broken or len(self.writes) >= self.at:
            self.is_broken = True
            raise TransportError("The line broke.")
        return super().apply(ops, deadline)


@pytest.mark.parametrize("at", range(1, 6))
def test_wherever_a_test_is_cut_the_next_one_leaves_nothing(at):
    device = Cut()
    device.at = at
    is_passed, steps = run(device)
    assert not is_passed
    assert device.users
    assert steps["Clean After"][0] == "failed"
    device.is_broken, device.at = False, 10**6
    is_passed, steps = run(device)
    assert is_passed, steps
    assert "cut short is removed" in steps["Clean Before"][1]
    assert not device.users
