from itertools import pairwise

import pytest

from tools.account_number import LAST, forgiving, is_valid, issue, normalize


def slips(number):
    """Yield what one slip of a finger makes of a number."""
    for at, digit in enumerate(number):
        before, after = number[:at], number[at + 1 :]
        yield from (before + other + after for other in "0123456789" if other != digit)
        yield before + after
        yield before + digit + digit + after
    for at, (left, right) in enumerate(pairwise(number)):
        if left != right:
            yield number[:at] + right + left + number[at + 2 :]


# The first numbers, those around the change from 6 to 8 digits, and the last.
@pytest.mark.parametrize("start", [1, 85_001, LAST - 9_999])
def test_no_slip_turns_one_of_10000_numbers_into_another(start):
    issued = {issue(n) for n in range(start, start + 10_000)}
    assert len(issued) == 10_000
    assert not [slip for number in issued for slip in slips(number) if slip in issued]


def test_no_slip_passes_for_a_number_that_could_be_issued():
    for n in (*range(1, 2_000), *range(90_000, 92_000)):
        assert not [slip for slip in slips(issue(n)) if is_valid(slip)]


def test_the_check_digit_is_that_of_damm():
    # A pair of numbers that descriptions of the method use as their example.
    assert is_valid("112946")
    assert not is_valid("112949")


def test_numbers_have_6_digits_then_8_and_no_leading_zero():
    assert issue(1) == "100009"
    assert len(issue(90_000)) == 6
    assert len(issue(90_001)) == 8
    assert len(issue(LAST)) == 8


@pytest.mark.parametrize("n", [0, -1, LAST + 1])
def test_a_sequence_out_of_range_is_refused_with_a_sentence(n):
    with pytest.raises(ValueError, match=f"no account number {n}: give a number"):
        issue(n)


@pytest.mark.parametrize("n", [1, 12, 90_000, 90_001, LAST])
def test_an_issued_number_is_valid(n):
    assert is_valid(issue(n))


@pytest.mark.parametrize(
    "text",
    ["", "0", "5724", "000000", "1000090", "100008", "10000٩", "100009\n", "abc"],
)
def test_what_was_never_issued_is_not_valid(text):
    assert not is_valid(text)


def test_blanks_dashes_and_dots_do_not_count():
    assert normalize(" 100-0 0.9\u00a0") == "100009"
    assert normalize("INV/1") == "INV/1"


def test_letters_that_look_like_digits_count_only_if_the_check_digit_agrees():
    assert normalize("1OOOO9") == "1OOOO9"
    assert forgiving("lO-OoO 9") == "100009"
    assert forgiving("I00009") == "100009"
    assert forgiving("1OOOO8") is None
    assert forgiving("HOUSE 5") is None
