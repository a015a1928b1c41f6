from dataclasses import replace
from datetime import timedelta

from odoo import fields, models

from ..tools import periods

# The furthest that a corrected time zone can move a midnight.
ZONES_APART = timedelta(hours=26)


class IspConnection(models.Model):
    """Which period of a line comes next, and when it begins and ends."""

    _inherit = "isp.connection"

    def _get_next_period(self):
        """Return the `tools.periods.Period` to bill next."""
        return self._get_new_period()

    def _get_new_period(self):
        """Return the `tools.periods.Period` behind those that are billed.

        A line that was off and owes nothing gets no invoice for the time it was off:
        its next period begins today. What is billed already is never billed again.
        """
        self.ensure_one()
        company = self.company_id
        rule = self._get_rule()
        if rule.is_hourly:
            now = fields.Datetime.now()
            latest = self._get_period_billings()[:1]
            start = max(latest.end_at or now, now)
            return periods.period_from_moment(rule, start, company._isp_zone())
        day, anchor = self._get_next_start()
        period = self._get_period_from(day, anchor)
        while (fitted := self._fit_between_billed(period)) is None:
            following = company._isp_to_local(period.end_at).date()
            period = self._get_period_from(following, anchor)
        return fitted

    def _get_next_start(self):
        """Return the day the next period begins, and the anchor it is counted from.

        That of a line that is off begins today, not in the past.
        """
        self.ensure_one()
        today = self.company_id._isp_today()
        is_past = self.billing_date < today and not self._is_served_on(
            self.billing_date
        )
        if is_past and self._decide_access().level == "off":
            return today, self._get_rule().first_start(today)
        return self.billing_date, self.anchor_date or self.billing_date

    def _is_served_on(self, day):
        """Whether the period of a day was served, and its invoice cancelled."""
        return any(
            b.is_served and b.state == "revoked" and b.date_start == day
            for b in self.billing_ids
        )

    def _get_rule(self):
        """Return this line's cycle as the arithmetic of `tools.periods`."""
        self.ensure_one()
        day = self.contract_id.billing_day or self.company_id.isp_billing_day
        return self.package_id.billing_cycle_id._get_rule(day)

    def _get_period_from(self, day, anchor=None):
        """Return the `tools.periods.Period` of this line that begins on a day."""
        return periods.period_from_date(
            self._get_rule(),
            anchor or self.anchor_date or day,
            day,
            self.company_id._isp_zone(),
        )

    def _fit_between_billed(self, period):
        """Let a period begin where a billed one ends; ``None`` if nothing is left.

        Dates meet, moments may not: the company's time zone was corrected, or a bundle
        of hours ends in the middle of a day.
        """
        billed = self._get_period_billings()
        before = billed.filtered(
            lambda b: (
                b.start_at <= period.start_at
                and b.end_at > period.start_at - ZONES_APART
            )
        )
        start_at = max(before.mapped("end_at"), default=period.start_at)
        after = (billed - before).filtered(
            lambda b: start_at <= b.start_at < period.end_at
        )
        end_at = min(after.mapped("start_at"), default=period.end_at)
        if start_at >= end_at:
            return None
        fitted = replace(period, start_at=start_at, end_at=end_at)
        return self._cut_to_moments(fitted) if fitted != period else period

    def _cut_to_moments(self, period):
        """Return a period with the days between its moments; ``None`` where it ends
        within a day. Days that others have charged are not charged again."""
        company = self.company_id
        first = company._isp_to_local(period.start_at).date()
        end = company._isp_to_local(period.end_at).date()
        if period.end_at != company._isp_to_utc(end):
            return None
        if period.start_at != company._isp_to_utc(first):
            first = period.date_start
        return replace(
            period,
            date_start=max(first, period.date_start),
            date_end=min(end - timedelta(days=1), period.date_end),
        )

    def _set_following_date(self, period):
        """Note the local date on which the period after this one begins, and where
        periods are counted from, if that moved."""
        if self.anchor_date and self.billing_date:
            anchor = self._get_next_start()[1]
            if anchor != self.anchor_date:
                self.anchor_date = anchor
        self.billing_date = self.company_id._isp_to_local(period.end_at).date()
        if self.billing_hold:
            self.billing_hold = False

    def _get_period_billings(self):
        """Return the live billed periods, the latest first."""
        return self.billing_ids.filtered(
            lambda b: b.kind == "period" and b.state != "revoked" and b.start_at
        ).sorted("start_at", reverse=True)

    def _move_period(self, billing, moment):
        """Let a paid period that was never served begin at a moment, and say so."""
        self._begin_period(billing, moment)
        self.message_post(
            body=self.env._(
                "%(billing)s was paid after its time: it counts from %(start)s to "
                "%(end)s.",
                billing=billing.name,
                start=billing.date_start,
                end=billing.date_end,
            )
        )

    def _begin_period(self, billing, moment):
        """Let a billed period begin at a moment; the next one follows it."""
        self.ensure_one()
        company = self.company_id
        # Of full length, also where periods begin on a common day: that was paid.
        rule = self.package_id.billing_cycle_id._get_rule()
        today = company._isp_to_local(moment).date()
        self.anchor_date = self._get_rule().first_start(today)
        if rule.is_bundle:
            period = periods.period_from_moment(rule, moment, company._isp_zone())
        else:
            period = periods.period_from_date(rule, today, today, company._isp_zone())
        billing._move_to(period)
        # A part keeps its number of days: the next one follows that.
        self._set_following_date(billing._get_rest_from(billing.date_start))
