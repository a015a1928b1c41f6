from datetime import date

from freezegun import freeze_time

from odoo.tests import tagged

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestArrears(IspCommon):
    """Served first, invoiced at the end of the period."""

    def setUp(self):
        super().setUp()
        self.package.write({"billing_timing": "arrears", "payment_days": 10})

    def _start(self, day="2026-01-10", **values):
        with freeze_time(f"{day} 09:00:00"):
            return self._create_active(**values)

    def _run_on(self, day):
        with freeze_time(f"{day} 09:00:00"):
            self._run_cron()

    def _spans(self, connection):
        rows = connection._get_period_billings().sorted("start_at")
        return [(row.date_start, row.date_end) for row in rows]

    def test_a_period_is_invoiced_when_it_has_ended_and_due_some_days_later(self):
        connection = self._start()
        self.assertFalse(connection.billing_ids)
        self._run_on("2026-02-09")
        self.assertFalse(connection.billing_ids)
        self._run_on("2026-02-10")
        self.assertEqual(
            self._spans(connection), [(date(2026, 1, 10), date(2026, 2, 9))]
        )
        invoice = connection.billing_ids.invoice_id
        self.assertEqual(invoice.invoice_date, date(2026, 2, 10))
        self.assertEqual(invoice.invoice_date_due, date(2026, 2, 20))

    def test_the_line_is_on_until_its_invoice_is_overdue_and_again_when_paid(self):
        connection = self._start()
        with freeze_time("2026-01-20 09:00:00"):
            self.assertEqual(connection.access, "on")
        self._run_on("2026-02-10")
        connection.invalidate_recordset()
        with freeze_time("2026-02-20 20:00:00"):
            self.assertEqual(connection.access, "on")
        connection.invalidate_recordset()
        with freeze_time("2026-02-20 21:00:00"):
            # Midnight in Nairobi.
            self.assertEqual(connection.access, "off")
            self._pay_all(connection)
            self.assertEqual(connection.access, "on")

    def test_days_off_for_debt_are_not_charged(self):
        connection = self._start()
        self._run_on("2026-02-10")
        # Off from 21 February, and back on 1 March.
        with freeze_time("2026-03-01 09:00:00"):
            self._pay_all(connection)
            self.assertEqual(connection.access, "on")
            self._run_cron()
            spans = self._spans(connection)
            self.assertEqual(spans[1], (date(2026, 2, 10), date(2026, 2, 20)))
            self.assertEqual(connection.billing_date, date(2026, 3, 1))
            # 11 of the 28 days from 10 February to 9 March.
            rest = connection._get_period_billings().sorted("start_at")[1]
            self.assertEqual(rest.amount, 589.29)
        with freeze_time("2026-03-05 09:00:00"):
            self._pay_all(connection)
        self._run_on("2026-04-01")
        self.assertEqual(
            self._spans(connection)[2:], [(date(2026, 3, 1), date(2026, 3, 31))]
        )
        self.assertLedger(connection.contract_id)

    def test_a_line_that_pays_in_time_is_billed_period_by_period(self):
        connection = self._start()
        for month in (2, 3, 4):
            with freeze_time(f"2026-{month:02}-12 09:00:00"):
                self._run_cron()
                self._pay_all(connection)
        self.assertEqual(
            self._spans(connection),
            [
                (date(2026, 1, 10), date(2026, 2, 9)),
                (date(2026, 2, 10), date(2026, 3, 9)),
                (date(2026, 3, 10), date(2026, 4, 9)),
            ],
        )

    def test_paying_again_after_unmatching_passes_over_no_further_time(self):
        connection = self._start()
        self._run_on("2026-02-10")
        with freeze_time("2026-02-15 09:00:00"):
            self._pay_all(connection)
        date_before = connection.billing_date
        with freeze_time("2026-03-05 09:00:00"):
            lines = connection.billing_ids.invoice_id._isp_get_receivables()
            lines.remove_move_reconcile()
            lines._isp_match_open("<")
            self.assertTrue(connection.billing_ids.is_paid)
            self.assertEqual(connection.billing_date, date_before)
            self.assertEqual(len(connection.billing_ids), 1)

    def test_closing_bills_what_was_served(self):
        connection = self._start()
        with freeze_time("2026-01-19 09:00:00"):
            connection.action_close()
        self.assertEqual(
            self._spans(connection), [(date(2026, 1, 10), date(2026, 1, 19))]
        )
        # 10 of 31 days.
        self.assertEqual(connection.billing_ids.amount, 483.87)
        self.assertEqual(connection.state, "closed")

    def test_it_cant_be_billed_ahead_by_hand(self):
        connection = self._start()
        with (
            freeze_time("2026-01-19 09:00:00"),
            self.assertRefused("billed when its period has ended"),
        ):
            connection.action_generate_invoice()
