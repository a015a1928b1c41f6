import html
import re
import textwrap
from decimal import Decimal

import pytest
from sms_samples import (
    ADVERTISEMENTS,
    BOOKED,
    PAYBILL,
    PAYMENTS,
    SAMPLES,
    each,
    read,
)

from tools.mobile_money import PROVIDERS, parse
from tools.mobile_money_templates import TEMPLATES

# What the messages say.


@pytest.mark.parametrize("sample", each(SAMPLES))
def test_a_known_message_is_read_as_a_person_reads_it(sample):
    assert read(sample) == sample["expect"]


def test_every_template_has_a_sample():
    used = {
        (message.template, message.currency)
        for sample in BOOKED
        for message in [parse(sample["sender"], sample["text"], sample["country"])]
    }
    rows = {(row.name, row.currency) for row in TEMPLATES}
    assert {name for name, _ in rows} == {name for name, _ in used}


def test_a_message_not_booked_has_a_reason_and_no_field():
    for sample in SAMPLES:
        message = parse(sample["sender"], sample["text"], sample["country"])
        if message.kind == "other":
            assert message.reason
            assert not any(
                getattr(message, name)
                for name in message.__dataclass_fields__
                if name not in ("kind", "reason")
            )
        else:
            assert message.reason is None
            assert message.provider in PROVIDERS


def test_all_texts_of_one_network_name_the_same_provider():
    english, swahili, public_twin = (
        parse("M-PESA", sample["text"], "TZ")
        for code in ("DFK4C7GK2D", "DFK4C7GK2C")
        for sample in SAMPLES
        if code in sample["text"]
    )
    assert (english.provider, english.code) == (swahili.provider, swahili.code)
    assert public_twin.provider == english.provider
    kenya = {
        parse(sender, sample["text"]).provider
        for sender in ("MPESA", "", "+", "Safaricom")
        for sample in PAYMENTS
        if sample["template"].startswith("KE-") and sample["template"] != "KE-AM"
    }
    assert kenya == {"mpesa_ke"}


def test_balance_and_cost_are_read_beside_the_amount():
    text = (
        "UJIH4Y5Z6A Confirmed.on 18/10/26 at 3:41 PMKsh85.00 received from 254700000110"
        " MERCY KOECH. New Account balance is Ksh1,525.50. Transaction cost, Ksh0.47."
    )
    message = parse("MPESA", text)
    assert (message.amount, message.balance, message.fee) == (
        Decimal("85.00"),
        Decimal("1525.50"),
        Decimal("0.47"),
    )


def test_a_message_cannot_be_changed():
    with pytest.raises(AttributeError):
        parse("MPESA", PAYBILL).amount = Decimal(5)


# The same message, mangled on its way.

MANGLED = {
    "line breaks": lambda text: text.replace(" ", "\n"),
    "CRLF": lambda text: text.replace(" ", "\r\n"),
    "wrapped lines": lambda text: (
        "\n".join(textwrap.wrap(text, 40, break_on_hyphens=False)) + "\n"
    ),
    "doubled blanks": lambda text: text.replace(" ", "  "),
    "tabs": lambda text: text.replace(" ", "\t"),
    "non-breaking blanks": lambda text: text.replace(" ", "\u00a0"),
    "zero-width signs": lambda text: "\ufeff" + text.replace(" ", " \u200b"),
    "blanks around": lambda text: f"\n {text} \n\n",
    "HTML-escaped blanks": lambda text: text.replace(" ", "&nbsp;"),
    "capitals in the currency": lambda text: re.sub(
        r"\b(Ksh|Tsh|TSh)s?(?=[ .]?[0-9])", lambda found: found[0].upper(), text
    ),
    "small currency": lambda text: re.sub(
        r"(Ksh|Tsh|KES|TZS|GHS|UGX)(?=[ .]?[0-9])", lambda found: found[0].lower(), text
    ),
}


@pytest.mark.parametrize("mangle", [pytest.param(MANGLED[m], id=m) for m in MANGLED])
def test_a_message_mangled_on_its_way_reads_the_same(mangle):
    for sample in BOOKED:
        reference = sample["expect"]["account_ref"] or ""
        # What stands in the payer's own words is mangled too.
        if not re.search(r"Ksh|GHS", reference):
            assert read(sample, mangle(sample["text"])) == sample["expect"], sample[
                "id"
            ]


def test_html_escaping_by_the_gateway_is_undone():
    for sample in BOOKED:
        if "&" not in sample["text"]:
            assert read(sample, html.escape(sample["text"])) == sample["expect"], sample
    text = PAYBILL.replace("100009", "A & B")
    assert parse("MPESA", html.escape(text)).account_ref == "A & B"


def test_lost_blanks_after_full_stops_do_no_harm():
    for sample in BOOKED:
        text = re.sub(r"(?<=[A-Za-z0-9]{3})\. +(?=[A-Z])", ".", sample["text"])
        if "campo" not in text:
            assert read(sample, text) == sample["expect"]


def test_lost_blanks_between_fields_do_no_harm():
    for blank in (
        "D Confirmed",
        "Confirmed. on",
        "on 9/10/26",
        "at 4:05",
        "4:05 PM",
        "PM Ksh",
        "Ksh1,250.00 received",
        "from MARY",
        "WANJIRU 2547",
        "101. Account",
        "Number 1",
        "9 New",
        "balance is Ksh",
    ):
        assert blank in PAYBILL
        text = PAYBILL.replace(blank, blank.replace(" ", ""))
        assert parse("MPESA", text) == parse("MPESA", PAYBILL)


def test_all_small_letters_read_the_same():
    for sample in BOOKED:
        expected = dict(sample["expect"])
        for name in ("payer_name", "payer_phone", "account_ref"):
            expected[name] = expected[name] and expected[name].lower()
        assert read(sample, sample["text"].lower()) == expected


@pytest.mark.parametrize("advertisement", ADVERTISEMENTS)
def test_an_advertisement_behind_a_message_changes_nothing(advertisement):
    for sample in BOOKED:
        text = sample["text"].rstrip(" .\n") + advertisement
        # Telecel prints the reference last: without its full stop it is not whole.
        assert read(sample, text) == sample["expect"]


@pytest.mark.parametrize(
    "advertisement", [*ADVERTISEMENTS, ". Win Ksh1,000,000! Account Number 5. Dial *5#"]
)
def test_an_advertisement_alone_or_before_a_message_is_nothing(advertisement):
    assert parse("MPESA", advertisement.lstrip(". ")).kind == "other"
    for sample in BOOKED:
        text = advertisement.lstrip(". ") + " " + sample["text"]
        assert read(sample, text)["kind"] == "other"


def test_name_and_number_run_together_are_told_apart():
    for payer in ("ALEX254700000101", "ALEX0722XXXXX89", "0722XXXXX89ALEX"):
        message = parse("MPESA", PAYBILL.replace("MARY WANJIRU 254700000101", payer))
        assert message.payer_name == "ALEX"
        assert message.payer_phone == payer.replace("ALEX", "")


PHONES = {
    "254700000101": "254700000101",
    "0700000101": "254700000101",
    "+254 700 000 101": "254700000101",
    "(254700000101)": "254700000101",
    "211912000101": "211912000101",
    "0722XXXXX89": "0722XXXXX89",
    "0722xxxxx89": "0722xxxxx89",
    "0722XXXX89": "0722XXXX89",
    "0722XXXXXX": "0722XXXXXX",
    "0722 XXX XX9": "0722XXXXX9",
    "0715***123": "0715***123",
    "2547******78": "2547******78",
    "2547***456": "2547***456",
    "2547 ***** 126": "2547*****126",
    "+2547*****126": "+2547*****126",
    "(*********013)": "*********013",
    "***456": "***456",
}


@pytest.mark.parametrize("printed", PHONES)
@pytest.mark.parametrize(
    "name", ["MARY", "O'BRIEN NG'ANG'A-ODERO", "0RENGE 2 SHOP", "ALEX XAVIER XX", "X Y"]
)
def test_name_and_number_are_told_apart(name, printed):
    for payer in (f"{name} {printed}", f"{printed} {name}", f"{printed} - {name}"):
        message = parse("MPESA", PAYBILL.replace("MARY WANJIRU 254700000101", payer))
        assert (message.payer_name, message.payer_phone) == (name, PHONES[printed])
