from datetime import date, datetime
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestBilling(IspCommon):
    # === set-up and activation === #

    def test_a_setup_invoice_is_made_once_however_often_it_is_asked_for(self):
        self.package.setup_item_ids = [(0, 0, {"name": "Router", "amount": 3000})]
        connection = self._create_connection()
        connection.action_generate_invoice()
        connection.action_generate_invoice()
        self._run_cron()
        setup = connection.billing_ids.filtered(lambda b: b.kind == "setup")
        self.assertEqual(len(setup), 1)
        self.assertEqual(len(setup.invoice_id), 1)
        self.assertTrue(connection.is_setup)
        self.assertEqual(connection.state, "new")

    def test_without_setup_items_the_line_is_active_at_once_without_an_empty_invoice(
        self,
    ):
        connection = self._create_connection()
        connection.action_process_new()
        self.assertEqual(connection.state, "active")
        self.assertEqual(connection.billing_ids.mapped("kind"), ["period"])
        self.assertEqual(len(connection._get_invoices()), 1)

    def test_paying_the_setup_invoice_activates_and_bills_the_first_period(self):
        self.package.setup_item_ids = [(0, 0, {"name": "Router", "amount": 3000})]
        connection = self._create_active()
        self._pay(connection.contract_id, self._owed(connection))
        self._run_cron()
        self.assertEqual(connection.state, "active")
        self.assertEqual(len(connection.billing_ids), 2)
        self._run_cron()
        self.assertEqual(len(connection.billing_ids), 2)

    def test_nothing_is_invoiced_before_the_start_date(self):
        connection = self._create_connection(
            date_start=fields.Date.add(self.company._isp_today(), days=3)
        )
        self._run_cron()
        self.assertFalse(connection.billing_ids)

    # === periods === #

    def test_the_next_period_is_invoiced_five_days_ahead_and_once(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
        with freeze_time("2026-02-04 09:00:00"):
            self._run_cron()
            self.assertEqual(len(connection.billing_ids), 1)
        with freeze_time("2026-02-05 09:00:00"):
            self._run_cron()
            self._run_cron()
            billing = connection.billing_ids[0]
            self.assertEqual(len(connection.billing_ids), 2)
            self.assertEqual(billing.date_start, date(2026, 2, 10))
            self.assertEqual(billing.date_end, date(2026, 3, 9))

    def test_an_invoice_is_dated_at_issue_and_due_when_its_period_begins(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
        with freeze_time("2026-02-05 09:00:00"):
            self._run_cron()
            invoice = connection.invoice_id
        self.assertEqual(invoice.invoice_date, date(2026, 2, 5))
        self.assertEqual(invoice.date, date(2026, 2, 5))
        self.assertEqual(invoice.invoice_date_due, date(2026, 2, 10))
        receivable = invoice.line_ids.filtered("isp_contract_id")
        self.assertEqual(receivable.date_maturity, date(2026, 2, 10))
        self.assertIn("2026-02-10", invoice.invoice_line_ids.name)

    def test_the_anchor_day_comes_back_after_february(self):
        starts = []
        with freeze_time("2026-01-31 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
        for day in ("2026-02-25", "2026-03-28", "2026-04-28", "2026-05-28"):
            with freeze_time(f"{day} 09:00:00"):
                self._run_cron()
                self._pay_all(connection)
                starts.append(connection.billing_ids[0].date_start)
        self.assertEqual(
            starts,
            [
                date(2026, 2, 28),
                date(2026, 3, 31),
                date(2026, 4, 30),
                date(2026, 5, 31),
            ],
        )

    def test_today_is_the_companys_also_half_an_hour_after_its_midnight(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
        # 21:30 UTC is 00:30 of the next day in Nairobi.
        with freeze_time("2026-02-04 21:30:00"):
            self._run_cron()
        self.assertEqual(connection.billing_ids[0].date_start, date(2026, 2, 10))
        self.assertEqual(connection.invoice_id.invoice_date, date(2026, 2, 5))

    def test_a_line_off_for_unpaid_gets_no_invoices_for_that_time(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
        for day in ("2026-02-05", "2026-03-06", "2026-04-06"):
            with freeze_time(f"{day} 09:00:00"):
                self._run_cron()
        self.assertEqual(len(connection.billing_ids), 1)
        with freeze_time("2026-04-20 09:00:00"):
            self._pay_all(connection)
            self._run_cron()
            self.assertEqual(len(connection.billing_ids), 1)
            self.assertEqual(connection.access, "on")

    def test_a_period_paid_after_it_passed_unserved_counts_from_the_payment(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
        with freeze_time("2026-04-20 09:00:00"):
            self._pay_all(connection)
            self.assertEqual(connection.access, "on")
            self.assertEqual(connection.expiry_date, date(2026, 5, 20))
            self.assertEqual(connection.billing_date, date(2026, 5, 20))

    def test_periods_served_before_they_were_paid_keep_their_dates(self):
        self.package.on_expiry = "nothing"
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
        with freeze_time("2026-04-12 09:00:00"):
            self._run_cron()
            self._run_cron()
            self._run_cron()
            self._pay_all(connection)
        starts = connection.billing_ids.sorted("start_at").mapped("date_start")
        self.assertEqual([day.month for day in starts], [1, 2, 3, 4])
        self.assertTrue(all(connection.billing_ids.mapped("is_paid")))

    def test_two_periods_paid_late_at_once_move_the_last_alone(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            self.env["isp.extension"].create(
                {"connection_id": connection.id, "date_to": "2026-02-12 09:00:00"}
            )
        with freeze_time("2026-02-06 09:00:00"):
            self._run_cron()
            self.assertEqual(len(connection.billing_ids), 2)
        with freeze_time("2026-05-20 09:00:00"):
            self._pay_all(connection)
            self.assertEqual(connection.access, "on")
            self.assertEqual(connection.expiry_date, date(2026, 6, 20))
        starts = connection.billing_ids.sorted("start_at").mapped("date_start")
        self.assertEqual(starts, [date(2026, 1, 10), date(2026, 5, 20)])

    def test_matching_again_and_again_gives_a_late_period_once(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
        with freeze_time("2026-04-20 09:00:00"):
            payment = self._pay(connection.contract_id, 1725.0, connection)
            expiry = connection.expiry_at
        with freeze_time("2026-05-10 09:00:00"):
            payment.move_id.line_ids.remove_move_reconcile()
            payment._isp_reconcile()
            self.assertEqual(connection.expiry_at, expiry)

    def test_a_paused_line_gets_no_invoices(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
            self.env["isp.suspension"].create(
                {"connection_id": connection.id, "reason": "paused"}
            )
        with freeze_time("2026-02-06 09:00:00"):
            self._run_cron()
        kinds = connection.billing_ids.mapped("kind")
        self.assertEqual(sorted(kinds), ["credit", "period"])

    def test_missed_runs_are_made_up_in_order_for_a_line_that_was_on(self):
        self.package.on_expiry = "nothing"
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
        with freeze_time("2026-04-12 09:00:00"):
            self._run_cron()
            self._run_cron()
            self._run_cron()
        starts = connection.billing_ids.sorted("start_at").mapped("date_start")
        self.assertEqual(
            starts,
            [
                date(2026, 1, 10),
                date(2026, 2, 10),
                date(2026, 3, 10),
                date(2026, 4, 10),
            ],
        )

    def test_a_fresh_database_bills_every_line_without_any_setting(self):
        connections = self.env["isp.connection"].concat(
            *[
                self._create_connection(partner_id=self._create_client(f"C{i}").id)
                for i in range(20)
            ]
        )
        cron = self.env.ref("mybizna_isp.isp_connection_cron_bill")
        asked = self.env["ir.cron.trigger"].sudo()
        for _run in range(10):
            asked.search([]).unlink()
            self._run_cron()
            if not asked.search([("cron_id", "=", cron.id)]):
                break
        self.assertEqual(len(connections.billing_ids.invoice_id), 20)

    def test_one_poison_line_keeps_its_error_and_the_others_are_billed(self):
        lines = [
            self._create_connection(partner_id=self._create_client(f"C{i}").id)
            for i in range(5)
        ]
        poison = lines[2]
        poison.contract_id.type_id = self.env.ref(
            "mybizna_isp.isp_contract_type_prepaid"
        )
        self._run_cron()
        for line in lines:
            self.assertEqual(len(line.billing_ids), 0 if line == poison else 1)
        self.assertIn("may go down to", poison.needs_attention)
        self.assertEqual(poison.state, "new")
        self.assertEqual(len(poison.activity_ids), 1)
        self.assertEqual(len(poison.contract_id.operation_ids), 0)
        # Tried again later, and told once only.
        self._run_cron()
        self.assertEqual(len(poison.activity_ids), 1)
        poison.contract_id.type_id = self.env.ref(
            "mybizna_isp.isp_contract_type_standard"
        )
        poison.sudo().billing_retry_at = False
        self._run_cron()
        self.assertFalse(poison.needs_attention)
        self.assertEqual(len(poison.billing_ids), 1)
        self.assertFalse(poison.activity_ids)

    def test_when_posting_fails_the_period_is_not_used_up(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
        with freeze_time("2026-02-06 09:00:00"):
            self.company.fiscalyear_lock_date = "2026-02-28"
            self._run_cron()
            self.assertIn("before a lock date", connection.needs_attention)
            self.assertEqual(connection.billing_date, date(2026, 2, 10))
            self.assertEqual(len(connection.billing_ids), 1)
            self.company.fiscalyear_lock_date = False
            connection.sudo().billing_retry_at = False
            self._run_cron()
            self.assertEqual(len(connection.billing_ids), 2)
            self.assertFalse(connection.needs_attention)

    def test_taxes_and_account_come_from_the_product(self):
        self.package.product_id.taxes_id = self.tax_sale_a
        account = self.company_data["default_account_revenue"].copy({"code": "400999"})
        self.package.product_id.property_account_income_id = account
        line = self._create_active().invoice_id.invoice_line_ids
        self.assertEqual(line.tax_ids, self.tax_sale_a)
        self.assertEqual(line.account_id, account)

    def test_without_taxes_of_its_own_a_product_has_those_of_its_account(self):
        account = self.company_data["default_account_revenue"].copy({"code": "400998"})
        account.tax_ids = self.tax_sale_a
        self.package.product_id.write(
            {"taxes_id": False, "property_account_income_id": account.id}
        )
        line = self._create_active()
        told = line._prepare_billing_vals(line._get_next_period())
        self.assertEqual(line.invoice_id.invoice_line_ids.tax_ids, self.tax_sale_a)
        self.assertEqual(
            self.env["isp.billing"]._get_total([told]), line.invoice_id.amount_total
        )

    def test_a_pricelist_gives_the_price_of_the_service_date(self):
        pricelist = self.env["product.pricelist"].create(
            {
                "name": "Staff",
                "company_id": self.company.id,
                "currency_id": self.company.currency_id.id,
                "item_ids": [
                    (0, 0, {"compute_price": "fixed", "fixed_price": 900}),
                ],
            }
        )
        contract = self.env["isp.contract"].create(
            {"partner_id": self.client.id, "pricelist_id": pricelist.id}
        )
        connection = self._create_active(contract_id=contract.id)
        self.assertEqual(connection.invoice_id.amount_untaxed, 900)

    def test_a_batch_costs_a_bounded_number_of_queries_a_line(self):
        counts = []
        for size in (10, 40):
            lines = (
                self.env["isp.connection"]
                .concat(
                    *[
                        self._create_connection(
                            partner_id=self._create_client(f"C{i}").id
                        )
                        for i in range(size)
                    ]
                )
                .sudo()
                .with_context(tracking_disable=True)
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            lines._process_new()
            self.env.flush_all()
            counts.append((self.cr.sql_log_count - before) / size)
        self.assertLess(counts[1], counts[0])
        self.assertLess(counts[1], 30)

    def test_invoices_of_one_batch_are_numbered_one_after_the_other(self):
        lines = self.env["isp.connection"].concat(
            *[
                self._create_connection(partner_id=self._create_client(f"C{i}").id)
                for i in range(4)
            ]
        )
        lines.action_process_new()
        invoices = lines.invoice_id
        first = min(invoices.mapped("sequence_number"))
        self.assertEqual(
            sorted(invoices.mapped("sequence_number")), list(range(first, first + 4))
        )
        later = self._create_active(partner_id=self._create_client("C5").id)
        self.assertEqual(later.invoice_id.sequence_number, first + 4)
        self.assertFalse(any(invoices.mapped("made_sequence_gap")))

    # === hours === #

    def test_24_hours_bought_at_2210_end_at_2210_the_next_day(self):
        package = self._create_package(
            "Day pass",
            50.0,
            billing_cycle_id=self.hourly.copy({"duration": 24, "name": "24 h"}).id,
        )
        with freeze_time("2026-03-01 19:10:00"):  # 22:10 in Nairobi
            connection = self._create_active(package_id=package.id)
            self._pay_all(connection)
            self.assertEqual(connection.expiry_at, datetime(2026, 3, 2, 19, 10))
            self.assertEqual(connection.expiry_date, date(2026, 3, 2))
        with freeze_time("2026-03-02 19:09:00"):
            self.env.invalidate_all()
            self.assertEqual(connection.access, "on")
        with freeze_time("2026-03-02 19:11:00"):
            self.env.invalidate_all()
            self.assertEqual(connection.access, "off")

    def test_hours_paid_late_begin_when_access_opens(self):
        package = self._create_package(
            "Day pass",
            50.0,
            billing_cycle_id=self.hourly.copy({"duration": 24, "name": "24 h"}).id,
        )
        with freeze_time("2026-03-01 19:10:00"):
            connection = self._create_active(package_id=package.id)
        with freeze_time("2026-03-02 00:10:00"):
            self._pay_all(connection)
            self.assertEqual(connection.expiry_at, datetime(2026, 3, 3, 0, 10))

    def test_a_daily_line_is_never_billed_more_than_a_day_ahead(self):
        package = self._create_package("Daily", 50.0, billing_cycle_id=self.daily.id)
        with freeze_time("2026-03-01 09:00:00"):
            connection = self._create_active(package_id=package.id)
            self._pay_all(connection)
            self._run_cron()
            self._run_cron()
            self.assertEqual(len(connection.billing_ids), 2)

    def test_a_killed_run_leaves_neither_a_lost_nor_a_double_period(self):
        lines = [
            self._create_connection(partner_id=self._create_client(f"C{i}").id)
            for i in range(4)
        ]
        Model = type(self.env["isp.connection"])
        with (
            patch.object(
                Model, "_is_urgent_work_waiting", side_effect=[False, SystemExit]
            ),
            mute_logger("odoo.addons.base.models.ir_cron"),
            self.assertRaises(SystemExit),
        ):
            self._run_cron()
        self._run_cron()
        for line in lines:
            self.assertEqual(len(line.billing_ids), 1)
            self.assertEqual(len(line._get_invoices()), 1)

    def test_a_run_that_makes_way_asks_for_the_next_at_once(self):
        lines = self.env["isp.connection"].concat(
            *[
                self._create_connection(partner_id=self._create_client(f"C{i}").id)
                for i in range(12)
            ]
        )
        collection = self.env["isp.collection"].create(
            {"name": "Paybill", "journal_id": self.wallet.id, "provider": "mpesa_ke"}
        )
        self.env["isp.sms.inbox"].sudo().create(
            {"text": "x", "collection_id": collection.id}
        )
        cron = self.env.ref("mybizna_isp.isp_connection_cron_bill")
        triggers = self.env["ir.cron.trigger"].sudo()
        triggers.search([]).unlink()
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            self.env(cr=cr)["isp.connection"].sudo()._cron_bill()
        self.env.invalidate_all()
        self.assertEqual(len(lines.billing_ids), 5)
        self.assertTrue(triggers.search([("cron_id", "=", cron.id)]))
