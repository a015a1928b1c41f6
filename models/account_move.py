from collections import defaultdict

from odoo import fields, models

from .account_move_kind import GIVEN_KINDS


class AccountMove(models.Model):
    _inherit = "account.move"

    # === FIELDS === #

    isp_contract_id = fields.Many2one(
        "isp.contract",
        string="Contract",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        help="The customer account this document is booked on.",
    )
    isp_is_ledger = fields.Boolean(
        string="On a Contract",
        copy=False,
        readonly=True,
        help="Carries a receivable of a contract; once posted, it isn't changed.",
    )
    # Who keeps the books without our groups reads documents, not the engine's rows.
    isp_billing_ids = fields.One2many(
        "isp.billing", "invoice_id", groups="mybizna_isp.isp_group_user"
    )
    isp_operation_ids = fields.One2many(
        "isp.operation", "move_id", groups="mybizna_isp.isp_group_user"
    )
    isp_revokes_id = fields.Many2one(
        "account.move",
        string="Cancels",
        copy=False,
        readonly=True,
        index="btree_not_null",
        help="The document that this counter-entry cancels.",
    )
    isp_revoked_by_id = fields.Many2one(
        "account.move", string="Cancelled by", copy=False, readonly=True
    )
    isp_hidden = fields.Boolean(
        string="Hidden",
        copy=False,
        readonly=True,
        help="Cancelled within its own reporting period, or the counter-entry of such "
        "a document: statements and lists leave the pair out.",
    )

    _isp_immutable = models.Constraint(
        "CHECK (TRUE)",
        "A posted document of a contract can't be changed or deleted. Cancel it by a "
        "counter-entry, then enter the right one.",
    )
    _isp_revokes_uniq = models.UniqueIndex(
        "(isp_revokes_id) WHERE isp_revokes_id IS NOT NULL",
        "This document has been cancelled by a counter-entry already.",
    )
    _isp_hidden_idx = models.Index("(id) WHERE isp_hidden")

    # === POSTING === #

    def _post(self, soft=True):
        """Override of `account` to book contracts: the counter before any sum, the
        period before and after, an operation for each receivable line."""
        ledger = self._isp_get_posted_now(soft)
        ledger._isp_get_contracts()._lock_for_posting()
        ledger._isp_check_documents()
        ledger._isp_fill_day()
        ledger._isp_stamp_period()
        # What takes another back may turn out to be its mirror once it is posted.
        ledger.filtered(lambda move: not move.reversed_entry_id)._isp_stamp_kind()
        # It follows from the day filled in above; once posted, the database keeps it.
        ledger.flush_recordset(["invoice_date_due"])
        posted = super()._post(soft=soft)
        booked = posted & ledger
        booked._isp_check_period()
        booked._isp_mark_revoked()
        booked.filtered("reversed_entry_id")._isp_stamp_kind()
        booked._isp_write_operations()
        booked._isp_check_kinds()
        booked._isp_settle()
        return posted

    def _isp_get_posted_now(self, soft):
        """Return the documents of contracts, without those that wait for their day."""
        ledger = self.filtered(lambda move: move._isp_get_contracts())
        if soft:
            today = fields.Date.context_today(self)
            ledger = ledger.filtered(lambda move: move.date <= today)
        return ledger

    def _isp_get_contracts(self):
        return self.isp_contract_id | self.line_ids.isp_contract_id

    def _isp_get_receivables(self):
        return self.line_ids.filtered(
            lambda line: (
                line.isp_contract_id and line.account_type == "asset_receivable"
            )
        )

    def _isp_write_operations(self):
        # Users post documents; the operations' table is written by posting alone.
        lines = self.sudo()._isp_get_receivables()
        if not lines:
            return
        deltas, charged_ids = defaultdict(float), set()
        for line in lines:
            deltas[line.isp_contract_id.id] -= line.balance
            if line.move_id._isp_counts_for_limit():
                charged_ids.add(line.isp_contract_id.id)
        self.env["isp.operation"].sudo().create(
            [line._isp_prepare_operation_vals() for line in lines]
        )
        lines.isp_contract_id._add_to_balance(deltas, charged_ids)

    def _isp_settle(self):
        """Match new documents with what the same contract has open, oldest first.

        Charges take credit in hand, so does money that is taken away; what an entry
        brings pays debts. Payments see to themselves: a person may have chosen.
        """
        invoices = self.filtered(
            lambda m: m.move_type in ("out_invoice", "out_receipt")
        )
        entries = self.filtered(
            lambda m: m.move_type == "entry" and not m.origin_payment_id
        )
        # What the engine takes back, or a person gives, pays the same line first.
        refunds = self.filtered(
            lambda m: (
                m.move_type == "out_refund"
                and (m.isp_kind in GIVEN_KINDS or m.sudo().isp_billing_ids)
            )
        )
        lines = (invoices | entries | refunds)._isp_get_receivables()
        debts = lines.filtered(lambda line: line.amount_residual > 0)
        debts._isp_match_open("<")
        credits_ = (lines - debts).filtered(lambda line: line.amount_residual < 0)
        (credits_ - invoices.line_ids)._isp_match_open(">")

    def _get_next_sequence_format(self):
        """Override of `account` to look the format of numbers up once a batch.

        The number itself is counted up by the database for each document as ever.
        """
        formats = self.env.context.get("isp_sequence_formats")
        if formats is None:
            return super()._get_next_sequence_format()
        key = (self.journal_id, self.move_type, self.date, bool(self.origin_payment_id))
        if key not in formats:
            formats[key] = super()._get_next_sequence_format()
        text, values = formats[key]
        # The caller takes values out of the dict.
        return text, dict(values)
