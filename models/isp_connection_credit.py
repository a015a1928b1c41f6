from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.tools import format_date

from ..tools import periods


class IspConnection(models.Model):
    """Credit in hand, shown as time."""

    _inherit = "isp.connection"

    credit_text = fields.Char(
        string="Paid",
        compute="_compute_credit_text",
        compute_sudo=True,
        help="Until when the line is paid, and how far the contract's credit in hand "
        "reaches, for all its lines in their order, at today's prices.",
    )

    credit_until_at = fields.Datetime(
        string="Credit Reaches To",
        readonly=True,
        copy=False,
        help="How far the contract's credit in hand reached for this line when money "
        "last moved. The device is told, so that it goes on until then should this "
        "system be down.",
    )

    @api.depends_context("lang")
    @api.depends("state", "paid_until_at", "billing_date", "contract_id.balance")
    def _compute_credit_text(self):
        for contract, lines in self._origin.grouped("contract_id").items():
            reach = contract._get_reach()
            for connection in lines:
                connection.credit_text = connection._describe_credit(reach)
        for connection in self - self._origin:
            connection.credit_text = connection._origin.credit_text

    def _describe_credit(self, reach):
        """Return until when this line is paid, and what credit in hand adds."""
        self.ensure_one()
        if self.state in ("new", "closed") and not self.paid_until_at:
            return self._say_credit(reach).capitalize()
        if not self.paid_until_at or self._is_in_arrears():
            # What is paid when it has passed is not paid until a day to come.
            return self._say_credit(reach)
        paid = self.env._("Paid until %s", self._say_last_day(self.paid_until_at))
        return ", ".join(filter(None, (paid, self._say_credit(reach))))

    def _say_coverage(self):
        """Return what the client wants to know of a line: until when it is paid, and
        until when it is on without money."""
        self.ensure_one()
        parts = [self.credit_text or self.env._("nothing paid yet")]
        decision = self._decide_access()
        if decision.reason == "extension" and decision.until:
            last = self._say_last_day(decision.until)
            parts.append(self.env._("on until %s without money", last))
        return "; ".join(parts)

    def _say_own_credit(self):
        return self._say_credit(self.contract_id._get_reach())

    def _say_credit(self, reach):
        """Return what is in hand, and how far it reaches for this line, or ""."""
        contract = self.contract_id
        if contract.currency_id.compare_amounts(contract.balance, 0) <= 0:
            return ""
        amount = contract.currency_id.format(contract.balance)
        if self in reach and reach[self] > (self.paid_until_at or datetime.min):
            return self.env._(
                "%(amount)s in hand: to %(day)s",
                amount=amount,
                day=self._say_last_day(reach[self]),
            )
        return self.env._("%s in hand", amount)

    def _say_last_day(self, moment):
        """Return the last day that ends by a moment, short, as people say it."""
        last = self.company_id._isp_to_local(moment - timedelta(seconds=1)).date()
        today = self.company_id._isp_today()
        pattern = "d MMM" if abs((last - today).days) < 300 else "d MMM y"
        return format_date(self.env, last, date_format=pattern)

    def _get_price_of(self, period, prices):
        """Return what a period costs with taxes; whole ones cost the same.

        :param dict prices: what is known already, to be added to
        """
        key = self if not period.is_part else (self, period)
        if key not in prices:
            vals = self._prepare_time_vals(period)
            prices[key] = self.env["isp.billing"]._get_total([vals])
        return prices[key]

    def _get_period_after(self, period):
        """Return the `tools.periods.Period` that follows on one of this line."""
        rule, zone = self._get_rule(), self.company_id._isp_zone()
        if rule.is_bundle:
            return periods.period_from_moment(rule, period.end_at, zone)
        following = period.date_end + timedelta(days=1)
        # Counted from where this one's whole period began, so that the 31st comes back.
        anchor = self._get_next_start()[1] or following
        return periods.period_from_date(rule, anchor, following, zone)

    def _get_whole_period_at(self, moment):
        """Return a whole `tools.periods.Period` that begins when a moment's day does,
        to know what time is worth."""
        rule = self.package_id.billing_cycle_id._get_rule()
        zone = self.company_id._isp_zone()
        if rule.is_hourly:
            return periods.period_from_moment(rule, moment, zone)
        day = self.company_id._isp_to_local(moment).date()
        return periods.period_from_date(rule, day, day, zone)
