"""The wordings of mobile-money messages that say money came in, one row each.

Where the wordings come from: messages that authors of public parsers and their tests
copied from phones (Safaricom, Vodacom, MTN, Airtel, Yas, Telecel, Movitel, bKash), in
our own words and with the fields left open. No operator documents them. A wording
without a row is never booked, so to teach the parser an operator is to add a row.

The row language is a regular expression with four additions, made for texts whose
blanks are doubled, lost or turned into line breaks on the way:

* a blank stands for a blank that may be missing (texts have single blanks by then;
  a blank inside brackets belongs into a field);
* a full stop with a blank stands for the end of a sentence, however it is written;
* ``<name>`` stands for an entry of ``_FIELDS``;
* CURRENCY in an entry becomes the names of the row's own currency.

A row must match from the first sign of the text: what a payer typed into a reference
can therefore never become an amount. ``<ref>`` is greedy: it ends at the *last* place
where the fixed words after it occur. Reversals come first, then payments.
"""

import re
from typing import NamedTuple

# Country (whose numbering plan reads the payer's phone) and names of each currency.
CURRENCIES = {
    "BDT": ("BD", "Tk|BDT"),
    "CDF": ("CD", "CDF|FC"),
    "GHS": ("GH", "GHS|GHC|GH¢|GH₵"),
    "KES": ("KE", "Kshs?|KES"),
    "MZN": ("MZ", "MTs?|MZN"),
    "RWF": ("RW", "RWF|FRW"),
    "TZS": ("TZ", "Tshs?|TZS"),
    "UGX": ("UG", "UGX|Ushs?"),
    "USD": ("CD", r"USD|US\$"),
    "XAF": ("CM", "XAF|FCFA|CFA"),
}
ANY_CURRENCY = "|".join(names for _country, names in CURRENCIES.values())

# Repetitions are bounded, but for the reference: no text makes the matching slow.
_NUMBER = r"[0-9][0-9.,]{0,20}"
_BEFORE = "(?:CURRENCY)[. ]{0,3}"
_MAYBE = "(?:CURRENCY)?[. ]{0,3}"
_GREETING = r"(?:(?:Congratulations|Hongera)[ !.,]{0,4})?"
_NOT_DIGITS = "(?![0-9]{1,20} ?(?:confirmed|imethibitishwa))"
_FIELDS = {
    # Receipt codes: 8 to 10 signs in Kenya, up to 11 elsewhere; longer ones are edited.
    "head": _GREETING + _NOT_DIGITS + r"(?P<code>[A-Z0-9]{8,10}) ?confirmed[ !.,]{0,4}",
    "head_11": _GREETING
    + _NOT_DIGITS
    + r"(?P<code>[A-Z0-9]{8,11}) ?confirmed[ !.,]{0,4}",
    "head_sw": _NOT_DIGITS + r"(?P<code>[A-Z0-9]{8,11}) ?imethibitishwa[ !.,]{0,4}",
    "code": r"(?P<code>[A-Z0-9]{5,20}(?:\.[0-9]{4}\.[A-Z0-9]{4,8})?)(?![A-Z0-9])",
    # A code at the end of a text is whole when a full stop or its length says so.
    "id_11": r"(?P<code>[0-9]{11,20}|[0-9]{6,10}(?=[ .]))(?![0-9])",
    "id_14": r"(?P<code>[A-Z]{2}[0-9]{6}\.[0-9]{4}\.[A-Z0-9]{5,8}(?=[ .])|[0-9]{14,20}"
    r"|[0-9]{6,13}(?=[ .]))(?![A-Z0-9])",
    "reversed_code": r"(?P<reversed_code>[A-Z0-9]{8,11})",
    "money": rf"{_BEFORE}(?P<amount>{_NUMBER})",
    "money_after": rf"(?P<amount>{_NUMBER}) ?(?:CURRENCY)",
    "balance": rf"{_BEFORE}(?P<balance>{_NUMBER})",
    "balance_after": rf"(?P<balance>{_NUMBER}) ?(?:CURRENCY)",
    "balance_either": rf"{_MAYBE}(?P<balance>{_NUMBER})",
    "fee": rf"{_MAYBE}(?P<fee>{_NUMBER})",
    "any_money": rf"{_MAYBE}{_NUMBER} ?(?:CURRENCY)?",
    "payer": r"(?P<payer>.{1,100}?)",
    "phone": r"(?P<phone>[^,]{5,25})",
    "ref": r"(?P<ref>.*)",
    "ref_sentence": r"(?P<ref>.*?)\.(?= |$)",
    "mpesa": "M[ -]?PESA",
    "mask": "[X*0-9 ]{1,30}",
    "date": r"(?P<date>[0-9]{1,4}[/-][0-9]{1,2}[/-][0-9]{2,4})",
    "time": r"(?P<time>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?: ?[AP]\.? ?M\.?)?)"
    r"(?![0-9:])",
    "earlier": r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4} at [0-9:]{4,8} ?[AP]\.? ?M\.?",
    "cost": r"(?:[ .,]{0,4}Transaction cost[ ,:]{0,3}"
    rf"{_MAYBE}(?P<fee>{_NUMBER}))?",
}

# Own credit and savings paid out to the wallet: money in, but from no customer.
_CREDIT = (
    r"\b(?:hustler fund|m-?shwari|kcb m-?pesa|fuliza|ziidi|loans?|overdraft|songesha"
    r"|bustisha|nivushe|m-?koba|mkopo|interest|commission)\b"
)
_AGENT = r"\bown account\b|^[A-Z]{2,5}[0-9]{2,}$"


class Template(NamedTuple):
    """One wording: what it says, whose it is, and how to read it."""

    name: str
    kind: str
    provider: str
    currency: str
    pattern: re.Pattern
    refused_payer: re.Pattern | None


def _compile(wording: str, currency: str) -> re.Pattern:
    def expand(token: re.Match) -> str:
        if token[0] == ". ":
            return "[ .,]{0,4}"
        return " ?" if token[0] == " " else _FIELDS[token[1]]

    regex = re.sub(r"\. | |(?<!\(\?P)<(\w+)>", expand, wording)
    regex = regex.replace("CURRENCY", CURRENCIES[currency][1])
    return re.compile(regex, re.ASCII | re.IGNORECASE)


def _row(name, provider, currency, wording, kind="payment", refused_payer=None):
    refused = refused_payer and re.compile(refused_payer, re.ASCII | re.IGNORECASE)
    pattern = _compile(wording, currency)
    return Template(name, kind, provider, currency, pattern, refused)


def _mpesa_ke(name, wording, **options):
    return _row(name, "mpesa_ke", "KES", wording, **options)


def _mpesa_tz(name, wording, **options):
    return _row(name, "mpesa_tz", "TZS", wording, **options)


_WHEN = "on <date> at <time>"
_SWAHILI = (
    "<head_sw> Umepokea <money> kutoka (?:kwa\\s)?<payer> (?:mnamo|tarehe) <date>"
    " (?:saa )?<time>. (?:Baki|Salio) .{0,40}? ni <balance>"
)
_RECEIVED_FROM = f"You have received <money> from <payer>. {_WHEN}. New "
_MTN = (
    "You have received <money_after> from <payer> on your mobile money account at"
    " <date> <time>. Message from sender:? <ref>. Your new balance:? <balance_after>."
    " (?:Fee was <any_money>. )?Financial Transaction Id:? <id_11>"
)
_MPESA_CD = (
    "ARGENT RE[CÇ]U du <payer> le <date> <time> Du compte:? \\S{1,30} Montant:?"
    " <money_after> Frais:? <fee> ?(?:CURRENCY)? Ref:? <code> Solde Disponible:?"
    " <balance_after>"
)

TEMPLATES = (
    # Safaricom Kenya: a payment is taken back.
    _mpesa_ke(
        "KE-RV-DEB",
        "<head> Reversal of transaction <reversed_code> has been (?:successfully )?"
        "reversed(?: on <date>(?: at <time>)?)? and <money> is debited from your"
        " .{1,40}?account(?:. New .{0,40}? balance is <balance>)?",
        kind="reversal",
    ),
    _mpesa_ke(
        "KE-RV-SHORT",
        "<head> Transaction <reversed_code> has been reversed. Your account balance is"
        " (?:now )?<balance_either>",
        kind="reversal",
    ),
    _mpesa_ke(
        "KE-RV-RCVD",
        "<head> (?:The transaction of )?<money> received from <payer>(?: on <earlier>)?"
        f" has been reversed {_WHEN}. New .{{0,40}}? balance is <balance>",
        kind="reversal",
    ),
    _mpesa_ke(
        "KE-RV-RCVD",
        "<head> (?:The transaction of )?<money> received from <payer>"
        f"(?: {_WHEN})? has been reversed. New .{{0,40}}? balance is <balance>",
        kind="reversal",
    ),
    # Paybill: the reference is typed by the payer.
    _mpesa_ke(
        "KE-PB-A",
        f"<head> {_WHEN} <money> received from <payer>. Account Number:? <ref>"
        " New Utility balance is <balance><cost>",
    ),
    _mpesa_ke(
        "KE-PB-C",
        f"<head> <money> received from <payer> for account:? <ref> {_WHEN}."
        " New Utility balance is <balance><cost>",
    ),
    _mpesa_ke(
        "KE-PB-B",
        f"<head> <money> received from <payer> {_WHEN}. Account Number:? <ref>"
        " New Utility balance is <balance><cost>",
    ),
    _mpesa_ke(
        "KE-PB-D",
        "<head> <money> received from <payer>. Account Number:? <ref>"
        " New Utility balance is <balance><cost>",
    ),
    # Till.
    _mpesa_ke(
        "KE-TL-A",
        f"<head> {_WHEN} <money> received from <payer>."
        " New (?:Account|Till|Merchant) balance is <balance><cost>",
    ),
    _mpesa_ke(
        "KE-TL-B",
        f"<head> <money> paid by <payer>. {_WHEN}. New Till balance is <balance><cost>",
    ),
    _mpesa_ke("KE-TL-C", f"<head> {_RECEIVED_FROM}Till balance is <balance><cost>"),
    # Personal wallet and Pochi la Biashara.
    _mpesa_ke(
        "KE-PO",
        f"<head> {_RECEIVED_FROM}business balance is <balance><cost>",
        refused_payer=_CREDIT,
    ),
    _mpesa_ke(
        "KE-P2P-A",
        f"<head> {_RECEIVED_FROM}<mpesa> balance (?:is )?<balance><cost>",
        refused_payer=_CREDIT,
    ),
    _mpesa_ke("KE-SW-P2P", _SWAHILI, refused_payer=_CREDIT),
    _row(
        "KE-AM",
        "airtel_ke",
        "KES",
        "Trans[.]? ID:? (?P<code>[0-9]{8,20}). You have received <money_after> from"
        " <payer>. Your available balance is <balance_after>",
        refused_payer=_AGENT,
    ),
    # Vodacom Tanzania. The two texts of a transfer between networks bear one code.
    _mpesa_tz(
        "TZ-MP-EN",
        f"<head_11> {_RECEIVED_FROM}<mpesa> balance (?:is )?<balance>",
        refused_payer=_CREDIT,
    ),
    _mpesa_tz(
        "TZ-MP-TIPS-EN",
        "<head_11> You have received a payment of <money> from <payer>."
        f" {_WHEN}. New <mpesa> balance (?:is )?<balance>",
        refused_payer=_CREDIT,
    ),
    _mpesa_tz(
        "TZ-MP-TIPS-SW",
        "<head_sw> Umepokea <money> kutoka .{1,60}?, Akaunti <mask> - <payer>"
        " tarehe <date> saa <time>[.]",
        refused_payer=_CREDIT,
    ),
    _mpesa_tz("TZ-MP-SW", _SWAHILI, refused_payer=_CREDIT),
    _mpesa_tz(
        "TZ-LIPA-T",
        f"<head_11> {_WHEN} <money>(?: Tshs?)?[.]? has been received from <payer>."
        " Your balance is <balance>",
    ),
    _mpesa_tz(
        "TZ-LIPA-P",
        f"<head_11> <money> received from <payer>. {_WHEN}. New .{{1,80}}? balance is"
        " <balance>",
    ),
    _mpesa_tz(
        "TZ-LIPA-M",
        f"<head_11> {_WHEN} <money> received from <payer>. New Merchant balance is"
        " <balance>",
    ),
    # Tigo Pesa, now Mixx by Yas: one network, two names.
    _row(
        "TZ-TIGO-OLD",
        "mixx_tz",
        "TZS",
        "New balance is <balance>. You have received <money> from <payer>."
        " <date> <time>;? with TxnId:? <id_14>",
        refused_payer=_CREDIT,
    ),
    _row(
        "TZ-MIXX-EN",
        "mixx_tz",
        "TZS",
        "Transfer Successful. New balance is <balance>. You have received <money> from"
        " <payer>. with TxnId:? <id_14>. (?:[A-Z0-9_-]{6,40}. )?<date> <time>",
        refused_payer=_CREDIT,
    ),
    _row(
        "TZ-MIXX-SW",
        "mixx_tz",
        "TZS",
        "Umepokea <money> kutoka kwa\\s<payer>(?: tarehe <date>(?: saa <time>)?)?."
        " Kumbukumbu (?:No[.]?)?:? <id_14>",
        refused_payer=_CREDIT,
    ),
    # Airtel Money Tanzania and HaloPesa use one wording: a text does not tell which.
    _row(
        "TZ-AM-SW",
        "wallet_tz",
        "TZS",
        "Umepokea <money> kutoka kwa\\s<payer>(?: tarehe <date>(?: saa <time>)?)?."
        " Rej:? <code>. Salio:? <balance>",
        refused_payer=_CREDIT,
    ),
    _row(
        "MZ-MP",
        "mpesa_mz",
        "MZN",
        "Confirmado (?P<code>[A-Z0-9]{8,11}). Recebeste <money_after> de <payer>."
        " aos <date> [aà]s <time>. o (?:teu )?novo saldo <mpesa> [eé] de"
        " <balance_after>",
    ),
    _row(
        "MZ-EM",
        "emola_mz",
        "MZN",
        "Transaction ID:? <id_14>. You (?:have )?received <money_after> from <phone>,"
        " name:? <payer> at <time> on <date>. Content:? <ref>. Your account balance is"
        " <balance_after>",
    ),
    _row("CD-MP", "mpesa_cd", "USD", _MPESA_CD),
    _row("CD-MP", "mpesa_cd", "CDF", _MPESA_CD),
    _row(
        "GH-MTN",
        "mtn_gh",
        "GHS",
        "Payment received for <money> from <payer>. Current Balance:? <balance>."
        " (?:Available Balance:? <any_money>. )?Reference:? <ref>. Transaction ID:?"
        " <id_11>. Transaction fee:? <fee>",
    ),
    _row(
        "GH-MTN",
        "mtn_gh",
        "GHS",
        "(?!.*Current Balance)Payment received for <money> from <payer>. Reference:?"
        " <ref>. Transaction ID:? <id_11>",
    ),
    _row(
        "GH-TC",
        "telecel_gh",
        "GHS",
        "(?P<code>[0-9]{16}) confirmed. You have received <money> from"
        " (?:.{2,40}? with transaction reference:? Transfer From:? )?<payer>."
        f" {_WHEN}. Your (?:Telecel|Vodafone) Cash balance is <balance>"
        "(?:. Ref(?:erence)?:? <ref_sentence>)?",
    ),
    _row(
        "UG-MTN",
        "mtn_ug",
        "UGX",
        "You have received <money> from <payer>. on <date>(?: at)?(?: <time>)?."
        " Reason:? <ref>. New balance:? <balance>. ID:? <id_11>",
    ),
    _row(
        "UG-AM",
        "airtel_ug",
        "UGX",
        "RECEIVED. TID:? (?P<code>[0-9]{8,20}). <money> from <payer>. Bal <balance>",
    ),
    _row("RW-MTN", "mtn_rw", "RWF", _MTN),
    _row("CM-MTN", "mtn_cm", "XAF", _MTN),
    _row(
        "BD-BK",
        "bkash_bd",
        "BDT",
        "You have received <money> from <payer>. (?:Ref:? <ref>. )?Fee <fee>. Balance"
        " <balance>. TrxID:? <code> at <date> <time>",
    ),
)

PROVIDERS = tuple(sorted({template.provider for template in TEMPLATES}))
