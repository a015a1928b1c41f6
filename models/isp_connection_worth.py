from odoo import models

# How many times a month a unit of a cycle comes.
PER_MONTH = {"hours": 365 * 24 / 12, "days": 365 / 12, "weeks": 365 / 84, "months": 1}


class IspConnection(models.Model):
    """What a line brings in."""

    _inherit = "isp.connection"

    def _get_monthly_worth(self):
        """Return id → what the line's package costs in a month, in company money."""
        worths, prices = {}, {}
        for connection in self:
            company = connection.company_id
            # All that a price depends on: thousands of lines have few of them.
            key = company, connection.package_id, connection.contract_id.pricelist_id
            if key not in prices:
                prices[key] = connection._get_monthly_price()
            worths[connection.id] = company.currency_id.round(
                prices[key] * connection.quantity
            )
        return worths

    def _get_monthly_price(self):
        self.ensure_one()
        company = self.company_id
        today = company._isp_today()
        cycle = self.package_id.billing_cycle_id
        price = self._get_price(today) * PER_MONTH[cycle.duration_type] / cycle.duration
        return self.currency_id._convert(
            price, company.currency_id, company, today, round=False
        )
