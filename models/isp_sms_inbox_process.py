import logging
import random
import time
from datetime import timedelta

import psycopg2
from psycopg2 import errors

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ..tools import mobile_money

_logger = logging.getLogger(__name__)

BATCH_SIZE = 200
MAX_TRIES = 5
MAX_WAIT = timedelta(hours=6)
# Two at once brought in the same receipt code: the loser looks again and finds it.
RETRIED = (
    *PG_CONCURRENCY_EXCEPTIONS_TO_RETRY,
    ConcurrencyError,
    errors.UniqueViolation,
)


class IspSmsInbox(models.Model):
    _inherit = "isp.sms.inbox"

    # === CRON === #

    @api.model
    def _cron_process(self):
        """Read waiting messages and book their money, in batches.

        A batch that fails is tried again on a new snapshot when that may help, else
        row by row: the row at fault keeps its error, the others go on.
        """
        IrCron = self.env["ir.cron"]
        IrCron._commit_progress(remaining=self._count_waiting())
        tried, time_left = [], 1
        while time_left and (ids := self._claim(tried)):
            tried += ids
            if self._process_batch(ids):
                time_left = IrCron._commit_progress(len(ids))
            else:
                time_left = self._process_one_by_one(ids)
        remaining = self._count_waiting()
        if remaining and not time_left:
            # Odoo starts a job that has work left again without waking a worker.
            self._wake_up()
        IrCron._commit_progress(remaining=remaining)

    @api.model
    def _get_waiting_sql(self):
        return SQL(
            "(state = 'new' OR (state = 'error' AND next_try <= %s))",
            fields.Datetime.now(),
        )

    @api.model
    def _count_waiting(self):
        rows = self.env.execute_query(
            SQL("SELECT count(*) FROM isp_sms_inbox WHERE %s", self._get_waiting_sql())
        )
        return rows[0][0]

    @api.model
    def _claim(self, tried, limit=BATCH_SIZE):
        """Lock the next messages for this transaction and return their ids.

        This is the first statement after a commit: a row that another worker changed
        since the snapshot could not be locked.
        """
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM isp_sms_inbox WHERE %s AND id <> ALL(%s) "
                "ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED",
                self._get_waiting_sql(),
                tried,
                limit,
            )
        )
        return [message_id for (message_id,) in rows]

    @api.model
    def _claim_one(self, message_id):
        return self.env.execute_query(
            SQL(
                "SELECT id FROM isp_sms_inbox WHERE id = %s AND %s "
                "FOR NO KEY UPDATE SKIP LOCKED",
                message_id,
                self._get_waiting_sql(),
            )
        )

    @api.model
    def _process_batch(self, ids):
        """Process messages that are claimed; return whether that went well."""
        try:
            self.browse(ids)._process()
            self.env.cr.flush()
        except RETRIED:
            self.env.cr.rollback()
            _logger.info("Another transaction was first; messages go one by one")
            return False
        except Exception as error:  # isolated below, row by row
            self.env.cr.rollback()
            self._log_failure("A batch of messages", error)
            return False
        return True

    @api.model
    def _process_one_by_one(self, ids):
        """Process messages each in a transaction of its own; return the time left."""
        IrCron = self.env["ir.cron"]
        time_left = 1
        for message_id in ids:
            self._process_alone(message_id)
            time_left = IrCron._commit_progress(1)
            if not time_left:
                break
        return time_left

    @api.model
    def _process_alone(self, message_id):
        for attempt in range(1, MAX_TRIES + 1):
            if not self._claim_one(message_id):
                return
            try:
                self.browse(message_id)._process()
                self.env.cr.flush()
                return
            except RETRIED as error:
                self.env.cr.rollback()
                if attempt == MAX_TRIES:
                    self._keep_error(message_id, error)
                    return
                time.sleep(random.uniform(0.0, 0.05 * 2**attempt))
            except Exception as error:  # kept on the row, logged, the others go on
                self.env.cr.rollback()
                self._keep_error(message_id, error)
                return

    @api.model
    def _keep_error(self, message_id, error):
        """Write on a message what went wrong, and when it is tried again."""
        self._log_failure(f"Message {message_id}", error)
        message = self.browse(message_id)
        wait = min(timedelta(minutes=2**message.attempts), MAX_WAIT)
        message.write(
            {
                "state": "error",
                "attempts": message.attempts + 1,
                "next_try": fields.Datetime.now() + wait,
                "reason": self._describe(error),
            }
        )

    @api.model
    def _describe(self, error):
        # PostgreSQL's details quote values of the row; its first line does not.
        text = str(error).strip() or type(error).__name__
        return text.split("\n", 1)[0] if isinstance(error, psycopg2.Error) else text

    @api.model
    def _log_failure(self, what, error):
        # Not the text: it may quote the message. The row keeps it for staff.
        _logger.error("%s could not be processed: %s", what, type(error).__name__)
        _logger.debug("The failure was", exc_info=error)

    # === PROCESSING === #

    def _process(self):
        """Turn messages into receipts and book them; one transaction."""
        for company, messages in self.grouped("company_id").items():
            messages.with_company(company)._process_company()

    def _process_company(self):
        payments, reversals = [], []
        for message in self.sorted("id"):
            parsed = message._parse()
            if not parsed:
                continue
            target = payments if parsed.kind == "payment" else reversals
            target.append((message, parsed))
        Receipt = self.env["isp.money.receipt"]
        receipts = Receipt._record_payments(payments)
        receipts |= Receipt._record_reversals(reversals)
        receipts.filtered(lambda receipt: receipt.state == "new")._match_and_book()

    def _parse(self):
        """Return what a message says if it is to be booked; else set it aside."""
        self.ensure_one()
        collection = self.collection_id
        refusal = collection._why_sender_refused(
            self.sender
        ) or collection._why_receiver_refused(self.receiver, self.smsc)
        if refusal:
            self._set_aside(refusal, is_quarantined=True)
            return None
        # The sender was judged above; here an accepted short code would look like a
        # person's line.
        parsed = mobile_money.parse("", self.text or "", collection.country_id.code)
        if parsed.kind == "other":
            self._set_aside(parsed.reason, template=parsed.template)
            return None
        if parsed.provider != collection.provider:
            self._set_aside(
                self.env._(
                    "The wording is that of another network than %(name)s has.",
                    name=collection.name,
                ),
                template=parsed.template,
            )
            return None
        self.write({"kind": parsed.kind, "template": parsed.template})
        return parsed

    def _set_aside(self, reason, template=False, is_quarantined=False):
        self.write(
            {
                "state": "other",
                "kind": "other",
                "reason": reason,
                "template": template,
                "is_quarantined": is_quarantined,
                "next_try": False,
            }
        )

    def _link(self, receipt, state, reason=False):
        """Note what became of a message."""
        self.write(
            {
                "state": state,
                "receipt_id": receipt.id,
                "reason": reason,
                "next_try": False,
            }
        )
