from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import format_date


class IspConnection(models.Model):
    _inherit = "isp.connection"

    # === FIELDS === #

    billing_ids = fields.One2many("isp.billing", "connection_id", copy=False)
    invoice_id = fields.Many2one(
        "account.move",
        string="Latest Invoice",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
    anchor_date = fields.Date(
        readonly=True,
        copy=False,
        help="Periods are counted from here, so that the 31st comes back after "
        "February.",
    )
    billing_date = fields.Date(
        string="Next Period",
        copy=False,
        tracking=True,
        help="The day the next period that is not billed yet begins.",
    )
    next_invoice_date = fields.Date(
        string="Next Invoice",
        compute="_compute_next_invoice_date",
        store=True,
        copy=False,
        help="The day the next period's invoice is issued.",
    )
    is_setup = fields.Boolean(
        string="Set-up Invoiced",
        readonly=True,
        copy=False,
        help="The set-up invoice was issued, or there was nothing to charge.",
    )
    is_paid = fields.Boolean(
        compute="_compute_is_paid",
        search="_search_is_paid",
        help="No billed period that has begun is unpaid.",
    )
    needs_attention = fields.Text(
        readonly=True,
        copy=False,
        help="Why the billing run could not bill this line. It is tried again by "
        "itself, and goes away when it works.",
    )
    billing_retry_at = fields.Datetime(readonly=True, copy=False)

    # The billing run's question, in the order it reads.
    _next_invoice_idx = models.Index("(next_invoice_date, id) WHERE state = 'active'")

    # === COMPUTE === #

    @api.depends(
        "billing_date",
        "package_id.billing_cycle_id.duration",
        "package_id.billing_cycle_id.duration_type",
        "package_id.billing_timing",
        "anchor_date",
        "contract_id.billing_day",
        "company_id.isp_billing_day",
        "company_id.isp_billing_lead_days",
    )
    def _compute_next_invoice_date(self):
        for connection in self:
            connection.next_invoice_date = (
                connection.billing_date and connection._get_invoice_date()
            )

    def _get_invoice_date(self):
        """Return when the next new period is to be invoiced."""
        self.ensure_one()
        if self.package_id.billing_timing == "arrears":
            return self._get_period_from(self.billing_date).date_end + timedelta(1)
        # Never more than one period ahead: a daily line gets tomorrow's invoice.
        lead = min(
            self.company_id.isp_billing_lead_days, self._get_rule().shortest_days
        )
        return self.billing_date - timedelta(lead)

    @api.depends("billing_ids.is_paid", "billing_ids.state", "billing_ids.start_at")
    def _compute_is_paid(self):
        due = self.env["isp.billing"]._read_group(
            Domain("connection_id", "in", self.ids) & self._get_due_billing_domain(),
            ["connection_id"],
        )
        unpaid = {connection.id for (connection,) in due}
        for connection in self:
            connection.is_paid = (
                connection.state not in ("new", "ready") and connection.id not in unpaid
            )

    def _search_is_paid(self, operator, value):
        if operator != "in":
            return NotImplemented
        domain = Domain("state", "not in", ("new", "ready")) & ~Domain(
            "billing_ids", "any", self._get_due_billing_domain()
        )
        return domain if True in value else ~domain

    @api.model
    def _get_due_billing_domain(self):
        return Domain(self.env["isp.billing"]._get_due_domain(fields.Datetime.now()))

    # === ACTIONS: the very methods the crons call === #

    def action_generate_invoice(self):
        """Issue what comes next: the set-up invoice, or the next period's."""
        engine = self._get_engine()
        engine.filtered(lambda c: not c.is_setup and c.state == "active")._issue_setup()
        engine.filtered(lambda c: c.state == "active")._bill_by_hand()
        engine.filtered(lambda c: c.state == "new")._process_by_hand()

    def action_process_new(self):
        self._get_engine()._process_by_hand()

    def _bill_by_hand(self):
        """Bill the next period ahead of its time; one ahead, and no further."""
        self._check_not_ahead()
        self._bill_next_period()

    def _check_not_ahead(self):
        now = fields.Datetime.now()
        for connection in self:
            latest = connection._get_period_billings()[:1]
            if latest and latest.start_at > now:
                raise UserError(
                    self.env._(
                        "%(connection)s is invoiced ahead already: %(billing)s, "
                        "invoice %(invoice)s.",
                        connection=connection.display_name,
                        billing=latest.name,
                        invoice=latest.invoice_id.name,
                    )
                )

    def _process_by_hand(self):
        """Take new lines a step further, but none before its start date."""
        for connection in self.filtered(lambda c: c.state == "new"):
            if connection.date_start > connection.company_id._isp_today():
                raise UserError(
                    self.env._(
                        "%(connection)s starts on %(date)s: nothing is invoiced before "
                        "that day. Change its start date first.",
                        connection=connection.display_name,
                        date=format_date(self.env, connection.date_start),
                    )
                )
        self._process_new()

    def action_update_access(self):
        """Compare with the gateway now and put right what differs."""
        self._mark_access_dirty()

    def _get_engine(self):
        """Return these lines as the engine sees them, for who may have them billed.

        Billing rows and what follows from them are written by the system alone.
        """
        self.check_access("write")
        if not self.env.user.has_group("mybizna_isp.isp_group_clerk"):
            raise AccessError(
                self.env._("Only the back office bills, closes or reopens connections.")
            )
        return self.sudo()

    # === BUSINESS: set-up and activation === #

    def _process_new(self):
        """Take new lines a step further: set-up invoice, then activation when paid."""
        todo = self.filtered(lambda c: c.state == "new")
        todo.filtered(lambda c: not c.is_setup)._issue_first()
        paid = todo.filtered(lambda c: c.state == "new" and c._is_first_paid())
        paid._take_into_service()

    def _get_setup_billing(self):
        return self.billing_ids.filtered(
            lambda b: b.kind == "setup" and b.state != "revoked"
        )

    def _issue_setup(self):
        """Charge the set-up items on one invoice, once; without items, none."""
        charged = self.filtered("setup_item_ids")
        billings = self.env["isp.billing"].create(
            [connection._prepare_setup_billing_vals() for connection in charged]
        )
        billings._issue_invoices()
        for billing in billings:
            billing.connection_id.setup_item_ids.invoice_id = billing.invoice_id
        self.is_setup = True

    def _prepare_setup_billing_vals(self):
        self.ensure_one()
        return {
            "name": self.env._("Set-up of %s", self.display_name),
            "connection_id": self.id,
            "kind": "setup",
            "item_ids": [
                fields.Command.create(
                    {
                        "kind": "setup",
                        "name": item.name,
                        "description": item.description,
                        "product_id": item.product_id.id,
                        "amount": item.amount,
                    }
                )
                for item in self.setup_item_ids
            ],
        }

    def _activate(self):
        """Put lines into service from today (or their start) and bill the first
        period."""
        for connection in self:
            today = connection.company_id._isp_today()
            start = max(today, connection.date_start)
            connection.write(
                {
                    "state": "active",
                    "anchor_date": connection._get_rule().first_start(start),
                    "billing_date": start,
                }
            )
        self._bill_next_period()

    # === BUSINESS: periods === #

    def _bill_next_period(self):
        """Bill the next period of each line: billing row and posted invoice.

        :return: the isp.billing rows
        """
        vals_list = []
        for connection in self:
            period = connection._get_next_period()
            vals_list.append(connection._prepare_billing_vals(period))
            connection._set_following_date(period)
        billings = self.env["isp.billing"].create(vals_list)
        billings._issue_invoices()
        if self.filtered("needs_attention"):
            self.filtered("needs_attention")._clear_attention()
        return billings
