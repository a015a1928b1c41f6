from odoo import models
from odoo.exceptions import UserError


class AccountMoveReversal(models.TransientModel):
    _inherit = "account.move.reversal"

    def modify_moves(self):
        """Override of `account`: the engine's invoices are issued anew by the engine.

        A copy would charge a period that no billing stands behind.
        """
        # Who keeps the books need not be allowed to read the engine's rows.
        if invoices := self.move_ids.sudo().filtered("isp_billing_ids"):
            raise UserError(
                self.env._(
                    "%(invoices)s was issued by the billing run. Put right what was "
                    "wrong (package, price, client), then use 'Cancel by "
                    "counter-entry': the run issues the period again.",
                    invoices=", ".join(invoices.mapped("name")),
                )
            )
        return super().modify_moves()
