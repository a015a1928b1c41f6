from datetime import datetime

from odoo import api, fields, models
from odoo.tools import float_round

from odoo.addons.base.models.res_partner import _tz_get

from ..tools import periods

# However generous the tolerance: what is missing is small beside the price.
TOLERANCE_SHARE = 0.02


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
    isp_settle_minutes = fields.Integer(
        string="Time to Undo a Cut (minutes)",
        default=15,
        help="A line that is no longer paid because somebody changed a payment, an "
        "invoice or a date stays on for so long: put right within that time, nobody "
        "is cut. What ends by itself, and a suspension, is cut at once.",
    )
    isp_billing_day = fields.Integer(
        string="Common Billing Day",
        help="The day of the month that periods of months begin, for all lines: 1 to "
        "31, where 31 is the last day of the month. The first period is then a part. "
        "0: each line has the day it began.",
    )
    isp_late_payment = fields.Selection(
        [
            ("due", "The day it was due"),
            ("payment", "The day it is paid"),
        ],
        string="Paid Late, a Period Counts from",
        default="due",
        required=True,
        help="For a line that was off until it paid. A period that has passed unserved "
        "always counts from the day it is paid.",
    )
    isp_tolerance = fields.Monetary(
        string="Tolerance",
        default=20.0,
        currency_field="currency_id",
        help="A period counts as paid when no more than this is missing, and no more "
        "than 2 % of it. The rest stays owed.",
    )
    isp_one_document = fields.Boolean(
        string="Credit and Charge on One Document",
        compute="_compute_isp_one_document",
        store=True,
        readonly=False,
        help="A change in the middle of a period gives one document over the "
        "difference. Without it, each invoice gets a credit note of its own, as "
        "Kenya's tax office wants it.",
    )
    isp_first_sum = fields.Boolean(
        string="Set-up and First Period in One Sum",
        default=True,
        help="A new line pays its set-up and its first period at once, on one invoice.",
    )
    isp_max_open_periods = fields.Integer(
        string="Reporting Periods Open at Once",
        default=2,
        help="When a new month begins and so many are open, the oldest is closed.",
    )
    isp_auto_billing = fields.Boolean(
        string="Issue Invoices by Itself",
        default=True,
        help="Without it, each billing run waits for a person who looks at it first.",
    )
    isp_run_limit_percent = fields.Integer(
        string="Hold a Run above (%)",
        default=120,
        help="A month's invoices beyond this share of last month's wait on hold.",
    )
    isp_run_limit_count = fields.Integer(
        string="But not below (invoices)",
        default=20,
        help="Up to so many invoices a month nothing is held.",
    )
    isp_collection_ids = fields.One2many("isp.collection", "company_id")
    isp_session_days = fields.Integer(
        string="Keep Sessions (days)",
        default=365,
        help="Sessions that ended longer ago are forgotten, their usage per day is "
        "not. 0 keeps them for ever. What RADIUS itself keeps is never touched.",
    )
    isp_attention_user_id = fields.Many2one(
        "res.users",
        string="Tell about Trouble",
        help="Gets an activity when a line can't be billed.",
    )

    _isp_lead_positive = models.Constraint(
        "CHECK (isp_billing_lead_days BETWEEN 0 AND 60)",
        "Invoices can be issued between 0 and 60 days ahead.",
    )
    _isp_session_days_positive = models.Constraint(
        "CHECK (isp_session_days >= 0)",
        "Sessions are kept for a number of days, or for ever with 0.",
    )
    _isp_slack_positive = models.Constraint(
        "CHECK (isp_deadman_slack_hours BETWEEN 0 AND 8760)",
        "The RADIUS slack must lie between 0 hours and a year.",
    )
    _isp_settle_range = models.Constraint(
        "CHECK (isp_settle_minutes BETWEEN 0 AND 1440)",
        "The time to undo a cut must lie between 0 minutes and a day.",
    )

    _isp_billing_day_valid = models.Constraint(
        "CHECK (isp_billing_day BETWEEN 0 AND 31)",
        "The common billing day lies between 1 and 31; 0 is none.",
    )
    _isp_tolerance_positive = models.Constraint(
        "CHECK (isp_tolerance >= 0)", "The tolerance can't be negative."
    )
    _isp_open_periods_positive = models.Constraint(
        "CHECK (isp_max_open_periods >= 1)",
        "At least one reporting period has to be open.",
    )

    @api.depends("country_id")
    def _compute_isp_one_document(self):
        for company in self:
            company.isp_one_document = company.country_id.code != "KE"

    def _isp_get_tolerance(self, price):
        """Return how much may be missing of a price that still counts as paid."""
        self.ensure_one()
        share = float_round(
            price * TOLERANCE_SHARE,
            precision_rounding=self.currency_id.rounding,
            # Half a coin must not become a whole one.
            rounding_method="DOWN",
        )
        return min(self.isp_tolerance, share)

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
