from collections import defaultdict

from odoo import api, models
from odoo.tools import frozendict

SHARED_AMOUNTS = (
    ("balance", "company_currency_id"),
    ("amount_currency", "currency_id"),
    ("discount_balance", "company_currency_id"),
    ("discount_amount_currency", "currency_id"),
)


class AccountMove(models.Model):
    """A contract's receivable: one part for each connection and due date."""

    _inherit = "account.move"

    @api.depends(
        "isp_contract_id",
        "invoice_line_ids.isp_connection_id",
        "invoice_line_ids.price_total",
    )
    def _compute_needed_terms(self):
        """Override of `account` to split a contract's receivable by connection.

        "Is this line paid" is then the residual of its own receivable and nothing
        else, also when several lines share an invoice.
        """
        res = super()._compute_needed_terms()
        for move in self:
            if move.needed_terms:
                move.needed_terms = move._isp_split_terms(move.needed_terms)
        return res

    @api.depends("needed_terms")
    def _compute_invoice_date_due(self):
        """Override of `account`: a copy has no due date at first, and so none of its
        parts has a date that Odoo could compare with the others'."""
        undated = self.filtered(
            lambda m: (
                m.isp_contract_id
                and any(not key["date_maturity"] for key in m.needed_terms or ())
            )
        )
        for move in undated:
            move.invoice_date_due = (
                move.invoice_date_due or move.company_id._isp_today()
            )
        return super(AccountMove, self - undated)._compute_invoice_date_due()

    def _isp_split_terms(self, terms):
        """Share what falls due on each date among the connections.

        A connection's total comes first, then its dates: its parts add up to its price.
        Without a contract there is one part, that says so: taking the contract off a
        draft then takes it off the receivable.
        """
        weights = self._isp_get_weights() if self.isp_contract_id else {False: 1.0}
        parts = {}
        for name, currency_field in SHARED_AMOUNTS:
            currency = self[currency_field]
            amounts = {key: values.get(name, 0.0) for key, values in terms.items()}
            totals = self._isp_share(sum(amounts.values()), weights, currency)
            parts[name] = {
                connection_id: self._isp_share(total, amounts, currency)
                for connection_id, total in totals.items()
            }
        split = {}
        for key, values in terms.items():
            for connection_id in weights:
                owner = {
                    "isp_contract_id": self.isp_contract_id.id,
                    "isp_connection_id": connection_id,
                }
                split[frozendict({**key, **owner})] = {
                    **values,
                    **{
                        name: parts[name][connection_id][key]
                        for name in parts
                        if name in values
                    },
                }
        return split

    def _isp_get_weights(self):
        """Return the price of each connection on this document."""
        weights = defaultdict(float)
        for line in self.invoice_line_ids:
            if line.display_type == "product":
                weights[line.isp_connection_id.id] += line.price_total
        if self.currency_id.is_zero(sum(weights.values())):
            return {next(iter(weights), False): 1.0}
        return weights

    def _isp_share(self, total, weights, currency):
        """Share a total by weights so that the parts add up to it exactly."""
        whole, reached, given, parts = sum(weights.values()), 0.0, 0.0, {}
        last = next(reversed(weights))
        for key, weight in weights.items():
            reached += weight
            share = total if key == last or not whole else total * reached / whole
            parts[key] = currency.round(share - given)
            given = currency.round(given + parts[key])
        return parts

    def _is_eligible_for_early_payment_discount(self, currency, reference_date):
        """Override of `account`: Odoo discounts an invoice of one receivable only.

        With several connections the discount isn't offered, instead of a wrong one.
        """
        terms = self.line_ids.filtered(lambda ln: ln.display_type == "payment_term")
        if self.isp_contract_id and len(terms) > 1:
            return False
        return super()._is_eligible_for_early_payment_discount(currency, reference_date)

    def _compute_payments_widget_to_reconcile_info(self):
        """Override of `account` to offer credit of the same contract only."""
        res = super()._compute_payments_widget_to_reconcile_info()
        Line = self.env["account.move.line"]
        for move in self:
            widget = move.invoice_outstanding_credits_debits_widget
            if not widget:
                continue
            lines = Line.browse([row["id"] for row in widget["content"]])
            same = lines.filtered(
                lambda ln, m=move: ln.isp_contract_id == m.isp_contract_id
            )
            content = [row for row in widget["content"] if row["id"] in same._ids]
            move.invoice_outstanding_credits_debits_widget = (
                {**widget, "content": content} if content else False
            )
        return res
