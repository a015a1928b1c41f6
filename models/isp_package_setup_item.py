from odoo import fields, models


class IspPackageSetupItem(models.Model):
    """One row is a one-off charge that each new connection of a package gets."""

    _name = "isp.package.setup.item"
    _description = "Setup Item of a Package"
    _order = "sequence, id"

    package_id = fields.Many2one(
        "isp.package", required=True, index=True, ondelete="cascade"
    )
    name = fields.Char(required=True, translate=True)
    description = fields.Text(translate=True)
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
    currency_id = fields.Many2one(related="package_id.currency_id")
    amount = fields.Monetary(required=True)
    active = fields.Boolean(
        default=True, help="An archived item is not copied to new connections."
    )

    _amount_positive = models.Constraint(
        "CHECK (amount >= 0)", "The amount of a setup item can't be negative."
    )
