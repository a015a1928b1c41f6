from datetime import date

from freezegun import freeze_time

from odoo.tests import tagged

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestBillingHostile(IspCommon):
    """What a hostile or unlucky hand does to billing and coverage."""

    def test_what_follows_from_documents_cant_be_written_by_hand(self):
        connection = self._create_active()
        for name, value in (
            ("expiry_at", "2099-01-01 00:00:00"),
            ("covered_until_at", "2099-01-01 00:00:00"),
            ("paid_until_at", "2099-01-01 00:00:00"),
            ("state", "active"),
            ("is_setup", True),
            ("anchor_date", "2026-01-01"),
            ("account_no", "100000"),
            ("invoice_id", False),
        ):
            with self.subTest(name), self.assertRefused("can't be set by hand"):
                connection.write({name: value})
        with self.assertRefused("can't be set by hand"):
            self._create_connection(covered_until_at="2099-01-01 00:00:00")
        self.assertEqual(connection.access, "off")

    def test_a_clerk_cant_move_the_next_period_a_manager_can(self):
        connection = self._create_active()
        clerk = self._create_user("clerk", "mybizna_isp.isp_group_clerk")
        with self.assertRefused("can't be set by hand"):
            connection.with_user(clerk).billing_date = "2030-01-01"
        connection.billing_date = "2030-01-01"
        self.assertEqual(connection.billing_date, date(2030, 1, 1))

    def test_a_technician_bills_nothing(self):
        connection = self._create_active()
        technician = self._create_user("tech", "mybizna_isp.isp_group_network")
        with self.assertRefused("Only the back office"):
            connection.with_user(technician).action_generate_invoice()

    def test_generate_invoice_goes_one_period_ahead_and_no_further(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
            connection.action_generate_invoice()
            with self.assertRefused("invoiced ahead already"):
                connection.action_generate_invoice()
        self.assertEqual(len(connection.billing_ids), 2)

    def test_matching_a_served_period_anew_gives_no_second_one(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            payment = self._pay(connection.contract_id, 1725.0, connection)
        with freeze_time("2026-02-15 09:00:00"):
            payment.move_id.line_ids.remove_move_reconcile()
            payment._isp_reconcile()
            self.assertEqual(connection.expiry_date, date(2026, 2, 10))
            self.assertEqual(connection.access, "off")

    def test_a_later_period_paid_first_opens_nothing_until_the_earlier_is_paid(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            connection.action_generate_invoice()
            later, earlier = connection._get_period_billings()
            lines = later.invoice_id.line_ids.filtered("isp_contract_id")
            payment = self._pay(connection.contract_id, 1725.0)
            credit = payment.move_id.line_ids.filtered("isp_contract_id")
            credit.remove_move_reconcile()
            (credit + lines).reconcile()
            self.assertTrue(later.is_paid)
            self.assertEqual(connection.access, "off")
            self._pay_all(connection)
            self.assertTrue(earlier.is_paid)
            self.assertEqual(connection.expiry_date, date(2026, 3, 10))

    def test_a_cancelled_period_is_billed_again_and_the_money_covers_it(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
            self.package.amount = 1000
            connection.billing_ids.invoice_id._isp_revoke("wrong price")
            self.assertFalse(connection.paid_until_at)
            self._run_cron()
            live = connection._get_period_billings()
            self.assertEqual(live.date_start, date(2026, 1, 10))
            self.assertTrue(live.is_paid)
            self.assertEqual(connection.access, "on")
            self.assertEqual(connection.billing_date, date(2026, 2, 10))
            self.assertLedger(connection.contract_id)
            self.assertEqual(connection.contract_id.balance, 575.0)

    def test_a_served_period_that_was_cancelled_is_billed_again_from_its_first_day(
        self,
    ):
        with freeze_time("2026-11-01 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
        with freeze_time("2026-11-20 09:00:00"):
            connection.billing_ids.invoice_id._isp_revoke("wrong address")
            self._run_cron()
            row = connection._get_period_billings()
            self.assertEqual(
                (row.date_start, row.date_end), (date(2026, 11, 1), date(2026, 11, 30))
            )
            self.assertEqual(connection.access, "on")
            self.assertEqual(connection.contract_id.balance, 0.0)

    def test_days_nobody_paid_for_are_not_billed_again(self):
        with freeze_time("2026-11-01 09:00:00"):
            connection = self._create_active()
        with freeze_time("2026-11-20 09:00:00"):
            connection.billing_ids.invoice_id._isp_revoke("was never on")
            self._run_cron()
            row = connection._get_period_billings()
            self.assertEqual(row.date_start, date(2026, 11, 20))

    def test_a_cancelled_set_up_is_invoiced_again_and_nothing_goes_into_service(self):
        self.package.setup_item_ids = [(0, 0, {"name": "Router", "amount": 3000})]
        connection = self._create_active()
        connection._get_setup_billing().invoice_id._isp_revoke("wrong")
        connection.setup_item_ids.amount = 2000
        self._run_cron()
        self.assertEqual(connection.state, "new")
        self.assertEqual(connection._get_setup_billing().amount, 2000)

    def test_the_modify_button_is_refused_for_what_the_run_issued(self):
        invoice = self._create_active().invoice_id
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id})
        )
        with self.assertRefused("issued by the billing run"):
            wizard.modify_moves()

    def test_a_corrected_time_zone_neither_blocks_nor_gaps_the_next_period(self):
        for zone in ("UTC", "Asia/Dhaka", "America/New_York"):
            self.company.isp_tz = "Africa/Nairobi"
            with freeze_time("2026-01-10 09:00:00"):
                connection = self._create_active()
                self._pay_all(connection)
                self.company.isp_tz = zone
                connection.action_generate_invoice()
            second, first = connection._get_period_billings()
            self.assertEqual(second.start_at, first.end_at, zone)
            self.assertEqual(second.date_start, date(2026, 2, 10))

    def test_a_resumed_line_begins_a_whole_period_on_its_day(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
            pause = self.env["isp.suspension"].create(
                {"connection_id": connection.id, "reason": "paused"}
            )
        with freeze_time("2026-03-05 09:00:00"):
            pause.action_end()
            self._run_cron()
            latest = connection._get_period_billings()[:1]
            self.assertEqual(latest.date_start, date(2026, 3, 5))
            self.assertEqual(latest.date_end, date(2026, 4, 4))
