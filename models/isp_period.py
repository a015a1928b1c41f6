from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL


class IspPeriod(models.Model):
    """One row is a reporting period: documents are posted into open ones only."""

    _name = "isp.period"
    _description = "Reporting Period"
    _inherit = ["mail.thread", "isp.system.fields.mixin"]
    _system_fields = frozenset({"state", "closed_at", "locks_before"})
    _order = "date_start desc"

    name = fields.Char(required=True)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    date_start = fields.Date(string="From", required=True, tracking=True)
    date_end = fields.Date(string="To", required=True, tracking=True)
    state = fields.Selection(
        [("open", "Open"), ("closed", "Closed")],
        required=True,
        readonly=True,
        copy=False,
        default="open",
    )
    closed_at = fields.Datetime(string="Closed on", readonly=True, copy=False)
    locks_before = fields.Json(
        readonly=True,
        copy=False,
        help="Odoo's lock dates that its closing raised, and what they were.",
    )
    saldo_ids = fields.One2many("isp.saldo", "period_id")

    _dates = models.Constraint(
        "CHECK (date_end >= date_start)", "A period can't end before it starts."
    )
    _no_overlap = models.Constraint(
        "EXCLUDE USING gist (int4range(company_id, company_id, '[]') WITH &&, "
        "daterange(date_start, date_end, '[]') WITH &&)",
        "Reporting periods can't overlap.",
    )

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override to open periods by hand: next to the others, and not too many."""
        if any(vals.get("state", "open") != "open" for vals in vals_list):
            self._refuse_state()
        companies = self.env["res.company"].browse(
            {vals.get("company_id") or self.env.company.id for vals in vals_list}
        )
        for company in companies:
            self._hold_chain(company)
        periods = super().create(vals_list)
        for company in periods.company_id:
            periods._check_may_open(company)
        return periods

    def write(self, vals):
        turned = self.filtered(lambda p: p.state != vals.get("state", p.state))
        if turned and not self.env.su:
            self._refuse_state()
        moved = self.filtered(lambda p: p._is_moved_by(vals))
        if moved:
            for company in moved.company_id:
                self._hold_chain(company)
            moved._refuse_if_used(
                self.env._("Its dates are fixed: documents lie in it.")
            )
        if not self.env.su:
            system = {"closed_at", "locks_before", "saldo_ids"}
            vals = {key: value for key, value in vals.items() if key not in system}
        return super().write(vals)

    @api.constrains("date_start", "date_end", "company_id")
    def _check_chain(self):
        """Periods follow one another without a gap."""
        for company in self.company_id:
            periods = self._get_chain(company)
            for before, after in zip(periods, periods[1:], strict=False):
                if fields.Date.add(before.date_end, days=1) != after.date_start:
                    raise UserError(
                        self.env._(
                            "There would be a gap between periods %(before)s and "
                            "%(after)s. Let one begin on the day after the other.",
                            before=before.name,
                            after=after.name,
                        )
                    )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        self._refuse_if_used(
            self.env._("It can't be deleted: documents lie in it. Close it instead.")
        )
        for company in self.company_id:
            chain = self._get_chain(company)
            left = chain - self
            # What stays must still be in one piece.
            if left and left != chain.filtered(
                lambda p, x=left: x[0].date_start <= p.date_start <= x[-1].date_start
            ):
                raise UserError(
                    self.env._(
                        "A period between two others can't be deleted: it would leave "
                        "a gap."
                    )
                )

    @api.model
    def _refuse_state(self):
        raise UserError(
            self.env._(
                "A period is opened and closed by its buttons alone: 'Close' on the "
                "oldest open one, 'Reopen' on the last one closed."
            )
        )

    def _is_moved_by(self, vals):
        self.ensure_one()
        company_id = vals.get("company_id", self.company_id.id)
        return company_id != self.company_id.id or any(
            name in vals and fields.Date.to_date(vals[name]) != self[name]
            for name in ("date_start", "date_end")
        )

    def _refuse_if_used(self, sentence):
        """Refuse a change of periods that documents lie in, or that are closed.

        :raise UserError: naming the period, with ``sentence``
        """
        if not self:
            return
        # Nobody posts into them from here on. What was posted since this
        # transaction's snapshot only a new one can see.
        if busy := self - self.try_lock_for_update():
            raise UserError(
                self.env._(
                    "Somebody posts into period %(period)s at this moment. Try again.",
                    period=busy[0].name,
                )
            )
        used = self._filter_used() | self.filtered(lambda p: p.state == "closed")
        with self.pool.cursor() as cr:
            used |= self.browse(self.with_env(self.env(cr=cr))._filter_used().ids)
        if used:
            raise UserError(
                self.env._(
                    "Period %(period)s: %(sentence)s",
                    period=used[0].name,
                    sentence=sentence,
                )
            )

    def _filter_used(self):
        groups = (
            self.env["account.move"]
            .sudo()
            ._read_group([("isp_period_id", "in", self.ids)], ["isp_period_id"])
        )
        return self.browse(period.id for (period,) in groups)

    # === CHAIN === #

    @api.model
    def _get_chain(self, company, state=None):
        """Return the periods of a company, the oldest first."""
        domain = Domain("company_id", "=", company.id)
        if state:
            domain &= Domain("state", "=", state)
        # Who posts need not be allowed to read reporting periods.
        return self.sudo().search(domain, order="date_start")

    @api.model
    def _hold_chain(self, company):
        """Let nobody else open a period of a company until the commit.

        Its first and last rows are touched: of two at once the second fails and is
        repeated, with a view of what the first has done.
        """
        chain = self._get_chain(company)
        (chain[:1] | chain[-1:])._touch()

    def _touch(self):
        """Make other transactions that change or touch these rows wait, and fail."""
        if self:
            self.flush_recordset()
            self.env.cr.execute(
                SQL(
                    "UPDATE isp_period SET closed_at = closed_at WHERE id IN %s",
                    tuple(self.ids),
                )
            )

    def _check_may_open(self, company):
        """Refuse one open period too many, and an open one before a closed one.

        :param company: res.company record that these periods are opened in
        """
        chain = self._get_chain(company)
        opened = chain.filtered(lambda p: p.state == "open")
        limit = company.isp_max_open_periods
        if len(opened) > limit:
            raise UserError(
                self.env._(
                    "Only %(limit)s periods may be open at once, and %(periods)s would "
                    "be. Close the oldest one first, or change the setting.",
                    limit=limit,
                    periods=", ".join(opened.mapped("name")),
                )
            )
        closed = chain - opened
        if closed and opened and opened[0].date_start < closed[-1].date_start:
            raise UserError(
                self.env._(
                    "%(period)s can't be open: %(later)s, which is later, is closed.",
                    period=opened[0].name,
                    later=closed[-1].name,
                )
            )
