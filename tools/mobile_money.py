"""Read the SMS by which a mobile-money network tells that money came in.

:func:`parse` turns sender and text into a :class:`Message`. It never guesses: what is
not word for word one of the known wordings, or contradicts itself, is ``other``, for a
person to look at. A text is a claim and not a proof; whether its sender is trusted is
for the caller to decide.

``python3 -m tools.mobile_money`` does the same for JSON lines on standard input.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from html import unescape

from .mobile_money_templates import (
    ANY_CURRENCY,
    CURRENCIES,
    PROVIDERS,
    TEMPLATES,
    Template,
)
from .phone import is_masked, is_phone_sender, to_international

__all__ = ["PROVIDERS", "Message", "parse"]

_MAX_RAW = 20_000
_MAX_TEXT = 2_000
_MAX_REFERENCE = 80
# Safaricom lets a payer type 20 signs. In a longer one other words have got mixed up.
_MAX_TYPED = 20
_MAX_AMOUNT = 10**10
_FIRST_YEAR = 2007
_FLAGS = re.ASCII | re.IGNORECASE

_ENTITY = re.compile(
    r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,5}|#x[0-9a-f]{1,4});", _FLAGS
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
_UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f\ud800-\udfff]")

_AMOUNT = re.compile(
    r"(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|0|[1-9][0-9]*)(?:\.[0-9]{1,2})?"
)
_DATE = re.compile(r"([0-9]{1,4})[/-]([0-9]{1,2})[/-]([0-9]{2,4})")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))? ?([AP])?", _FLAGS)

# How a message begins, and what else in an advertisement looks like one. A payer may
# have typed the latter.
_BEGINNING = (
    r"[0-9][A-Z0-9]{0,10} ?[.,]?(?:confirmed|imethibitishwa)|confirmado [A-Z0-9]{8}"
    r"|trans\. ?id|received\. ?tid|argent recu|payment received for"
    rf"|(?:you (?:have )?received|umepokea|recebeste) ?(?:a payment of )?"
    rf"(?:{ANY_CURRENCY})?[. ]*[0-9][0-9.,]* ?(?:{ANY_CURRENCY})?\b"
)
_SECOND_HEAD = re.compile(_BEGINNING, _FLAGS)
_SECOND_MESSAGE = re.compile(
    rf"{_BEGINNING}|[0-9] ?received from"
    rf"|confirmed[ .,!]*(?:on ?[0-9]|(?:{ANY_CURRENCY})[. ]*[0-9])",
    _FLAGS,
)
_REVERSED = re.compile(r"\bhas been reversed\b", _FLAGS)
_NOT_A_PAYER = re.compile(
    r"[0-9]/[0-9]{1,2}/[0-9]|\b(?:account number|for account|balance is|has been"
    r"|received from|sent to|paid to|confirmed|kumbukumbu|salio|txnid|transaction id"
    r"|reference:|is|was|not|pending|failed|cancell?ed|declined|will be)\b"
    r"|(?:\b|[0-9])(?:Ksh|Tsh)s?[. ]*[0-9]",
    _FLAGS,
)
_NUMBER_IN_NAME = re.compile(r"[0-9]{9}|[0-9][xX*#•]{3}|[xX*#•]{3}[0-9]")
_SHORT_CODE_BEFORE = re.compile(r"^[0-9]{5,7} ?- ?")
_SHORT_CODE_AFTER = re.compile(r"[ -]+[0-9]{5,7}$")
_HASH = re.compile(r"(?=.*[0-9])[A-Za-z0-9]{20,}")
# A number written without a blank beside a name or a colon.
_GLUED = (
    (re.compile(r"(?<=[^0-9 +(])(\(?\+?[0-9]{9,15}\)?)$"), r" \1"),
    (re.compile(r"(?<=[^0-9 +(xX*#•])(\(?\+?[0-9][0-9xX*#•]{8,14}\)?)$"), r" \1"),
    (re.compile(r"(?<=[A-WYZ]X)(\+?[0-9][0-9xX*#•]{8,14})$", re.IGNORECASE), r" \1"),
    (re.compile(r"^(\(?\+?[0-9]{9,15}\)?)(?=[^0-9 )xX*#•])"), r"\1 "),
    (re.compile(r"^(\(?\+?[0-9][0-9xX*#•]{8,14}\)?)(?=[^0-9 )xX*#•])"), r"\1 "),
)
# With a calling code that the phone module has no plan for.
_FOREIGN = re.compile(r"[1-9][0-9]{10,14}")
_PLAUSIBLE_MASK = re.compile(r"(?=.*[0-9]).{6,16}|(?=.*\*).{9,16}")
_WHOLE_MASK = re.compile(r"\+?[0-9].*[0-9]")

_WHY_NOT = tuple(
    (re.compile(pattern, _FLAGS), reason)
    for pattern, reason in (
        (r"^(?:failed|hakuna pesa)", "failed transaction"),
        (r"reversal of transaction .* credited to", "own money came back"),
        (r"has been refunded|refunded by", "own money came back"),
        (r"fuliza|m-?shwari|kcb m-?pesa|\bloan\b|hustler fund", "loan or savings"),
        (
            r"\b(?:sent|paid|transferred|transfered) (?:successfully )?to\b|withdr[ae]w"
            r"|\byou have (?:sent|paid)|imetumwa|umelipa|umetuma|transferiste|bought"
            r"|umenunua|airtime|your payment of|levantaste|you transfered",
            "outgoing payment",
        ),
        (
            r"\bgive\b.*\bto\b|\btake\b.*\bfrom\b|deposit|commission|cash.?in"
            r"|moved from",
            "own cash, agent or transfer",
        ),
        (r"balance was|baki yako ni:|available bal\.? is", "balance enquiry"),
    )
)


@dataclass(frozen=True, slots=True)
class Message:
    """What one SMS says. Fields that the text does not give are None.

    ``kind`` is ``payment`` (money came in), ``reversal`` (money that had come in is
    taken back) or ``other`` (do not book by itself; ``reason`` says why).
    ``provider`` and ``code`` together name the receipt, whatever told of it.
    ``paid_at_local`` is the local time of the network's country, without a zone.
    """

    kind: str
    code: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    payer_name: str | None = None
    payer_phone: str | None = None
    account_ref: str | None = None
    paid_at_local: datetime | None = None
    reversed_code: str | None = None
    provider: str | None = None
    template: str | None = None
    balance: Decimal | None = None
    fee: Decimal | None = None
    reason: str | None = None


class _HesitationError(ValueError):
    """An accountant would not book this; the text says why."""


def parse(sender: str, text: str, country: str = "KE") -> Message:
    """Read one message.

    :param sender: what the phone saw. A person's number makes every text ``other``;
        ``""`` and ``"+"`` are read, for some gateways lose the letters of a name.
    :param text: the text as received: line breaks, lost or doubled blanks, HTML
        entities and advertisements behind it do no harm.
    :param country: ISO code of the line's country. The currency in the text tells the
        network; this only helps to read a payer's number that is foreign to it.
    :return: a message. No text raises an error.
    """
    if is_phone_sender(sender):
        return Message("other", reason="sender is a phone number")
    if len(text) > _MAX_RAW or len(text := _clean(text)) > _MAX_TEXT:
        return Message("other", reason="longer than any SMS")
    if not text:
        return Message("other", reason="empty message")
    try:
        for template in TEMPLATES:
            if message := _read(template, text, country):
                return message
    except _HesitationError as hesitation:
        return Message("other", reason=str(hesitation))
    reasons = (reason for pattern, reason in _WHY_NOT if pattern.search(text))
    return Message("other", reason=next(reasons, "unknown wording"))


def _clean(text: str) -> str:
    """Return the text with single blanks, without entities and invisible signs."""
    text = _ENTITY.sub(lambda entity: unescape(entity[0]), text)
    return " ".join(_UNSTORABLE.sub(" ", _INVISIBLE.sub("", text)).split())


def _read(template: Template, text: str, country: str) -> Message | None:
    """Return the message if it is in the template's wording, else None."""
    match = template.pattern.match(text)
    if not match:
        return None
    fields = match.groupdict()
    payer = fields.get("payer")
    if payer and (_NOT_A_PAYER.search(payer) or _SECOND_HEAD.search(payer)):
        return None
    if template.refused_payer and template.refused_payer.search(payer.strip(" .")):
        raise _HesitationError("loan, savings or agent, not a customer")
    reference = _reference(fields.get("ref"))
    code = _code(fields["code"])
    _refuse_second_message(text[match.end() :], code)
    home = CURRENCIES[template.currency][0]
    name, phone = _payer(payer, fields.get("phone"), (home, country))
    amount = _amount(fields["amount"]) if fields.get("amount") else None
    reversed_code = (fields.get("reversed_code") or "").upper() or None
    if reversed_code == code:
        raise _HesitationError("a reversal of itself")
    return Message(
        kind=template.kind,
        code=code,
        amount=amount,
        currency=template.currency if amount else None,
        payer_name=name,
        payer_phone=phone,
        account_ref=reference,
        paid_at_local=_moment(fields.get("date"), fields.get("time")),
        reversed_code=reversed_code,
        provider=template.provider,
        template=template.name,
        balance=_decimal(fields.get("balance")),
        fee=_decimal(fields.get("fee")),
    )


def _code(printed: str) -> str:
    """Return the receipt code; one of letters only must have a modern length."""
    code = printed.upper()
    if code.isalpha() and (len(code) < 10 or code == "TRANSACTION"):
        raise _HesitationError("no receipt code")
    return code


def _refuse_second_message(tail: str, code: str) -> None:
    if _SECOND_MESSAGE.search(tail):
        raise _HesitationError("two payments in one message")
    if code in tail.upper() and _REVERSED.search(tail):
        raise _HesitationError("the message also says that it was reversed")


def _decimal(printed: str | None) -> Decimal | None:
    printed = (printed or "").rstrip(".,")
    return Decimal(printed.replace(",", "")) if _AMOUNT.fullmatch(printed) else None


def _amount(printed: str) -> Decimal:
    amount = _decimal(printed)
    if amount is None or amount >= _MAX_AMOUNT:
        raise _HesitationError("amount is not readable")
    if not amount:
        raise _HesitationError("amount is zero")
    return amount


def _moment(date: str | None, time: str | None) -> datetime | None:
    """Return the moment; day before month, or year first; None without a time."""
    if not date:
        return None
    day, month, year = _DATE.fullmatch(date).groups()
    if len(day) == 4:
        day, year = year, day
    hour, minute, second, half = _TIME.match(time or "0:00").groups()
    try:
        moment = datetime(
            int(year) + (2000 if len(year) == 2 else 0),
            int(month),
            int(day),
            _hour(int(hour), half),
            int(minute),
            int(second or 0),
        )
    except ValueError:
        raise _HesitationError("impossible date") from None
    if moment.year < _FIRST_YEAR:
        raise _HesitationError("impossible date")
    return moment if time else None


def _hour(hour: int, half: str | None) -> int:
    if not half:
        return hour
    if hour > 12 or (hour == 0 and half in "Pp"):
        raise ValueError
    return hour % 12 + (12 if half in "Pp" else 0)


def _reference(printed: str | None) -> str | None:
    reference = (printed or "").strip().rstrip(" .")
    if len(reference) > _MAX_TYPED and _SECOND_HEAD.search(reference):
        raise _HesitationError("two payments in one message")
    if len(reference) > _MAX_REFERENCE:
        raise _HesitationError("reference is too long")
    # "Account Number X has been reversed …" may be a reversal, or typed by the payer.
    if _REVERSED.search(reference, 1):
        raise _HesitationError("payment or reversal")
    return reference or None


def _payer(
    printed: str | None, number: str | None, countries: tuple[str, str]
) -> tuple[str | None, str | None]:
    """Return name and phone, however the two stand together."""
    if printed is None:
        return None, None
    rest = printed.rpartition(";")[2].strip(" .,:;-")
    if not rest:
        raise _HesitationError("no payer")
    phone = _phone(number or "", countries)
    if not number:
        rest, phone = _split_phone(rest, countries)
    rest = _SHORT_CODE_BEFORE.sub("", rest)
    if not phone:
        rest = _SHORT_CODE_AFTER.sub("", rest)
    name = rest.strip(" .,:;-")
    if _NUMBER_IN_NAME.search(name) and not _HASH.fullmatch(name):
        raise _HesitationError("payer is not readable")
    return (None if _HASH.fullmatch(name) else name or None), phone


def _split_phone(text: str, countries: tuple[str, str]) -> tuple[str, str | None]:
    """Take a phone number off the end or the beginning of the text.

    The number may be written in groups. Whole numbers and those masked in their middle
    are looked for first, so that ``2547 ***** 126`` is not cut after its stars.
    """
    for pattern, replacement in _GLUED:
        text = pattern.sub(replacement, text)
    ends = tuple(_ends(text.split(" ")))
    for reader in (_phone, _half_masked):
        for number, rest in ends:
            if phone := reader(number, countries):
                # What is left of "+254 700 000 101", of which three groups suffice.
                return re.sub(rf"(?:^| )\+?{re.escape(phone[:3])}$", "", rest), phone
    return text, None


def _ends(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the last words and the rest, the first words and the rest, one to five."""
    for size in range(1, min(len(words), 5) + 1):
        yield " ".join(words[-size:]), " ".join(words[:-size])
        yield " ".join(words[:size]), " ".join(words[size:])


def _phone(printed: str, countries: tuple[str, str]) -> str | None:
    for country in countries:
        if phone := to_international(printed.strip(" -,:;"), country):
            return phone
    if _FOREIGN.fullmatch(printed):
        return printed
    masked = _half_masked(printed, countries)
    return masked if masked and _WHOLE_MASK.fullmatch(masked) else None


def _half_masked(printed: str, _countries: tuple[str, str]) -> str | None:
    """Return a masked number as printed, without blanks and brackets, or None."""
    compact = re.sub(r"[ ()]", "", printed).strip("-,:;")
    signs = _PLAUSIBLE_MASK.fullmatch(compact)
    return compact if signs and is_masked(compact) else None


def _as_json(message: Message) -> dict:
    """Return the public fields; of what is not to be booked only the kind."""
    amount, moment = message.amount, message.paid_at_local
    return {
        "kind": message.kind,
        "code": message.code,
        "amount": None if amount is None else f"{amount:.2f}",
        "currency": message.currency,
        "payer_name": message.payer_name,
        "payer_phone": message.payer_phone,
        "account_ref": message.account_ref,
        "datetime_local": moment and moment.isoformat(),
        "reversed_code": message.reversed_code,
    }


def _read_line(line: bytes) -> dict:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error})") from None
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    if not isinstance(row.get("text"), str):
        raise ValueError('"text" is missing or not a string')
    for key in ("sender", "country"):
        if not isinstance(row.get(key, ""), str | None):
            raise ValueError(f'"{key}" is not a string')
    message = parse(row.get("sender") or "", row["text"], row.get("country") or "KE")
    return {"id": row.get("id"), **_as_json(message)}


def main() -> int:
    """Read JSON lines on standard input, write JSON lines; 1 if a line was wrong."""
    status = 0
    for number, line in enumerate(sys.stdin.buffer, start=1):
        if not line.strip():
            continue
        try:
            sys.stdout.write(json.dumps(_read_line(line)) + "\n")
        except ValueError as error:
            sys.stderr.write(
                f"Line {number}: {error}. Give one object a line with id, sender, text"
                " and country.\n"
            )
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
