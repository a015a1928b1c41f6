from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools import periods
from .isp_connection_billing_run import RETRY_HOURS

# Items whose days are known when service begins, and not before.
DATED_KINDS = ("charge", "discount")


class IspConnection(models.Model):
    """The first sum of a new line, and the day its service begins.

    Set-up and first period are one sum. Until service is started, the first period has
    no dates: nothing is used up.
    """

    _inherit = "isp.connection"

    amount_due_first = fields.Monetary(
        string="To Pay First",
        compute="_compute_amount_due_first",
        compute_sudo=True,
        help="What a new line has to pay before its service begins, taxes included.",
    )

    @api.depends("state", "is_setup", "package_id", "contract_id.balance")
    def _compute_amount_due_first(self):
        for connection in self:
            saved = connection._origin
            is_new = saved.state == "new"
            connection.amount_due_first = (
                saved._get_amount_due_first() if is_new else 0.0
            )

    def _get_amount_due_first(self):
        first = self._get_first_billings()
        if first:
            lines = first.invoice_id.line_ids.filtered(
                lambda line: line.isp_connection_id == self and line.isp_contract_id
            )
            return sum(lines.mapped("amount_residual"))
        if not self._is_pay_first() and not self._has_first_sum():
            return 0.0
        total = self.env["isp.billing"]._get_total(self._prepare_first_billing_vals())
        return max(self.currency_id.round(total - self.contract_id.balance), 0.0)

    # === ACTIONS === #

    def action_start_service(self):
        """Begin the first period today: the line works, the client was shown."""
        self.check_access("write")
        groups = ("isp_group_network", "isp_group_clerk")
        if not any(self.env.user.has_group(f"mybizna_isp.{name}") for name in groups):
            raise AccessError(
                self.env._("Only technicians and the back office start a service.")
            )
        # What follows from it is the engine's to write.
        for connection in self.sudo():
            if connection.state != "ready" or not connection._is_first_paid():
                raise UserError(
                    self.env._(
                        "%(connection)s can't be started: its first sum is not paid, "
                        "or it is in service already.",
                        connection=connection.display_name,
                    )
                )
            connection._start_service()

    # === BUSINESS: the sum === #

    def _has_first_sum(self):
        """Whether set-up and first period are charged at once, before service."""
        self.ensure_one()
        package = self.package_id
        return (
            self.company_id.isp_first_sum
            and package.billing_timing == "advance"
            and (bool(self.setup_item_ids) or package.start_mode == "technician")
        )

    def _get_pending_billing(self):
        """Return the first period that waits for service to start, if there is one."""
        return self.billing_ids.filtered(
            lambda b: b.kind == "period" and b.state != "revoked" and not b.start_at
        )

    def _get_first_billings(self):
        return self._get_setup_billing() | self._get_pending_billing()

    def _is_first_paid(self):
        """Whether nothing is left to pay before service: charged and paid."""
        self.ensure_one()
        return self.is_setup and all(b.is_paid for b in self._get_first_billings())

    def _issue_first(self):
        """Charge what comes before service, by the ways of package and company."""
        charged = self.filtered(lambda c: not c._is_pay_first())
        summed = charged.filtered(lambda c: c._has_first_sum())
        (charged - summed)._issue_setup()
        summed._issue_first_sum()
        bought = self - charged
        bought.contract_id._renew_from_credit()
        # Money that comes is looked at when it comes.
        bought.filtered(
            lambda c: not c.is_setup
        ).billing_retry_at = fields.Datetime.add(
            fields.Datetime.now(), hours=RETRY_HOURS
        )

    def _issue_first_sum(self):
        """Charge set-up and first period on one document, once.

        :return: the posted documents
        """
        if not self:
            return self.env["account.move"]
        rows = self.env["isp.billing"].create(
            [vals for line in self for vals in line._prepare_first_billing_vals()]
        )
        # Credit in hand may pay it at once, and then service begins.
        self.is_setup = True
        moves = rows._issue_invoices()
        for row in rows.filtered(lambda b: b.kind == "setup"):
            row.connection_id.setup_item_ids.invoice_id = row.invoice_id
        return moves

    def _prepare_first_billing_vals(self):
        """Return the values of the rows of the first sum.

        The period has the price of today, or of the start date, and no dates yet. It is
        a whole one, also where periods begin on a common day: that is what is paid.
        """
        self.ensure_one()
        vals = self._prepare_billing_vals(self._get_first_period())
        name = self.env._("%(package)s, first period", package=self.package_id.name)
        for _command, _id, item in vals["item_ids"]:
            if item.get("kind", "charge") not in DATED_KINDS:
                continue
            if item.get("kind", "charge") == "charge":
                item["name"] = f"{name} ({self.username or self.account_no})"
            item |= {"date_start": False, "date_end": False}
        dates = ("date_start", "date_end", "start_at", "end_at")
        ends = ("cycle_start", "cycle_end")
        vals |= {"name": name, **dict.fromkeys((*dates, *ends), False)}
        setup = [self._prepare_setup_billing_vals()] if self.setup_item_ids else []
        return [*setup, vals]

    def _get_first_period(self):
        rule = self.package_id.billing_cycle_id._get_rule()
        zone = self.company_id._isp_zone()
        day = max(self.date_start, self.company_id._isp_today())
        if rule.is_hourly:
            return periods.period_from_moment(rule, fields.Datetime.now(), zone)
        return periods.period_from_date(rule, day, day, zone)

    # === BUSINESS: into service === #

    def _take_into_service(self):
        """Take new lines whose first sum is paid a step further: ready, or active."""
        new = self.filtered(lambda c: c.state == "new")
        waiting = new.filtered(lambda c: c.package_id.start_mode == "technician")
        waiting.state = "ready"
        (new - waiting)._start_service()

    def _start_service(self):
        """Begin the first period now; where none is charged yet, bill it."""
        charged = self.filtered(lambda c: c._get_pending_billing())
        (self - charged)._activate()
        for connection in charged:
            connection._start_charged()

    def _start_charged(self):
        self.ensure_one()
        pending = self._get_pending_billing()
        self.state = "active"
        self._begin_period(pending, fields.Datetime.now())
        days = (pending.date_start, pending.date_end)
        pending.name = self._describe_period(pending.package_id, days)
        dated = pending.item_ids.filtered(lambda item: item.kind in DATED_KINDS)
        dated.write({"date_start": days[0], "date_end": days[1]})
        self.message_post(
            body=self.env._(
                "Service started: the first period counts from %(start)s to %(end)s.",
                start=days[0],
                end=days[1],
            )
        )

    def _after_first_paid(self):
        """Let new lines whose first sum has just been paid go on, in the same breath.

        Trouble keeps no money from being booked: the line tells of it and is tried
        again by the billing run.
        """
        for connection in self.filtered(lambda c: c.state == "new"):
            if connection._get_pending_billing() and connection._is_first_paid():
                connection._run_guarded(connection._take_into_service)
