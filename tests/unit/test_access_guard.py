"""What has to be true before a device is written to."""

import pytest

from tools.access_driver import AccessDriver
from tools.access_guard import MANY_LOGINS, Guard, parse, show
from tools.access_types import (
    Desired,
    IdentityError,
    Kick,
    Mark,
    Observed,
    Op,
    Result,
    Session,
)

OURS = Mark("3f9a-uuid", 8)


def see(count, present=False):
    return {f"u{i}": Observed(f"u{i}", present=present) for i in range(count)}


@pytest.mark.parametrize(
    ("found", "written"), [(None, 0), (Mark("3f9a-uuid", 7), 7), (OURS, 7)]
)
def test_a_mark_of_ours_that_is_no_newer_lets_pass(found, written):
    Guard(OURS, written).check(found, {})


@pytest.mark.parametrize(
    ("found", "written", "sentence"),
    [
        (None, 7, "no longer has the mark"),
        (Mark("3f9a-uuid", 9), 7, "restored backup"),
        (Mark("3f9a-uuid", 6), 7, "an older state"),
        (Mark("other", 1), 0, "Another database"),
        (Mark("a word", 0), 0, "Another database"),
    ],
)
def test_any_other_mark_is_for_a_person_to_judge(found, written, sentence):
    with pytest.raises(IdentityError, match=sentence) as caught:
        Guard(OURS, written).check(found, {})
    assert caught.value.found == show(found)


def test_the_mark_that_a_person_took_for_right_lets_pass_and_no_other():
    guard = Guard(OURS, accepted="other:5")
    guard.check(Mark("other", 5), {})
    with pytest.raises(IdentityError):
        guard.check(Mark("other", 6), {})


def test_a_device_that_knows_none_of_many_is_for_a_person_to_judge():
    known = frozenset(see(MANY_LOGINS))
    with pytest.raises(IdentityError, match="knows none of 20"):
        Guard(OURS, 8, known=known).check(OURS, see(MANY_LOGINS))


@pytest.mark.parametrize(
    ("known", "observed"),
    [
        (see(MANY_LOGINS - 1), see(MANY_LOGINS)),
        (see(MANY_LOGINS), see(MANY_LOGINS - 1)),
        (see(MANY_LOGINS), see(MANY_LOGINS) | see(1, present=True)),
    ],
)
def test_few_missing_logins_are_repaired(known, observed):
    Guard(OURS, 8, known=frozenset(known)).check(OURS, observed)


@pytest.mark.parametrize(
    "text", ["a-b:7", "uuid:0", "", "x", "a:b", "a:-1", "a:²", ":5"]
)
def test_any_text_on_a_device_is_a_mark(text):
    mark = parse(text)
    assert mark.run >= 0
    if text == "a-b:7":
        assert mark == Mark("a-b", 7) and show(mark) == text


class Word(Op):
    def describe(self):
        return self.verb


class Device(AccessDriver):
    """A device in memory that has one login, off, with a session still open."""

    can_kick = True

    def __init__(self):
        self.mark, self.said = None, []

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        pass

    def probe(self): ...

    # pylint: disable=method-required-super
    def read(self, logins=None):
        session = Session("mary", "81f00001")
        return {"mary": Observed("mary", True, True, sessions=(session,))}

    def plan(self, desired, observed):
        return [
            Word("add", "mary") for wish in desired if wish.on != observed["mary"].on
        ]

    def apply(self, ops, deadline=None):
        self.said += ["write"]
        return {"mary": Result()}

    def check(self, desired): ...

    def kick(self, sessions):
        self.said += ["kick"]
        return {session: Kick("gone", "ok") for session in sessions}

    def read_mark(self):
        return self.mark

    def write_mark(self, mark):
        self.said += ["mark"]
        self.mark = mark


@pytest.mark.parametrize(("on", "said"), [(True, "write"), (False, "kick")])
def test_the_guard_stands_before_writes_and_before_kicks(on, said):
    device = Device()
    device.guard = Guard(OURS, written=7).pass_driver
    with pytest.raises(IdentityError):
        device.converge([Desired("mary", on=on)])
    assert device.said == []
    device.guard = Guard(OURS).pass_driver
    device.converge([Desired("mary", on=on)])
    assert device.said[:2] == ["mark", said]
    assert device.mark == OURS


def test_what_is_only_read_leaves_no_mark():
    device = Device()
    device.can_kick = False
    device.guard = Guard(OURS).pass_driver
    device.converge([Desired("mary")])
    assert (device.said, device.mark) == ([], None)


def test_a_kind_of_device_without_marks_is_known_by_its_logins_alone():
    class Plain(Device):
        read_mark, write_mark = AccessDriver.read_mark, AccessDriver.write_mark

    device = Plain()
    Guard(OURS, written=7).pass_driver(device, {})
    assert not device.keeps_mark and Device().keeps_mark
    with pytest.raises(IdentityError, match="knows none"):
        Guard(OURS, 7, known=frozenset(see(20))).pass_driver(device, see(20))
