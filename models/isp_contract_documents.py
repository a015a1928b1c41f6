from typing import NamedTuple

from odoo import fields, models
from odoo.exceptions import UserError

# Entries of one contract: which account of the company stands against its receivable.
ENTRY_ACCOUNTS = {
    "opening": "isp_opening_account_id",
    "adjustment": "isp_adjustment_account_id",
    "write_off": "isp_write_off_account_id",
    "deposit": "isp_deposit_account_id",
    "deposit_return": "isp_deposit_account_id",
}


class Details(NamedTuple):
    """What documents of every kind have: when, for which line, and why."""

    day: object
    connection: models.BaseModel
    note: str = ""
    reference: str = ""
    period: models.BaseModel | None = None


class IspContract(models.Model):
    """Documents of every kind. Each is posted, which alone moves the balance.

    Who may book what is for the caller to check: what is written here is the system's.
    """

    _inherit = "isp.contract"

    # === INVOICES AND CREDIT NOTES === #

    def _book_charge(self, product, amount, details):
        """Post an invoice over one product.

        :param float amount: what the client owes by it, taxes included
        """
        line = {"product_id": product.id, "name": details.note or product.display_name}
        return self._book_invoice(
            "charge", [(line, amount)], details, "out_invoice", {}
        )

    def _book_goodwill(self, product, amount, details):
        """Post a credit note that refers to no charge.

        Without a product it takes no tax back: a tax is taken back with its charge.

        :param float amount: what the client gets, taxes included
        """
        line = {"name": details.note or self.env._("Goodwill")}
        if product:
            line["product_id"] = product.id
        else:
            account = self.company_id._isp_get_ledger_account("isp_goodwill_account_id")
            line |= {"account_id": account.id, "tax_ids": []}
        return self._book_invoice(
            "goodwill", [(line, amount)], details, "out_refund", {}
        )

    def _book_discount(self, charge, amount, details):
        """Post a credit note over a part of a charge, with the charge's own taxes.

        :param charge: the posted invoice it refers to
        :param float amount: what the client gets, taxes included
        """
        charge._isp_check_discountable(self)
        nowhere = self.env["isp.connection"]
        charged = charge.invoice_line_ids.filtered(
            lambda line: (
                line.display_type == "product"
                and line.price_total > 0
                and details.connection in (line.isp_connection_id, nowhere)
            )
        )
        if not charged:
            raise UserError(
                self.env._(
                    "%(charge)s charges nothing for %(connection)s. Choose the invoice "
                    "that does.",
                    charge=charge.name,
                    connection=details.connection.display_name,
                )
            )
        weights = {line: line.price_total for line in charged}
        parts = charge._isp_share(amount, weights, charge.currency_id)
        lines = [
            (
                {
                    "product_id": line.product_id.id,
                    "account_id": line.account_id.id,
                    "tax_ids": [fields.Command.set(line.tax_ids.ids)],
                    "isp_connection_id": line.isp_connection_id.id,
                    "name": details.note or self.env._("Discount on %s", line.name),
                },
                part,
            )
            for line, part in parts.items()
        ]
        return self._book_invoice(
            "discount", lines, details, "out_refund", {"reversed_entry_id": charge.id}
        )

    def _book_invoice(self, kind, lines, details, move_type, values):
        """Create and post a document of (line values, total) pairs."""
        self._lock_for_posting()
        move = (
            self.env["account.move"]
            .sudo()
            .create(
                {
                    "move_type": move_type,
                    "company_id": self.company_id.id,
                    "partner_id": (self.payer_id or self.partner_id).id,
                    "fiscal_position_id": self.fiscal_position_id.id,
                    "isp_contract_id": self.id,
                    "isp_kind": kind,
                    "isp_period_id": details.period and details.period.id,
                    "invoice_date": details.day,
                    "date": details.day,
                    "invoice_date_due": max(details.day, self.company_id._isp_today()),
                    "invoice_payment_term_id": False,
                    "invoice_origin": self.name,
                    "ref": details.reference,
                    "invoice_line_ids": [
                        fields.Command.create(
                            {
                                "isp_connection_id": details.connection.id,
                                "price_unit": total,
                                **line,
                            }
                        )
                        for line, total in lines
                    ],
                    **values,
                }
            )
        )
        move._isp_fit_totals([total for _line, total in lines])
        move.action_post()
        return move

    # === ENTRIES === #

    def _book_entry(self, kind, change, details, receivable=None):
        """Post an entry that moves this contract's balance.

        :param str kind: one of :data:`ENTRY_ACCOUNTS`
        :param float change: of the balance; above zero the client has more with us
        :param receivable: account of the client's side; by default the client's own
        """
        account = self.company_id._isp_get_ledger_account(ENTRY_ACCOUNTS[kind])
        own = self._prepare_receivable_vals(change, details)
        if receivable:
            own["account_id"] = receivable.id
        other = {
            "account_id": account.id,
            "partner_id": own["partner_id"],
            "name": own["name"],
            "balance": change,
        }
        return self._post_entry(kind, [own, other], details)

    def _book_write_off(self, charges, amount, details):
        """Give up a debt: of the chosen charges, or else the oldest.

        :param charges: posted invoices, may be empty
        """
        self._lock_for_posting()
        debts = self.env["account.move.line"].search(self._get_open_lines_domain(">"))
        chosen = debts.filtered(lambda line: line.move_id in charges)
        owed = sum(chosen.mapped("amount_residual"))
        if charges and self.currency_id.compare_amounts(amount, owed) > 0:
            raise UserError(
                self.env._(
                    "%(charges)s: only %(owed)s is open. Write off that at most.",
                    charges=", ".join(charges.mapped("name")),
                    owed=self.currency_id.format(owed),
                )
            )
        first = (chosen or debts)._isp_sorted(details.connection)[:1]
        move = self.with_context(isp_settle_first_ids=chosen.ids)._book_entry(
            "write_off", amount, details, receivable=first.account_id
        )
        return move.with_env(self.env)

    def _book_transfer(self, target, amount, details):
        """Move money to another contract, in one document."""
        if target == self:
            raise UserError(
                self.env._("Money is transferred to another contract. Choose that one.")
            )
        if target.company_id != self.company_id:
            raise UserError(
                self.env._(
                    "%(one)s and %(other)s belong to different companies: no transfer "
                    "leads from one to the other.",
                    one=self.display_name,
                    other=target.display_name,
                )
            )
        (self | target)._lock_for_posting()
        nobody = details._replace(connection=self.env["isp.connection"])
        labels = (
            self.env._("Transfer to %s", target.name),
            self.env._("Transfer from %s", self.name),
        )
        lines = [
            {
                **contract._prepare_receivable_vals(change, of),
                "name": " – ".join(filter(None, (label, details.note))),
            }
            for contract, change, of, label in (
                (self, -amount, details, labels[0]),
                (target, amount, nobody, labels[1]),
            )
        ]
        return self._post_entry("transfer", lines, details)

    def _prepare_receivable_vals(self, change, details):
        partner = (self.payer_id or self.partner_id).with_company(self.company_id)
        return {
            "account_id": partner.property_account_receivable_id.id,
            "partner_id": partner.commercial_partner_id.id,
            "name": details.note,
            "isp_contract_id": self.id,
            "isp_connection_id": details.connection.id,
            "date_maturity": details.day,
            "balance": -change,
        }

    def _post_entry(self, kind, lines, details):
        self._lock_for_posting()
        label = dict(
            self.env["account.move"]
            ._fields["isp_kind"]
            ._description_selection(self.env)
        )[kind]
        move = (
            self.env["account.move"]
            .sudo()
            .create(
                {
                    "move_type": "entry",
                    "company_id": self.company_id.id,
                    "journal_id": self.company_id._isp_get_ledger_journal().id,
                    "date": details.day,
                    "isp_document_date": details.day,
                    "ref": details.reference or details.note or label,
                    "isp_contract_id": self.id,
                    "isp_kind": kind,
                    "isp_period_id": details.period and details.period.id,
                    "line_ids": [
                        fields.Command.create({**line, "name": line["name"] or label})
                        for line in lines
                    ],
                }
            )
        )
        move.action_post()
        return move

    # === MONEY === #

    def _book_money(self, amount, journal, details, direction="inbound", method=None):
        """Post a payment of the client, or one to the client.

        :param str direction: ``"inbound"`` or ``"outbound"``
        """
        vals = {
            "contract_id": self.id,
            "connection_id": details.connection.id,
            "payment_type": direction,
            "amount": amount,
            "currency_id": self.currency_id.id,
            "journal_id": journal.id,
            "date": details.day,
            "memo": details.note,
            "payment_reference": details.reference,
            "payment_method_line_id": method and method.id,
            "isp_period_id": details.period and details.period.id,
        }
        return self._create_payments([vals])
