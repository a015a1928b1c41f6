from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date


class IspPeriod(models.Model):
    """One row is a reporting period: documents are posted into open ones only."""

    _name = "isp.period"
    _description = "Reporting Period"
    _order = "date_start desc"

    name = fields.Char(required=True)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    date_start = fields.Date(string="From", required=True)
    date_end = fields.Date(string="To", required=True)
    state = fields.Selection(
        [("open", "Open"), ("closed", "Closed")], required=True, default="open"
    )
    closed_at = fields.Datetime(readonly=True)

    _dates = models.Constraint(
        "CHECK (date_end >= date_start)", "A period can't end before it starts."
    )
    _no_overlap = models.Constraint(
        "EXCLUDE USING gist (int4range(company_id, company_id, '[]') WITH &&, "
        "daterange(date_start, date_end, '[]') WITH &&)",
        "Reporting periods can't overlap.",
    )

    @api.model
    def _get_for(self, company, day):
        """Return the period of a company that a date lies in; a month opens by itself.

        :param company: res.company record
        :param date day: an accounting date
        """
        # Whoever posts need not be allowed to open periods.
        Period = self.sudo()
        period = Period.search(
            [
                ("company_id", "=", company.id),
                ("date_start", "<=", day),
                ("date_end", ">=", day),
            ],
            limit=1,
        )
        if not period:
            start = day.replace(day=1)
            period = Period.create(
                {
                    "name": f"{day:%Y-%m}",
                    "company_id": company.id,
                    "date_start": start,
                    "date_end": start + relativedelta(months=1, days=-1),
                }
            )
        return period

    @api.model
    def _is_open(self, company, day):
        """Whether a document of this accounting date can be posted."""
        return self._get_for(company, day).state == "open"

    @api.model
    def _require_open(self, company, day):
        """Return the open period a date lies in.

        :raise UserError: when that period is closed
        """
        period = self._get_for(company, day)
        if period.state != "open":
            raise UserError(
                self.env._(
                    "%(date)s lies in period %(period)s, which is closed. Give the "
                    "document an accounting date in an open period.",
                    date=format_date(self.env, day),
                    period=period.name,
                )
            )
        return period
