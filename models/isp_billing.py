from datetime import timedelta

from odoo import api, fields, models

# A bundle that money made begins at that very moment: it isn't late.
AT_ONCE = timedelta(minutes=1)


class IspBilling(models.Model):
    """One row is one billed period (or the set-up) of one connection."""

    _name = "isp.billing"
    _description = "Billing"
    _order = "start_at desc, id desc"
    _check_company_auto = True

    name = fields.Char(required=True)
    description = fields.Text()
    connection_id = fields.Many2one(
        "isp.connection",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    contract_id = fields.Many2one(
        related="connection_id.contract_id", store=True, index=True, precompute=True
    )
    partner_id = fields.Many2one(
        related="connection_id.partner_id", string="Client", store=True, index=True
    )
    company_id = fields.Many2one(
        related="connection_id.company_id", store=True, index=True, precompute=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    kind = fields.Selection(
        [
            ("period", "Period"),
            ("setup", "Set-up"),
            ("credit", "Unused days taken back"),
            ("one_off", "One-off"),
        ],
        required=True,
        default="period",
    )
    package_id = fields.Many2one(
        "isp.package", index="btree_not_null", readonly=True, ondelete="restrict"
    )
    quantity = fields.Integer(default=1, readonly=True)
    cycle_start = fields.Date(
        readonly=True,
        help="The first day of the cycle's own period that this is, or is a part of.",
    )
    cycle_end = fields.Date(readonly=True)
    origin_id = fields.Many2one(
        "isp.billing",
        string="Takes back from",
        index="btree_not_null",
        readonly=True,
        ondelete="restrict",
        help="The billed period whose unused days this row takes back.",
    )
    credit_ids = fields.One2many("isp.billing", "origin_id", string="Taken back by")
    invoice_id = fields.Many2one(
        "account.move",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
    )
    date_start = fields.Date(string="From")
    date_end = fields.Date(string="To", help="The last day of the period.")
    start_at = fields.Datetime(
        string="Begins",
        help="The moment the period begins. Set-up has none, nor has a first period "
        "before service is started.",
    )
    end_at = fields.Datetime(string="Ends", help="The moment the next period begins.")
    state = fields.Selection(
        [("billed", "Billed"), ("revoked", "Revoked"), ("waived", "Waived")],
        required=True,
        default="billed",
        copy=False,
        index=True,
    )
    is_paid = fields.Boolean(
        compute="_compute_is_paid",
        store=True,
        help="Nothing is left to pay on this connection's part of the invoice.",
    )
    first_paid_at = fields.Datetime(
        readonly=True,
        copy=False,
        help="When it was paid for the first time; a late period began then.",
    )
    is_served = fields.Boolean(
        readonly=True,
        copy=False,
        help="It was paid and had begun when its invoice was cancelled: its days are "
        "billed again from the first one.",
    )
    item_ids = fields.One2many("isp.billing.item", "billing_id", copy=True)
    amount = fields.Monetary(
        string="Amount (untaxed)", compute="_compute_amount", store=True
    )

    # A period is billed once, whoever runs and however often; a revoked one frees it.
    _period_uniq = models.UniqueIndex(
        "(connection_id, start_at) WHERE kind = 'period' AND state <> 'revoked'",
        "This period of the connection has been billed already.",
    )
    _period_excl = models.Constraint(
        "EXCLUDE USING gist (int4range(connection_id, connection_id, '[]') WITH &&, "
        "tsrange(start_at, end_at) WITH &&) "
        "WHERE (kind = 'period' AND state <> 'revoked' AND start_at IS NOT NULL)",
        "A part of this period of the connection has been billed already.",
    )
    _pending_uniq = models.UniqueIndex(
        "(connection_id) WHERE kind = 'period' AND state <> 'revoked' "
        "AND start_at IS NULL",
        "The first period of this connection has been billed already.",
    )
    _setup_uniq = models.UniqueIndex(
        "(connection_id) WHERE kind = 'setup' AND state <> 'revoked'",
        "The set-up of this connection has been invoiced already.",
    )
    # Serves "is something due unpaid?", which billing and the status line ask.
    _unpaid_idx = models.Index(
        "(connection_id, start_at) "
        "WHERE NOT COALESCE(is_paid, FALSE) AND state = 'billed'"
    )

    @api.depends("item_ids.amount", "item_ids.quantity")
    def _compute_amount(self):
        for billing in self:
            billing.amount = sum(
                item.amount * item.quantity for item in billing.item_ids
            )

    @api.depends(
        "state",
        "kind",
        "invoice_id.state",
        "invoice_id.line_ids.amount_residual",
        "invoice_id.line_ids.isp_connection_id",
    )
    def _compute_is_paid(self):
        for billing in self:
            billing.is_paid = billing.state == "waived" or (
                billing.state == "billed"
                and (billing.kind == "credit" or billing._is_settled())
            )

    def _is_settled(self):
        """Whether this connection's own receivable of the invoice is paid.

        A little may be missing: the rest stays owed, and is paid first next time.
        """
        invoice = self.invoice_id
        if invoice.state != "posted":
            return False
        lines = self._get_invoices_to_pay().line_ids.filtered(
            lambda line: (
                line.isp_contract_id and line.isp_connection_id == self.connection_id
            )
        )
        currency = self.company_id.currency_id
        missing = sum(lines.mapped("amount_residual"))
        if currency.compare_amounts(missing, 0) <= 0:
            return True
        price = sum(lines.mapped("balance"))
        tolerance = self.company_id._isp_get_tolerance(price)
        return currency.compare_amounts(missing, tolerance) <= 0

    def _get_invoices_to_pay(self):
        """Return the invoices whose part of this connection pays for this row."""
        return self.invoice_id

    # === BUSINESS === #

    def action_view_invoice(self):
        self.ensure_one()
        return self.invoice_id._get_records_action(name=self.env._("Invoice"))

    @api.model
    def _get_due_domain(self, moment):
        """Domain of what is billed, begun and not paid."""
        return [
            ("state", "=", "billed"),
            ("is_paid", "=", False),
            ("kind", "=", "period"),
            ("start_at", "<=", moment),
        ]

    def _start_when_paid(self, moment):
        """Let periods begin now that were paid too late to be served.

        A line that was off gets what it pays for: its last period begins when access
        opens, if `_counts_from_payment` says so. A line that was on all the same, or
        has a later period, keeps its dates. Only the first time that a period is paid
        counts: matching it anew gives nothing again.
        """
        fresh = self.filtered(lambda b: b.kind == "period" and not b.first_paid_at)
        fresh.first_paid_at = moment
        for connection, billings in fresh.grouped("connection_id").items():
            last = connection._get_period_billings()[:1]
            if last not in billings or connection._is_on_without(last, moment):
                continue
            if connection._was_extended_through(last):
                continue
            if last._counts_from_payment(moment):
                connection._move_period(last, moment)

    def _counts_from_payment(self, moment):
        """Whether this period of a line that is off begins when it is paid.

        One that has passed, a bundle that has begun, and the first one of a line that
        was never on; any other that has begun by the company's policy.
        """
        self.ensure_one()
        connection = self.connection_id
        if self.package_id.billing_timing == "arrears":
            return False
        if connection._is_served_on(self.date_start):
            return False
        if self.end_at <= moment:
            return True
        if connection.package_id.billing_cycle_id._get_rule().is_bundle:
            return self.start_at < moment - AT_ONCE
        if self.date_start >= self.company_id._isp_to_local(moment).date():
            return False
        if self.company_id.isp_late_payment == "payment":
            return True
        others = connection._get_period_billings() - self
        served = connection.extension_ids.filtered(
            lambda extension: extension.date_from < moment
        )
        return not others and not served

    def _revoke(self):
        """Take billings back: their periods, or the set-up, can be billed again."""
        live = self.filtered(lambda b: b.state != "revoked")
        live.state = "revoked"
        # Before the same period is billed anew: the unique key looks at the row.
        live.flush_recordset(["state"])
        live.filtered(lambda b: b.kind == "credit")._uncut()
        for billing in live:
            connection = billing.connection_id
            if billing.kind == "setup":
                connection.is_setup = False
                connection.setup_item_ids.invoice_id = False
            elif billing._is_pending():
                # Charged anew with the first sum.
                connection.write({"is_setup": False})
                if connection.state == "ready":
                    connection.state = "new"
            elif (
                billing.kind == "period"
                and billing.date_start
                and connection.billing_date
                and connection.state == "active"
            ):
                billing._free_days()
        if live:
            self.env["isp.connection"]._trigger_billing()

    def _free_days(self):
        """Let the next period begin where this cancelled one did."""
        self.ensure_one()
        connection = self.connection_id
        connection.billing_date = min(connection.billing_date, self.date_start)
