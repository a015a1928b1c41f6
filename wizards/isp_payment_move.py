from odoo import api, fields, models


class IspPaymentMove(models.TransientModel):
    """One row is a person's word whose money a posted payment is."""

    _name = "isp.payment.move"
    _description = "Move a Payment"

    payment_id = fields.Many2one(
        "account.payment", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="payment_id.company_id")
    currency_id = fields.Many2one(related="payment_id.currency_id")
    amount = fields.Monetary(related="payment_id.amount")
    contract_from_id = fields.Many2one(related="payment_id.isp_contract_id")
    contract_id = fields.Many2one(
        "isp.contract",
        string="To Contract",
        required=True,
        compute="_compute_contract_id",
        store=True,
        readonly=False,
        domain="[('company_id', '=', company_id)]",
    )
    connection_id = fields.Many2one(
        "isp.connection",
        domain="[('company_id', '=', company_id)]",
        help="This line's debt is paid first. Empty: the oldest due of the contract.",
    )
    reason = fields.Char(required=True)

    @api.depends("connection_id")
    def _compute_contract_id(self):
        for move in self:
            move.contract_id = move.connection_id.contract_id or move.contract_id

    def action_move(self):
        """Cancel the payment, book it on the other contract, show the new one."""
        self.ensure_one()
        self.payment_id._isp_check_movable()
        # The person must be allowed to see both; the booking itself is the system's.
        for record in (self.payment_id, self.contract_id, self.connection_id):
            record.check_access("read")
        payment = self.payment_id.sudo().with_company(self.company_id)
        moved = payment._isp_move_to(
            self.contract_id.sudo(), self.connection_id.sudo(), self.reason
        )
        return moved.with_env(self.env)._get_records_action(
            name=self.env._("Payment"), target="current"
        )
