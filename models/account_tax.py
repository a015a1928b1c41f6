from odoo import api, models


class AccountTax(models.Model):
    """Taxes on a contract's documents: each line totals its price to the cent."""

    _inherit = "account.tax"

    @api.model
    def _add_tax_details_in_base_line(self, base_line, company, rounding_method=None):
        """Override of `account` to round lines of a contract one by one.

        Rounded over the whole document, an excise of 15 % in the base of a VAT of 16 %,
        both in a price of 1,500, make the line 1,500.01; and an invoice that mixes
        taxes in and on top of prices is off by a cent itself. What a connection owes
        has to be its price, with whatever it shares the invoice, and a credit for one
        line has to take back exactly that line's taxes.
        """
        if rounding_method is None and self._isp_is_of_contract(base_line):
            rounding_method = "round_per_line"
        return super()._add_tax_details_in_base_line(
            base_line, company, rounding_method=rounding_method
        )

    @api.model
    def _isp_is_of_contract(self, base_line):
        record = base_line.get("record")
        return (
            isinstance(record, models.BaseModel)
            and record._name == "account.move.line"
            and bool(record.move_id.isp_contract_id)
        )


class AccountMove(models.Model):
    _inherit = "account.move"

    def write(self, vals):
        """Override: a draft that gets or loses its contract is rounded anew."""
        if "isp_contract_id" not in vals:
            return super().write(vals)
        turned = self.filtered(
            lambda move: (
                move.state == "draft"
                and move.is_invoice(include_receipts=True)
                and bool(move.isp_contract_id) != bool(vals["isp_contract_id"])
                and move.company_id.tax_calculation_rounding_method == "round_globally"
            )
        )
        res = super().write(vals)
        for line in turned.invoice_line_ids.filtered("tax_ids"):
            taxes = line.tax_ids
            line.tax_ids = False
            line.tax_ids = taxes
        return res
