from odoo import models


class AccountPaymentRegister(models.TransientModel):
    _inherit = "account.payment.register"

    def _get_line_batch_key(self, line):
        """Override of `account`: one payment never covers two contracts."""
        return {
            **super()._get_line_batch_key(line),
            "isp_contract_id": line.isp_contract_id.id,
        }

    def _create_payment_vals_from_wizard(self, batch_result):
        """Override of `account` to put the contract on the payment."""
        vals = super()._create_payment_vals_from_wizard(batch_result)
        return {**vals, **self._isp_prepare_payment_vals(batch_result)}

    def _create_payment_vals_from_batch(self, batch_result):
        """Override of `account` to put the contract on the payment."""
        vals = super()._create_payment_vals_from_batch(batch_result)
        return {**vals, **self._isp_prepare_payment_vals(batch_result)}

    def _create_payments(self):
        """Override of `account`: what it pays was chosen with the invoices; what is
        left over may buy more."""
        payments = super(
            AccountPaymentRegister, self.with_context(isp_match_chosen=True)
        )._create_payments()
        payments._isp_renew()
        return payments

    def _isp_prepare_payment_vals(self, batch_result):
        contract = batch_result["lines"].isp_contract_id
        connection = batch_result["lines"].isp_connection_id
        return {
            "isp_contract_id": contract.id,
            "isp_connection_id": connection.id if len(connection) == 1 else False,
        }
