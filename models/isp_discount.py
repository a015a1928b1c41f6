from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools import proration


class IspDiscount(models.Model):
    """One row is a discount on the periods of a line or a contract, for a time."""

    _name = "isp.discount"
    _description = "Discount"
    _order = "date_from desc, id desc"
    _check_company_auto = True

    name = fields.Char(
        required=True, translate=True, help="Stands on the invoice beside the days."
    )
    active = fields.Boolean(default=True)
    connection_id = fields.Many2one(
        "isp.connection",
        index="btree_not_null",
        ondelete="cascade",
        check_company=True,
        help="Empty: all lines of the contract.",
    )
    contract_id = fields.Many2one(
        "isp.contract",
        compute="_compute_contract_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        index=True,
        ondelete="cascade",
        check_company=True,
    )
    partner_id = fields.Many2one(
        related="contract_id.partner_id", string="Client", store=True
    )
    company_id = fields.Many2one(
        related="contract_id.company_id", store=True, index=True, precompute=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    package_id = fields.Many2one(
        "isp.package",
        ondelete="restrict",
        check_company=True,
        help="Empty: whatever package the line has.",
    )
    kind = fields.Selection(
        [("percent", "Percent"), ("fixed", "Amount per period")],
        required=True,
        default="percent",
    )
    percent = fields.Float(digits=(5, 2))
    amount = fields.Monetary(help="Off each whole period; of a part its share.")
    date_from = fields.Date(
        string="From",
        required=True,
        default=lambda self: self.env.company._isp_today(),
    )
    date_to = fields.Date(string="Through", help="The last day. Empty: without end.")

    _dates = models.Constraint(
        "CHECK (date_to IS NULL OR date_to >= date_from)",
        "A discount can't end before it begins.",
    )
    _percent_range = models.Constraint(
        "CHECK (kind <> 'percent' OR (percent > 0 AND percent <= 100))",
        "A discount lies above 0 and is 100 % at the most.",
    )
    _amount_positive = models.Constraint(
        "CHECK (kind <> 'fixed' OR amount > 0)",
        "Write the amount of a discount without a sign, above 0.",
    )

    @api.depends("connection_id")
    def _compute_contract_id(self):
        for discount in self:
            discount.contract_id = (
                discount.connection_id.contract_id or discount.contract_id
            )

    @api.constrains("connection_id", "contract_id")
    def _check_contract(self):
        for discount in self:
            line = discount.connection_id
            if line and line.contract_id != discount.contract_id:
                raise ValidationError(
                    self.env._(
                        "Discount %(name)s: %(connection)s is a line of contract "
                        "%(contract)s. Choose that one.",
                        name=discount.name,
                        connection=line.display_name,
                        contract=line.contract_id.name,
                    )
                )

    def _get_off(self, full):
        """Return what it takes off a whole period of this price."""
        self.ensure_one()
        off = full * self.percent / 100 if self.kind == "percent" else self.amount
        return self.currency_id.round(off)


class IspContract(models.Model):
    _inherit = "isp.contract"

    discount_ids = fields.One2many("isp.discount", "contract_id")


class IspConnection(models.Model):
    """Discounts lower a charge by the days they share with it."""

    _inherit = "isp.connection"

    discount_ids = fields.One2many("isp.discount", "connection_id")

    def _prepare_discount_items(self, item, whole, part, package):
        """Override: one negative item for each discount agreed, never more than the
        charge in sum."""
        items = super()._prepare_discount_items(item, whole, part, package)
        given = []
        left = self.currency_id.round(item["amount"] * item.get("quantity", 1.0))
        for discount in self._get_discounts(package):
            days = proration.overlap(
                part, (discount.date_from, discount.date_to or None)
            )
            if not days or left <= 0:
                continue
            full = item["full_amount"]
            # What others take off the same days leaves less; other days are their own.
            same = [off for span, off in given if proration.overlap(span, days)]
            off = min(discount._get_off(full), self.currency_id.round(full - sum(same)))
            amount = min(self._get_share(max(off, 0.0), whole, days), left)
            if self.currency_id.is_zero(amount):
                continue
            given.append((days, off))
            left = self.currency_id.round(left - amount)
            items.append(
                {
                    "kind": "discount",
                    "name": self.env._(
                        "%(discount)s: %(charge)s",
                        discount=discount.name,
                        charge=item["name"],
                    ),
                    "product_id": item["product_id"],
                    "amount": -amount,
                    "full_amount": -off,
                    "date_start": days[0],
                    "date_end": days[1],
                }
            )
        return items

    def _get_discounts(self, package):
        """Return what was agreed for this line or for all of its contract."""
        agreed = self.sudo().discount_ids
        whole_contract = self.sudo().contract_id.discount_ids.filtered(
            lambda d: not d.connection_id
        )
        return (
            (agreed | whole_contract)
            .filtered(lambda d: not d.package_id or d.package_id == package)
            .sorted("id")
        )


class IspBilling(models.Model):
    _inherit = "isp.billing"

    @api.model_create_multi
    def create(self, vals_list):
        """Override: a discount refers to its charge, once both are there."""
        billings = super().create(vals_list)
        for billing, vals in zip(billings, vals_list, strict=True):
            commands = vals.get("item_ids") or []
            kinds = [cmd[2].get("kind") for cmd in commands if cmd[0] == 0]
            if "discount" in kinds:
                items = billing.item_ids
                charge = items.filtered(lambda i: i.kind == "charge")[:1]
                items.filtered(lambda i: i.kind == "discount").origin_item_id = charge
        return billings
