from datetime import timedelta

from odoo import fields, models

from ..tools.periods import Period, period_from_date


class IspConnection(models.Model):
    """After a pause come the days that were left before it."""

    _inherit = "isp.connection"

    def _get_next_period(self):
        """Override: after a pause come the days that were left before it."""
        return self._get_rest_after_pause() or super()._get_next_period()

    def _get_rest_after_pause(self):
        """Return the days that a pause took from the end of a period, as the
        `tools.periods.Period` that gives them back; None if there are none.

        They cost what was credited for them: who paid is on again when he is back.
        With a common billing day the rest of the month is charged instead.
        """
        self.ensure_one()
        latest = self._get_period_billings()[:1]
        credit = self._get_pause_credits().filtered(
            lambda b: (
                b.origin_id == latest
                and b.date_start == latest.date_end + timedelta(days=1)
            )
        )[:1]
        if not credit:
            return None
        rule = self._get_rule()
        wanted = (
            self._get_package_on(self.billing_date),
            self._get_quantity_on(self.billing_date),
        )
        is_same = wanted == (latest.package_id, latest.quantity)
        if not is_same or rule.is_bundle or rule.has_common_day:
            return None
        start = self._get_next_start()[0]
        shift = start - credit.date_start
        end, company = credit.date_end + shift, self.company_id
        return Period(
            start,
            end,
            company._isp_to_utc(start),
            company._isp_to_utc(end + timedelta(days=1)),
            (latest.cycle_start + shift, latest.cycle_end + shift),
        )

    def _resume_on(self, day):
        """Override: what was paid within the pause, and not served, begins now."""
        res = super()._resume_on(day)
        last, now = self._get_period_billings()[:1], fields.Datetime.now()
        paid_at = last.is_paid and last.first_paid_at
        within = self.suspension_ids.filtered(
            lambda s: s.pause_state == "ended" and paid_at and s.date_from <= paid_at
        )
        if (
            within.filtered(lambda s: paid_at <= s.date_to)
            and not self._is_on_without(last, now)
            and not self._was_extended_through(last)
            and last._counts_from_payment(now)
        ):
            self._move_period(last, now)
        return res

    def _get_pause_credits(self):
        """Return what pauses credited that have ended."""
        return self.billing_ids.filtered(
            lambda b: (
                b.kind == "credit"
                and b.state == "billed"
                and b.suspension_id.pause_state == "ended"
            )
        )

    def _get_period_after(self, period):
        """Override: whole periods are counted from where the rest ends."""
        if period != self._get_rest_after_pause():
            return super()._get_period_after(period)
        day = period.date_end + timedelta(days=1)
        zone = self.company_id._isp_zone()
        return period_from_date(self._get_rule(), day, day, zone)

    def _set_following_date(self, period):
        """Override: whole periods are counted from where the rest ends."""
        is_rest = period == self._get_rest_after_pause()
        res = super()._set_following_date(period)
        if is_rest:
            self.anchor_date = self.billing_date
        return res

    def _is_served_on(self, day):
        """Override: so were days that a pause took which was booked after its end."""
        late = self._get_pause_credits().filtered(
            lambda b: (
                b.suspension_id._get_resume_day() == day
                and b.date_end >= day
                and b.invoice_id.invoice_date > day
            )
        )
        return bool(late) or super()._is_served_on(day)


class IspBilling(models.Model):
    _inherit = "isp.billing"

    def _counts_from_payment(self, moment):
        """Override: nothing begins within a pause."""
        paused = self.connection_id.suspension_ids.filtered(
            lambda s: s.pause_state == "begun"
        )
        return not paused and super()._counts_from_payment(moment)
