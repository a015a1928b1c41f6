from dataclasses import replace
from datetime import timedelta

from odoo import fields, models


class IspBilling(models.Model):
    """Ending a billed period early, and taking that back."""

    _inherit = "isp.billing"

    def _cut(self, day):
        """End billed periods before a day; make the rows that credit the unused days.

        A period of which nothing remains is taken back whole. The rows have no document
        yet: `_issue_invoices` gives them one, with what is charged instead.

        :param date day: the first day that is not used
        :return: the new isp.billing rows of kind ``credit``
        """
        cut = self.filtered(
            lambda b: (
                b.kind == "period"
                and b.state == "billed"
                and b.date_end
                and b.date_end >= day
            )
        )
        cut.filtered(lambda b: b.connection_id._is_on_but_suspended())._keep_dates()
        credits_ = self.create(
            [billing._prepare_credit_billing_vals(day) for billing in cut]
        )
        for billing in cut:
            if billing.date_start >= day:
                billing.state = "revoked"
            else:
                billing.write(
                    {
                        "date_end": day - timedelta(days=1),
                        "end_at": billing.company_id._isp_to_utc(day),
                    }
                )
        # Before the days are billed anew: the unique keys look at the rows.
        cut.flush_recordset(["state", "date_end", "end_at"])
        return credits_

    def _prepare_credit_billing_vals(self, day):
        self.ensure_one()
        start = max(day, self.date_start)
        items = [item._prepare_credit_vals(start) for item in self.item_ids]
        return {
            "name": self.env._("%(billing)s: unused days", billing=self.name),
            "kind": "credit",
            "connection_id": self.connection_id.id,
            "package_id": self.package_id.id,
            "quantity": self.quantity,
            "origin_id": self.id,
            "date_start": start,
            "date_end": self.date_end,
            "start_at": (
                self.start_at
                if start == self.date_start
                else self.company_id._isp_to_utc(start)
            ),
            "end_at": self.end_at,
            "item_ids": [fields.Command.create(item) for item in items if item],
        }

    def _keep_dates(self):
        """Days that were served keep their dates, however late they are paid."""
        for row in self.filtered(lambda b: not b.first_paid_at):
            row.first_paid_at = row.start_at

    def _uncut(self):
        """Give the days that these credit rows took back to their periods again."""
        for row in self:
            origin = row.origin_id
            origin.write(
                {"state": "billed", "date_end": row.date_end, "end_at": row.end_at}
            )
        self.origin_id.flush_recordset(["state", "date_end", "end_at"])

    def _move_to(self, period):
        """Let a billed period have other dates: a `tools.periods.Period`.

        A part keeps its number of days.
        """
        self.ensure_one()
        begin, end = self.date_start, self.date_end
        is_part = begin and (begin, end) != (self.cycle_start, self.cycle_end)
        if is_part:
            period = self._keep_length(period)
        shift = period.date_start - (begin or period.date_start)
        self._shift_credits(shift)
        for item in self.item_ids.filtered("date_start"):
            first, last = item.date_start + shift, item.date_end + shift
            if not is_part and (item.date_start, item.date_end) == (begin, end):
                first, last = period.date_start, period.date_end
            elif not is_part:
                last = min(last, period.date_end)
            item.write({"date_start": first, "date_end": last})
        self.write(
            {
                "date_start": period.date_start,
                "date_end": period.date_end,
                "start_at": period.start_at,
                "end_at": period.end_at,
                "cycle_start": period.whole[0],
                "cycle_end": period.whole[1],
            }
        )

    def _shift_credits(self, shift):
        """Let days that were taken from a part's end follow it, if they come back."""
        for row in self.credit_ids.filtered(lambda b: b.state == "billed"):
            company, following = row.company_id, timedelta(days=1)
            start, end = row.date_start + shift, row.date_end + shift
            row.write(
                {
                    "date_start": start,
                    "date_end": end,
                    "start_at": company._isp_to_utc(start),
                    "end_at": company._isp_to_utc(end + following),
                }
            )

    def _keep_length(self, period):
        """Return a period cut, or its whole moved, to this part's number of days."""
        shift = period.date_start - self.date_start
        end = self.date_end + shift
        return replace(
            period,
            date_end=end,
            end_at=self.company_id._isp_to_utc(end + timedelta(days=1)),
            whole=(self.cycle_start + shift, self.cycle_end + shift),
        )
