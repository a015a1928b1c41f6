from datetime import datetime

from odoo import fields, models

from odoo.addons.base.models.res_partner import _tz_get

from ..tools import periods


class ResCompany(models.Model):
    _inherit = "res.company"

    isp_tz = fields.Selection(
        _tz_get,
        string="Billing Time Zone",
        default=lambda self: self.env.user.tz or "UTC",
        required=True,
        help="Days begin and end here: due dates, periods and expiry, in scheduled "
        "actions too.",
    )
    isp_billing_lead_days = fields.Integer(
        string="Invoice Days Ahead",
        default=5,
        help="The next period is invoiced this many days before it begins.",
    )
    isp_deadman_slack_hours = fields.Integer(
        string="RADIUS Slack (hours)",
        default=72,
        help="How long FreeRADIUS lets a line on after its expiry when this system "
        "is down. While it is up, it cuts on time by itself.",
    )
    isp_collection_ids = fields.One2many("isp.collection", "company_id")
    isp_attention_user_id = fields.Many2one(
        "res.users",
        string="Tell about Trouble",
        help="Gets an activity when a line can't be billed.",
    )

    _isp_lead_positive = models.Constraint(
        "CHECK (isp_billing_lead_days BETWEEN 0 AND 60)",
        "Invoices can be issued between 0 and 60 days ahead.",
    )
    _isp_slack_positive = models.Constraint(
        "CHECK (isp_deadman_slack_hours BETWEEN 0 AND 8760)",
        "The RADIUS slack must lie between 0 hours and a year.",
    )

    def _isp_today(self):
        """Return today's date in the company's time zone."""
        return self._isp_to_local(fields.Datetime.now()).date()

    def _isp_to_utc(self, day, hour=0):
        """Return the naive UTC moment at which a local day begins.

        :param date day: a date in the company's time zone
        :param int hour: hours after the local midnight
        :rtype: datetime
        """
        return periods.to_utc(day, self._isp_zone(), hour)

    def _isp_to_local(self, moment):
        """Return a naive UTC moment as the company's naive local time."""
        return periods.to_local(moment, self._isp_zone())

    def _isp_local_to_utc(self, local):
        """Return a naive local time of the company as naive UTC."""
        midnight = datetime(local.year, local.month, local.day)
        return self._isp_to_utc(local.date()) + (local - midnight)

    def _isp_zone(self):
        self.ensure_one()
        return self.isp_tz or "UTC"
