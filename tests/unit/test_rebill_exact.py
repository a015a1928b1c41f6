"""Cut, credit and charge again: whatever the order, each day is paid once."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tools import proration

FIRST = date(2026, 11, 1)


@st.composite
def rebills(draw):
    """A period, the price of its first package, and changes (day, price) in order."""
    days = draw(st.integers(1, 62))
    digits = draw(st.sampled_from((0, 2, 3)))
    prices = st.integers(0, 10**7).map(lambda n: Decimal(n).scaleb(-digits))
    changes = draw(
        st.lists(st.tuples(st.integers(0, days - 1), prices), max_size=8).map(
            lambda pairs: sorted(pairs, key=lambda pair: pair[0])
        )
    )
    whole = (FIRST, FIRST + timedelta(days=days - 1))
    return whole, digits, draw(prices), changes


@given(rebills())
def test_used_and_credited_days_add_up_to_what_was_charged(case):
    whole, digits, price, changes = case
    charged = credited = Decimal(0)
    used = []
    start, full = whole[0], price
    charged += proration.share(full, whole, whole, digits)
    for offset, new_price in changes:
        day = whole[0] + timedelta(days=offset)
        rest = (day, whole[1])
        credited += proration.share(full, whole, rest, digits)
        if start < day:
            used.append((full, (start, day - timedelta(days=1))))
        start, full = day, new_price
        charged += proration.share(full, whole, rest, digits)
    used.append((full, (start, whole[1])))
    worth = sum(proration.share(full, whole, part, digits) for full, part in used)
    assert charged - credited == worth
    assert sum(proration.count(part) for _full, part in used) == proration.count(whole)
