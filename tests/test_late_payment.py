from datetime import date

from freezegun import freeze_time

from odoo.tests import tagged

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestLatePayment(IspCommon):
    """From when a period counts that is paid late: a policy of the company."""

    def _create_owing(self, **values):
        """A line served from 10 January to 9 February that owes what follows."""
        with freeze_time("2026-01-10 09:00:00"):
            line = self._create_active(**values)
            self._pay_all(line)
        with freeze_time("2026-02-05 09:00:00"):
            self._run_cron()
        return line

    def _pay_on(self, line, day):
        with freeze_time(f"{day} 09:00:00"):
            self._pay_all(line)
        return line._get_period_billings()[0]

    def test_from_the_due_day_it_keeps_its_dates_while_any_of_it_is_left(self):
        line = self._create_owing()
        period = self._pay_on(line, "2026-03-09")
        self.assertEqual(
            (period.date_start, period.date_end), (date(2026, 2, 10), date(2026, 3, 9))
        )
        self.assertEqual(line.billing_date, date(2026, 3, 10))

    def test_from_the_due_day_one_that_has_passed_counts_from_the_payment(self):
        line = self._create_owing()
        period = self._pay_on(line, "2026-03-10")
        self.assertEqual(
            (period.date_start, period.date_end), (date(2026, 3, 10), date(2026, 4, 9))
        )

    def test_from_the_payment_a_line_that_was_off_gets_the_whole_period(self):
        self.company.isp_late_payment = "payment"
        line = self._create_owing()
        period = self._pay_on(line, "2026-02-20")
        self.assertEqual(
            (period.date_start, period.date_end), (date(2026, 2, 20), date(2026, 3, 19))
        )
        self.assertEqual(line.billing_date, date(2026, 3, 20))
        with freeze_time("2026-03-16 09:00:00"):
            self._run_cron()
        self.assertEqual(line._get_period_billings()[0].date_start, date(2026, 3, 20))

    def test_from_the_payment_nothing_moves_that_is_paid_in_time(self):
        self.company.isp_late_payment = "payment"
        line = self._create_owing()
        period = self._pay_on(line, "2026-02-09")
        self.assertEqual(period.date_start, date(2026, 2, 10))

    def test_from_the_payment_a_line_that_stays_on_keeps_its_dates(self):
        self.company.isp_late_payment = "payment"
        stays_on = self._create_package("Bank", 1500.0, on_expiry="nothing")
        line = self._create_owing(package_id=stays_on.id)
        self.assertEqual(self._pay_on(line, "2026-02-20").date_start, date(2026, 2, 10))

    def test_from_the_payment_a_line_on_by_a_promise_keeps_its_dates(self):
        self.company.isp_late_payment = "payment"
        promised = self._create_owing()
        self.env["isp.extension"].create(
            {
                "connection_id": promised.id,
                "date_from": "2026-02-09 21:00:00",
                "date_to": "2026-02-25 09:00:00",
            }
        )
        self.assertEqual(
            self._pay_on(promised, "2026-02-20").date_start, date(2026, 2, 10)
        )

    def test_paid_undone_and_paid_again_is_moved_once(self):
        self.company.isp_late_payment = "payment"
        line = self._create_owing()
        with freeze_time("2026-02-20 09:00:00"):
            payment = self._pay(line.contract_id, 1725.0, line)
            expiry = line.expiry_at
            payment.move_id.line_ids.remove_move_reconcile()
            self.assertEqual(line.access, "off")
        with freeze_time("2026-03-01 09:00:00"):
            payment._isp_reconcile()
            self.assertEqual(line.access, "on")
            self.assertEqual(line.expiry_at, expiry)

    def test_a_part_on_a_common_day_keeps_its_days_and_the_next_one_follows(self):
        self.company.write({"isp_late_payment": "payment", "isp_billing_day": 1})
        with freeze_time("2026-01-22 09:00:00"):
            line = self._create_active()
        period = self._pay_on(line, "2026-01-25")
        # Ten days, 22 to 31 January, were invoiced.
        self.assertEqual(
            (period.date_start, period.date_end), (date(2026, 1, 25), date(2026, 2, 3))
        )
        self.assertEqual(line.billing_date, date(2026, 2, 4))

    # === no ghost debt === #

    def test_a_line_off_for_three_months_gets_no_invoice_and_none_when_it_returns(
        self,
    ):
        for mode in ("invoice_first", "pay_first"):
            with self.subTest(mode):
                self.package.billing_mode = mode
                client = self._create_client(mode)
                with freeze_time("2026-01-10 09:00:00"):
                    line = self._create_connection(partner_id=client.id)
                    if mode == "invoice_first":
                        line.action_process_new()
                    self._pay(line.contract_id, 1725, line)
                owed = 1725 if mode == "invoice_first" else 0
                for day in ("2026-02-06", "2026-03-06", "2026-04-06", "2026-05-06"):
                    with freeze_time(f"{day} 09:00:00"):
                        self._run_cron()
                        self.assertEqual(self._owed(line), owed, day)
                with freeze_time("2026-05-12 09:00:00"):
                    self._pay(line.contract_id, 1725, line)
                    self._run_cron()
                    self.assertEqual((line.access, self._owed(line)), ("on", 0))
                    self.assertEqual(line.expiry_date, date(2026, 6, 12))
                self.assertEqual(len(line._get_invoices()), 2)
