"""What is written in the transaction that pays: only what gives more."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from tools.access_types import Desired, Observed
from tools.radius_local import is_gain

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
LATER = NOW + timedelta(days=30)
WISH = Desired("alice", on=True, plan="isp_plan_1", expires_at=NOW)
THERE = Observed("alice", present=True, ours=True, on=True, expires_at=NOW)


@pytest.mark.parametrize(
    ("wish", "observed"),
    [
        (WISH, Observed("alice")),
        (WISH, replace(THERE, on=False)),
        (WISH, replace(THERE, on=False, expires_at=LATER)),
        (WISH, replace(THERE, walled=True)),
        (replace(WISH, expires_at=LATER), THERE),
        (replace(WISH, expires_at=None), THERE),
    ],
)
def test_opening_and_putting_the_end_off_is_a_gain(wish, observed):
    assert is_gain(wish, observed)


@pytest.mark.parametrize(
    ("wish", "observed"),
    [
        (WISH, THERE),
        (replace(WISH, plan="isp_plan_2"), THERE),
        (WISH, replace(THERE, expires_at=LATER)),
        (WISH, replace(THERE, expires_at=None)),
        (replace(WISH, on=False), THERE),
        (replace(WISH, on=False, walled=True), replace(THERE, on=False)),
        (replace(WISH, present=False), THERE),
        (WISH, replace(THERE, ours=False, on=False)),
    ],
)
def test_what_stays_ends_sooner_or_is_anothers_is_no_gain(wish, observed):
    assert not is_gain(wish, observed)
