from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_date


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

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        return super().create(
            [{**vals, **self._stamp_closing(vals.get("state"))} for vals in vals_list]
        )

    def write(self, vals):
        self.filtered(lambda p: p._is_moved_by(vals))._refuse_if_used(
            self.env._("Its dates are fixed: documents lie in it.")
        )
        vals = {key: value for key, value in vals.items() if key != "closed_at"}
        turned = self.filtered(lambda p: p.state != vals.get("state", p.state))
        res = super(IspPeriod, self - turned).write(vals)
        if turned:
            stamp = self._stamp_closing(vals["state"])
            res = super(IspPeriod, turned).write({**vals, **stamp})
        return res

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        self._refuse_if_used(
            self.env._("It can't be deleted: documents lie in it. Close it instead.")
        )

    @api.model
    def _stamp_closing(self, state):
        return {"closed_at": fields.Datetime.now() if state == "closed" else False}

    def _is_moved_by(self, vals):
        self.ensure_one()
        company_id = vals.get("company_id", self.company_id.id)
        return company_id != self.company_id.id or any(
            name in vals and fields.Date.to_date(vals[name]) != self[name]
            for name in ("date_start", "date_end")
        )

    def _refuse_if_used(self, sentence):
        """Refuse a change of periods that documents lie in.

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
        used = self._filter_used()
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

    # === POSTING === #

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
        return period or Period._open_month(company, day)

    @api.model
    def _open_month(self, company, day):
        """Open the month of a date, which another transaction may do as well.

        A row that this transaction can't see yet is a serialization failure: the
        request or the scheduled action is repeated and finds it.

        :raise UserError: when a period that ends or begins within the month is in
            the way
        """
        start = day.replace(day=1)
        rows = self.env.execute_query(
            SQL(
                "INSERT INTO isp_period (name, company_id, date_start, date_end, "
                "state, create_uid, create_date, write_uid, write_date) "
                "VALUES (%(name)s, %(company)s, %(start)s, %(end)s, 'open', "
                "%(uid)s, %(now)s, %(uid)s, %(now)s) "
                "ON CONFLICT DO NOTHING RETURNING id",
                name=f"{day:%Y-%m}",
                company=company.id,
                start=start,
                end=start + relativedelta(months=1, days=-1),
                uid=self.env.uid,
                now=self.env.cr.now(),
            )
        )
        if not rows:
            raise UserError(
                self.env._(
                    "No reporting period holds %(date)s, and one that holds a part of "
                    "that month is there already. Enter the period that is missing.",
                    date=format_date(self.env, day),
                )
            )
        return self.browse(rows[0])

    @api.model
    def _is_open(self, company, day):
        """Whether a document of this accounting date can be posted."""
        return self._get_for(company, day).state == "open"

    @api.model
    def _require_open(self, company, day):
        """Return the open period a date lies in; it stays open until the commit.

        :raise UserError: when that period is closed
        """
        period = self._get_for(company, day)
        if period._share_state() != "open":
            raise UserError(
                self.env._(
                    "%(date)s lies in period %(period)s, which is closed. Give the "
                    "document an accounting date in an open period.",
                    date=format_date(self.env, day),
                    period=period.name,
                )
            )
        return period

    def _share_state(self):
        """Return the state of a period, and keep it until the end of the transaction.

        Who closes the period waits for all who post into it; they don't wait for one
        another. If it was closed after this transaction's snapshot, PostgreSQL says so
        by a serialization failure: the caller is repeated and reads "closed".
        """
        self.ensure_one()
        self.flush_recordset(["state"])
        rows = self.env.execute_query(
            SQL("SELECT state FROM isp_period WHERE id = %s FOR SHARE", self.id)
        )
        return rows[0][0]
