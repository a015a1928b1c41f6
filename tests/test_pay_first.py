from datetime import date, datetime

from freezegun import freeze_time

from odoo import Command
from odoo.tests import Form, tagged

from ..models.isp_contract_documents import Details
from .pay_first_common import PayFirstCommon


@tagged("post_install", "-at_install")
class TestPayFirst(PayFirstCommon):
    """No invoice before money, and money makes it at once."""

    def test_a_line_off_for_three_months_is_on_by_one_invoice_from_the_day_it_pays(
        self,
    ):
        line = self._create_served()
        for day in ("2026-02-05", "2026-03-06", "2026-04-06", "2026-05-06"):
            with freeze_time(f"{day} 09:00:00"):
                self._run_cron()
        self.assertEqual(line.contract_id.balance, 0)
        with freeze_time("2026-05-10 17:00:00"):
            self._pay(line.contract_id, 1500, line)
            self.assertEqual(line.access, "on")
            self._run_cron()
        self.assertEqual(len(line._get_invoices()), 2)
        latest = line._get_period_billings()[:1]
        self.assertEqual(
            (latest.date_start, latest.date_end), (date(2026, 5, 10), date(2026, 6, 9))
        )
        self.assertEqual(line.expiry_date, date(2026, 6, 10))
        self.assertEqual(line.contract_id.balance, 0)
        self.assertLedger(line.contract_id)

    def test_a_new_line_shows_its_first_sum_and_money_makes_the_documents(self):
        self.package.setup_item_ids = [
            Command.create({"name": "Router", "amount": 3000})
        ]
        line = self._create_connection()
        self._run_cron()
        self.assertFalse(line.billing_ids)
        self.assertEqual(line.amount_due_first, 4500)
        self.assertRegex(line.status_text, r"^New, to pay: .*4,500")
        self.assertFalse(line.needs_attention)
        self._pay(line.contract_id, 4500, line)
        self.assertEqual((line.state, line.access), ("active", "on"))
        self.assertEqual(len(line._get_invoices()), 1)
        self.assertEqual(sorted(line.billing_ids.mapped("kind")), ["period", "setup"])
        self.assertEqual(line.contract_id.balance, 0)

    def test_where_a_technician_starts_it_money_makes_a_new_line_ready(self):
        self.package.start_mode = "technician"
        with freeze_time("2026-01-10 09:00:00"):
            line = self._create_connection()
            self._pay(line.contract_id, 1500, line)
            self.assertEqual((line.state, line.access), ("ready", "off"))
        with freeze_time("2026-01-20 09:00:00"):
            line.action_start_service()
            self.assertEqual(line.expiry_date, date(2026, 2, 20))

    # === notices === #

    def test_days_ahead_a_notice_is_given_once_and_no_invoice(self):
        line = self._create_served()
        with freeze_time("2026-02-04 09:00:00"):
            self._run_cron()
            self.assertFalse(line.noticed_at)
        with freeze_time("2026-02-05 09:00:00"):
            before = len(line.message_ids)
            self._run_cron()
            self._run_cron()
            self.assertEqual(line.noticed_for, date(2026, 2, 10))
            self.assertEqual(line.noticed_at, datetime(2026, 2, 5, 9))
        self.assertEqual(len(line.message_ids), before + 1)
        notice = line.message_ids[0].body
        self.assertIn("1,500.00", notice)
        self.assertIn(line.account_no, notice)
        self.assertIn("02/10/2026", notice)
        self.assertEqual(len(line.billing_ids), 1)
        self.assertFalse(line.needs_attention)

    def test_renewals_due_are_listed_until_they_are_paid(self):
        line = self._create_served()
        view = self.env.ref("mybizna_isp.isp_connection_view_search")
        self.assertIn("renewals_due", view.arch)
        due = [("noticed_at", "!=", False), ("state", "=", "active")]
        with freeze_time("2026-02-06 09:00:00"):
            self._run_cron()
            self.assertIn(line, self.env["isp.connection"].search(due))
            self._pay(line.contract_id, 1500, line)
            self.assertNotIn(line, self.env["isp.connection"].search(due))

    # === when money counts === #

    def test_paid_near_the_end_the_next_period_goes_on_from_it(self):
        line = self._create_served()
        with freeze_time("2026-02-06 09:00:00"):
            self._pay(line.contract_id, 1500, line)
        latest = line._get_period_billings()[:1]
        self.assertEqual(latest.date_start, date(2026, 2, 10))
        self.assertEqual(line.expiry_date, date(2026, 3, 10))

    def test_paid_far_from_the_end_it_stays_in_hand_and_renews_when_that_is_near(self):
        line = self._create_served()
        with freeze_time("2026-01-20 09:00:00"):
            self._pay(line.contract_id, 1500, line)
            self._run_cron()
            self.assertEqual(len(line.billing_ids), 1)
            self.assertEqual(line.contract_id.balance, 1500)
        with freeze_time("2026-02-05 09:00:00"):
            self._run_cron()
        self.assertEqual(line.expiry_date, date(2026, 3, 10))
        self.assertEqual(line.contract_id.balance, 0)
        self.assertFalse(line.noticed_at)

    def test_three_months_paid_at_once_are_used_one_by_one(self):
        line = self._create_served()
        with freeze_time("2026-05-10 09:00:00"):
            self._pay(line.contract_id, 4500, line)
            self.assertEqual(line.contract_id.balance, 3000)
        for day in ("2026-06-06", "2026-07-06", "2026-08-06"):
            with freeze_time(f"{day} 09:00:00"):
                self._run_cron()
        self.assertEqual(line.expiry_date, date(2026, 8, 10))
        self.assertEqual(line.contract_id.balance, 0)

    def test_too_little_money_waits_without_a_word(self):
        line = self._create_served()
        with freeze_time("2026-03-10 09:00:00"):
            self._pay(line.contract_id, 1000, line)
            self._run_cron()
            self.assertEqual((line.access, line.contract_id.balance), ("off", 1000))
            self.assertFalse(line.needs_attention)
            self.assertRegex(line.status_text, r"to pay: .*500\.00")
            self._pay(line.contract_id, 500, line)
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0))

    def test_a_day_bought_at_2210_is_24_hours_and_the_next_one_follows_it(self):
        self.package.billing_cycle_id = self.daily
        line = self._create_served("2026-03-01")
        with freeze_time("2026-03-05 19:10:00"):
            self._pay(line.contract_id, 3000, line)
            self.assertEqual(line.expiry_at, datetime(2026, 3, 7, 19, 10))

    def test_a_common_billing_day_is_not_for_lines_that_are_paid_first(self):
        self.company.isp_billing_day = 1
        line = self._create_served()
        self.assertEqual(line.expiry_date, date(2026, 2, 10))
        # Nor for the periods that follow, renewed in time or late.
        for day, end in (("2026-02-08", (3, 10)), ("2026-03-20", (4, 20))):
            with freeze_time(f"{day} 09:00:00"):
                self._pay(line.contract_id, 1500, line)
                self.assertEqual(line.expiry_date, date(2026, *end))
                self.assertEqual(line.contract_id.balance, 0.0)

    def test_a_paused_line_leaves_money_in_hand(self):
        line = self._create_served()
        pause = self.env["isp.suspension"].create(
            {"connection_id": line.id, "date_from": "2026-01-20 09:00:00"}
        )
        with freeze_time("2026-03-10 09:00:00"):
            self._pay(line.contract_id, 1500, line)
            self.assertEqual(line.contract_id.balance, 1500)
            pause.action_end()
            self._run_cron()
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0))

    # === what brings credit === #

    def test_a_goodwill_renews_as_money_does(self):
        line = self._create_served()
        with freeze_time("2026-03-10 09:00:00"):
            product = self.env["product.product"]
            details = Details(date(2026, 3, 10), line, "For the outage")
            line.contract_id._book_goodwill(product, 1500, details)
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0))

    def test_money_moved_from_another_contract_renews(self):
        line = self._create_served()
        rich = self._create_connection(partner_id=self._create_client().id).contract_id
        with freeze_time("2026-03-10 09:00:00"):
            self._pay(rich, 2000)
            details = Details(date(2026, 3, 10), self.env["isp.connection"])
            rich._book_transfer(line.contract_id, 1500, details)
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0))
        self.assertLedger(line.contract_id)

    def test_what_is_left_of_a_registered_payment_renews(self):
        extra = self._create_package("Fixed IP", 100.0, access_kind="none")
        extra.product_id.taxes_id = False
        line = self._create_served()
        with freeze_time("2026-03-10 09:00:00"):
            other = self._create_active(
                contract_id=line.contract_id.id, package_id=extra.id
            )
            self.env["account.payment.register"].with_context(
                active_model="account.move", active_ids=other.invoice_id.ids
            ).create(
                {"journal_id": self.wallet.id, "amount": 1600}
            ).action_create_payments()
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0))

    # === buttons === #

    def test_generate_invoice_names_the_sum_that_has_to_come_first(self):
        line = self._create_served()
        with freeze_time("2026-03-10 09:00:00"), self.assertRefused("is paid first"):
            line.action_generate_invoice()
        new = self._create_connection(partner_id=self._create_client().id)
        with self.assertRefused(r"Take .*1,500\.00 for account"):
            new.action_process_new()

    def test_generate_invoice_uses_credit_in_hand_one_period_ahead(self):
        line = self._create_served()
        with freeze_time("2026-01-20 09:00:00"):
            self._pay(line.contract_id, 3000, line)
            line.action_generate_invoice()
            self.assertEqual(line.expiry_date, date(2026, 3, 10))
            with self.assertRefused("invoiced ahead already"):
                line.action_generate_invoice()

    def test_a_payment_is_entered_for_a_line_that_owes_nothing(self):
        line = self._create_served()
        with freeze_time("2026-03-10 09:00:00"):
            action = line.action_register_payment()
            form = Form(
                self.env["account.payment"].with_context(**action["context"]),
                view=action["views"][0][0] or None,
            )
            form.journal_id = self.wallet
            form.save().action_post()
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0))

    def test_a_package_paid_first_is_not_billed_in_arrears(self):
        with self.assertRefused("paid first can't be billed in"):
            self.package.billing_timing = "arrears"
