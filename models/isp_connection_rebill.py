from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from odoo import fields, models

from ..tools.periods import Period, period_from_date


@dataclass
class Rebill:
    """What a change does to a line's periods: prepared, and not done yet.

    ``cut`` are the isp.billing rows that end before ``day``, ``credits`` and
    ``charges`` lists of values of isp.billing. ``anchor`` and ``billing_date`` are the
    line's afterwards.
    """

    day: date
    cut: Any
    credits: list = field(default_factory=list)
    charges: list = field(default_factory=list)
    anchor: date | bool = False
    billing_date: date | bool = False

    def get_items(self, kind):
        """Return the values of the items of ``credits`` or ``charges``."""
        return [
            item
            for row in getattr(self, kind)
            for _command, _id, item in row["item_ids"]
        ]


class IspConnection(models.Model):
    """What is billed beyond a day is credited, and charged with another package."""

    _inherit = "isp.connection"

    def _prepare_rebill(self, package, quantity, day, rows=None):
        """Return the `Rebill` that gives a line a package from a day on.

        :param rows: isp.billing rows to bill anew; all that reach beyond the day
        """
        self.ensure_one()
        if rows is None:
            rows = self._get_rows_to_rebill(package, quantity, day)
        parts = self._prepare_unbilled_parts(day)
        plan = Rebill(
            day,
            rows,
            [row._prepare_credit_billing_vals(day) for row in rows],
            parts,
            self.anchor_date,
            day if parts else self.billing_date,
        )
        rule = self._get_rule_of(package)
        if rule == self._get_rule_of(self.package_id):
            plan.charges = parts + [
                self._prepare_row_vals(package, quantity, row._get_rest_from(day))
                for row in rows.sorted("date_start")
            ]
        else:
            self._prepare_other_cycle(plan, package, quantity)
        return plan

    def _prepare_rebill_ahead(self, package, quantity, day):
        """Return the `Rebill` of what is billed ahead of the day of a planned change.

        With a cycle of another length the new period begins on the day; where that lies
        within a period, all waits for it.
        """
        rows = self._get_rows_to_rebill(package, quantity, day)
        ahead = rows.filtered(lambda b: b.date_start >= day)
        other = self._get_rule_of(package) != self._get_rule_of(self.package_id)
        if other and ahead != rows:
            ahead = rows.browse()
        if not ahead:
            return Rebill(
                day, ahead, anchor=self.anchor_date, billing_date=self.billing_date
            )
        return self._prepare_rebill(package, quantity, day, ahead)

    def _get_rows_to_rebill(self, package, quantity, day):
        """Return what is billed beyond a day with something else."""
        return self._get_period_billings().filtered(
            lambda b: (
                b.state == "billed"
                and b._get_last_day() >= day
                and (b.package_id, b.quantity) != (package, quantity)
            )
        )

    def _prepare_other_cycle(self, plan, package, quantity):
        """A cycle of another length begins on the day of the change."""
        rule = self._get_rule_of(package)
        if not plan.cut:
            moved = not self.anchor_date or self.anchor_date < plan.day
            if self.billing_date and moved:
                plan.anchor = rule.first_start(max(plan.day, plan.billing_date))
            return
        start = max(plan.day, min(plan.cut.mapped("date_start")))
        plan.anchor = rule.first_start(start)
        period = period_from_date(rule, plan.anchor, start, self.company_id._isp_zone())
        plan.charges = plan.charges + [
            self._prepare_row_vals(package, quantity, period)
        ]
        plan.billing_date = period.date_end + timedelta(days=1)

    def _prepare_unbilled_parts(self, day):
        """Return the rows of days served and not billed yet, up to the day before.

        Periods in arrears are billed at their end; one that ends early is billed then.
        """
        rule = self._get_rule_of(self.package_id)
        start, day = self.billing_date, self._get_served_end(day)
        if self.state != "active" or not start or start >= day or rule.is_bundle:
            return []
        in_arrears = self.package_id.billing_timing == "arrears"
        if not in_arrears and self._decide_access().level == "off":
            return []
        rows = []
        while start < day:
            period = self._get_period_from(start)
            last = min(period.date_end, day - timedelta(days=1))
            following = last + timedelta(days=1)
            period = replace(
                period, date_end=last, end_at=self.company_id._isp_to_utc(following)
            )
            rows.append(self._prepare_row_vals(self.package_id, self.quantity, period))
            start = following
        return rows

    def _get_served_end(self, day):
        """Return the first day up to a day that is not served: where a pause began, or
        where the line went off because it owes."""
        self.ensure_one()
        company = self.company_id
        paused = self.suspension_ids.filtered(lambda s: s.pause_state == "begun")
        ends = [day, *(pause._get_pause_day() for pause in paused)]
        off_at = self.covered_until_at
        is_over = off_at and off_at <= fields.Datetime.now()
        if is_over and self._decide_access().level == "off":
            ends.append(company._isp_to_local(off_at).date())
        return min(ends)

    def _get_rule_of(self, package):
        """Return the cycle a package has on this line.

        What is paid first has the day it is paid, no common one.
        """
        self.ensure_one()
        day = self.contract_id.billing_day or self.company_id.isp_billing_day
        if package.billing_mode == "pay_first":
            day = 0
        return package.billing_cycle_id._get_rule(day)

    def _set_date_behind_billed(self, otherwise=False):
        """Let the next period begin where what is billed ends."""
        self.ensure_one()
        latest = self._get_period_billings()[:1]
        if latest:
            self.billing_date = self.company_id._isp_to_local(latest.end_at).date()
        elif otherwise:
            self.billing_date = otherwise

    def _is_covered_now(self):
        """Whether money alone keeps the line on now."""
        self.ensure_one()
        until = self.covered_until_at
        return bool(until) and until > fields.Datetime.now()


class IspBilling(models.Model):
    _inherit = "isp.billing"

    def _get_last_day(self):
        """Return the last day; a bundle's is that before the day it runs out."""
        self.ensure_one()
        if not self.package_id.billing_cycle_id._get_rule().is_bundle:
            return self.date_end
        runs_out = self.company_id._isp_to_local(self.end_at).date()
        return min(self.date_end, runs_out - timedelta(days=1))

    def _get_rest_from(self, day):
        """Return the `tools.periods.Period` of this row's days from a day on."""
        self.ensure_one()
        begins_later = self.date_start >= day
        return Period(
            self.date_start if begins_later else day,
            self.date_end,
            self.start_at if begins_later else self.company_id._isp_to_utc(day),
            self.end_at,
            (self.cycle_start or self.date_start, self.cycle_end or self.date_end),
        )
