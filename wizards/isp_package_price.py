from dateutil.relativedelta import relativedelta

from odoo import fields, models


class IspPackagePrice(models.TransientModel):
    """One row is a new price of a package, from a day on."""

    _name = "isp.package.price"
    _description = "New Price from a Date"

    def _default_date_from(self):
        return self.env.company._isp_today() + relativedelta(months=1, day=1)

    package_id = fields.Many2one(
        "isp.package", required=True, readonly=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="package_id.currency_id")
    current_amount = fields.Monetary(string="Price Today", related="package_id.amount")
    date_from = fields.Date(
        string="Valid from",
        required=True,
        default=lambda self: self._default_date_from(),
        help="The first day of service that has the new price.",
    )
    amount = fields.Monetary(string="New Price", required=True)

    _amount_positive = models.Constraint(
        "CHECK (amount >= 0)", "A price can't be negative."
    )

    def action_apply(self):
        """Let the price be valid from its day on."""
        for wizard in self:
            wizard.package_id._set_price_from(wizard.date_from, wizard.amount)
        return {"type": "ir.actions.act_window_close"}
