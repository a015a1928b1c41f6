from odoo import api, fields, models
from odoo.exceptions import UserError


class IspConnectionSetupItem(models.Model):
    """One row is a one-off charge of a connection, copied from its package."""

    _name = "isp.connection.setup.item"
    _description = "Setup Item of a Connection"
    _order = "sequence, id"

    connection_id = fields.Many2one(
        "isp.connection", required=True, index=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(
        related="connection_id.partner_id", string="Client", store=True
    )
    invoice_id = fields.Many2one(
        "account.move",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The set-up invoice that charges it.",
    )
    name = fields.Char(required=True)
    description = fields.Text()
    sequence = fields.Integer(default=10)
    product_id = fields.Many2one(
        "product.product",
        required=True,
        ondelete="restrict",
        default=lambda self: self.env.ref(
            "mybizna_isp.product_setup", raise_if_not_found=False
        ),
        help="Gives taxes and the income account.",
    )
    currency_id = fields.Many2one(related="connection_id.currency_id")
    amount = fields.Monetary(required=True)

    _amount_positive = models.Constraint(
        "CHECK (amount >= 0)", "The amount of a setup item can't be negative."
    )

    def write(self, vals):
        if vals.keys() & {"amount", "product_id", "connection_id"}:
            self._refuse_if_invoiced()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_invoiced(self):
        self._refuse_if_invoiced()

    def _refuse_if_invoiced(self):
        if invoiced := self.filtered("invoice_id"):
            raise UserError(
                self.env._(
                    "%(items)s is on invoice %(invoice)s and can't change any more.",
                    items=", ".join(invoiced.mapped("name")),
                    invoice=invoiced.invoice_id[:1].name,
                )
            )
