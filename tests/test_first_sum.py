from datetime import date, datetime

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestFirstSum(IspCommon):
    """Set-up and first period are one sum; its time begins when service does."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.package.product_id.taxes_id = False
        cls.package.setup_item_ids = [
            Command.create({"name": "Router", "amount": 3000})
        ]
        cls.env.ref("mybizna_isp.product_setup").taxes_id = False

    def _create_waiting(self, **values):
        """A line whose first sum was paid on 1 May, and whose service hasn't begun."""
        self.package.start_mode = "technician"
        with freeze_time("2026-05-01 09:00:00"):
            line = self._create_active(**values)
            self._pay(line.contract_id, 4500, line)
        return line

    def test_set_up_and_first_period_are_one_sum_on_one_invoice(self):
        line = self._create_active()
        self.assertEqual(sorted(line.billing_ids.mapped("kind")), ["period", "setup"])
        self.assertEqual(len(line._get_invoices()), 1)
        self.assertEqual(self._owed(line), 4500)
        self.assertEqual(line.amount_due_first, 4500)
        self.assertEqual(line.state, "new")
        self.assertEqual(line.setup_item_ids.invoice_id, line.invoice_id)

    def test_a_part_of_the_first_sum_starts_nothing(self):
        line = self._create_active()
        self._pay(line.contract_id, 3000, line)
        self._run_cron()
        self.assertEqual((line.state, line.access), ("new", "off"))
        self.assertEqual(line.amount_due_first, 1500)
        self._pay(line.contract_id, 1500, line)
        self.assertEqual((line.state, line.access), ("active", "on"))

    def test_paid_on_the_1st_and_started_on_the_8th_is_paid_until_the_7th(self):
        line = self._create_waiting()
        self.assertEqual(line.state, "ready")
        with freeze_time("2026-05-08 09:00:00"):
            line.action_start_service()
            self.assertEqual(line.access, "on")
        period = line._get_period_billings()
        self.assertEqual(
            (period.date_start, period.date_end), (date(2026, 5, 8), date(2026, 6, 7))
        )
        self.assertEqual(line.paid_until_at, datetime(2026, 6, 7, 21, 0))
        self.assertEqual(line.billing_date, date(2026, 6, 8))
        self.assertEqual(period.amount, 1500)

    def test_between_payment_and_start_no_day_is_used_and_nothing_expires(self):
        line = self._create_waiting()
        with freeze_time("2026-08-20 09:00:00"):
            self._run_cron()
            self.env["isp.connection"]._cron_expire()
            self.assertEqual((line.state, line.access), ("ready", "off"))
            self.assertFalse(line.expiry_at)
            self.assertEqual(len(line.billing_ids), 2)
            self.assertRegex(line.status_text, "^Ready: paid")
            self.assertEqual(line.status_color, "warning")
            line.action_start_service()
            self.assertEqual(line.expiry_date, date(2026, 9, 20))

    def test_the_days_that_are_left_of_a_started_first_period_can_be_credited(self):
        line = self._create_waiting()
        with freeze_time("2026-05-08 09:00:00"):
            line.action_start_service()
        with freeze_time("2026-05-18 09:00:00"):
            line.sudo()._get_period_billings()._cut(date(2026, 5, 18))._issue_invoices()
        # 21 of the 31 days from 8 May to 7 June are left.
        self.assertAlmostEqual(line.contract_id.balance, 1500 * 21 / 31, 2)

    def test_the_amount_stays_as_invoiced_when_the_price_rises_before_the_start(self):
        line = self._create_waiting()
        self.package.amount = 9000
        with freeze_time("2026-05-08 09:00:00"):
            line.action_start_service()
            self.assertEqual(line.access, "on")
        self.assertEqual(line._get_period_billings().amount, 1500)
        self.assertEqual(self._owed(line), 0)

    def test_the_next_invoice_counts_from_the_start_of_service(self):
        line = self._create_waiting()
        with freeze_time("2026-05-08 09:00:00"):
            line.action_start_service()
        with freeze_time("2026-06-02 09:00:00"):
            self._run_cron()
            self.assertEqual(len(line._get_period_billings()), 1)
        with freeze_time("2026-06-03 09:00:00"):
            self._run_cron()
            self.assertEqual(
                line._get_period_billings()[0].date_start, date(2026, 6, 8)
            )

    def test_a_technician_may_start_a_line_that_is_paid_and_no_other(self):
        line = self._create_waiting()
        technician = new_test_user(
            self.env, "technician", groups="mybizna_isp.isp_group_network"
        )
        line.with_user(technician).action_start_service()
        self.assertEqual(line.state, "active")
        unpaid = self._create_active(partner_id=self._create_client().id)
        with self.assertRefused("first sum is not paid"):
            unpaid.with_user(technician).action_start_service()
        with self.assertRefused("in service already"):
            line.with_user(technician).action_start_service()

    def test_who_may_only_look_starts_no_service(self):
        line = self._create_waiting()
        user = new_test_user(self.env, "reader", groups="mybizna_isp.isp_group_user")
        with self.assertRaises(AccessError):
            line.with_user(user).action_start_service()

    def test_a_payment_taken_back_before_the_start_stops_it(self):
        line = self._create_waiting()
        payment = line._get_payments()
        payment._isp_revoke("wrong client")
        self.assertRegex(line.status_text, "^Ready, but no longer paid")
        with self.assertRefused("first sum is not paid"):
            line.action_start_service()

    def test_a_cancelled_first_invoice_is_issued_anew_whole(self):
        self.package.start_mode = "technician"
        line = self._create_active()
        line.invoice_id._isp_revoke("wrong price")
        self.package.amount = 1000
        self._run_cron()
        live = line.billing_ids.filtered(lambda b: b.state == "billed")
        self.assertEqual(sorted(live.mapped("kind")), ["period", "setup"])
        self.assertEqual(self._owed(line), 4000)

    def test_without_the_setting_set_up_comes_first_and_the_period_after_it(self):
        self.company.isp_first_sum = False
        line = self._create_active()
        self.assertEqual(line.billing_ids.mapped("kind"), ["setup"])
        self._pay(line.contract_id, 3000, line)
        self._run_cron()
        self.assertEqual(line.state, "active")
        self.assertEqual(self._owed(line), 1500)

    def test_a_technicians_start_without_set_up_items_is_paid_before_it(self):
        self.package.setup_item_ids = False
        line = self._create_waiting()
        self.assertEqual(line.state, "ready")
        self.assertEqual(line.contract_id.balance, 3000)

    def test_the_first_period_of_a_line_never_on_begins_when_it_is_paid(self):
        self.package.setup_item_ids = False
        with freeze_time("2026-05-01 09:00:00"):
            line = self._create_active()
        self.assertEqual(line.state, "active")
        with freeze_time("2026-05-11 09:00:00"):
            self._pay_all(line)
        self.assertEqual(line.expiry_date, date(2026, 6, 11))
        self.assertEqual(line.billing_date, date(2026, 6, 11))
