import itertools
import re
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sms_samples import (
    BOOKED,
    PAYBILL,
    PAYMENTS,
    SAMPLES,
    each,
    public,
    read,
)

from tools.mobile_money import parse

# What nobody may book.


@pytest.mark.parametrize(
    "sender",
    ["0700000101", "+254 700-000 101", "22377", "456", "٠٧٠٠", "0722XXXXX89", "+1"],
)
def test_the_best_wording_from_a_person_is_never_money(sender):
    assert parse(sender, PAYBILL).kind == "other"


@pytest.mark.parametrize("sender", ["", "+", "MPESA", "M-PESA", "mpesa ", "Mpesa"])
def test_what_a_gateway_leaves_of_the_name_is_read(sender):
    assert parse(sender, PAYBILL).kind == "payment"


@pytest.mark.parametrize(
    ("printed", "put"),
    [
        ("UJ9A1B2C3D ", ""),
        ("UJ9A1B2C3D", "1234567890"),
        ("UJ9A1B2C3D", "UJ9A1B2C3DXX"),
        ("UJ9A1B2C3D", "UJ9A1B"),
        ("UJ9A1B2C3D", "UJ9A1B2C3D UJ9A1B2C3E"),
        ("UJ9A1B2C3D", "PAYMENTS"),
        ("Ksh1,250.00", "Ksh1,25.00"),
        ("Ksh1,250.00", "Ksh12,50.00"),
        ("Ksh1,250.00", "Ksh1.250,00"),
        ("Ksh1,250.00", "Ksh1,250.000"),
        ("Ksh1,250.00", "Ksh1 250.00"),
        ("Ksh1,250.00", "Ksh0.00"),
        ("Ksh1,250.00", "Ksh0"),
        ("Ksh1,250.00", "Ksh-1,250.00"),
        ("Ksh1,250.00", "-Ksh1,250.00"),
        ("Ksh1,250.00", "Ksh"),
        ("Ksh1,250.00", "1,250.00"),
        ("Ksh1,250.00", "USD1,250.00"),
        ("Ksh1,250.00", "Ksh١٢٥٠"),
        ("Ksh1,250.00", "Ksh１250.00"),
        ("Ksh1,250.00", "Ksh1,250.00 Ksh5.00"),
        ("Ksh1,250.00", "\u212ash1,250.00"),
        ("Ksh1,250.00", "Ksh" + "9" * 11),
        ("Ksh1,250.00", "Ksh" + "9" * 30),
        ("9/10/26", "31/2/26"),
        ("9/10/26", "9/13/26"),
        ("9/10/26", "0/10/26"),
        ("9/10/26", "29/2/27"),
        ("9/10/26", "9/10/226"),
        ("9/10/26", "9/10/99999"),
        ("9/10/26", "9/10/1999"),
        ("9/10/26", "9 October"),
        ("4:05 PM", "13:05 PM"),
        ("4:05 PM", "0:05 PM"),
        ("4:05 PM", "4:65 PM"),
        ("4:05 PM", "4:5 PM"),
        ("4:05 PM", "25:05"),
        ("4:05 PM", "noon"),
        ("received from", "sent to"),
        ("received from", "paid to"),
        ("received from", "received by"),
        ("Confirmed", "Failed"),
        ("Confirmed", "Pending"),
        ("Confirmed", "Unconfirmed"),
        ("MARY WANJIRU 254700000101", ""),
        ("MARY WANJIRU 254700000101", "MARY 254700000101 is pending"),
        ("MARY WANJIRU 254700000101", "MARY 254700000101 (held)"),
        ("MARY WANJIRU 254700000101", "MARY 0722XXXXX89 (held)"),
        ("MARY WANJIRU 254700000101", "MARY was not charged"),
        ("MARY WANJIRU 254700000101", "MARY " * 40),
        ("Ksh48,250.00", "*LOCKED*"),
        ("100009", "1" * 81),
        (". Account Number", ". Acct"),
        ("New Utility balance", "New float balance"),
    ],
)
def test_one_wrong_word_or_figure_and_it_waits_for_a_person(printed, put):
    assert printed in PAYBILL
    assert parse("MPESA", PAYBILL.replace(printed, put, 1)).kind == "other"


@pytest.mark.parametrize(
    ("country", "text"),
    [
        (
            "TZ",
            "Transaction Confirmed. You have received TZS 5.00 from ANN on 1/6/26 at"
            " 4:05 PM. New M-Pesa balance is TZS 5.00.",
        ),
        (
            "TZ",
            "Umepokea TZS 5.00 kutoka kwa ANN. Umepokea TZS 600.00 kutoka kwa JOHN."
            " Rej: HP12346. Salio: TZS 605.00",
        ),
        (
            "BD",
            "You have received Tk 500.00 from 01700000250. Fee Tk 0.00. Balance Tk"
            " 5.00. TrxID AFK7392QDX at 27/05/2026 12:31:4",
        ),
    ],
)
def test_a_wording_that_does_not_add_up_waits(country, text):
    assert parse("", text, country).kind == "other"


def test_a_text_longer_than_any_sms_is_not_looked_at():
    for text in (PAYBILL + ". Win!" * 400, PAYBILL + " " * 20_000):
        assert parse("MPESA", text).reason == "longer than any SMS"


@pytest.mark.parametrize("sample", each(PAYMENTS))
def test_a_cut_message_is_read_whole_or_not_at_all(sample):
    text, expected = sample["text"].rstrip(" .\n"), sample["expect"]
    for end in range(len(text)):
        got = read(sample, text[:end])
        # Without its reference the money goes to a person: that is safe as well.
        got["account_ref"] = got["account_ref"] or expected["account_ref"]
        assert got["kind"] == "other" or got == expected, text[:end]


def test_two_messages_in_one_are_never_booked():
    pairs = itertools.product(PAYMENTS, BOOKED)
    for first, second in pairs:
        for glue in ("", " ", "\n", ". "):
            text = first["text"] + glue + second["text"]
            if first["country"] == second["country"]:
                assert read(first, text)["kind"] == "other", text


@pytest.mark.parametrize(
    "second",
    [
        " on 9/10/26 at 4:06 PM Ksh20.00 received from ANN 254700000203",
        " UJABCDEFGH Confirmed. Ksh20.00 sent to ANN 254700000203",
        ". You have received Ksh20.00 from ANN",
        ". Transaction UJ9A1B2C3D has been reversed.",
    ],
)
def test_half_a_second_message_is_enough_to_wait(second):
    assert parse("MPESA", PAYBILL + second).kind == "other"


def test_a_reversal_names_another_code_than_its_own():
    text = (
        "UJ5B5G6H7K confirmed. Reversal of transaction UJ4C8K9L1N has been successfully"
        " reversed on 5/10/26 at 8:31 AM and Ksh{} is debited from your M-PESA account."
    )
    assert parse("MPESA", text.format(100)).kind == "reversal"
    assert parse("MPESA", text.format(0)).kind == "other"
    itself = text.format(100).replace("UJ4C8K9L1N", "UJ5B5G6H7K")
    assert parse("MPESA", itself).kind == "other"
    assert parse("MPESA", text.format(100)[:-9]).kind == "other"


def test_a_payment_behind_another_message_is_not_booked():
    for first, second in itertools.product(SAMPLES, PAYMENTS):
        if first["expect"]["kind"] == "other":
            text = first["text"] + "\n" + second["text"]
            assert read(second, text)["kind"] == "other", text


@pytest.mark.parametrize(
    "forged",
    [
        "Ksh90,000.00",
        "KES 90000",
        "New Utility balance",
        "New Utility balance is",
        "New Utility balance is Ksh9",
        "Confirmed. Ksh5,000",
        "Confirmed. Ksh5,000 received from",
        "UJ9A1B2C3E",
        "BF62XK417 Confirmed",
        "received from JOHN",
        "Account Number 5",
        "on 1/1/20 at 1:00 PM",
        "for account 5",
        "has been reversed",
        "debited from",
        "reversal of UJ9A1B2C",
        "0722XXXXX89",
        "254700000999",
        "<b>Ksh5</b>",
        "'); DROP TABLE x;--",
        "M-Shwari loan",
        "sent to 254700000999",
    ],
)
def test_what_the_payer_typed_stays_the_payers_words(forged):
    expected = public(parse("MPESA", PAYBILL)) | {"account_ref": forged}
    assert public(parse("MPESA", PAYBILL.replace("100009", forged))) == expected
    later = (
        "UJ9A1B2C3D Confirmed. Ksh1,250.00 received from MARY WANJIRU 254700000101"
        f" on 9/10/26 at 4:05 PM. Account Number {forged}. New Utility balance is Ksh5."
    )
    assert public(parse("MPESA", later)) == expected
    account = (
        "UJ9A1B2C3D Confirmed. Ksh1,250.00 received from MARY WANJIRU 254700000101 for"
        f" account {forged} on 9/10/26 at 4:05 PM. New Utility balance is Ksh5."
    )
    assert public(parse("MPESA", account)) == expected


# Any text at all.

WORDS = st.sampled_from(
    sorted({word for sample in SAMPLES for word in sample["text"].split()})
)


@settings(max_examples=400)
@given(st.text(max_size=12), st.text(max_size=400) | st.lists(WORDS).map(" ".join))
def test_no_text_raises_and_what_is_booked_is_whole(sender, text):
    message = parse(sender, text)
    assert message.kind in ("payment", "reversal", "other")
    if message.kind == "payment":
        assert message.code and message.amount > 0 and message.currency


@settings(max_examples=300)
@given(st.sampled_from(BOOKED), st.data())
def test_a_message_with_one_sign_changed_never_raises(sample, data):
    text = sample["text"]
    at = data.draw(st.integers(0, len(text) - 1))
    sign = data.draw(st.characters(codec=None))
    message = parse("MPESA", text[:at] + sign + text[at + 1 :], sample["country"])
    assert message.kind != "payment" or message.amount > 0


# Words of a sentence: a person looks at a payer of such a name.
NO_NAME = re.compile(
    r"\b(IS|WAS|NOT|PENDING|FAILED|DECLINED|CANCELL?ED|CONFIRMED|SALIO|KUMBUKUMBU|TXNID"
    r"|(SENT|PAID) TO|RECEIVED FROM|HAS BEEN|WILL BE|BALANCE IS|FOR ACCOUNT)\b"
)


@settings(max_examples=300)
@given(
    st.datetimes(datetime(2008, 1, 1), datetime(2089, 12, 31)),
    st.integers(1, 99_999_999),
    st.from_regex(r"[A-Z][A-Z0-9]{9}", fullmatch=True),
    st.from_regex(
        r"[A-Z][A-Z'-]{1,10}( [A-Z][A-Z'-]{1,10}){0,2}", fullmatch=True
    ).filter(lambda name: not NO_NAME.search(name)),
    st.from_regex(
        r"[A-Za-z0-9#/,_&-]([A-Za-z0-9#/,_& -]{0,18}[A-Za-z0-9])?", fullmatch=True
    ),
)
def test_whatever_was_printed_is_read_back(moment, cents, code, name, reference):
    moment = moment.replace(second=0, microsecond=0)
    hour = f"{moment.hour % 12 or 12}:{moment.minute:02} {moment:%p}"
    text = (
        f"{code} Confirmed. on {moment.day}/{moment.month}/{moment:%y} at {hour}"
        f" Ksh{cents / 100:,.2f} received from {name} 0722***456. Account Number"
        f" {reference} New Utility balance is Ksh{cents / 50:,.2f}"
    )
    message = parse("MPESA", text)
    assert message.kind == "payment"
    assert message.code == code
    assert message.amount == Decimal(cents) / 100
    assert message.paid_at_local == moment
    assert message.payer_name == name.strip(" -")
    assert message.payer_phone == "0722***456"
    assert message.account_ref == " ".join(reference.split())


@pytest.mark.parametrize(
    "hostile",
    [
        "A" * 100_000,
        "1" * 100_000,
        " " * 100_000 + "x",
        "UJ9A1B2C3D Confirmed. " * 5_000,
        PAYBILL.replace("100009", "New Utility balance is Ksh1 " * 4_000),
        PAYBILL[:60] + "254700000101 " * 140,
        PAYBILL[:60] + "received from " * 130,
        PAYBILL[:73] + "." * 1_900,
        PAYBILL[:73] + ". " * 900,
        PAYBILL[:110] + "New Utility balance is " * 80,
        "New balance is Tsh 1" + ".," * 950,
        "Payment received for GHS 1 from A" + " Reference: Transaction ID: 1" * 60,
        "You have received UGX 1 from A on 2026-06-15" + " Reason: ID: 1" * 130,
        "Umepokea Tsh 1 kutoka kwa " + "tarehe " * 250,
        "&amp;" * 20_000,
    ],
    ids=range(15),
)
def test_a_hostile_text_is_answered_and_not_booked(hostile):
    assert parse("MPESA", hostile).kind == "other"
