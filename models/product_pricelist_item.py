from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_date


class ProductPricelistItem(models.Model):
    _inherit = "product.pricelist.item"

    isp_validity = fields.Selection(
        [("past", "Past"), ("current", "Current"), ("coming", "Coming")],
        string="Validity",
        compute="_compute_isp_validity",
    )

    isp_date_from = fields.Date(string="From", compute="_compute_isp_dates")
    isp_date_to = fields.Date(string="To", compute="_compute_isp_dates")

    @api.depends("date_start", "date_end", "company_id.isp_tz")
    @api.depends_context("company")
    def _compute_isp_dates(self):
        for rule in self:
            company = rule.company_id or self.env.company
            rule.isp_date_from, rule.isp_date_to = (
                moment and company._isp_to_local(moment).date()
                for moment in (rule.date_start, rule.date_end)
            )

    @api.depends("date_start", "date_end")
    def _compute_isp_validity(self):
        now = fields.Datetime.now()
        for rule in self:
            if rule.date_end and rule.date_end < now:
                rule.isp_validity = "past"
            else:
                is_coming = rule.date_start and rule.date_start > now
                rule.isp_validity = "coming" if is_coming else "current"

    @api.constrains(
        "pricelist_id",
        "applied_on",
        "product_tmpl_id",
        "product_id",
        "min_quantity",
        "date_start",
        "date_end",
    )
    def _check_isp_apart(self):
        """Two prices of a package can't be valid on the same day (S3-45)."""
        for rule in self.filtered("product_tmpl_id"):
            package = rule._isp_get_package()
            if not package:
                continue
            for other in package._get_price_rules() - rule:
                if rule._isp_collides(other):
                    rule._isp_refuse_both(package, other)

    def _isp_get_package(self):
        """Return a package that this rule is made for, if there is one."""
        self.ensure_one()
        products = self.product_id or self.product_tmpl_id.product_variant_ids
        return (
            self.env["isp.package"]
            .sudo()
            .with_context(active_test=False)
            .search([("product_id", "in", products.ids)], limit=1)
            .with_env(self.env)
        )

    def _isp_collides(self, other):
        first, last = self._isp_get_span()
        begin, end = other._isp_get_span()
        return (
            self.pricelist_id == other.pricelist_id
            and self.min_quantity == other.min_quantity
            and first <= end
            and begin <= last
        )

    def _isp_get_span(self):
        moment = fields.Datetime.now()
        return self.date_start or moment.min, self.date_end or moment.max

    def _isp_refuse_both(self, package, other):
        raise ValidationError(
            self.env._(
                "Package %(package)s would have two prices on one day in "
                "%(pricelist)s: %(one)s, and %(other)s. End the one before the other "
                "begins.",
                package=package.sudo().name,
                pricelist=self.pricelist_id.display_name,
                one=self._isp_describe(),
                other=other._isp_describe(),
            )
        )

    def _isp_describe(self):
        begin, end = (
            format_date(self.env, day) if day else "…"
            for day in (self.isp_date_from, self.isp_date_to)
        )
        return f"{self.price} ({begin} – {end})"

    def _compute_base_price(self, product, quantity, uom, date, currency, **kwargs):
        """Override: a package's sales price is the one that is valid on the date.

        So a contract's price list "10 % off" follows the packages' prices by date.
        """
        is_sales_price = not self or self.base == "list_price"
        if is_sales_price and product._name == "product.product":
            company = product.company_id or self.env.company
            tariff = company.sudo().isp_pricelist_id
            if tariff and not self.env.context.get("isp_in_tariff"):
                price, rule_id = tariff.with_context(
                    isp_in_tariff=True
                )._get_product_price_rule(
                    product, quantity, currency=currency, uom=uom, date=date
                )
                if rule_id:
                    return price
        return super()._compute_base_price(
            product, quantity, uom, date, currency, **kwargs
        )
