from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL


class IspConnection(models.Model):
    """Lines whose next invoice waits for a person: the hold list."""

    _inherit = "isp.connection"

    billing_hold = fields.Selection(
        [
            ("behind", "More than a period behind"),
            ("spike", "Far more than last month"),
            ("asked", "Waits for a look"),
        ],
        string="Billing on Hold",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Nothing is invoiced until a person releases it.",
    )
    billing_released = fields.Date(
        string="Released for",
        readonly=True,
        copy=False,
        help="The period that a person released from hold; the next one is looked at "
        "anew.",
    )

    is_billing_released = fields.Boolean(
        compute="_compute_is_billing_released", store=True, copy=False
    )

    @api.depends("billing_released", "billing_date")
    def _compute_is_billing_released(self):
        for connection in self:
            connection.is_billing_released = bool(connection.billing_date) and (
                connection.billing_released == connection.billing_date
            )

    # === ACTIONS === #

    def action_release_hold(self):
        """Let what is due be invoiced, as it stands."""
        self.filtered("billing_hold")._release_hold()
        self._trigger_billing()

    def _release_hold(self):
        """A person has looked at these: their next period is not put on hold."""
        for day, connections in self._get_engine().grouped("billing_date").items():
            connections.write({"billing_hold": False, "billing_released": day})

    def action_bill_from_today(self):
        """Pass over what lies behind: the next period begins today."""
        engine = self._get_engine()
        for connection in engine.filtered("billing_hold"):
            today = connection.company_id._isp_today()
            connection.message_post(
                body=self.env._(
                    "Periods from %(start)s on are not invoiced; the next begins now.",
                    start=connection.billing_date,
                )
            )
            connection.write(
                {
                    "billing_date": today,
                    "anchor_date": connection._get_rule().first_start(today),
                    "billing_hold": False,
                    "billing_released": today,
                }
            )
        self._trigger_billing()

    # === BUSINESS === #

    @api.model
    def _hold_lines(self):
        """Put due lines on hold that a person should look at first."""
        companies = self.env["res.company"].search([])  # pylint: disable=no-search-all
        for company in companies:
            due = self._get_step_domain("_bill_next_period") & Domain(
                "company_id", "=", company.id
            )
            unseen = due & Domain("is_billing_released", "=", False)
            if not company.isp_auto_billing:
                self.search(unseen)._set_hold("asked")
                continue
            late = self.search(
                unseen & Domain("billing_date", "<", company._isp_today())
            )
            late.filtered(lambda c: c._is_behind())._set_hold("behind")
            room = self._get_room(company)
            if room is None or self.search_count(due, limit=room + 1) <= room:
                continue
            ordered = self.search(due, order="next_invoice_date, id")
            beyond = ordered[room:]
            beyond.filtered(lambda c: not c.is_billing_released)._set_hold("spike")

    def _set_hold(self, reason):
        if self:
            self.with_context(tracking_disable=True).billing_hold = reason

    def _is_behind(self):
        """Whether a whole period has passed of a line that was never billed here.

        It comes from elsewhere, and its date needs a look. Periods that were missed
        here are made up in order, where the line was on; one that was off begins again
        today.
        """
        self.ensure_one()
        today = self.company_id._isp_today()
        if self._get_rule().is_hourly or self._get_period_billings():
            return False
        period = self._get_period_from(self.billing_date)
        if self.package_id.billing_timing == "arrears":
            period = self._get_period_from(fields.Date.add(period.date_end, days=1))
        return period.date_end < today

    @api.model
    def _get_room(self, company):
        """Return how many periods may still be invoiced this month; ``None`` if there
        is no month to compare with."""
        today = company._isp_today()
        month = today.replace(day=1)
        previous = fields.Date.subtract(month, months=1)
        last = self._count_billed(company, previous, month)
        if not last:
            return None
        limit = max(
            last * company.isp_run_limit_percent // 100, company.isp_run_limit_count
        )
        following = fields.Date.add(month, months=1)
        return max(limit - self._count_billed(company, month, following), 0)

    @api.model
    def _count_billed(self, company, first, following):
        """Count the periods invoiced within days, without those a person released."""
        self.env["isp.billing"].flush_model()
        self.flush_model(["billing_released"])
        rows = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM isp_billing billing "
                "JOIN isp_connection connection "
                "ON connection.id = billing.connection_id "
                "WHERE billing.company_id = %s AND billing.kind = 'period' "
                "AND billing.state <> 'revoked' "
                "AND billing.create_date >= %s AND billing.create_date < %s "
                "AND connection.billing_released IS DISTINCT FROM billing.date_start",
                company.id,
                company._isp_to_utc(first),
                company._isp_to_utc(following),
            )
        )
        return rows[0][0]
