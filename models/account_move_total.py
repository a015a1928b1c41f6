from odoo import models
from odoo.exceptions import UserError


class AccountMove(models.Model):
    """Prices that give the total a person typed, whatever the taxes."""

    _inherit = "account.move"

    def _isp_fit_totals(self, totals):
        """Set the prices of a draft's lines so that each comes to its total.

        :param list totals: amounts with taxes, in the order of the invoice lines
        :raise UserError: when no price and rounding of the taxes gives the sum
        """
        self.ensure_one()
        currency = self.currency_id
        charged = self.invoice_line_ids.sorted("id")
        for line, total in zip(charged, totals, strict=True):
            if currency.compare_amounts(line.price_total, total):
                line.price_unit = line._isp_get_price_for(total)
        wanted = currency.round(sum(totals))
        missing = currency.round(wanted - self.amount_total)
        if missing:
            self._isp_round_tax(missing)
        if currency.compare_amounts(self.amount_total, wanted):
            raise UserError(
                self.env._(
                    "With the taxes of %(products)s no price comes to %(total)s. Take "
                    "another amount, or enter the invoice by hand.",
                    products=", ".join(charged.mapped("name")),
                    total=currency.format(wanted),
                )
            )

    def _isp_round_tax(self, missing):
        """Give the cent that rounding left to a tax, as a person may on the form."""
        taxes = self.line_ids.filtered("tax_line_id").sorted("id")
        if not taxes or abs(missing) > 2 * self.currency_id.rounding:
            return
        sign = 1 if self.is_inbound() else -1
        taxes[0].amount_currency -= sign * missing


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def _isp_get_price_for(self, total):
        """Return the unit price at which this line of one unit comes to a total."""
        self.ensure_one()
        details = self.tax_ids.with_context(force_price_include=True).compute_all(
            total,
            currency=self.currency_id,
            product=self.product_id,
            partner=self.partner_id,
            is_refund=self.is_refund,
        )
        inside = sum(
            tax["amount"]
            for tax in details["taxes"]
            if self.env["account.tax"].browse(tax["id"]).price_include
        )
        return details["total_excluded"] + inside
