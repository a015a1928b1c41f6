from odoo import fields, models


class IspBillingItem(models.Model):
    """One row is one thing a billed period consists of."""

    _name = "isp.billing.item"
    _description = "Billing Item"
    _order = "sequence, id"

    billing_id = fields.Many2one(
        "isp.billing", required=True, index=True, ondelete="cascade"
    )
    name = fields.Char(required=True)
    description = fields.Text()
    sequence = fields.Integer(default=10)
    product_id = fields.Many2one("product.product", required=True, ondelete="restrict")
    quantity = fields.Float(default=1.0, required=True)
    currency_id = fields.Many2one(related="billing_id.currency_id")
    amount = fields.Monetary(string="Unit Price", required=True)

    def _prepare_invoice_line_vals(self):
        """Return the values of the invoice line that charges this item."""
        self.ensure_one()
        return {
            "name": self.name,
            "product_id": self.product_id.id,
            "quantity": self.quantity,
            "price_unit": self.amount,
            "isp_connection_id": self.billing_id.connection_id.id,
        }
