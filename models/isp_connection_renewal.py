import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import format_date

from ..tools import periods
from .isp_connection_billing_run import RETRY_HOURS

_logger = logging.getLogger(__name__)

# Bundles of hours follow one another; they are not renewed in advance.
HOURLY_LEAD = timedelta(minutes=15)


class IspConnection(models.Model):
    """Lines that are paid first: notices, and renewal by the money itself."""

    _inherit = "isp.connection"

    billing_mode = fields.Selection(related="package_id.billing_mode")
    noticed_at = fields.Datetime(
        string="Renewal Notice",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="When the client was told that the next period wants to be paid; empty "
        "again once it is.",
    )
    noticed_for = fields.Date(
        string="Renewal Due",
        readonly=True,
        copy=False,
        help="The day the period begins that the notice is about.",
    )

    # === WHAT IS DIFFERENT FROM INVOICE FIRST === #

    def _is_pay_first(self):
        self.ensure_one()
        return self.package_id.billing_mode == "pay_first"

    @api.model
    def _get_process_new_domain(self):
        """Override: a line that is paid first waits for money, without a run."""
        mode = Domain("package_id.billing_mode", "=", "pay_first")
        return super()._get_process_new_domain() & (~mode | self._get_funded_domain())

    @api.model
    def _get_period_due_domain(self, day=None):
        """Override: money alone bills what is paid first."""
        mode = Domain("package_id.billing_mode", "=", "pay_first")
        return super()._get_period_due_domain(day) & ~mode

    @api.model
    def _get_funded_domain(self):
        return Domain("contract_id.balance", ">", 0) | Domain(
            "package_id.product_id.list_price", "=", 0
        )

    def _bill_by_hand(self):
        """Override: on a line that is paid first, credit in hand buys a period."""
        bought = self.filtered(lambda c: c._is_pay_first())
        for connection in bought:
            connection._check_not_ahead()
            connection.contract_id._lock_for_posting()
            if not connection._try_renew(0.0, ()):
                connection._refuse_before_money()
        return super(IspConnection, self - bought)._bill_by_hand()

    def _process_by_hand(self):
        """Override: money alone takes a line further that is paid first."""
        res = super()._process_by_hand()
        for connection in self.filtered(lambda c: c.state == "new"):
            if connection._is_pay_first() and not connection.is_setup:
                if reason := connection.needs_attention:
                    raise UserError(reason)
                connection._refuse_before_money()
        return res

    def _refuse_before_money(self):
        raise UserError(
            self.env._(
                "%(connection)s is paid first. Take %(amount)s for account "
                "%(account)s: the invoice follows by itself.",
                connection=self.display_name,
                amount=self.currency_id.format(self._get_amount_to_renew()),
                account=self.account_no,
            )
        )

    # === WHAT COMES NEXT, AND WHAT IT COSTS === #

    def _is_renewal_due(self):
        """Whether money in hand may buy what comes next now: the line is off, or its
        next period is near."""
        self.ensure_one()
        today = self.company_id._isp_today()
        decision = self._decide_access()
        if not self._is_pay_first() or decision.reason in ("suspended", "closed"):
            return False
        if self.state == "new":
            return not self.is_setup and self.date_start <= today
        if self.state != "active" or self._get_unpaid_billings():
            return False
        if decision.level != "on":
            return True
        if self._get_rule().is_hourly:
            soon = fields.Datetime.now() + HOURLY_LEAD
            return not self.paid_until_at or self.paid_until_at <= soon
        return not self.next_invoice_date or self.next_invoice_date <= today

    def _get_unpaid_billings(self):
        """Return billed periods that are not over and not paid: nothing is bought on
        top of what is owed."""
        now = fields.Datetime.now()
        return self._get_period_billings().filtered(
            lambda b: not b.is_paid and b.end_at > now
        )

    def _get_renewal_period(self):
        """Return the `tools.periods.Period` that money buys now.

        It begins where the last one ends, or today when that lies in the past; a bundle
        of hours or days begins this very moment.
        """
        self.ensure_one()
        rule = self._get_rule()
        if not rule.is_bundle:
            return self._get_next_period()
        now = fields.Datetime.now()
        latest = self._get_period_billings()[:1]
        return periods.period_from_moment(
            rule, max(latest.end_at or now, now), self.company_id._isp_zone()
        )

    def _prepare_next_billing_vals(self):
        """Return the values of the rows that money makes next."""
        if self.state == "new":
            return self._prepare_first_billing_vals()
        return [self._prepare_billing_vals(self._get_renewal_period())]

    def _get_amount_to_renew(self):
        """Return what is missing for what comes next, taxes included."""
        self.ensure_one()
        total = self.env["isp.billing"]._get_total(self._prepare_next_billing_vals())
        return self.currency_id.round(total - self.contract_id.balance)

    # === RENEWAL: the contract is locked === #

    def _try_renew(self, reserved, free_ids):
        """Buy what comes next, if the contract's money is enough.

        :param float reserved: credit of the contract that waits for other lines
        :param tuple free_ids: credit lines that may be used, before any others
        :return: whether it was bought
        """
        self.ensure_one()
        vals_list = self._prepare_next_billing_vals()
        total = self.env["isp.billing"]._get_total(vals_list)
        if not self.contract_id._can_pay(total, reserved):
            return False
        chosen = self.with_context(isp_settle_first_ids=free_ids)
        if self.state == "new":
            moves = chosen._issue_first_sum()
            self._after_first_paid()
        else:
            moves = chosen._issue_renewal(vals_list)
        posted = sum(moves.mapped("amount_total"))
        if self.currency_id.compare_amounts(posted, total):
            raise UserError(
                self.env._(
                    "%(connection)s: the invoice came to %(posted)s, %(total)s was "
                    "expected. Look at the taxes of its package.",
                    connection=self.display_name,
                    posted=self.currency_id.format(posted),
                    total=self.currency_id.format(total),
                )
            )
        self.write({"noticed_at": False, "noticed_for": False})
        if self.needs_attention:
            self._clear_attention()
        return True

    def _issue_renewal(self, vals_list):
        self._set_following_date(self._get_renewal_period())
        return self.env["isp.billing"].create(vals_list)._issue_invoices()

    def _run_guarded(self, step, *arguments):
        """Run a step of one line so that its trouble stays its own.

        :return: what the step returned, ``None`` if it failed
        """
        self.ensure_one()
        try:
            with self.env.cr.savepoint():
                res = step(*arguments)
                self.env.flush_all()
            return res
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            _logger.info("Connection %s can't go on.", self.id, exc_info=True)
            self._set_attention(str(error) or type(error).__name__)
        return None

    # === NOTICES === #

    @api.model
    def _get_renew_due_domain(self):
        """Lines that are paid first, near their end or off: those that have money in
        hand, and those that were not told yet."""
        near = Domain.OR(
            Domain("company_id", "=", company.id)
            & Domain("next_invoice_date", "<=", company._isp_today())
            for company in self.env["res.company"].search([])
        )
        soon = fields.Datetime.now() + HOURLY_LEAD
        near &= (
            Domain("package_id.billing_cycle_id.duration_type", "!=", "hours")
            | Domain("paid_until_at", "=", False)
            | Domain("paid_until_at", "<=", soon)
        )
        useful = Domain("noticed_at", "=", False) | self._get_funded_domain()
        return (
            Domain("package_id.billing_mode", "=", "pay_first")
            & near
            & useful
            & self._get_usable_domain()
        )

    def _renew_due(self):
        """Renew from credit in hand; tell those who have too little, once."""
        self.contract_id._renew_from_credit()
        due = self.filtered(lambda c: not c.needs_attention and c._is_renewal_due())
        due.filtered(lambda c: not c.noticed_at)._give_notice()
        # Money that comes is looked at when it comes.
        due.billing_retry_at = fields.Datetime.add(
            fields.Datetime.now(), hours=RETRY_HOURS
        )

    def _give_notice(self):
        for connection in self:
            connection.write(
                {
                    "noticed_at": fields.Datetime.now(),
                    "noticed_for": connection.billing_date,
                }
            )
            connection.message_post(body=connection._describe_notice())
        if self:
            self._notify_renewal()

    def _describe_notice(self):
        """Return the notice in words: until when, how much, to which account."""
        self.ensure_one()
        return self.env._(
            "Renewal due on %(day)s: pay %(amount)s to account %(account)s.",
            day=format_date(self.env, self.billing_date),
            amount=self.currency_id.format(max(self._get_amount_to_renew(), 0.0)),
            account=self.account_no,
        )

    def _notify_renewal(self):
        """Hook: the notice of these lines goes out to their clients. Nothing is sent
        by itself."""
