from datetime import timedelta

from odoo import api, fields, models

# Until the billing run was there, or a person who releases what it bills.
BRIDGE_HOURS = {True: 1, False: 24}


class IspConnection(models.Model):
    """Cancelled periods that lie before others are billed again, as they were."""

    _inherit = "isp.connection"

    reissue_date = fields.Date(
        readonly=True,
        copy=False,
        help="The first day of cancelled periods that are billed again before any new "
        "one.",
    )

    @api.depends("reissue_date")
    def _compute_next_invoice_date(self):
        """Override: what is billed again is due as it was."""
        res = super()._compute_next_invoice_date()
        for connection in self.filtered("reissue_date"):
            lead = timedelta(connection.company_id.isp_billing_lead_days)
            connection.next_invoice_date = min(
                connection.next_invoice_date, connection.reissue_date - lead
            )
        return res

    def _find_reissue(self):
        """Return the isp.billing row that is billed again next, and its free days as a
        `tools.periods.Period`; an empty row and None if there is none."""
        self.ensure_one()
        waiting = (
            self.billing_ids.filtered("is_to_reissue") if self.reissue_date else ()
        )
        for row in sorted(waiting, key=lambda b: b.start_at):
            if period := row._get_reissue_period():
                return row, period
        return self.env["isp.billing"], None

    def _note_reissue(self):
        """Forget rows of which nothing is left, and note where the others begin."""
        for connection in self:
            waiting = connection.billing_ids.filtered("is_to_reissue")
            over = waiting.filtered(lambda b: not b._get_reissue_period())
            over.is_to_reissue = False
            starts = (waiting - over).mapped("date_start")
            connection.reissue_date = min(starts, default=False)

    def _get_next_period(self):
        """Override: what was cancelled comes before what is new."""
        return self._find_reissue()[1] or super()._get_next_period()

    def _set_following_date(self, period):
        """Override: new periods go on where they did."""
        row, again = self._find_reissue()
        if again is None or again != period:
            self.filtered("reissue_date")._note_reissue()
            return super()._set_following_date(period)
        row.is_to_reissue = False
        self._note_reissue()
        # Whoever let this one pass has not seen the next.
        self.write({"billing_hold": False, "billing_released": False})
        return None

    def _bill_next_period(self):
        """Override: what waited until it was over is not billed, nor is the line due
        for it any more."""
        waiting = self.filtered("reissue_date")
        waiting._note_reissue()
        due = self.filtered(
            lambda c: (
                c not in waiting
                or c.reissue_date
                or c.next_invoice_date <= c.company_id._isp_today()
            )
        )
        return super(IspConnection, due)._bill_next_period()

    def _get_period_after(self, period):
        """Override: after what is billed again comes what is new."""
        if period == self._find_reissue()[1]:
            return self._get_new_period()
        return super()._get_period_after(period)

    def _get_package_on(self, day):
        """Override: a period is billed again with the package it had."""
        row = self._get_reissued_on(day)
        return row.package_id or super()._get_package_on(day)

    def _get_quantity_on(self, day):
        """Override: a period is billed again in the quantity it had."""
        row = self._get_reissued_on(day)
        return row.quantity or super()._get_quantity_on(day)

    def _get_reissued_on(self, day):
        row, period = self._find_reissue()
        holds = period and day and period.date_start <= day <= period.date_end
        return row if holds else row.browse()


class IspBilling(models.Model):
    _inherit = "isp.billing"

    is_to_reissue = fields.Boolean(
        readonly=True,
        copy=False,
        help="Its invoice was cancelled, and it lies before periods that are billed: "
        "just its days are billed again.",
    )

    def _revoke(self):
        """Override: days that were given back to their period are not billed again."""
        live = self.filtered(lambda b: b.state != "revoked")
        res = super()._revoke()
        live.connection_id.filtered("reissue_date")._note_reissue()
        return res

    def _free_days(self):
        """Override: where others are billed behind these days, only they are free."""
        self.ensure_one()
        line, company = self.connection_id, self.company_id
        follows = company._isp_to_local(self.end_at).date() >= line.billing_date
        if follows or self.package_id.billing_cycle_id._get_rule().is_bundle:
            return super()._free_days()
        # A change is taken back whole: its days belong to another period again.
        if not self.change_id and (self._was_served() or not self._is_over()):
            self.is_to_reissue = True
            line._note_reissue()
        return None

    def _was_served(self):
        return self.is_served or self.connection_id._is_in_arrears()

    def _is_over(self):
        return self.date_end < self.company_id._isp_today()

    def _get_reissue_period(self):
        """Return the days of a cancelled period that are to be billed again as a
        `tools.periods.Period`: all, or those to come if it was not served."""
        self.ensure_one()
        first = self.date_start
        if not self._was_served():
            first = max(first, self.company_id._isp_today())
        if first > self.date_end:
            return None
        rest = self._get_rest_from(first)
        return self.connection_id._fit_between_billed(rest)

    def _bridge_reissue(self):
        """Keep lines on that their own money kept on, until it is billed again."""
        now = fields.Datetime.now()
        for row in self.filtered(lambda b: b.state == "revoked" and b.end_at > now):
            line = row.connection_id
            if line._decide_access().reason not in ("unpaid", "never"):
                continue
            if line.contract_id._can_pay(row._get_own_total()):
                hours = BRIDGE_HOURS[row.company_id.isp_auto_billing]
                self.env["isp.extension"].create(
                    {
                        "connection_id": line.id,
                        "kind": "reissue",
                        "date_to": fields.Datetime.add(now, hours=hours),
                        "note": row.invoice_id.name,
                    }
                )

    def _get_own_total(self):
        """Return what the document of this row asks of its connection, with taxes."""
        lines = self.invoice_id._isp_get_receivables().filtered(
            lambda line: line.isp_connection_id == self.connection_id
        )
        return sum(lines.mapped("balance"))


class AccountMove(models.Model):
    _inherit = "account.move"

    def _isp_post_mirror(self, reason):
        """Override: a line isn't cut off in the moment before it is billed again."""
        covered = self.sudo().isp_billing_ids.filtered(
            lambda b: (
                b.kind == "period"
                and b.is_paid
                and b.connection_id._decide_access().reason == "covered"
            )
        )
        mirror = super()._isp_post_mirror(reason)
        covered._bridge_reissue()
        return mirror
