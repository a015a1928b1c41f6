from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tools.access_rule import Access, Facts, Span, decide, expiry

NOW = datetime(2026, 3, 10, 12)
HOUR = timedelta(hours=1)
MOMENTS = st.datetimes(NOW - 48 * HOUR, NOW + 48 * HOUR)
SPANS = st.lists(
    st.builds(
        lambda start, hours: Span(
            "x", start, None if hours is None else start + hours * HOUR
        ),
        MOMENTS,
        st.one_of(st.none(), st.integers(0, 48)),
    ),
    max_size=3,
).map(tuple)
FACTS = st.builds(
    Facts,
    st.sampled_from(["new", "active", "closed"]),
    st.one_of(st.none(), MOMENTS),
    SPANS,
    SPANS,
    st.sampled_from(["suspend", "fallback", "nothing"]),
)


def active(covered=None, suspensions=(), extensions=(), on_expiry="suspend"):
    return Facts("active", covered, tuple(suspensions), tuple(extensions), on_expiry)


def test_money_opens_until_the_very_moment_it_ends():
    facts = active(NOW)
    assert decide(facts, NOW - timedelta(seconds=1)).level == "on"
    assert decide(facts, NOW) == Access("off", "unpaid", None, NOW)


def test_a_suspension_goes_before_money():
    facts = active(NOW + HOUR, [Span("manual", NOW - HOUR, None)])
    assert decide(facts, NOW) == Access("off", "suspended", "manual", None)


def test_a_suspension_that_has_ended_holds_nothing():
    facts = active(NOW + HOUR, [Span("paused", NOW - 2 * HOUR, NOW)])
    assert decide(facts, NOW).reason == "covered"


def test_of_suspensions_the_longest_counts_whichever_comes_first():
    spans = [
        Span("paused", NOW - HOUR, NOW + HOUR),
        Span("manual", NOW - 2 * HOUR, None),
    ]
    for suspensions in (spans, spans[::-1]):
        decision = decide(active(NOW + HOUR, suspensions), NOW)
        assert decision == Access("off", "suspended", "manual", None)


def test_an_extension_opens_without_money_and_ends_by_the_clock():
    facts = active(None, (), [Span("promise", NOW, NOW + HOUR)])
    assert decide(facts, NOW) == Access("on", "extension", "promise", NOW + HOUR)
    assert decide(facts, NOW + HOUR) == Access("off", "never")


def test_what_happens_on_expiry_is_the_packages_choice():
    assert decide(active(NOW, on_expiry="fallback"), NOW).level == "limited"
    assert decide(active(NOW, on_expiry="nothing"), NOW).reason == "unlimited"


@given(FACTS, MOMENTS)
def test_a_line_not_in_service_is_off(facts, moment):
    if facts.state != "active":
        assert decide(facts, moment).level == "off"


@given(FACTS, MOMENTS)
def test_more_money_never_takes_access_away(facts, moment):
    richer = Facts(
        facts.state,
        max(filter(None, (facts.covered_until, moment + HOUR))),
        facts.suspensions,
        facts.extensions,
        facts.on_expiry,
    )
    order = ["off", "limited", "on"]
    before, after = decide(facts, moment).level, decide(richer, moment).level
    assert order.index(after) >= order.index(before)


@given(FACTS)
def test_after_the_expiry_nothing_but_an_endless_reason_keeps_a_line_on(facts):
    end = expiry(facts)
    if end is None or facts.on_expiry == "nothing":
        return
    decision = decide(facts, end)
    assert decision.level != "on" or decision.until is None
