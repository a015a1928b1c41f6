from odoo import fields, models
from odoo.exceptions import AccessError, UserError

# What a document is, whatever made it. An event is an operation without a document.
MOVE_KINDS = [
    ("charge", "Charge"),
    ("discount", "Discount"),
    ("payment", "Payment"),
    ("transfer", "Transfer"),
    ("opening", "Opening Balance"),
    ("adjustment", "Adjustment"),
    ("goodwill", "Goodwill"),
    ("write_off", "Write-off"),
    ("refund", "Refund to the client"),
    ("deposit", "Deposit Taken"),
    ("deposit_return", "Deposit Returned"),
    ("credit_note", "Credit Note"),
    ("reversal", "Counter-entry"),
]
# Which way a kind moves the balance; those that are missing go either way.
KIND_SIGNS = {
    "charge": -1,
    "discount": 1,
    "payment": 1,
    "goodwill": 1,
    "write_off": 1,
    "refund": -1,
    "deposit": -1,
    "deposit_return": 1,
    "credit_note": 1,
}
# Credit given on purpose: the period that was charged stays billed.
GIVEN_KINDS = ("discount", "goodwill")


class AccountMove(models.Model):
    """What kind of document this is, and what each kind may not do."""

    _inherit = "account.move"

    isp_kind = fields.Selection(
        MOVE_KINDS,
        string="Kind",
        copy=False,
        readonly=True,
        help="What the document does to the client's account; fixed when it is posted.",
    )

    # === WHICH KIND === #

    def _isp_stamp_kind(self):
        """Say of each document what it is; mirrors are known after posting only."""
        for kind, moves in self.grouped(lambda m: m._isp_get_operation_kind()).items():
            # The system's, whoever posts; it takes part in no line.
            moves.filtered(lambda m, k=kind: m.isp_kind != k).sudo().with_context(
                skip_invoice_sync=True
            ).write({"isp_kind": kind})

    def _isp_get_operation_kind(self):
        """Return the kind that was given, or else what its making tells."""
        self.ensure_one()
        if self.isp_revokes_id:
            return "reversal"
        if self.isp_kind:
            return self.isp_kind
        if self.origin_payment_id:
            return self.origin_payment_id._isp_get_kind()
        if self.is_sale_document(include_receipts=True):
            return "charge" if self.is_inbound() else "credit_note"
        contracts = self.line_ids.isp_contract_id
        return "transfer" if len(contracts) > 1 else "adjustment"

    def _isp_counts_for_limit(self):
        """Whether a credit limit stands against it.

        A counter-entry takes back what was booked, an opening balance tells what is
        owed already: neither lends anything.
        """
        self.ensure_one()
        return not self.isp_revokes_id and self.isp_kind != "opening"

    def write(self, vals):
        # A mirror gets its kind right after posting; from then on it stays.
        if "isp_kind" in vals:
            named = self._isp_get_guarded().filtered("isp_kind")
            if changed := named._isp_changed_by(vals, {"isp_kind"}):
                changed._isp_refuse()
        return super().write(vals)

    def _isp_fill_day(self):
        """A document without a date gets the company's today, not the user's."""
        for move in self:
            if move.is_sale_document(include_receipts=True) and not move.invoice_date:
                move.invoice_date = move.company_id._isp_today()

    # === WHAT A KIND MAY NOT DO === #

    def _isp_check_kinds(self):
        """Refuse what passes the bounds of its kind; the contracts are locked."""
        self._isp_require_bookkeeper()
        for move in self.sudo():
            undone = move.isp_revokes_id.isp_kind
            contracts = move.line_ids.isp_contract_id
            if move.isp_kind == "refund":
                contracts._check_refund()
            elif move.isp_kind == "write_off":
                contracts._check_write_off()
            elif move.isp_kind == "deposit_return" or undone == "deposit":
                contracts._check_deposit_held()
            elif move.isp_kind == "discount":
                move._isp_check_discount()

    def _isp_require_bookkeeper(self):
        """Who may enter invoices and money in may not move balances otherwise."""
        groups = ("mybizna_isp.isp_group_accountant", "account.group_account_user")
        if self.env.su or any(self.env.user.has_group(group) for group in groups):
            return
        reserved = self.filtered(
            lambda m: m.isp_kind in ("transfer", "adjustment", "refund")
        )
        if reserved:
            raise AccessError(
                self.env._(
                    "%(documents)s: only accountants pay money out to a client or post "
                    "entries on a contract.",
                    documents=", ".join(reserved.mapped("display_name")),
                )
            )

    def _isp_check_discount(self):
        """A discount refers to one charge of its contract and stays within it."""
        charge = self.reversed_entry_id
        charge._isp_check_discountable(self.isp_contract_id)
        if self.currency_id.compare_amounts(charge._isp_get_left(), 0) < 0:
            raise UserError(
                self.env._(
                    "%(charge)s is %(total)s. With this discount more would be taken "
                    "back than was charged.",
                    charge=charge.name,
                    total=charge.currency_id.format(charge.amount_total),
                )
            )

    def _isp_check_discountable(self, contract):
        is_charge = (
            self.isp_kind == "charge"
            and self.state == "posted"
            and self.isp_contract_id == contract
        )
        if not is_charge or self.isp_revoked_by_id:
            raise UserError(
                self.env._(
                    "A discount refers to a charge of the same contract that is not "
                    "cancelled. Choose its invoice."
                )
            )

    def _isp_get_left(self):
        """Return what is left of a charge after all that took some of it back."""
        self.ensure_one()
        given = sum(self._isp_get_mirrors().mapped("amount_total"))
        return self.currency_id.round(self.amount_total - given)
