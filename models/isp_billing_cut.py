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
        if begin and (begin, end) != (self.cycle_start, self.cycle_end):
            period = self._keep_length(period)
        shift = period.date_start - (begin or period.date_start)
        for item in self.item_ids.filtered("date_start"):
            is_whole = (item.date_start, item.date_end) == (begin, end)
            item.write(
                {
                    "date_start": (
                        period.date_start if is_whole else item.date_start + shift
                    ),
                    "date_end": (
                        period.date_end
                        if is_whole
                        else min(item.date_end + shift, period.date_end)
                    ),
                }
            )
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
