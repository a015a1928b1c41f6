from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount, format_date


class IspPackage(models.Model):
    """Prices and taxes of a package by the day of the service."""

    _inherit = "isp.package"

    price_ids = fields.Many2many(
        "product.pricelist.item",
        string="Prices by Date",
        compute="_compute_price_ids",
        help="All rules of price lists for this package.",
    )
    has_dated_price = fields.Boolean(compute="_compute_has_dated_price")

    # === COMPUTE === #

    @api.depends("product_id")
    def _compute_price_ids(self):
        for package in self:
            package.price_ids = package._get_price_rules()

    @api.depends("product_id")
    def _compute_has_dated_price(self):
        for package in self:
            package.has_dated_price = bool(package._get_tariff_rules())

    @api.depends("company_id.isp_pricelist_id")
    def _compute_amount(self):
        """Override: with prices by date, the price is today's."""
        res = super()._compute_amount()
        for company, packages in self.grouped("company_id").items():
            tariff = company.sudo().isp_pricelist_id
            if not tariff or not packages.product_id:
                continue
            prices = tariff._compute_price_rule(
                packages.product_id,
                1.0,
                currency=company.currency_id,
                date=company._isp_to_utc(company._isp_today()),
            )
            for package in packages.filtered("product_id"):
                price, rule_id = prices[package.product_id.id]
                if rule_id:
                    package.amount = price
        return res

    def _inverse_amount(self):
        """Override: a price with dates is changed from a date only."""
        for package in self:
            if package._get_tariff_rules():
                raise UserError(
                    self.env._(
                        "%(package)s has prices by date. Press New Price from a Date: "
                        "what was billed stays as it is.",
                        package=package.name,
                    )
                )
        return super()._inverse_amount()

    # === CONSTRAINTS === #

    @api.constrains("product_id")
    def _check_prices_apart(self):
        self._get_price_rules()._check_isp_apart()

    # === CRUD === #

    def copy_data(self, default=None):
        """Override: a copy begins with today's price."""
        vals_list = super().copy_data(default)
        for package, vals in zip(self, vals_list, strict=True):
            vals.setdefault("amount", package.amount)
        return vals_list

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        used = self.env["isp.billing"].sudo().search(
            [("package_id", "in", self.ids)], limit=1
        ).package_id or self.with_context(active_test=False).filtered("connection_ids")
        if used:
            raise UserError(
                self.env._(
                    "%(package)s has been sold: archive it instead. What was billed "
                    "keeps its name and price.",
                    package=used[0].name,
                )
            )

    # === ACTIONS === #

    def action_new_price(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("New Price of %s", self.name),
            "res_model": "isp.package.price",
            "view_mode": "form",
            "target": "new",
            "context": {"default_package_id": self.id},
        }

    # === BUSINESS === #

    def _get_taxes_on(self, day, fiscal_position=None):
        """Return the taxes of this package's service on a day.

        :param date day: the service date
        :param fiscal_position: account.fiscal.position record; it maps what was valid
        :return: account.tax records
        :raise UserError: when a tax by date has no rate on that day
        """
        self.ensure_one()
        return self.product_id._isp_get_taxes_on(day, self.company_id, fiscal_position)

    def _get_price_rules(self):
        """Return the price list rules made for these packages, the latest first."""
        products = self.product_id
        rules = self.env["product.pricelist.item"].search(
            [
                "|",
                ("product_id", "in", products.ids),
                "&",
                ("applied_on", "=", "1_product"),
                ("product_tmpl_id", "in", products.product_tmpl_id.ids),
            ]
        )
        return rules.sorted(lambda rule: rule._isp_get_span()[0], reverse=True)

    def _get_tariff_rules(self):
        """Return the rules of the company's own prices by date, the earliest first."""
        tariff = self.company_id.sudo().isp_pricelist_id
        rules = self._get_price_rules() if tariff else tariff.item_ids
        return rules.filtered(lambda rule: rule.pricelist_id == tariff)[::-1]

    def _set_price_from(self, day, amount):
        """Let a price be valid from a day on; days before it keep theirs.

        :param date day: the first service day of the new price, today or later
        :param float amount: the price of one period
        :raise UserError: when the day has passed
        """
        self.ensure_one()
        self.check_access("write")
        company = self.company_id
        if day < company._isp_today():
            raise UserError(
                self.env._(
                    "%(date)s has passed: a new price begins today or later. What was "
                    "billed is corrected by counter-entries.",
                    date=format_date(self.env, day),
                )
            )
        begin = company._isp_to_utc(day)
        before = begin - timedelta(seconds=1)
        rules = self._get_tariff_rules() or self._create_price_rule(
            {"fixed_price": self.product_id.lst_price, "date_end": before}
        )
        same = rules.filtered(lambda rule: rule.date_start == begin)
        if same:
            same.fixed_price = amount
        else:
            coming = rules.filtered(lambda r: r.date_start and r.date_start > begin)
            current = (rules - coming).filtered(
                lambda rule: not rule.date_end or rule.date_end > before
            )
            current.date_end = before
            end = coming and coming[0].date_start - timedelta(seconds=1)
            self._create_price_rule(
                {"fixed_price": amount, "date_start": begin, "date_end": end or False}
            )
        self.invalidate_recordset(["amount", "price_ids", "has_dated_price"])
        self.message_post(
            body=self.env._(
                "Price from %(date)s: %(amount)s",
                date=format_date(self.env, day),
                amount=format_amount(self.env, amount, company.currency_id),
            )
        )

    def _create_price_rule(self, vals):
        return self.env["product.pricelist.item"].create(
            {
                "pricelist_id": self.company_id._isp_get_tariff().id,
                "product_id": self.product_id.id,
                "compute_price": "fixed",
                **vals,
            }
        )
