import logging

from odoo import fields, models
from odoo.exceptions import AccessError, RedirectWarning, UserError
from odoo.tools import SQL, format_date

_logger = logging.getLogger(__name__)
RAISED_LOCKS = ("sale_lock_date", "fiscalyear_lock_date")
MAX_NAMED = 10


class IspPeriod(models.Model):
    """Closing in order, with a saldo for each contract; reopening the last one."""

    _inherit = "isp.period"

    # === CLOSE === #

    def action_close(self):
        """Close the oldest open period."""
        self.ensure_one()
        if not self.env.user.has_group("mybizna_isp.isp_group_accountant"):
            raise AccessError(self.env._("Only accountants close reporting periods."))
        self.check_access("write")
        self._close()

    def _close(self, is_automatic=False):
        """Close a period: nothing is posted into it any more, balances are written.

        Who posts into it is waited for, then counts. Odoo's lock dates follow; where
        Odoo refuses that, a person is told and the system goes on without.

        :param bool is_automatic: the month turned and nobody had closed it
        :raise UserError: by hand, when it isn't its turn, or drafts lie in it
        """
        period = self.sudo()
        before, company = period._check_may_close(), period.company_id
        if not is_automatic:
            period._check_drafts()
        before._touch()
        period.write({"state": "closed", "closed_at": fields.Datetime.now()})
        # Waits for those who post into it, and keeps others out.
        period.flush_recordset()
        period._restart_if_outdated()
        period._write_saldos(before)
        refusal = period._raise_lock_dates(is_automatic)
        sentences = [
            self.env._("The month turned: closed by the system, as too many were open.")
            if is_automatic
            else self.env._("Closed by %s.", self.env.user.name)
        ]
        if refusal:
            sentences.append(
                self.env._("Odoo's lock dates could not be raised: %s", refusal)
            )
            _logger.warning("Lock dates of %s stay: %s", company.name, refusal)
        if is_automatic:
            _logger.info("Period %s of %s closed by itself.", self.name, company.name)
        period._message_log(body=" ".join(sentences))

    def _check_may_close(self):
        """Refuse what isn't the oldest open period, or has not ended.

        :return: the period before it
        """
        self.ensure_one()
        if self.state != "open":
            raise UserError(
                self.env._("Period %(period)s is closed already.", period=self.name)
            )
        chain = self._get_chain(self.company_id)
        oldest = chain.filtered(lambda p: p.state == "open")[:1]
        if oldest != self:
            raise UserError(
                self.env._(
                    "Periods are closed in order: close %(oldest)s before %(period)s.",
                    oldest=oldest.name,
                    period=self.name,
                )
            )
        if self.date_end >= self.company_id._isp_today():
            raise UserError(
                self.env._(
                    "Period %(period)s lasts until %(date)s: it can be closed from the "
                    "next day on.",
                    period=self.name,
                    date=format_date(self.env, self.date_end),
                )
            )
        return chain.filtered(lambda p: p.date_start < self.date_start)[-1:]

    def _check_drafts(self):
        """Tell a person which drafts would land in the next period."""
        inside = [
            ("company_id", "=", self.company_id.id),
            ("state", "=", "draft"),
            ("isp_contract_id", "!=", False),
            ("date", ">=", self.date_start),
            ("date", "<=", self.date_end),
        ]
        chosen = [("isp_period_id", "=", self.id), ("state", "=", "draft")]
        names = []
        for model in ("account.move", "account.payment"):
            Model = self.env[model]
            drafts = Model.search(inside, limit=MAX_NAMED) | Model.search(
                chosen, limit=MAX_NAMED
            )
            names += drafts.mapped("display_name")
        if names:
            raise UserError(
                self.env._(
                    "Period %(period)s can't be closed yet, drafts lie in it: "
                    "%(drafts)s. Post or delete them, or date them later.",
                    period=self.name,
                    drafts=", ".join(names[:MAX_NAMED]),
                )
            )

    def _restart_if_outdated(self):
        """Start the transaction again when it can't see all that was posted.

        Those who posted while this one waited for the period came after its snapshot.
        Only a new transaction sees them, and from here on nobody follows.
        """
        query = SQL("SELECT id FROM isp_operation WHERE period_id = %s", self.id)
        seen = {row[0] for row in self.env.execute_query(query)}
        with self.pool.cursor() as cr:
            there = {row[0] for row in self.with_env(self.env(cr=cr))._run(query)}
        if there - seen:
            self.env.cr.execute(
                "DO $$ BEGIN RAISE serialization_failure USING MESSAGE = "
                "'posted into a period while it was closed'; END $$",
                log_exceptions=False,
            )

    def _run(self, query):
        return self.env.execute_query(query)

    # === SALDO === #

    def _write_saldos(self, before):
        """Write opening, debit, credit and closing of each contract.

        A contract has no row while it has neither money nor movement.

        :param before: the period before this one, closed; empty for the first
        """
        self.env["isp.operation"].flush_model()
        self.env.execute_query(
            SQL(
                """
                INSERT INTO isp_saldo (contract_id, period_id, company_id, currency_id,
                    opening, debit, credit, closing)
                SELECT contract.id, %(period)s, contract.company_id,
                    contract.currency_id, COALESCE(prior.closing, 0),
                    COALESCE(moved.debit, 0), COALESCE(moved.credit, 0),
                    COALESCE(prior.closing, 0) + COALESCE(moved.credit, 0)
                        - COALESCE(moved.debit, 0)
                FROM isp_contract contract
                LEFT JOIN isp_saldo prior ON prior.contract_id = contract.id
                    AND prior.period_id = %(before)s
                LEFT JOIN (
                    SELECT contract_id,
                        -COALESCE(SUM(amount) FILTER (WHERE amount < 0), 0) AS debit,
                        COALESCE(SUM(amount) FILTER (WHERE amount > 0), 0) AS credit
                    FROM isp_operation WHERE period_id = %(period)s
                    GROUP BY contract_id
                ) moved ON moved.contract_id = contract.id
                WHERE contract.company_id = %(company)s
                    AND (COALESCE(prior.closing, 0) <> 0
                        OR moved.contract_id IS NOT NULL)
                RETURNING id
                """,
                period=self.id,
                before=before.id or None,
                company=self.company_id.id,
            )
        )
        self.invalidate_recordset(["saldo_ids"])

    # === LOCK DATES === #

    def _raise_lock_dates(self, is_automatic):
        """Raise Odoo's lock dates to the end of this period; never lower one.

        :return: why Odoo refused, or an empty string
        :raise UserError: by hand, when Odoo refuses
        """
        company = self.company_id
        raised = [
            name
            for name in RAISED_LOCKS
            if not company[name] or company[name] < self.date_end
        ]
        before = {name: fields.Date.to_string(company[name]) for name in raised}
        try:
            with self.env.cr.savepoint():
                company.write(dict.fromkeys(raised, self.date_end))
                self.env.flush_all()
        except (UserError, RedirectWarning) as error:
            reason = error.args[0]
            if not is_automatic:
                raise UserError(
                    self.env._(
                        "Period %(period)s can't be closed: %(reason)s",
                        period=self.name,
                        reason=reason,
                    )
                ) from error
            return reason
        self.locks_before = before
        return ""

    # === REOPEN === #

    def _reopen(self, reason):
        """Open the last closed period again; its balances go.

        :param str reason: stands in the period's history
        :raise UserError: when it isn't the last one closed, too many would be open, or
            Odoo's hard lock date holds it
        """
        self.ensure_one()
        period, company = self.sudo(), self.company_id
        reason = (reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why the period is opened again."))
        last = self._get_chain(company, "closed")[-1:]
        if last != period:
            raise UserError(
                self.env._(
                    "Only the period that was closed last can be reopened: %(last)s.",
                    last=last.name or self.env._("none"),
                )
            )
        if self.date_start <= company.sudo().user_hard_lock_date:
            raise UserError(
                self.env._(
                    "Period %(period)s can't be reopened: Odoo's hard lock date holds "
                    "it for good.",
                    period=self.name,
                )
            )
        self._hold_chain(company)
        period.write({"state": "open", "closed_at": False})
        period._check_may_open(company)
        period.flush_recordset()
        self.env.execute_query(
            SQL("DELETE FROM isp_saldo WHERE period_id = %s RETURNING id", self.id)
        )
        self.env["isp.saldo"].invalidate_model()
        period._lower_lock_dates()
        period._message_log(
            body=self.env._(
                "Reopened by %(user)s: %(reason)s",
                user=self.env.user.name,
                reason=reason,
            )
        )

    def _lower_lock_dates(self):
        """Take back the lock dates that its closing raised and nobody moved since."""
        company, before = self.company_id, self.locks_before or {}
        lowered = {
            name: value
            for name, value in before.items()
            if name in RAISED_LOCKS and company[name] == self.date_end
        }
        self.locks_before = False
        try:
            with self.env.cr.savepoint():
                company.write(lowered)
                self.env.flush_all()
        except (UserError, RedirectWarning) as error:
            self._message_log(
                body=self.env._("Odoo's lock dates stay: %s", error.args[0])
            )
