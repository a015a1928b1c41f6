"""The messages that the tests of the parser share.

They are in data/: sms_public.jsonl and, made for here, sms_templates.jsonl. In both,
``expect`` is what a person reads in the text. Names and numbers are made up.
"""

import json
from pathlib import Path

import pytest

from tools.mobile_money import parse

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SAMPLES = [
    json.loads(line)
    for name in ("sms_public.jsonl", "sms_templates.jsonl")
    for line in (HERE / "data" / name).read_text(encoding="utf-8").splitlines()
]
BOOKED = [sample for sample in SAMPLES if sample["expect"]["kind"] != "other"]
PAYMENTS = [sample for sample in BOOKED if sample["expect"]["kind"] == "payment"]
PAYBILL = (
    "UJ9A1B2C3D Confirmed. on 9/10/26 at 4:05 PM Ksh1,250.00 received from"
    " MARY WANJIRU 254700000101. Account Number 100009 New Utility balance is"
    " Ksh48,250.00"
)
ADVERTISEMENTS = (
    ". Get a loan of Ksh5,000.00 from M-Shwari, dial *234#.",
    ". Sent to a wrong number? Reverse it: send this message to 456 or 0722000000.",
    ". Fuliza M-PESA outstanding amount is Ksh0.00. PIN YAKO SIRI YAKO",
    ". Transaction UEQG2X3Y4Z has been reversed. Millions of transactions confirmed!",
    ". Kurudisha hizi pesa, tuma ujumbe huu kwa 456.",
)


def each(samples):
    return [pytest.param(sample, id=sample["id"]) for sample in samples]


def read(sample, text=None):
    text = sample["text"] if text is None else text
    return public(parse(sample["sender"], text, sample["country"]))


def public(message):
    moment, amount = message.paid_at_local, message.amount
    return {
        "kind": message.kind,
        "code": message.code,
        "amount": None if amount is None else f"{amount:.2f}",
        "currency": message.currency,
        "payer_name": message.payer_name,
        "payer_phone": message.payer_phone,
        "account_ref": message.account_ref,
        "datetime_local": moment.isoformat() if moment else None,
        "reversed_code": message.reversed_code,
    }
