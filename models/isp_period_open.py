import logging
from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL, format_date

_logger = logging.getLogger(__name__)
LOCK_DATES = (
    "fiscalyear_lock_date",
    "tax_lock_date",
    "sale_lock_date",
    "purchase_lock_date",
    "hard_lock_date",
)


class IspPeriod(models.Model):
    """Which periods are open, and where a document finds its place in them."""

    _inherit = "isp.period"

    # === THE MONTH TURNS === #

    @api.model
    def _get_open(self, company):
        """Return the open periods of a company, the oldest first, up to today.

        The month turns by itself: what is missing up to today is opened first.
        """
        opened = self._get_chain(company, "open")
        if not opened or opened[-1].date_end < company._isp_today():
            self._turn(company)
            opened = self._get_chain(company, "open")
        return opened

    @api.model
    def _turn(self, company):
        """Open the months up to today; close the oldest ones when too many are open.

        Money comes in at midnight, too, and is never refused for the number of open
        periods: the system closes what a person has not.
        """
        today = company._isp_today()
        chain = self._get_chain(company)
        last = chain[-1:]
        while not last or last.date_end < today:
            last = self._open_following(company, last)
        opened = self._get_chain(company, "open")
        surplus = max(len(opened) - max(company.isp_max_open_periods, 1), 0)
        for period in opened[:surplus].filtered(lambda p: p.date_end < today):
            period._close(is_automatic=True)

    @api.model
    def _open_following(self, company, last):
        """Open what follows the last period, up to the end of its month.

        Another transaction may do so as well: a row that this one can't see yet is a
        serialization failure, the request or the scheduled action is repeated.

        :param last: the last period; empty for the first of a company, which is the
            current month
        """
        if last:
            last._touch()
            start = last.date_end + timedelta(days=1)
        else:
            start = company._isp_today().replace(day=1)
        end = start + relativedelta(day=31)
        name = f"{start:%Y-%m}" if start.day == 1 else f"{start} – {end}"
        rows = self.env.execute_query(
            SQL(
                "INSERT INTO isp_period (name, company_id, date_start, date_end, "
                "state, create_uid, create_date, write_uid, write_date) "
                "VALUES (%(name)s, %(company)s, %(start)s, %(end)s, 'open', "
                "%(uid)s, %(now)s, %(uid)s, %(now)s) "
                "ON CONFLICT DO NOTHING RETURNING id",
                name=name,
                company=company.id,
                start=start,
                end=end,
                uid=self.env.uid,
                now=self.env.cr.now(),
            )
        )
        return self.sudo().browse(rows[0])

    @api.model
    def _cron_turn(self):
        """Turn the month ahead of the first document in it, company by company."""
        groups = self.sudo()._read_group([], ["company_id"])
        for (company,) in groups:
            try:
                self._turn(company)
                self.env["ir.cron"]._commit_progress()
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                # Somebody posts, which turns it as well; else the next run does.
                self.env.cr.rollback()
            except UserError:
                _logger.warning("Periods of %s don't turn.", company.id, exc_info=True)
                self.env.cr.rollback()

    # === WHERE A DOCUMENT BELONGS === #

    def _find_place(self, day, journal, move=None):
        """Return the period and the accounting date of a document, by the rule.

        The period of its own date if that is open, else the oldest open one with the
        date moved into it; behind Odoo's lock dates in any case.

        :param date day: the date of the document
        :param journal: account.journal, for its lock dates
        :param move: account.move, for the lock date of tax returns
        :return: (period, date); an empty period when no open one has a free day
        """
        for period in self.filtered(lambda p: p.date_end >= day):
            free = period._find_free_day(day, journal, move)
            if free:
                return period, free
        return self.browse(), day

    def _get_holding(self, day):
        """Return which of these periods a date lies in."""
        return self.filtered(lambda p: p.date_start <= day <= p.date_end)

    def _find_free_day(self, day, journal, move=None):
        """Return the day of this period nearest to a date that no lock date holds."""
        self.ensure_one()
        free = min(max(day, self.date_start), self.date_end)
        company = self.company_id
        raised = [
            lock for c in company.parent_ids for n in LOCK_DATES if (lock := c[n])
        ]
        if raised and max(raised) >= free:
            has_tax = bool(move) and move._affect_tax_report()
            if locks := company._get_violated_lock_dates(free, has_tax, journal):
                free = locks[-1][0] + timedelta(days=1)
        return free if free <= self.date_end else None

    def _require_open(self):
        """Keep open periods open until the commit.

        Who closes the period waits for all who post into it; they don't wait for one
        another. If it was closed after this transaction's snapshot, PostgreSQL says so
        by a serialization failure: the caller is repeated and reads "closed".

        :raise UserError: when one is closed
        """
        if not self:
            return
        self.flush_recordset(["state"])
        rows = self.env.execute_query(
            SQL(
                "SELECT name, state FROM isp_period WHERE id IN %s FOR SHARE",
                tuple(self.ids),
            )
        )
        for name, state in rows:
            if state != "open":
                raise UserError(
                    self.env._(
                        "Period %(period)s is closed. Choose an open one.", period=name
                    )
                )

    def _refuse_choice(self, document):
        """Refuse that a document is posted into this period."""
        raise UserError(
            self.env._(
                "%(document)s can't be posted into period %(period)s: it is closed, or "
                "another company's. Choose an open one.",
                document=document,
                period=self.name,
            )
        )

    @api.model
    def _refuse_day(self, company, document, day):
        """Refuse an accounting date that lies in no open period."""
        closed = self._get_chain(company).filtered(
            lambda p: p.date_start <= day <= p.date_end
        )
        if closed:
            reason = self.env._(
                "%(date)s lies in period %(period)s, which is closed.",
                date=format_date(self.env, day),
                period=closed.name,
            )
        else:
            reason = self.env._(
                "%(date)s lies in no reporting period.",
                date=format_date(self.env, day),
            )
        raise UserError(
            self.env._(
                "%(document)s can't be posted. %(reason)s Give it an accounting date "
                "in an open period, or none.",
                document=document,
                reason=reason,
            )
        )
