from datetime import timedelta

from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date


class IspConnection(models.Model):
    """Periods in arrears: served first, invoiced at their end, off when that is due."""

    _inherit = "isp.connection"

    def _is_in_arrears(self):
        self.ensure_one()
        return self.package_id.billing_timing == "arrears"

    # === COVERAGE === #

    @api.depends(
        "next_invoice_date",
        "package_id.billing_timing",
        "package_id.payment_days",
        "billing_ids.invoice_id.invoice_date_due",
    )
    def _compute_coverage(self):
        """Override: what arrears depend on besides."""
        return super()._compute_coverage()

    def _get_covered_end(self, billings):
        """Override: a line in arrears is on until an invoice of it is overdue, or the
        next one would be."""
        if not self._is_in_arrears():
            return super()._get_covered_end(billings)
        unpaid = billings.filtered(lambda b: not b.is_paid).sorted("start_at")[:1]
        if unpaid.invoice_id:
            due = unpaid.invoice_id.invoice_date_due
        elif self.billing_date:
            due = self._get_invoice_date() + timedelta(self.package_id.payment_days)
        else:
            return False
        return self.company_id._isp_to_utc(due + timedelta(days=1))

    # === BILLING === #

    def _get_next_start(self):
        """Override: what was served is billed, also when the line is off by now."""
        if not self._is_in_arrears():
            return super()._get_next_start()
        return self.billing_date, self.anchor_date or self.billing_date

    def _activate(self):
        """Override: nothing is billed before it was served."""
        in_arrears = self.filtered(lambda c: c._is_in_arrears())
        for connection in in_arrears:
            today = connection.company_id._isp_today()
            connection._begin_on(max(today, connection.date_start))
        return super(IspConnection, self - in_arrears)._activate()

    def _begin_on(self, day):
        self.write(
            {
                "state": "active",
                "anchor_date": self._get_rule().first_start(day),
                "billing_date": day,
            }
        )

    def _bill_by_hand(self):
        """Override: a period in arrears isn't billed ahead of its end."""
        for connection in self.filtered(lambda c: c._is_in_arrears()):
            if connection.next_invoice_date > connection.company_id._isp_today():
                raise UserError(
                    self.env._(
                        "%(connection)s is billed when its period has ended, on "
                        "%(date)s.",
                        connection=connection.display_name,
                        date=format_date(self.env, connection.next_invoice_date),
                    )
                )
        return super()._bill_by_hand()

    def action_close(self):
        """Override: what was served until today is billed before the line is closed."""
        engine = self._get_engine().filtered(
            lambda c: c.state == "active" and c._is_in_arrears()
        )
        for connection in engine:
            today = connection.company_id._isp_today()
            connection._bill_served(today + timedelta(days=1))
        return super().action_close()

    def _bill_served(self, day):
        """Bill what was served and not billed before a day; the next period begins
        there."""
        self.ensure_one()
        self._write_served(day)
        self._issue_served()
        self.write(
            {
                "billing_date": day,
                "anchor_date": self._get_rule().first_start(day),
            }
        )

    def _write_served(self, day):
        """Write down what was served before a day; it has no invoice yet."""
        return self.env["isp.billing"].create(self._prepare_unbilled_parts(day))

    def _resume_in_arrears(self, off_at, moment):
        """Go on after a line was off because it owed: it pays for the days it was on.

        Its invoice comes by the billing run: in the middle of a matching, Odoo can't
        make documents.

        :param datetime off_at: when it went off
        :param datetime moment: when it was paid
        """
        self.ensure_one()
        company = self.company_id
        off_day = company._isp_to_local(off_at).date()
        today = company._isp_to_local(moment).date()
        if off_day >= today:
            return
        if self.billing_date < off_day:
            self._write_served(off_day)
            self._trigger_billing()
        if self.billing_date < today:
            self._begin_on(today)

    @api.model
    def _get_issue_served_domain(self):
        """Lines with a period that was served and has no invoice yet."""
        return Domain("package_id.billing_timing", "=", "arrears") & Domain(
            "billing_ids", "any", self._get_served_domain()
        )

    @api.model
    def _get_served_domain(self):
        return [
            ("kind", "=", "period"),
            ("state", "=", "billed"),
            ("start_at", "!=", False),
            ("invoice_id", "=", False),
        ]

    def _issue_served(self):
        """Invoice what was served: a document for each period."""
        rows = self.billing_ids.filtered_domain(self._get_served_domain())
        for row in rows.sorted("start_at"):
            row._issue_invoices()


class IspBilling(models.Model):
    _inherit = "isp.billing"

    def _cut(self, day):
        """Override: what was served gets its invoice before a part is taken back."""
        self.filtered(lambda b: not b.invoice_id).connection_id._issue_served()
        return super()._cut(day)

    def _start_when_paid(self, moment):
        """Override: a period in arrears was served; time off is passed over."""
        in_arrears = self.filtered(lambda b: b.connection_id._is_in_arrears())
        fresh = in_arrears.filtered(
            lambda b: b.kind == "period" and not b.first_paid_at
        )
        fresh.first_paid_at = moment
        for connection, billings in fresh.grouped("connection_id").items():
            due = min(billings.invoice_id.mapped("invoice_date_due"))
            off_at = connection.company_id._isp_to_utc(due + timedelta(days=1))
            off_at += timedelta(hours=connection.package_id.grace_hours)
            if off_at < moment and connection.state == "active":
                connection._resume_in_arrears(off_at, moment)
        return super(IspBilling, self - in_arrears)._start_when_paid(moment)
