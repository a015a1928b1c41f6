from collections import defaultdict

from odoo import api, fields, models

from .account_payment import POSTED_STATES


class AccountPayment(models.Model):
    """Money has the bank's date, and counts in an open period: it is never refused
    for coming late."""

    _inherit = "account.payment"

    isp_document_date = fields.Date(
        string="Bank Date",
        copy=False,
        help="When the money was paid, by the bank or the message. Empty takes the "
        "date. The date itself is moved into an open period when it is posted.",
    )
    isp_period_id = fields.Many2one(
        "isp.period",
        string="Reporting Period",
        copy=False,
        check_company=True,
        domain="[('state', '=', 'open'), ('company_id', '=', company_id)]",
        help="Where the payment counts. Empty means: the period of the bank date if "
        "that is open, else the oldest open one.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        if any(vals.get("isp_period_id") for vals in vals_list):
            self.env["account.move"]._isp_require_period_right()
        return super().create(vals_list)

    def write(self, vals):
        """Override of `account` to find the period before the entry is made."""
        if "isp_period_id" in vals and self.filtered(
            lambda p: p.isp_period_id.id != (vals["isp_period_id"] or False)
        ):
            self.env["account.move"]._isp_require_period_right()
        if vals.get("state") in POSTED_STATES:
            drafts = self.filtered(
                lambda p: p.isp_contract_id and p.state not in POSTED_STATES
            )
            drafts._isp_stamp_period()
        return super().write(vals)

    def _generate_move_vals(
        self, write_off_line_vals=None, force_balance=None, line_ids=None
    ):
        """Override of `account` to hand the period on to the entry."""
        vals = super()._generate_move_vals(write_off_line_vals, force_balance, line_ids)
        if self.isp_contract_id and self.isp_period_id:
            vals["isp_period_id"] = self.isp_period_id.id
        return vals

    def _isp_stamp_period(self):
        """Put the accounting date into an open period; the bank's date is kept."""
        stamps = defaultdict(self.browse)
        for company, payments in self.grouped("company_id").items():
            opened = self.env["isp.period"]._get_open(company)
            for payment in payments:
                period, day = payment._isp_find_place(opened)
                bank_date = payment.isp_document_date or payment.date
                stamps[period, day, bank_date] |= payment
        for (period, day, bank_date), payments in stamps.items():
            # They are the system's, whoever posts.
            late = payments.filtered(lambda p, d=day: p.date != d)
            late.sudo().write({"date": day})
            payments.sudo().write(
                {"isp_document_date": bank_date, "isp_period_id": period.id}
            )

    def _isp_find_place(self, opened):
        """Return period and accounting date of a payment that is about to be posted.

        :param opened: the open periods of the company, the oldest first
        """
        self.ensure_one()
        bank_date = self.isp_document_date or self.date
        if chosen := self.isp_period_id.sudo():
            if chosen not in opened:
                chosen._refuse_choice(self.display_name)
            is_inside = chosen.date_start <= self.date <= chosen.date_end
            wanted = self.date if is_inside else bank_date
            return chosen, chosen._find_free_day(wanted, self.journal_id) or wanted
        holding = opened._get_holding(self.date)
        if self.date != bank_date and holding:
            return holding, self.date
        return opened._find_place(bank_date, self.journal_id)
