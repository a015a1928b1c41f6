import threading
import time
from datetime import timedelta

from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError
from odoo.service.model import retrying
from odoo.tests import tagged
from odoo.tools import mute_logger

from .parallel import ParallelCase

DEADLINE = 30
MONTHS = 6


class PeriodParallelCase(ParallelCase):
    """A company with some open months behind it, and two contracts."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contract_ids = cls._do(cls._create_contracts)

    @staticmethod
    def _create_contracts(env):
        partners = env["res.partner"].create([{"name": "A"}, {"name": "B"}])
        contracts = env["isp.contract"].create(
            [{"partner_id": partner.id} for partner in partners]
        )
        env.company.isp_max_open_periods = 99
        today = env.company._isp_today()
        start = today.replace(day=1)
        for _month in range(MONTHS):
            start = (start - timedelta(days=1)).replace(day=1)
        end = (start + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        env["isp.period"].create(
            {"name": f"{start:%Y-%m}", "date_start": start, "date_end": end}
        )
        env["isp.period"]._get_open(env.company)
        return contracts.ids

    @staticmethod
    def _create_contract(env):
        partner = env["res.partner"].create({"name": "C"})
        return env["isp.contract"].create({"partner_id": partner.id}).id

    def _open(self, index):
        """Return (id, a day within) of the open period at this place."""

        def find(env):
            period = env["isp.period"]._get_open(env.company)[index]
            return period.id, period.date_start + timedelta(days=3)

        return self._do(find)

    def _pay(self, index, day):
        def pay(env):
            contract = env["isp.contract"].browse(self.contract_ids[index])
            journal = env["account.journal"].search(
                [("type", "=", "bank"), ("company_id", "=", self.company_id)], limit=1
            )
            payment = contract._create_payments(
                [
                    {
                        "contract_id": contract.id,
                        "connection_id": False,
                        "amount": 10,
                        "currency_id": contract.currency_id.id,
                        "journal_id": journal.id,
                        "date": day,
                        "memo": "x",
                        "receipt_id": False,
                    }
                ]
            )
            env.flush_all()
            return payment.move_id.isp_period_id.id

        return pay

    def _close(self, period_id):
        def close(env):
            env["isp.period"].browse(period_id)._close()
            return "closed"

        return close

    def _env(self, cr):
        return api.Environment(
            cr, SUPERUSER_ID, {"allowed_company_ids": [self.company_id]}
        )

    def _read(self, query, *params):
        with self.registry.cursor() as cr:
            cr.execute(query, params)
            return cr.fetchall()

    def _count_documents(self, period_id):
        return self._read(
            "SELECT COUNT(*) FROM account_move WHERE isp_period_id = %s "
            "AND state = 'posted'",
            period_id,
        )[0][0]

    def _sum_period(self, period_id):
        """Σ of the operations of a period, Σ of its saldos."""
        return self._read(
            "SELECT (SELECT COALESCE(SUM(amount), 0) FROM isp_operation "
            "WHERE period_id = %s), "
            "(SELECT COALESCE(SUM(credit - debit), 0) FROM isp_saldo "
            "WHERE period_id = %s)",
            period_id,
            period_id,
        )[0]

    def _states(self):
        return [
            state
            for (state,) in self._read(
                "SELECT state FROM isp_period WHERE company_id = %s "
                "ORDER BY date_start",
                self.company_id,
            )
        ]


@tagged("post_install", "-at_install")
class TestPeriodsAtOnce(PeriodParallelCase):
    """Posting, closing and reopening in real transactions."""

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_a_posting_that_began_before_the_closing_lands_in_the_next_period(self):
        period_id, day = self._open(0)
        with self.registry.cursor() as cr:
            env = self._env(cr)
            self.assertEqual(env["isp.period"].browse(period_id).state, "open")
            self._do(self._close(period_id))
            landed = retrying(lambda: self._pay(0, day)(env), env)
        self.assertEqual(landed, self._open(0)[0])
        self.assertEqual(self._count_documents(period_id), 0)
        self.assertEqual(self._sum_period(period_id), (0, 0))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_closing_waits_for_a_posting_under_way_and_counts_it(self):
        period_id, day = self._open(0)
        before = self._count_documents(period_id)
        # A contract without a saldo before: nothing else makes the two meet.
        self.contract_ids.append(self._do(self._create_contract))
        with self.registry.cursor() as cr:
            self._pay(-1, day)(self._env(cr))
            closing = threading.Thread(target=self._do, args=(self._close(period_id),))
            closing.start()
            self.assertTrue(self._is_waiting(closing, cr))
            cr.commit()  # pylint: disable=invalid-commit
            closing.join(DEADLINE)
        self.assertFalse(closing.is_alive())
        self.assertEqual(self._count_documents(period_id), before + 1)
        due = 10 * (before + 1)
        self.assertEqual(self._sum_period(period_id), (due, due))

    def _is_waiting(self, thread, holder):
        """Whether a thread comes to wait for the transaction of a cursor."""
        holder.execute("SELECT pg_backend_pid()")
        (pid,) = holder.fetchone()
        deadline = time.monotonic() + DEADLINE
        with self.registry.cursor() as cr:
            while thread.is_alive() and time.monotonic() < deadline:
                cr.execute(
                    "SELECT count(*) FROM pg_locks "
                    "WHERE NOT granted AND %s = ANY(pg_blocking_pids(pid))",
                    [pid],
                )
                if cr.fetchone()[0]:
                    return True
        return False

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_a_saldo_holds_exactly_what_was_posted_while_it_was_computed(self):
        period_id, day = self._open(0)
        before = self._count_documents(period_id)
        results = self._side_by_side(
            self._pay(0, day), self._close(period_id), self._pay(1, day)
        )
        self.assertEqual(results[1], "closed")
        self.assertTrue(all(isinstance(r, int) for r in results[::2]), results)
        posted, saldo = self._sum_period(period_id)
        self.assertEqual(posted, saldo)
        self.assertEqual(posted, 10 * (before + results.count(period_id)))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_closing_and_reopening_at_once_keep_the_order(self):
        before_id, _day = self._open(0)
        self._do(self._close(before_id))
        period_id, _day = self._open(0)

        def reopen(env):
            env["isp.period"].browse(before_id)._reopen("x")
            return "open"

        self._side_by_side(self._close(period_id), reopen)
        states = self._states()
        self.assertEqual(states, sorted(states))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_a_period_is_closed_once(self):
        period_id, _day = self._open(0)
        results = self._side_by_side(*[self._close(period_id)] * 2)
        refused = [r for r in results if isinstance(r, UserError)]
        self.assertEqual(results.count("closed"), 1)
        self.assertIn("closed already", str(refused[0]))

    def test_postings_into_one_period_dont_wait_for_each_other(self):
        period_id, _day = self._open(-1)
        with self.registry.cursor() as first, self.registry.cursor() as second:
            second.execute("SET LOCAL lock_timeout = '2s'")
            for env in (self._env(first), self._env(second)):
                env["isp.period"].browse(period_id)._require_open()
            second.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            self.assertEqual(second.fetchone()[0], 0)


@tagged("post_install", "-at_install")
class TestPeriodsOpenedAtOnce(PeriodParallelCase):
    """Opening periods, and moving their dates, in real transactions."""

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_two_first_postings_of_a_month_at_once_both_succeed(self):
        period_id, day = self._open(-1)
        self._do(lambda env: env["isp.period"].browse(period_id).unlink())
        day = self._do(lambda env: env.company._isp_today())
        results = self._side_by_side(self._pay(0, day), self._pay(1, day))
        self.assertEqual(results, [self._open(-1)[0]] * 2)

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_two_openings_by_hand_at_once_dont_pass_the_limit(self):
        def get_ends(env):
            chain = env["isp.period"]._get_chain(env.company)
            env.company.isp_max_open_periods = len(chain) + 1
            return (
                chain[0].date_start - timedelta(days=1),
                chain[-1].date_end + timedelta(days=1),
                len(chain),
            )

        before, after, count = self._do(get_ends)

        def open_(day):
            def create(env):
                return (
                    env["isp.period"]
                    .create({"name": "x", "date_start": day, "date_end": day})
                    .id
                )

            return create

        results = self._side_by_side(open_(before), open_(after))
        refused = [r for r in results if isinstance(r, UserError)]
        self.assertEqual(len(refused), 1, results)
        self.assertIn("may be open at once", str(refused[0]))
        self.assertEqual(self._states(), ["open"] * (count + 1))

    def test_dates_stay_when_a_document_came_after_the_snapshot(self):
        period_id, day = self._open(2)
        with self.registry.cursor() as cr:
            period = self._env(cr)["isp.period"].browse(period_id)
            self.assertEqual(period.state, "open")
            self._do(self._pay(0, day))
            with self.assertRaisesRegex(UserError, "Its dates are fixed"):
                period.date_end = day

    def test_dates_stay_while_somebody_posts(self):
        period_id, day = self._open(3)
        with self.registry.cursor() as first, self.registry.cursor() as second:
            self._env(first)["isp.period"].browse(period_id)._require_open()
            period = self._env(second)["isp.period"].browse(period_id)
            with self.assertRaisesRegex(UserError, "at this moment"):
                period.date_end = day
