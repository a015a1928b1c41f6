"""Comparing wishes with facts, without a server."""

from dataclasses import replace
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import radius_plan, radius_rows
from tools.access_compare import compare
from tools.access_types import Desired, Observed, Session, login_key
from tools.radius_rows import Row, Snapshot
from tools.radius_settings import RadiusSettings

UTC = ZoneInfo("UTC")
PLANS = {"isp_plan_1": (10_000_000, 5_000_000), "isp_plan_2": (50_000_000, None)}
LOGINS = ["mary", "john", "Ann", "p-7@isp"]


def wish(login="mary", plan="isp_plan_1", **values):
    down, up = PLANS[plan]
    values = {"on": True, "password": "s3cret", **values}
    return Desired(login, plan=plan, rate_down=down, rate_up=up, **values)


wishes = st.dictionaries(
    st.sampled_from(LOGINS).map(login_key),
    st.builds(
        wish,
        plan=st.sampled_from(sorted(PLANS)),
        on=st.booleans(),
        password=st.sampled_from([None, "s3cret", "0ther"]),
        fixed_ip=st.sampled_from([None, "10.0.0.7"]),
        simultaneous=st.sampled_from([None, 1]),
        expires_at=st.sampled_from(
            [None, datetime(2026, 3, 1, 10, tzinfo=timezone.utc)]
        ),
    ),
).map(lambda found: {key: replace(item, login=key) for key, item in found.items()})

tables = st.lists(
    st.builds(
        lambda login, kind, number: Row(kind[0], login, *kind[1:], row_id=number),
        st.sampled_from([*map(login_key, LOGINS), "ghost"]),
        st.sampled_from(
            [
                ("radcheck", "Cleartext-Password", ":=", "s3cret"),
                ("radcheck", "Cleartext-Password", ":=", "by hand"),
                ("radcheck", "Auth-Type", ":=", "Reject"),
                ("radreply", "Framed-IP-Address", ":=", "10.0.0.9"),
                ("radusergroup", "isp_plan_1", "", "10"),
                ("radusergroup", "isp_plan_2", "", "10"),
                ("radusergroup", "isp_disabled", "", "0"),
                ("radusergroup", "theirs", "", "5"),
            ]
        ),
        st.integers(1, 10**6),
    ),
    max_size=30,
    unique_by=lambda row: row.row_id,
)
GROUPS = [
    Row("radgroupreply", "isp_plan_1", radius_rows.RATE, ":=", "5M/10M", 1),
    Row("radgroupreply", "isp_plan_2", radius_rows.RATE, ":=", "0/50M", 2),
    Row("radgroupcheck", "isp_disabled", "Auth-Type", ":=", "Reject", 3),
]


def look(wished, rows, **values):
    snapshot = radius_rows.observe(rows, GROUPS, UTC, wished)
    planned = {}
    for op in radius_plan.plan(wished.values(), snapshot, RadiusSettings()):
        planned.setdefault(op.login, []).append(op)
    planned.pop("", None)
    return compare(wished, snapshot, planned, {}, **values), snapshot, planned


@given(wishes, tables)
def test_a_login_is_found_exactly_where_something_would_be_sent(wished, rows):
    findings, _snapshot, planned = look(wished, rows)
    assert {key for key in findings if key in wished} == set(planned)


@given(wishes, tables)
def test_what_is_said_of_cut_and_open_is_what_happens(wished, rows):
    findings, snapshot, _planned = look(wished, rows)
    for key, item in wished.items():
        was_on = snapshot[key].present and snapshot[key].on
        effect = findings[key].effect if key in findings else "none"
        assert (effect == "cut") == (was_on and not item.on)
        if not was_on and item.on:
            # Refused by a row that is not ours: nothing of ours would open it.
            assert effect in ("open", "none")


@given(wishes, tables)
def test_a_login_that_is_not_ours_is_never_sent_anything(wished, rows):
    findings, snapshot, _planned = look(wished, rows)
    for key, finding in findings.items():
        if key not in wished:
            assert finding.effect == "none"
            assert not finding.commands
            assert finding.kind == ("extra" if snapshot[key].ours else "foreign")


@given(wishes, tables)
def test_no_password_is_in_a_finding(wished, rows):
    findings, _snapshot, _planned = look(wished, rows)
    for secret in ("s3cret", "0ther", "by hand"):
        assert secret not in repr(list(findings.values()))


@given(wishes, tables)
def test_money_leaks_where_money_and_device_disagree(wished, rows):
    findings, snapshot, _planned = look(wished, rows)
    for key, finding in findings.items():
        is_on = snapshot[key].present and snapshot[key].on
        item = wished.get(key)
        leaks = {
            "online_unpaid": bool(item) and not item.on and is_on,
            "paid_off": bool(item) and item.on and not is_on,
            "unknown_secret": not item and is_on,
        }
        for leak, expected in leaks.items():
            assert (finding.leak == leak) == expected, finding


@pytest.mark.parametrize(
    ("facts", "leak"),
    [
        ({"rate_down": 20_000_000, "rate_up": 5_000_000}, "faster"),
        ({"rate_down": None, "rate_up": 5_000_000}, "faster"),
        ({"rate_down": 10_000_000, "rate_up": 6_000_000}, "faster"),
        ({"rate_down": 8_000_000, "rate_up": 5_000_000}, ""),
        ({"rate_down": 10_000_000, "rate_up": 5_000_000}, ""),
    ],
)
def test_faster_than_paid_for_is_a_leak_and_slower_is_not(facts, leak):
    fact = Observed("mary", True, True, True, plan="isp_plan_1", **facts)
    op = radius_rows.RadiusOp(
        "set", "mary", row=Row("radreply", "mary", "x", ":=", "y")
    )
    [finding] = compare({"mary": wish()}, {"mary": fact}, {"mary": [op]}, {}).values()
    assert finding.leak == leak


def test_a_foreign_login_without_a_speed_of_ours_is_not_called_faster():
    rows = [Row("radcheck", "mary", "Cleartext-Password", ":=", "s3cret", 1)]
    [finding] = look({"mary": wish()}, rows)[0].values()
    assert (finding.leak, finding.effect) == ("", "speed")
    assert "speed not known; made by somebody else" in finding.device


def test_a_session_of_a_login_that_is_off_is_found_though_its_rows_are_right():
    fact = Observed("mary", True, True, False, sessions=(Session("mary", "1"),))
    [finding] = compare({"mary": wish(on=False)}, {"mary": fact}, {}, {}).values()
    assert (finding.kind, finding.effect, finding.leak) == (
        "session",
        "cut",
        "online_unpaid",
    )
    assert "sessions still up: 1" in finding.device


def test_what_was_in_step_was_edited_by_hand_and_what_was_not_is_not_in_step_yet():
    rows = [
        Row("radcheck", "mary", "Cleartext-Password", ":=", "by hand", 1),
        Row("radusergroup", "mary", "isp_plan_1", "", "10", 2),
    ]
    for proved, kind in (((), "changed"), (("mary",), "hand_edited")):
        [finding] = look({"mary": wish()}, rows, proved=proved)[0].values()
        assert finding.kind == kind
        assert finding.differs == ("password",)


def test_a_row_that_stands_twice_is_a_duplicate():
    rows = [
        Row("radcheck", "mary", "Cleartext-Password", ":=", "s3cret", 1),
        Row("radcheck", "mary", "Cleartext-Password", ":=", "s3cret", 2),
        Row("radusergroup", "mary", "isp_plan_1", "", "10", 3),
    ]
    [finding] = look({"mary": wish()}, rows)[0].values()
    assert finding.kind == "duplicate"


def test_100_000_logins_are_compared_in_seconds():
    """0.7 s where this was written; one of another order would not end."""
    many = [f"line{number}" for number in range(100_000)]
    wished = {login: wish(login) for login in many}
    observed = Snapshot(
        (login, Observed(login, True, True, True, password="s3cret", plan="isp_plan_1"))
        for login in many
    )
    op = radius_rows.RadiusOp("set", row=Row("radreply", "x", "y", ":=", "z"))
    planned = {login: [op] for login in many[::2]}
    assert len(compare(wished, observed, planned, {})) == 50_000
