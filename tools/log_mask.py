"""Keep secrets and people's messages out of the server's log.

playSMS can't send a header, so the token of a webhook stands in its address, and with
a GET the message does too. Web servers log addresses, and database drivers log failed
statements with their values; both are cut short here.
"""

import logging
import re

MASK = "***"
_PRIVATE_URL = re.compile(r"/isp(?:/|%2f)+(?:playsms|c2b)(?:/|%2f)+", re.IGNORECASE)
_PROTOCOL = re.compile(r" HTTP/[0-9](?:\.[0-9])?\S{0,16}$")
_PRIVATE_TABLE = re.compile(
    r"\b(?:isp_(?:sms_inbox|money_receipt|collection)|account_payment)\b"
)
_VALUES_FOLLOW = re.compile(r"\b(?:VALUES|SET|WHERE)\b")


def mask_url(text: str) -> str:
    """Return ``text`` without what follows the path of a webhook.

    :param text: a line of an access log, or a part of it
    """
    found = _PRIVATE_URL.search(text)
    if not found:
        return text
    protocol = _PROTOCOL.search(text[found.end() :])
    return text[: found.end()] + MASK + (protocol[0] if protocol else "")


def mask_sql(text: str) -> str:
    """Return ``text`` without the values of a statement on messages or receipts.

    :param text: an SQL statement, or the error PostgreSQL gave for it
    """
    if not _PRIVATE_TABLE.search(text):
        return text
    # PostgreSQL puts the row's values on the lines after the first.
    first = text.strip().split("\n", 1)[0] if text.startswith("ERROR") else text
    found = _VALUES_FOLLOW.search(first)
    return first[: found.end()] + f" {MASK}" if found else first


class _MaskFilter(logging.Filter):
    """Rewrite the parts of a record; never drop one."""

    def __init__(self, mask):
        super().__init__()
        self.mask = mask

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self._clean(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(self._clean(arg) for arg in record.args)
        return True

    def _clean(self, part):
        if isinstance(part, bytes):
            part = part.decode(errors="replace")
        return self.mask(part) if isinstance(part, str) else part


class _SqlFilter(_MaskFilter):
    """Mask a failed statement, and with it the error that quotes its row."""

    def filter(self, record: logging.LogRecord) -> bool:
        before = record.args
        super().filter(record)
        if isinstance(before, tuple) and record.args != before:
            record.args = tuple(
                str(arg).split("\n", 1)[0] if isinstance(arg, Exception) else arg
                for arg in record.args
            )
        return True


def install() -> None:
    """Put the filters on the loggers that print addresses and statements, once."""
    for name, mask_filter in (
        ("werkzeug", _MaskFilter(mask_url)),
        ("odoo.sql_db", _SqlFilter(mask_sql)),
    ):
        logger = logging.getLogger(name)
        if not any(isinstance(known, _MaskFilter) for known in logger.filters):
            logger.addFilter(mask_filter)
