from odoo import api, fields, models

from ..tools import proration


class IspBillingItem(models.Model):
    """One row is one thing a billed period consists of."""

    _name = "isp.billing.item"
    _description = "Billing Item"
    _order = "sequence, id"

    billing_id = fields.Many2one(
        "isp.billing", required=True, index=True, ondelete="cascade"
    )
    kind = fields.Selection(
        [
            ("charge", "Charge"),
            ("discount", "Discount"),
            ("credit", "Credit for Unused Days"),
            ("setup", "Set-up"),
            ("one_off", "One-off"),
        ],
        required=True,
        default="charge",
    )
    name = fields.Char(required=True)
    description = fields.Text()
    sequence = fields.Integer(default=10)
    product_id = fields.Many2one("product.product", required=True, ondelete="restrict")
    quantity = fields.Float(default=1.0, required=True)
    currency_id = fields.Many2one(related="billing_id.currency_id")
    amount = fields.Monetary(string="Unit Price", required=True)
    total = fields.Monetary(compute="_compute_total")
    date_start = fields.Date(string="From", help="The first day it pays for.")
    date_end = fields.Date(string="To", help="The last day it pays for.")
    full_amount = fields.Monetary(
        help="For the whole period of the cycle, of which this may be a part."
    )
    origin_item_id = fields.Many2one(
        "isp.billing.item",
        string="Refers to",
        index="btree_not_null",
        ondelete="restrict",
        help="The charge that a discount lowers, or that a credit takes back.",
    )

    @api.depends("amount", "quantity")
    def _compute_total(self):
        for item in self:
            item.total = item.amount * item.quantity

    def _prepare_invoice_line_vals(self, sign=1):
        """Return the values of the invoice line that charges this item.

        :param int sign: -1 on a credit note, whose lines have turned signs
        """
        self.ensure_one()
        return {
            "name": self.name,
            "product_id": self.product_id.id,
            "quantity": self.quantity,
            "price_unit": sign * self.amount,
            "isp_connection_id": self.billing_id.connection_id.id,
        }

    def _prepare_credit_vals(self, day):
        """Return the values of the item that takes back this one from a day on.

        :param date day: the first unused day
        :return: a dict, or ``None`` when nothing is left to take back
        """
        self.ensure_one()
        billing = self.billing_id
        # A period for nothing is taken back for nothing: that has a document as well.
        if not self.date_start or self.kind not in ("charge", "discount"):
            return None
        unused = proration.overlap(
            (max(day, self.date_start), self.date_end), (day, billing.date_end)
        )
        if not unused:
            return None
        currency = self.currency_id
        amount = proration.share(
            self.full_amount,
            (billing.cycle_start, billing.cycle_end),
            unused,
            currency.decimal_places,
        )
        # A period that was moved has days of another length: never more than charged.
        if abs(amount) > abs(self.total):
            amount = self.total
        return {
            "kind": "credit",
            "name": self.env._(
                "%(name)s: not used %(start)s – %(end)s",
                name=self.name,
                start=unused[0],
                end=unused[1],
            ),
            "product_id": self.product_id.id,
            "amount": -amount or 0.0,
            "date_start": unused[0],
            "date_end": unused[1],
            "origin_item_id": self.id,
        }
