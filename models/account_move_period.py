from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_date


class AccountMove(models.Model):
    """Three dates: of the document, of its making, and within a reporting period."""

    _inherit = "account.move"

    isp_document_date = fields.Date(
        string="Document Date",
        copy=False,
        help="The date of the paper, or of the bank. Empty takes the accounting date, "
        "which stands in the reporting period.",
    )
    isp_period_id = fields.Many2one(
        "isp.period",
        string="Reporting Period",
        copy=False,
        index="btree_not_null",
        check_company=True,
        domain="[('state', '=', 'open'), ('company_id', '=', company_id)]",
        help="Where the document counts. Empty means: the period of its own date if "
        "that is open, else the oldest open one.",
    )

    _isp_period_closed = models.Constraint(
        "CHECK (TRUE)",
        "This document's accounting date lies in a closed reporting period. Choose an "
        "open one.",
    )

    # === WHO MAY CHOOSE === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `account`: an accountant chooses periods; an entry that says
        when its document is dated is booked by that."""
        if any(
            vals.get("isp_period_id") and not self._isp_is_of_payment(vals)
            for vals in vals_list
        ):
            self._isp_require_period_right()
        prepared = []
        for vals in vals_list:
            is_entry = vals.get("move_type", "entry") == "entry"
            if is_entry and vals.get("isp_document_date") and not vals.get("date"):
                vals = {**vals, "date": vals["isp_document_date"]}
            prepared.append(vals)
        return super().create(prepared)

    def write(self, vals):
        if "isp_period_id" in vals and self._isp_changed_by(vals, {"isp_period_id"}):
            self._isp_require_period_right()
        return super().write(vals)

    @api.model
    def _isp_is_of_payment(self, vals):
        """Whether an entry only repeats its payment's period, which was checked."""
        payment = self.env["account.payment"].browse(vals.get("origin_payment_id"))
        return payment.isp_period_id.id == vals["isp_period_id"]

    @api.model
    def _isp_require_period_right(self):
        may = self.env.user.has_group("mybizna_isp.isp_group_accountant")
        if not self.env.su and not may:
            raise AccessError(
                self.env._(
                    "Only accountants choose the reporting period of a document. "
                    "Leave it empty: it goes by the document's date."
                )
            )

    @api.onchange("isp_period_id")
    def _onchange_isp_period_id(self):
        if period := self.isp_period_id:
            day = self.invoice_date or self.isp_document_date or self.date
            self.date = min(max(day, period.date_start), period.date_end)

    # === AT POSTING === #

    def _isp_stamp_period(self):
        """Mark documents as a contract's, give each its document date and its place in
        an open period, which stays open until the commit."""
        # Reset to draft just now, the database must see that before they are posted.
        self.flush_recordset(["state"])
        self.line_ids.flush_recordset(["parent_state"])
        Period = self.env["isp.period"]
        stamps = defaultdict(self.browse)
        for company, moves in self.grouped("company_id").items():
            opened = Period._get_open(company)
            for move in moves:
                period, day, document_date = move._isp_find_place(opened)
                if move.date != day:
                    # Its lines follow; what they sum up to does not change.
                    move.with_context(skip_invoice_sync=True).date = day
                stamps[period, document_date] |= move
        Period.union(*[period for period, _day in stamps])._require_open()
        for (period, document_date), moves in stamps.items():
            # Neither field takes part in any line: nothing is to be computed anew.
            # They are the system's, whoever posts.
            moves.sudo().with_context(skip_invoice_sync=True).write(
                {
                    "isp_is_ledger": True,
                    "isp_period_id": period.id,
                    "isp_document_date": document_date,
                }
            )

    def _isp_find_place(self, opened):
        """Return period, accounting date and document date of a draft.

        A chosen period counts before the rule. An accounting date that was given for
        itself is kept or refused; one that only repeats the document's date goes by
        the rule.

        :param opened: the open periods of the company, the oldest first
        """
        self.ensure_one()
        document_date = self._isp_get_document_date()
        self._isp_refuse_future(document_date)
        if period := self.isp_period_id.sudo():
            if period not in opened:
                period._refuse_choice(self.display_name)
            is_inside = period.date_start <= self.date <= period.date_end
            wanted = self.date if is_inside else document_date
            day = period._find_free_day(wanted, self.journal_id, self)
        elif self._isp_is_date_given(document_date):
            period, day = opened._get_holding(self.date), self.date
            if not period:
                opened._refuse_day(self.company_id, self.display_name, day)
        else:
            period, day = opened._find_place(document_date, self.journal_id, self)
        if not period or not day:
            self._isp_refuse_locked()
        return period, day, document_date

    def _isp_get_document_date(self):
        """Return the date of the invoice, of the money at the bank, of the paper."""
        self.ensure_one()
        if self.is_sale_document(include_receipts=True):
            return self.invoice_date
        payment = self.origin_payment_id
        return payment.isp_document_date or self.isp_document_date or self.date

    def _isp_is_date_given(self, document_date):
        """Whether the accounting date says more than the document's own."""
        if self.date != document_date:
            return True
        is_dated = self.is_sale_document(include_receipts=True)
        return not (is_dated or self.isp_document_date or self.origin_payment_id)

    def _isp_refuse_future(self, document_date):
        if document_date > self.company_id._isp_today():
            raise UserError(
                self.env._(
                    "%(document)s is dated %(day)s, which lies in the future. "
                    "Enter it on that day, or date it today.",
                    document=self.display_name,
                    day=format_date(self.env, document_date),
                )
            )

    def _isp_refuse_locked(self):
        raise UserError(
            self.env._(
                "%(document)s: its accounting date lies before a lock date. Choose a "
                "date in an open month.",
                document=self.display_name,
            )
        )

    def _isp_check_period(self):
        """Posting may move a date out of a locked month without a word: refuse."""
        for move in self:
            # Who posts need not be allowed to read reporting periods.
            period = move.isp_period_id.sudo()
            if not period.date_start <= move.date <= period.date_end:
                move._isp_refuse_locked()
