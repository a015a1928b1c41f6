from odoo import api, fields, models
from odoo.tools import frozendict


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    isp_contract_id = fields.Many2one(
        "isp.contract",
        string="Contract",
        ondelete="restrict",
        help="Stands on receivable lines only: whose money this is.",
    )
    isp_connection_id = fields.Many2one(
        "isp.connection",
        string="Connection",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
    )

    _isp_immutable = models.Constraint(
        "CHECK (TRUE)",
        "A line of a posted document of a contract can't be changed, added or deleted. "
        "Cancel the document by a counter-entry, then enter the right one.",
    )
    # What a contract owes or has in hand is read on every payment and posting.
    _isp_contract_idx = models.Index(
        "(isp_contract_id, date) INCLUDE (balance) "
        "WHERE isp_contract_id IS NOT NULL AND parent_state = 'posted'"
    )

    @api.depends("isp_connection_id", "move_id.isp_contract_id")
    def _compute_term_key(self):
        """Override of `account`: receivables of a contract are one per connection."""
        res = super()._compute_term_key()
        for line in self:
            if line.term_key and line.move_id.isp_contract_id:
                line.term_key = frozendict(
                    {**line.term_key, "isp_connection_id": line.isp_connection_id.id}
                )
        return res

    def _isp_describe(self):
        """Return what a receivable is for: the invoice lines of its connection."""
        move = self.move_id
        charged = move.invoice_line_ids.filtered(
            lambda line: (
                line.display_type == "product"
                and line.isp_connection_id == self.isp_connection_id
            )
        )
        names = charged.mapped("name") if move.is_invoice() else [self.name]
        return ", ".join(filter(None, names)) or move.ref or move.name

    def _isp_prepare_operation_vals(self):
        """Return the operation that this posted receivable line casts."""
        self.ensure_one()
        move = self.move_id
        return {
            "contract_id": self.isp_contract_id.id,
            "connection_id": self.isp_connection_id.id,
            "service_type_id": self.isp_connection_id.package_id.service_type_id.id,
            "company_id": self.company_id.id,
            "currency_id": self.company_currency_id.id,
            "kind": move._isp_get_operation_kind(),
            "amount": -self.balance,
            "description": self._isp_describe(),
            "date": move.date,
            "period_id": move.isp_period_id.id,
            "move_id": move.id,
            "line_id": self.id,
        }
