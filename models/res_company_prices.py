from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    isp_pricelist_id = fields.Many2one(
        "product.pricelist",
        string="Prices by Date",
        ondelete="restrict",
        domain="[('company_id', 'in', (False, id))]",
        help="Holds the packages' prices with their days. A contract's own price list "
        "goes before it.",
    )

    def _isp_get_tariff(self):
        """Return the price list of the packages' prices by date; made when needed."""
        self.ensure_one()
        company = self.sudo()
        if not company.isp_pricelist_id:
            company.isp_pricelist_id = company.env["product.pricelist"].create(
                {
                    "name": self.env._("Prices by date"),
                    "company_id": company.id,
                    "currency_id": company.currency_id.id,
                    # Last: it must not become the price list of every customer.
                    "sequence": 1000,
                }
            )
        return company.isp_pricelist_id.with_env(self.env)
