from odoo import models


class ProductProduct(models.Model):
    _inherit = "product.product"

    def _isp_get_taxes_on(self, day, company, fiscal_position=None):
        """Return the sales taxes of a service rendered on a day.

        :param date day: the service date, which need not be the invoice's
        :param company: res.company record
        :param fiscal_position: account.fiscal.position record; it maps what was valid
        :return: account.tax records
        :raise UserError: when a tax by date has no rate on that day
        """
        self.ensure_one()
        taxes = self.taxes_id or self._isp_get_account_taxes(company, fiscal_position)
        taxes = taxes._filter_taxes_by_company(company)
        taxes = self.env["isp.tax.schedule"]._map_on(taxes, day, company)
        return fiscal_position.map_tax(taxes) if fiscal_position else taxes

    def _isp_get_account_taxes(self, company, fiscal_position):
        """Return the sales taxes of the income account, as Odoo takes them where a
        product has none of its own."""
        accounts = self.with_company(company).product_tmpl_id.get_product_accounts(
            fiscal_position
        )
        return accounts["income"].tax_ids.filtered(lambda t: t.type_tax_use == "sale")
