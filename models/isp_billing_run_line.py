from odoo import fields, models
from odoo.fields import Domain


class IspBillingRunLine(models.Model):
    """One row is a line of a run: who, which period, how much, next to last time."""

    _name = "isp.billing.run.line"
    _description = "Billing Run Line"
    _order = "id"

    run_id = fields.Many2one(
        "isp.billing.run", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="run_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="run_id.currency_id")
    connection_id = fields.Many2one(
        "isp.connection", required=True, readonly=True, index=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(related="connection_id.partner_id", store=True)
    contract_id = fields.Many2one(related="connection_id.contract_id", store=True)
    package_id = fields.Many2one("isp.package", readonly=True, ondelete="cascade")
    billing_date = fields.Date(readonly=True, help="What was due when this was made.")
    date_start = fields.Date(string="From", readonly=True)
    date_end = fields.Date(string="To", readonly=True)
    amount = fields.Monetary(readonly=True, help="Before taxes that are added.")
    total = fields.Monetary(readonly=True, help="With all taxes.")
    last_amount = fields.Monetary(string="Last Time", readonly=True)
    difference = fields.Monetary(
        readonly=True, help="Against the last period of this line."
    )
    hold = fields.Selection(
        selection=lambda self: (
            self.env["isp.connection"]._fields["billing_hold"].selection
        ),
        readonly=True,
    )
    is_included = fields.Boolean(
        string="Issue", default=True, help="Take the tick away to leave it on hold."
    )
    billing_id = fields.Many2one(
        "isp.billing", readonly=True, index="btree_not_null", ondelete="set null"
    )
    invoice_id = fields.Many2one(related="billing_id.invoice_id")
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("held", "On Hold"),
            ("issued", "Issued"),
            ("failed", "Needs Attention"),
        ],
        required=True,
        readonly=True,
        default="waiting",
    )
    error = fields.Text(related="connection_id.needs_attention")

    def _is_stale(self):
        """Whether another period or amount would be issued than what is shown."""
        self.ensure_one()
        line = self.connection_id.sudo().with_company(self.company_id)
        if not line.filtered_domain(line._get_period_due_domain(self.run_id.date)):
            return True
        vals = line._prepare_run_line_vals()
        names = ("billing_date", "date_start", "date_end")
        return (
            any(vals[name] != self[name] for name in names)
            or vals["package_id"] != self.package_id.id
            or self.currency_id.compare_amounts(vals["total"], self.total) != 0
        )

    def _update_state(self):
        """Find the billed period of each line, or why there is none."""
        if not self:
            return
        billings = self.env["isp.billing"].search(
            [
                ("connection_id", "in", self.connection_id.ids),
                ("kind", "=", "period"),
                ("state", "!=", "revoked"),
                ("date_start", ">=", min(self.mapped("date_start"), default=False)),
            ]
        )
        found = {(b.connection_id, b.date_start): b for b in billings}
        for line in self:
            billing = found.get((line.connection_id, line.date_start))
            if billing:
                line.write({"state": "issued", "billing_id": billing.id})
            elif line.connection_id.needs_attention and line.state != "failed":
                line.state = "failed"

    def _hold_what_is_not_due(self):
        """Lines that were held, closed or switched off keep no run waiting."""
        waiting = self.filtered(lambda line: line.state == "waiting")
        Connection = self.env["isp.connection"].sudo()
        due = Connection.search(
            Connection._get_bill_next_period_domain()
            & Domain("id", "in", waiting.connection_id.ids)
        )
        waiting.filtered(lambda line: line.connection_id not in due).state = "held"
