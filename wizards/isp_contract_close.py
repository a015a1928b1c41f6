from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..models.isp_contract_documents import Details


class IspContractClose(models.TransientModel):
    """One row is a person's choice what becomes of money when a contract ends."""

    _name = "isp.contract.close"
    _description = "Close a Contract"

    contract_id = fields.Many2one(
        "isp.contract", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="contract_id.company_id")
    currency_id = fields.Many2one(related="contract_id.currency_id")
    balance = fields.Monetary(related="contract_id.balance")
    deposit_held = fields.Monetary(related="contract_id.deposit_held")
    to_refund = fields.Monetary(
        compute="_compute_to_refund",
        help="What is left of deposit and balance, and belongs to the client.",
    )
    journal_id = fields.Many2one(
        "account.journal",
        string="Paid from",
        domain="[('company_id', '=', company_id), ('type', 'in', ('cash', 'bank'))]",
        compute="_compute_journal_id",
        store=True,
        readonly=False,
    )
    note = fields.Char(default=lambda self: self.env._("Account closed"))

    @api.depends("contract_id.balance", "contract_id.deposit_held")
    def _compute_to_refund(self):
        for close in self:
            close.to_refund = max(close.balance + close.deposit_held, 0.0)

    @api.depends("contract_id")
    def _compute_journal_id(self):
        for close in self:
            close.journal_id = self.env["account.journal"].search(
                [
                    ("company_id", "=", close.company_id.id),
                    ("type", "in", ("cash", "bank")),
                ],
                order="type desc, sequence, id",
                limit=1,
            )

    def action_refund(self):
        """Give deposit and credit back, so that the account ends at 0, and close it."""
        self.ensure_one()
        if not self.env.user.has_group("mybizna_isp.isp_group_accountant"):
            raise AccessError(
                self.env._("Only accountants pay money back. Ask one to close it.")
            )
        if not self.journal_id:
            raise UserError(
                self.env._("Choose the journal that the money is paid from.")
            )
        self.contract_id.check_access("write")
        self.contract_id._lock_for_posting()
        contract = self.contract_id.sudo().with_company(self.company_id)
        details = Details(
            day=self.company_id._isp_today(),
            connection=self.env["isp.connection"],
            note=self.note or "",
        )
        if held := contract.deposit_held:
            contract._book_entry("deposit_return", held, details)
        if contract.currency_id.compare_amounts(contract.balance, 0) > 0:
            contract._book_money(contract.balance, self.journal_id, details, "outbound")
        return self.action_keep()

    def action_keep(self):
        """Close it and leave the balance as it is."""
        self.contract_id.action_close()
        return {"type": "ir.actions.act_window_close"}
