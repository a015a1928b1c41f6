"""Phone numbers as people and money networks print them.

One row per country, after the numbering plans that the regulators publish (ITU-T
E.164, national plans): calling code, trunk prefix, mobile numbers without the trunk.
Fixed lines are left out on purpose: no mobile-money payer has one.
"""

import re
from typing import NamedTuple


class _Plan(NamedTuple):
    calling_code: str
    trunk: str
    mobile: re.Pattern


_PLANS = {
    "BD": _Plan("880", "0", re.compile(r"1[3-9][0-9]{8}")),
    "CD": _Plan("243", "0", re.compile(r"[89][0-9]{8}")),
    "CM": _Plan("237", "", re.compile(r"6[0-9]{8}")),
    "GH": _Plan("233", "0", re.compile(r"[25][0-9]{8}")),
    "KE": _Plan("254", "0", re.compile(r"[17][0-9]{8}")),
    "MZ": _Plan("258", "", re.compile(r"8[2-7][0-9]{7}")),
    "RW": _Plan("250", "0", re.compile(r"7[0-9]{8}")),
    "TZ": _Plan("255", "0", re.compile(r"[67][0-9]{8}")),
    "UG": _Plan("256", "0", re.compile(r"[37][0-9]{8}")),
}
_SEPARATORS = re.compile(r"[\s().\-]+")
_DIGITS = re.compile(r"\+?([0-9]+)")
_MASKED = re.compile(r"\+?[0-9xX*#•]{6,15}")
_MASK_SIGNS = re.compile(r"[xX*#•]")


def to_international(raw: str, country: str) -> str | None:
    """Return the mobile number in international digits without ``+``, or None.

    :param raw: ``0712 000 101``, ``712000101``, ``+254712000101``, ``00254…``;
        blanks, dashes, dots and parentheses do not count.
    :param country: ISO code whose plan reads a number without a calling code. A
        number with the calling code of another country of the table is read too.
    :return: digits, or None for what is masked, too short or long, or not a number.
    """
    match = _DIGITS.fullmatch(_SEPARATORS.sub("", raw or ""))
    if not match:
        return None
    digits = match[1]
    has_prefix = raw.strip().startswith("+") or digits.startswith("00")
    own = _PLANS.get((country or "").upper())
    if own and not has_prefix and (national := _national(digits, own)):
        return own.calling_code + national
    digits = digits.removeprefix("00")
    for plan in _PLANS.values():
        if digits.startswith(plan.calling_code):
            national = _national(digits.removeprefix(plan.calling_code), plan)
            return plan.calling_code + national if national else None
    return None


def _national(digits: str, plan: _Plan) -> str | None:
    number = digits.removeprefix(plan.trunk)
    return number if plan.mobile.fullmatch(number) else None


def is_masked(raw: str) -> bool:
    """Tell whether ``raw`` is a phone number with some of its digits hidden.

    Networks print ``0722***456``, ``2547******78``, ``2547 ***** 126``,
    ``0722XXXXX89``. A masked number is a hint and never a proof of who paid.
    """
    compact = _SEPARATORS.sub("", raw or "")
    return bool(_MASKED.fullmatch(compact)) and len(_MASK_SIGNS.findall(compact)) > 1


def is_phone_sender(sender: str) -> bool:
    """Tell whether the sender of an SMS is a person's line or a short number.

    Money networks send under a name. ``""`` and ``"+"`` are no number: they are what
    a gateway leaves of a name when it drops letters. Digits of any script count
    here, so that a disguised number is not taken for a name.
    """
    digits = sum(sign.isdigit() for sign in sender or "")
    letters = any(sign.isalpha() for sign in sender or "")
    return digits > 0 and (not letters or digits >= 7 or is_masked(sender))
