import logging
import time

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

_logger = logging.getLogger(__name__)

# A run works in batches of about this many seconds, so that nobody waits for long.
BATCH_SECONDS = 2.0
BATCH_SIZE = 200
SIP_SIZE = 5
RETRY_HOURS = 1
# In this order: each is a method, and a method `_get…_domain` of the lines it is for.
STEPS = ("_process_new", "_renew_due", "_issue_served", "_bill_next_period")


class IspConnection(models.Model):
    """The billing run: which lines are due, in batches, and what a poison one gets."""

    _inherit = "isp.connection"

    # === CRON === #

    @api.model
    def _cron_bill(self, worker=0):
        """Take new lines into service and bill periods that are near, in batches.

        A batch that fails is done line by line: the poison line keeps its error. Money
        and access go first: the run stops at a batch edge while they wait.

        :param int worker: which of several that run at once this is. Each claims what
            it works on; the second begins at the other end, so that they rarely meet
        """
        self._hold_lines()
        for step in STEPS:
            if not self.with_context(isp_worker=worker)._run_step(step):
                self._trigger_billing()
                break
        self.env["isp.billing.run"]._update_progress()
        self.env["ir.cron"]._commit_progress()

    @api.model
    def _trigger_billing(self):
        self.env.ref("mybizna_isp.isp_connection_cron_bill")._trigger()
        second = self.env.ref(
            "mybizna_isp.isp_connection_cron_bill_second", raise_if_not_found=False
        )
        if second and second.sudo().active:
            second._trigger()

    def _run_step(self, step):
        """Run one step over all lines it is due for.

        :return: whether it came to an end (else it made way, or ran out of time)
        """
        done_ids, size = [], SIP_SIZE
        while True:
            # A run never stands still, but while others wait it only takes a sip.
            if self._is_urgent_work_waiting():
                size = SIP_SIZE
            started = time.monotonic()
            batch = self._find_batch(step, done_ids, size)
            if not batch:
                return True
            done_ids += batch.ids
            self._run_batch(batch, step)
            self.env["isp.billing.run"]._note_progress(batch)
            time_left = self.env["ir.cron"]._commit_progress(len(batch))
            if not time_left or self._is_urgent_work_waiting():
                return False
            pace = BATCH_SECONDS / max(time.monotonic() - started, 0.01)
            # Most of a small batch's time is what each batch costs, however small.
            pace = max(pace, 2) if pace > 1.3 else pace
            size = min(max(round(size * pace), SIP_SIZE), BATCH_SIZE)

    def _find_batch(self, step, done_ids, size):
        due = self._get_step_domain(step)
        order = "next_invoice_date, id"
        if self.env.context.get("isp_worker"):
            order = "next_invoice_date desc, id desc"
        batch = self.search(
            due & Domain("id", "not in", done_ids), limit=size, order=order
        )
        # Lines that share an invoice are billed together.
        grouped = batch.contract_id.filtered("is_grouped")
        if grouped:
            batch |= self.search(
                due
                & Domain("contract_id", "in", grouped.ids)
                & Domain("id", "not in", done_ids)
            )
        return batch

    @api.model
    def _get_step_domain(self, step):
        now = fields.Datetime.now()
        ready = Domain("billing_retry_at", "=", False) | Domain(
            "billing_retry_at", "<=", now
        )
        return ready & getattr(self, f"_get{step}_domain")()

    @api.model
    def _get_process_new_domain(self):
        """New lines whose day has come, without an unpaid first invoice."""
        today = Domain.OR(
            Domain("company_id", "=", company.id)
            & Domain("date_start", "<=", company._isp_today())
            for company in self.env["res.company"].search([])
        )
        unpaid = Domain(
            "billing_ids",
            "any",
            [
                ("kind", "in", ("setup", "period")),
                ("state", "=", "billed"),
                ("is_paid", "=", False),
            ],
        )
        return Domain("state", "=", "new") & today & ~unpaid

    @api.model
    def _get_bill_next_period_domain(self):
        """Active lines whose next invoice is due today or earlier, and not on hold."""
        return self._get_period_due_domain() & Domain("billing_hold", "=", False)

    @api.model
    def _get_period_due_domain(self, day=None):
        """Active lines whose next invoice is due on a day (today) or earlier.

        Not those that are off by a suspension, nor those off because they owe: they
        get no invoice for a time they are not allowed to be on.
        """
        near = Domain.OR(
            Domain("company_id", "=", company.id)
            & Domain("next_invoice_date", "<=", day or company._isp_today())
            for company in self.env["res.company"].search([])
        )
        # Bundles of hours follow one another; they are not billed in advance.
        soon = fields.Datetime.add(fields.Datetime.now(), minutes=15)
        near &= (
            Domain("package_id.billing_cycle_id.duration_type", "!=", "hours")
            | Domain("paid_until_at", "=", False)
            | Domain("paid_until_at", "<=", soon)
        )
        owing = Domain("billing_ids", "any", self._get_due_billing_domain())
        return near & self._get_usable_domain() & (self._get_on_domain() | ~owing)

    def _run_batch(self, batch, step):
        """Do a batch at once; if that fails, line by line."""
        for is_again in (False, True):
            try:
                due = batch.try_lock_for_update()
                if is_again:
                    # Who was first may have billed the very same periods.
                    due = due.filtered_domain(self._get_step_domain(step))
                self._run_per_company(due, step)
                self.env.flush_all()
                return
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                # Scheduled actions have no retry of their own: a new snapshot.
                self.env.cr.rollback()
            except Exception as error:
                # What no line alone repeats would else leave no trace.
                _logger.info(
                    "A billing batch failed (%s); it is done line by line.",
                    type(error).__name__,
                )
                self.env.cr.rollback()
                break
        for connection in batch:
            self._run_one(connection, step)

    def _run_per_company(self, batch, step):
        for company, connections in batch.grouped("company_id").items():
            quiet = connections.with_company(company).with_context(
                tracking_disable=True, allowed_company_ids=company.ids
            )
            getattr(quiet, step)()

    def _run_one(self, connection, step):
        try:
            connection = connection.try_lock_for_update().filtered_domain(
                self._get_step_domain(step)
            )
            self._run_per_company(connection, step)
            self.env["ir.cron"]._commit_progress()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # Somebody else works on it: the next run sees what they did.
            self.env.cr.rollback()
        except Exception as error:
            self.env.cr.rollback()
            _logger.info("Connection %s can't be billed.", connection.id, exc_info=True)
            connection._set_attention(str(error) or type(error).__name__)
            self.env["ir.cron"]._commit_progress()

    def _set_attention(self, reason):
        """Keep the reason on the record; tell a person, once."""
        self.ensure_one()
        if not self.needs_attention:
            user = self.company_id.isp_attention_user_id or self.env.ref(
                "base.user_admin"
            )
            self.activity_schedule(
                "mail.mail_activity_data_warning",
                summary=self.env._("Needs attention: not billed"),
                note=reason,
                user_id=user.id,
            )
        self.write(
            {
                "needs_attention": reason,
                "billing_retry_at": fields.Datetime.add(
                    fields.Datetime.now(), hours=RETRY_HOURS
                ),
            }
        )

    def _clear_attention(self):
        self.write({"needs_attention": False, "billing_retry_at": False})
        self.activity_feedback(["mail.mail_activity_data_warning"])

    @api.model
    def _is_urgent_work_waiting(self):
        """Whether a message or an access change waits: billing makes way for them."""
        new = (
            self.env["isp.sms.inbox"]
            .sudo()
            .search_count([("state", "=", "new")], limit=1)
        )
        return bool(
            new or self.env["isp.access.dirty"].sudo().search_count([], limit=1)
        )

    @api.model
    def _cron_expire(self):
        """Wake the workers for lines that are open on a device beyond their time."""
        open_there = Domain(
            "access_ids", "any", [("applied_on", "=", True), ("state", "=", "applied")]
        )
        expired = self.search(Domain("access", "=", "off") & open_there)
        expired._mark_access_dirty()

    # === PREVIEW === #

    def _prepare_run_line_vals(self):
        """Return what the next period of this line would be, and cost."""
        self.ensure_one()
        period = self._get_next_period()
        vals = self._prepare_billing_vals(period)
        items = [item for _command, _id, item in vals["item_ids"]]
        amount = sum(item["amount"] * item.get("quantity", 1.0) for item in items)
        last = self._get_period_billings()[:1].amount
        return {
            "connection_id": self.id,
            "package_id": vals["package_id"],
            "billing_date": self.billing_date,
            "date_start": period.date_start,
            "date_end": period.date_end,
            "amount": amount,
            "total": self._get_items_total(items),
            "last_amount": last,
            "difference": amount - last if last else 0.0,
            "hold": self.billing_hold,
            "state": "held" if self.billing_hold else "waiting",
        }
