"""Wishes and rows, without a server."""

import locale
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from radius_lab import wish

from tools import radius_plan, radius_rows, radius_values
from tools.access_types import RowError
from tools.radius_rows import MEMBER, Row
from tools.radius_settings import RadiusSettings

UTC = ZoneInfo("UTC")
SETTINGS = RadiusSettings(walled_pool="pay")


# === VALUES === #


@given(st.text(min_size=1))
def test_an_escaped_value_reads_as_it_was(text):
    assert radius_values.unescape(radius_values.escape(text)) == text


@given(st.text(alphabet="'\"`\\ab", min_size=1))
def test_an_escaped_value_is_never_a_command_nor_loses_its_quotes(text):
    escaped = radius_values.escape(text)
    assert not (escaped[0] in "'\"`" and escaped[0] == escaped[-1])


@pytest.mark.parametrize(
    ("up", "down", "text"),
    [
        (5_000_000, 10_000_000, "5M/10M"),
        (512_000, 1_500_000, "512k/1500k"),
        (64_001, 1_000, "64001/1k"),
        (None, 1_000_000_000, "0/1000M"),
        (2_000_000, None, "2M/0"),
        (None, None, None),
    ],
)
def test_a_rate_limit_is_upload_then_download(up, down, text):
    assert radius_values.rate_limit(up, down) == text
    if text:
        assert radius_values.parse_rate_limit(text) == (up, down)


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("10M", (10_000_000, 10_000_000)),
        ("1M/2M 2M/4M 1M/1M 8/8", (1_000_000, 2_000_000)),
        ("1G/2G", (10**9, 2 * 10**9)),
        ("fast", (None, None)),
        ("", (None, None)),
    ],
)
def test_a_rate_limit_typed_by_hand_is_read(text, rates):
    assert radius_values.parse_rate_limit(text) == rates


def test_an_expiration_has_english_months_and_the_time_of_the_zone():
    moment = datetime(2026, 2, 28, 22, 30, 5, 999, tzinfo=timezone.utc)
    before = locale.setlocale(locale.LC_TIME)
    try:
        locale.setlocale(locale.LC_TIME, "")
        zone = ZoneInfo("Africa/Nairobi")
        assert radius_values.expiration(moment, zone) == "01 Mar 2026 01:30:05"
    finally:
        locale.setlocale(locale.LC_TIME, before)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 30)),
    st.sampled_from(["UTC", "Africa/Nairobi", "Asia/Kolkata", "America/New_York"]),
)
def test_an_expiration_reads_as_the_moment_it_was_made_of(moment, zone):
    zone = ZoneInfo(zone)
    moment = moment.replace(microsecond=0, tzinfo=timezone.utc)
    read = radius_values.parse_expiration(radius_values.expiration(moment, zone), zone)
    # In the hour that comes twice in autumn the text can't tell which one.
    twice = moment.astimezone(zone).replace(fold=0) != moment.astimezone(zone)
    assert read == moment or twice or moment.astimezone(zone).fold


@pytest.mark.parametrize("text", ["", "soon", "31 Feb 2026 00:00:00", "9" * 30])
def test_an_expiration_that_is_no_date_is_none(text):
    assert radius_values.parse_expiration(text, UTC) is None


# === CHECKS === #


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"login": "a b"}, "login"),
        ({"password": ""}, "password"),
        ({"password": "a\x00b"}, "password"),
        ({"password": "a\nb"}, "password"),
        ({"password": "ä" * 65}, "password"),
        ({"plan": "gold"}, "plan"),
        ({"plan": "isp_"}, "plan"),
        ({"plan": "isp_disabled"}, "plan"),
        ({"plan": "isp_walled"}, "plan"),
        ({"plan": "isp_mark"}, "plan"),
        ({"mac": "aa:bb:cc:00:11:22"}, "MAC"),
        ({"ipv6_prefix": "10.0.0.0/8"}, "IPv6 prefix"),
        ({"pool": "a\nb"}, "pool"),
        ({"rate_up": 0}, "rate_up"),
        ({"rate_down": -5}, "rate_down"),
        ({"simultaneous": 0}, "simultaneous"),
        ({"simultaneous": 1001}, "sessions"),
        ({"expires_at": datetime(2026, 1, 1)}, "time zone"),
        ({"expires_at": datetime(2100, 1, 1, tzinfo=timezone.utc)}, "2099"),
        ({"fixed_ip": "10.0.0"}, "Framed-IP-Address"),
        ({"fixed_ip": "2001:db8::1"}, "Framed-IP-Address"),
        ({"extra": {"Auth-Type": "Accept"}}, "Auth-Type"),
        ({"extra": {"Mikrotik-Rate-Limit": "1G/1G"}}, "Mikrotik-Rate-Limit"),
        ({"extra": {"Session-Timeout": "long"}}, "Session-Timeout"),
        ({"extra": {"Session-Timeout": "1_0"}}, "Session-Timeout"),
        ({"extra": {"Framed-Pool": "a\nb"}}, "Framed-Pool"),
        ({"extra": {"Delegated-IPv6-Prefix": "10.0.0.0/8"}}, "Delegated-IPv6-Prefix"),
    ],
)
def test_a_wish_that_can_not_be_written_is_told_what_is_wrong(changes, word):
    with pytest.raises(RowError, match=word) as caught:
        radius_values.check(replace(wish(), **changes))
    if password := changes.get("password"):
        assert password not in str(caught.value)


def test_a_login_that_should_go_needs_nothing_but_its_name():
    radius_values.check(replace(wish(), present=False, plan="", password=""))


# === THE WAY === #

LOGINS = ("alice", "Alice", "bob")
GROUPS = (
    *("isp_plan_1", "isp_plan_2", "isp_disabled", "isp_walled", "isp_walled_fixed"),
    "staff",
)
CONTENTS = (
    ("radcheck", "Cleartext-Password", ("a", "b")),
    ("radcheck", "cleartext-password", ("a",)),
    ("radcheck", "Expiration", ("01 Jan 2030 00:00:00", "x")),
    ("radcheck", "Simultaneous-Use", ("1", "x")),
    ("radcheck", "Calling-Station-Id", ("AA", "AA:BB:CC:00:11:22")),
    ("radreply", "Delegated-IPv6-Prefix", ("2001:db8::/56",)),
    ("radcheck", "NAS-Port-Type", ("Virtual",)),
    ("radreply", "Framed-IP-Address", ("10.0.0.1",)),
    ("radreply", "Framed-Pool", ("p", "q")),
    ("radreply", "Idle-Timeout", ("5",)),
)


@st.composite
def rows(draw):
    made = []
    for _ in range(draw(st.integers(0, 12))):
        login = draw(st.sampled_from(LOGINS))
        row_id = len(made) + 1
        if draw(st.booleans()):
            group = draw(st.sampled_from(GROUPS))
            priority = str(draw(st.integers(-2, 12)))
            made.append(Row(MEMBER, login, group, "", priority, row_id))
        else:
            table, attribute, values = draw(st.sampled_from(CONTENTS))
            op = draw(st.sampled_from([":=", "=="]))
            value = draw(st.sampled_from(values))
            made.append(Row(table, login, attribute, op, value, row_id))
    return made


WISHES = st.builds(
    wish,
    st.sampled_from(["alice", "bob"]),
    password=st.sampled_from(["a", "z", None]),
    on=st.booleans(),
    walled=st.booleans(),
    mac=st.sampled_from([None, "AA:BB:CC:00:11:22"]),
    ipv6_prefix=st.sampled_from([None, "2001:db8:7::/56"]),
    present=st.booleans(),
    plan=st.sampled_from(["isp_plan_1", "isp_plan_2"]),
    simultaneous=st.sampled_from([None, 1]),
    fixed_ip=st.sampled_from([None, "10.0.0.1", "10.0.0.2"]),
    extra=st.sampled_from([{}, {"Framed-Pool": "q"}, {"Framed-Pool": None}]),
)


def carry_out(table_rows, ops):
    """Return the rows after `ops`, as the statements of the driver leave them."""
    rows_by_id = {row.row_id: row for row in table_rows}
    for op in ops:
        if op.verb == "enable":
            rows_by_id = {
                row_id: row
                for row_id, row in rows_by_id.items()
                if (row.name, row.attribute) != (op.row.name, "isp_disabled")
            }
        elif op.verb == "remove":
            del rows_by_id[op.row.row_id]
        elif op.verb == "set":
            rows_by_id[op.row.row_id] = op.row
        else:
            row_id = max(rows_by_id, default=0) + 1
            rows_by_id[row_id] = op.row._replace(row_id=row_id)
    return list(rows_by_id.values())


def plan(wanted, table_rows, groups=()):
    snapshot = radius_rows.observe(table_rows, groups, UTC, [wanted.login])
    return radius_plan.plan([wanted], snapshot, SETTINGS), snapshot


@given(rows(), WISHES)
def test_whatever_is_there_one_run_brings_it_to_the_wish(before, wanted):
    ops, _snapshot = plan(wanted, before)
    after = carry_out(before, [op for op in ops if op.login])
    groups = carry_out([], [op for op in ops if op.shared])
    again, snapshot = plan(wanted, after, groups)
    assert again == []
    observed = snapshot[wanted.login]
    if wanted.present:
        assert observed.on == wanted.on
        assert observed.walled == (wanted.walled and not wanted.on)
        assert (observed.mac, observed.ipv6_prefix) == (wanted.mac, wanted.ipv6_prefix)
        assert observed.plan == wanted.plan
        assert (observed.rate_up, observed.rate_down) == (5_000_000, 10_000_000)
        assert observed.expires_at == (None if observed.walled else wanted.expires_at)
        assert observed.fixed_ip == wanted.fixed_ip
        assert observed.simultaneous == wanted.simultaneous
        if wanted.password:
            assert observed.password == wanted.password
    else:
        assert not observed.ours


@given(rows(), WISHES)
def test_whatever_is_wished_rows_of_others_stay(before, wanted):
    ops, _snapshot = plan(wanted, before)
    after = carry_out(before, [op for op in ops if op.login])
    foreign = ("NAS-Port-Type", "Idle-Timeout", "staff")
    other = {"alice": "bob", "bob": "alice"}[wanted.login]
    for row in before:
        if row.attribute in foreign or row.name == other:
            assert row in after


def test_ending_access_earlier_is_one_row():
    end = wish().expires_at - timedelta(hours=1)
    before = carry_out([], plan(wish(), [])[0])
    own = [row for row in before if row.name == "alice"]
    groups = [row for row in before if row.name != "alice"]
    ops, _snapshot = plan(wish(expires_at=end), own, groups)
    assert [(op.verb, op.row.attribute) for op in ops] == [("set", "Expiration")]
