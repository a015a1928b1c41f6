from odoo import api, fields, models
from odoo.exceptions import UserError

from .account_move_kind import GIVEN_KINDS


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    _isp_immutable = models.Constraint(
        "CHECK (TRUE)",
        "Lines of two contracts can't be matched. Money crosses contracts by a "
        "transfer only.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `account`: both sides belong to one contract, whoever matches;
        then let what was paid take effect."""
        for vals in vals_list:
            self._isp_check_contract(vals)
        partials = super().create(vals_list)
        partials._isp_after_match()
        return partials

    @api.model
    def _isp_check_contract(self, vals):
        # Who matches money need not be allowed to read contracts.
        Line = self.env["account.move.line"].sudo()
        debit = Line.browse(vals["debit_move_id"])
        credit = Line.browse(vals["credit_move_id"])
        if debit.isp_contract_id != credit.isp_contract_id:
            raise UserError(
                self.env._(
                    "%(debit)s belongs to %(one)s and %(credit)s to %(other)s: they "
                    "can't be matched. Money crosses contracts by a transfer only.",
                    debit=debit.move_id.display_name,
                    one=debit.isp_contract_id.name or self.env._("no contract"),
                    credit=credit.move_id.display_name,
                    other=credit.isp_contract_id.name or self.env._("no contract"),
                )
            )

    def _isp_after_match(self):
        paid = self.filtered(lambda partial: not partial._isp_is_mirrored())
        lines = (paid.debit_move_id | paid.credit_move_id).filtered("isp_connection_id")
        # Whoever matches money need not be allowed to write what follows from it.
        billings = lines.move_id.sudo().isp_billing_ids.filtered("is_paid")
        billings._start_when_paid(fields.Datetime.now())
        billings.connection_id._after_first_paid()
        if billings.filtered(lambda b: b.kind == "setup"):
            self.env["isp.connection"]._trigger_billing()

    def _isp_is_mirrored(self):
        """Whether a document is matched with what cancels it: nothing was paid."""
        self.ensure_one()
        mirror = self.credit_move_id.move_id
        return (
            mirror.reversed_entry_id == self.debit_move_id.move_id
            and mirror.isp_kind not in GIVEN_KINDS
            and not mirror.sudo().isp_billing_ids
        )
