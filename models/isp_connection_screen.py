from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

INVOICE_GROUPS = "account.group_account_invoice,account.group_account_readonly"


class IspConnection(models.Model):
    """What the connection's form shows and offers besides its own fields."""

    _inherit = "isp.connection"

    receipt_ids = fields.One2many("isp.money.receipt", "connection_id")
    invoice_count = fields.Integer(
        compute="_compute_document_counts", groups=INVOICE_GROUPS
    )
    payment_count = fields.Integer(
        compute="_compute_document_counts", groups=INVOICE_GROUPS
    )
    billing_count = fields.Integer(compute="_compute_billing_count")
    is_suspended = fields.Boolean(
        compute="_compute_is_suspended", help="A reason to be off is open now."
    )
    balance = fields.Monetary(related="contract_id.balance", string="Balance")
    show_place = fields.Boolean(
        string="Contract and site",
        compute="_compute_show_place",
        readonly=False,
        help="Clients with one line need neither; a new line gets them by itself.",
    )

    # === COMPUTE === #

    def _compute_document_counts(self):
        for connection in self:
            connection.invoice_count = len(connection._get_invoices())
            connection.payment_count = len(connection._get_payments())

    def _compute_billing_count(self):
        groups = self.env["isp.billing"]._read_group(
            [("connection_id", "in", self.ids)], ["connection_id"], ["__count"]
        )
        counts = {connection.id: count for connection, count in groups}
        for connection in self:
            connection.billing_count = counts.get(connection.id, 0)

    @api.depends("suspension_ids.date_from", "suspension_ids.date_to")
    def _compute_is_suspended(self):
        for connection in self:
            connection.is_suspended = any(connection.suspension_ids.mapped("is_open"))

    @api.depends("partner_id", "contract_id")
    def _compute_show_place(self):
        for connection in self:
            contracts = connection.contract_id or connection.partner_id.isp_contract_ids
            lines = contracts.connection_ids - connection._origin
            # One home with one line: nothing to choose.
            connection.show_place = bool(
                len(contracts) > 1 or len(contracts.site_ids) > 1 or lines
            )

    # === SUGGESTIONS === #

    @api.onchange("partner_id", "contract_id")
    def _onchange_place(self):
        """Clear a contract or site that belongs to somebody else."""
        if self.contract_id and self.contract_id.partner_id != self.partner_id:
            self.contract_id = False
        if self.site_id and self.site_id.contract_id != self.contract_id:
            self.site_id = False

    # === ACTIONS: reasons to be off, reasons to be on === #

    def action_suspend(self):
        """Ask for the reason and the time, then switch off."""
        return self._get_span_action(
            "isp.suspension",
            self.env._("Switch Off"),
            {"default_reason": "manual"},
        )

    def action_resume(self):
        """End every open reason to be off; what is unpaid stays unpaid."""
        self.suspension_ids.filtered("is_open").action_end()

    def action_promise(self):
        """Let the client be on for some days, on a promise to pay."""
        now = fields.Datetime.now()
        return self._get_span_action(
            "isp.extension",
            self.env._("Promise to Pay"),
            {"default_kind": "promise", "default_date_to": now + timedelta(days=2)},
        )

    def action_give_days(self):
        """Give days without money, after what is paid."""
        self.ensure_one()
        start = max(self.expiry_at or fields.Datetime.now(), fields.Datetime.now())
        return self._get_span_action(
            "isp.extension",
            self.env._("Free Days"),
            {
                "default_kind": "free",
                "default_date_from": start,
                "default_date_to": start + timedelta(days=1),
            },
        )

    def _get_span_action(self, model, title, context):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": model,
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_connection_id": self.id,
                "isp_dialog": True,
                **context,
            },
        }

    # === ACTIONS: money and access === #

    def action_register_payment(self):
        """Take money at the desk for what this line owes, or else its contract."""
        self.ensure_one()
        domain = self.contract_id._get_open_lines_domain(">")
        Line = self.env["account.move.line"]
        own = Domain("isp_connection_id", "=", self.id)
        lines = Line.search(domain & own) or Line.search(domain)
        if not lines and self._is_pay_first():
            return self._get_payment_action()
        if not lines:
            raise UserError(
                self.env._(
                    "%(connection)s owes nothing. Press Generate Invoice first to be "
                    "paid for the next period.",
                    connection=self.display_name,
                )
            )
        return lines.action_register_payment()

    def _get_payment_action(self):
        """Return the form of a payment for what comes next on this line."""
        contract = self.contract_id
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Payment"),
            "res_model": "account.payment",
            "views": [(False, "form")],
            "context": {
                "default_payment_type": "inbound",
                "default_partner_type": "customer",
                "default_partner_id": (contract.payer_id or contract.partner_id).id,
                "default_isp_contract_id": contract.id,
                "default_isp_connection_id": self.id,
                "default_amount": max(self.sudo()._get_amount_to_renew(), 0.0),
            },
        }

    def action_view_access(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_access_action"
        )
        action["domain"] = [("connection_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_view_contract(self):
        self.ensure_one()
        return self.contract_id._get_records_action(name=self.env._("Contract"))

    def _isp_get_list_action(self):
        """Return the window action that shows these lines: one opens at once."""
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_connection_action"
        )
        action["context"] = {}
        if len(self) == 1:
            return {**action, "views": [(False, "form")], "res_id": self.id}
        return {**action, "domain": [("id", "in", self.ids)]}
