import threading
import time
from datetime import date, timedelta

from odoo import SUPERUSER_ID, Command, api, fields
from odoo.exceptions import AccessError, UserError
from odoo.service.model import retrying
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import IspCommon
from .parallel import ParallelCase

DEADLINE = 30


@tagged("post_install", "-at_install")
class TestPeriods(IspCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contract = cls._create_connection().contract_id
        cls.Period = cls.env["isp.period"]

    def test_closing_says_when_and_reopening_forgets_it(self):
        period = self.Period._get_for(self.company, date(2019, 5, 17))
        self.assertEqual(
            (period.date_start, period.date_end), (date(2019, 5, 1), date(2019, 5, 31))
        )
        period.write({"state": "closed", "closed_at": "2001-01-01 00:00:00"})
        closed_at = period.closed_at
        self.assertGreater(closed_at, fields.Datetime.now() - timedelta(minutes=5))
        period.write({"state": "closed", "name": "May"})
        self.assertEqual((period.closed_at, period.name), (closed_at, "May"))
        period.closed_at = "2001-01-01 00:00:00"
        self.assertEqual(period.closed_at, closed_at)
        period.state = "open"
        self.assertFalse(period.closed_at)

    def test_dates_change_only_while_no_document_lies_within(self):
        day = date(2019, 5, 17)
        period = self.Period._get_for(self.company, day)
        period.date_end = "2019-05-30"
        self._pay(self.contract, 10, date=day)
        for change in (
            {"date_end": "2019-05-31"},
            {"date_start": "2019-05-02"},
            {"company_id": self.setup_other_company()["company"].id},
        ):
            with self.assertRefused("Period 2019-05: Its dates are fixed"):
                period.write(change)
        period.write({"date_end": "2019-05-30", "name": "May"})
        self.assertEqual(period.name, "May")

    def test_a_period_with_documents_is_not_deleted(self):
        self._pay(self.contract, 10, date=date(2019, 5, 17))
        period = self.Period._get_for(self.company, date(2019, 5, 1))
        with self.assertRefused("Period 2019-05: It can't be deleted"):
            period.unlink()
        empty = self.Period._get_for(self.company, date(2019, 6, 1))
        empty.unlink()
        self.assertFalse(empty.exists())

    def test_a_month_that_is_partly_taken_asks_for_the_missing_period(self):
        self.Period.create(
            {"name": "half", "date_start": "2019-05-01", "date_end": "2019-05-15"}
        )
        with self.assertRefused("Enter the period that is missing"):
            self._pay(self.contract, 10, date=date(2019, 5, 17))


@tagged("post_install", "-at_install")
class TestPeriodsAtOnce(ParallelCase):
    """Posting and closing in real transactions."""

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
        return contracts.ids

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

    def _open(self, day):
        return self._do(lambda env: env["isp.period"]._get_for(env.company, day).id)

    def _close(self, period_id):
        def close(env):
            env["isp.period"].browse(period_id).state = "closed"

        return close

    def _env(self, cr):
        return api.Environment(
            cr, SUPERUSER_ID, {"allowed_company_ids": [self.company_id]}
        )

    def _count_documents(self, period_id):
        return self._do(
            lambda env: env["account.move"].search_count(
                [("isp_period_id", "=", period_id), ("state", "=", "posted")]
            )
        )

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_a_posting_that_began_before_the_closing_is_refused(self):
        day = date(2018, 1, 10)
        period_id = self._open(day)
        with self.registry.cursor() as cr:
            env = self._env(cr)
            self.assertEqual(env["isp.period"].browse(period_id).state, "open")
            self._do(self._close(period_id))
            with self.assertRaisesRegex(UserError, "is closed"):
                retrying(lambda: self._pay(0, day)(env), env)
        self.assertEqual(self._count_documents(period_id), 0)

    def test_closing_waits_for_a_posting_under_way(self):
        day = date(2018, 2, 10)
        period_id = self._open(day)
        with self.registry.cursor() as cr:
            self._pay(0, day)(self._env(cr))
            closing = threading.Thread(target=self._do, args=(self._close(period_id),))
            closing.start()
            self.assertTrue(self._is_waiting(closing, cr))
            cr.commit()  # pylint: disable=invalid-commit
            closing.join(DEADLINE)
        self.assertFalse(closing.is_alive())
        self.assertEqual(self._count_documents(period_id), 1)
        state = self._do(lambda env: env["isp.period"].browse(period_id).state)
        self.assertEqual(state, "closed")

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

    def test_postings_into_one_period_dont_wait_for_each_other(self):
        day = date(2018, 3, 10)
        period_id = self._open(day)
        with self.registry.cursor() as first, self.registry.cursor() as second:
            second.execute("SET LOCAL lock_timeout = '2s'")
            found = [
                env["isp.period"]._require_open(env.company, day).id
                for env in (self._env(first), self._env(second))
            ]
        self.assertEqual(found, [period_id, period_id])

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_two_first_postings_of_a_month_at_once_both_succeed(self):
        day = date(2018, 4, 10)
        results = self._side_by_side(self._pay(0, day), self._pay(1, day))
        self.assertEqual(results, [self._open(day)] * 2)

    def test_dates_stay_when_a_document_came_after_the_snapshot(self):
        day = date(2018, 5, 10)
        period_id = self._open(day)
        with self.registry.cursor() as cr:
            period = self._env(cr)["isp.period"].browse(period_id)
            self.assertEqual(period.date_end, date(2018, 5, 31))
            self._do(self._pay(0, day))
            with self.assertRaisesRegex(UserError, "Its dates are fixed"):
                period.date_end = date(2018, 5, 5)

    def test_dates_stay_while_somebody_posts(self):
        day = date(2018, 6, 10)
        period_id = self._open(day)
        with self.registry.cursor() as first, self.registry.cursor() as second:
            self._env(first)["isp.period"]._require_open(self._env(first).company, day)
            period = self._env(second)["isp.period"].browse(period_id)
            with self.assertRaisesRegex(UserError, "at this moment"):
                period.date_end = date(2018, 6, 5)


@tagged("post_install", "-at_install")
class TestReasons(IspCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line = cls._create_connection()
        cls.clerk = cls._create_user("reason.clerk", "mybizna_isp.isp_group_clerk")

    @classmethod
    def _create_user(cls, login, group):
        return new_test_user(
            cls.env,
            login,
            group,
            company_id=cls.company.id,
            company_ids=cls.company.ids,
        )

    def _give(self, user=None, **values):
        return (
            self.env["isp.extension"]
            .with_user(user or self.clerk)
            .create({"connection_id": self.line.id, **values})
        )

    def _last_line(self):
        return self.line.message_ids[0].body

    def test_a_reason_is_signed_by_who_gives_it(self):
        admin = self.env.ref("base.user_admin")
        extension = self._give(user_id=admin.id)
        self.assertEqual(extension.user_id, self.clerk)
        self.line.with_user(self.clerk).write(
            {
                "suspension_ids": [
                    Command.create({"reason": "paused", "user_id": admin.id})
                ]
            }
        )
        self.assertEqual(self.line.suspension_ids.user_id, self.clerk)
        with self.assertRefused("Who gave a reason stays"):
            extension.user_id = admin

    def test_the_system_may_sign_for_somebody(self):
        extension = self.env["isp.extension"].sudo()
        extension = extension.create(
            {"connection_id": self.line.id, "user_id": self.clerk.id}
        )
        self.assertEqual(extension.user_id, self.clerk)

    def test_back_dating_is_recorded(self):
        self._give()
        self.assertNotIn("back-dated", self._last_line())
        extension = self._give(kind="free", date_from=self._soon(days=-3))
        self.assertIn("Free days", self._last_line())
        self.assertIn("added, back-dated", self._last_line())
        before = extension._describe()
        extension.date_from = self._soon(days=-30)
        self.assertIn(extension._describe(), self._last_line())
        self.assertIn(f"was: {before}", self._last_line())

    def test_who_is_no_manager_ends_a_reason_and_deletes_none(self):
        extension = self._give()
        technician = self._create_user("reason.tech", "mybizna_isp.isp_group_network")
        accountant = self._create_user(
            "reason.accountant", "mybizna_isp.isp_group_accountant"
        )
        for user in (self.clerk, technician, accountant):
            with self.assertRaises(AccessError):
                extension.with_user(user).unlink()
        extension.action_end()
        self.assertTrue(extension.date_to)

    def test_a_reason_that_is_deleted_leaves_a_line(self):
        manager = self._create_user("reason.boss", "mybizna_isp.isp_group_manager")
        extension = self._give(note="call of 3 May")
        extension.with_user(manager).unlink()
        self.assertIn("call of 3 May deleted", self._last_line())
        self.assertEqual(self.line.message_ids[0].author_id, manager.partner_id)
