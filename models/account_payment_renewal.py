from odoo import models


class AccountPayment(models.Model):
    """A payment makes the invoice of a line that is paid first."""

    _inherit = "account.payment"

    def action_post(self):
        """Override of `account`: debts first, then what money in hand buys.

        Where a person chose what is paid, that is matched after posting.
        """
        res = super().action_post()
        if not self.env.context.get("isp_match_chosen"):
            self._isp_renew()
        return res

    def _isp_renew(self):
        brought = self._isp_get_guarded().filtered(
            lambda payment: payment.payment_type == "inbound"
        )
        brought.isp_contract_id._renew_from_credit(brought.isp_connection_id)
