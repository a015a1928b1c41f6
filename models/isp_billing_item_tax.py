from odoo import api, fields, models


class IspBillingItem(models.Model):
    """Which tax rates an item is charged with."""

    _inherit = "isp.billing.item"

    tax_date = fields.Date(
        compute="_compute_tax_date",
        store=True,
        precompute=True,
        help="The day of the service whose tax rates it is charged with.",
    )

    @api.depends("origin_item_id")
    def _compute_tax_date(self):
        # Not by the dates: those of a period that was moved later are not what its
        # invoice charged, and a credit takes back what was charged.
        for item in self:
            item.tax_date = (
                item.origin_item_id.tax_date
                or item.date_start
                or item.billing_id.company_id._isp_today()
            )

    def _prepare_invoice_line_vals(self, sign=1):
        """Override to charge the taxes that are valid on the day of the service."""
        vals = super()._prepare_invoice_line_vals(sign)
        company, product = self.billing_id.company_id, self.product_id
        # A product without taxes of its own gets those of its account, from Odoo.
        if product.taxes_id._filter_taxes_by_company(company):
            taxes = product._isp_get_taxes_on(
                self.tax_date, company, self.billing_id.contract_id.fiscal_position_id
            )
            vals["tax_ids"] = [fields.Command.set(taxes.ids)]
        return vals
