from odoo import fields, models


class AccountPayment(models.Model):
    """The way from a payment to the lines it pays."""

    _inherit = "account.payment"

    isp_connection_count = fields.Integer(
        compute="_compute_isp_connection_count", groups="mybizna_isp.isp_group_user"
    )

    def _compute_isp_connection_count(self):
        for payment in self:
            payment.isp_connection_count = len(payment._isp_get_connections())

    def _isp_get_connections(self):
        """The line the payer named, and those whose invoices it was matched with."""
        invoices = self.reconciled_invoice_ids
        return self.isp_connection_id | invoices.line_ids.isp_connection_id

    def action_isp_view_connections(self):
        return self._isp_get_connections()._isp_get_list_action()
