from datetime import date
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import tagged

from .companies_common import MOMENT, CompaniesCommon

# What a failing company is told.
NO = "No."


@tagged("post_install", "-at_install")
class TestTwoCompanies(CompaniesCommon):
    # === billing === #

    def test_one_run_bills_each_company_on_its_own_day_in_its_own_books(self):
        near, far = self._create_pair(date_start="2026-11-14")
        self._bill()
        for line, company, day, end, total in (
            (near, self.company, 14, date(2026, 11, 30), 977.5),
            (far, self.kiwi, 15, date(2026, 12, 14), 103.39),
        ):
            row = line.billing_ids
            self.assertEqual(row.date_start, date(2026, 11, day))
            self.assertEqual(row.date_end, end)
            self.assertEqual(row.invoice_id.invoice_date, date(2026, 11, day))
            self.assertEqual(row.invoice_id.amount_total, total)
            self.assertOwn(row.invoice_id, company)
            self.assertLedger(line.contract_id)

    def test_each_companys_midnight_and_days_ahead_are_its_own(self):
        near, far = self._create_pair(date_start="2026-11-15")
        steps = (
            # 23:30 on the 14th in Auckland: neither has begun.
            ("2026-11-14 10:30:00", (0, 0)),
            ("2026-11-14 11:30:00", (0, 1)),
            ("2026-11-15 06:00:00", (1, 1)),
            ("2026-11-26 06:00:00", (2, 1)),
            # Ten days before the 15th of December begin at 11:00 on the 4th.
            ("2026-12-04 10:30:00", (2, 1)),
            ("2026-12-04 11:30:00", (2, 2)),
        )
        for moment, counts in steps:
            self._bill(moment)
            self.assertEqual((len(near.billing_ids), len(far.billing_ids)), counts)
            with freeze_time(moment):
                if near.billing_ids and self._owed(near):
                    self._pay_all(near)
                if far.billing_ids and self._owed(far):
                    self._pay_far(far, self._owed(far))
        self.assertEqual(far.invoice_id.invoice_date, date(2026, 12, 5))
        self.assertOwn(far.invoice_id, self.kiwi)

    def test_a_hold_and_trouble_of_one_company_stop_no_other(self):
        near, far = self._create_pair(date_start="2026-11-14")
        issue = type(self.env["isp.billing"])._issue_invoices

        def fail(rows):
            if rows.company_id == self.kiwi:
                raise UserError(NO)
            return issue(rows)

        with patch.object(type(self.env["isp.billing"]), "_issue_invoices", fail):
            self._bill()
        self.assertEqual((far.needs_attention, len(far.activity_ids)), (NO, 1))
        self.assertEqual((len(near.billing_ids), len(far.billing_ids)), (1, 0))
        self.company.isp_auto_billing = False
        with freeze_time(MOMENT):
            self._pay_all(near)
        self._bill("2026-11-26 06:00:00")
        self.assertEqual((near.billing_hold, far.billing_hold), ("asked", False))
        self.assertEqual((len(near.billing_ids), len(far.billing_ids)), (1, 1))

    def test_who_works_in_one_company_bills_the_other_by_its_prices_and_day(self):
        """A product of both companies; the first alone has prices by date."""
        self.package.product_id.write({"company_id": False, "taxes_id": False})
        self.kiwi_package.product_id = self.package.product_id
        self.kiwi_package.access_kind = "none"
        pricelist = self.there["product.pricelist"].create(
            {"name": "Kiwi", "company_id": self.kiwi.id}
        )
        pricelist.currency_id = self.kiwi.currency_id
        values = {"partner_id": self.client.id, "pricelist_id": pricelist.id}
        contract = self.there["isp.contract"].create(values)
        with freeze_time(MOMENT):
            self.package._set_price_from(self.company._isp_today(), 2000.0)
            line = self.both["isp.connection"].create(
                {"contract_id": contract.id, "package_id": self.kiwi_package.id}
            )
            self.assertEqual(line.company_id, self.kiwi)
            self.assertEqual(line.date_start, self.kiwi._isp_today())
            price = line.with_env(self.there)._get_price(line.date_start)
            self.assertNotEqual(price, 2000.0)
            line.action_process_new()
        self.assertEqual(line.billing_ids.amount, price)
        self.assertOwn(line.invoice_id, self.kiwi)

    # === money === #

    def test_a_payment_in_one_company_pays_nothing_in_the_other(self):
        with freeze_time(MOMENT):
            near, far = self._create_pair()
            (near | far).action_process_new()
            owed = self._owed(near)
            payment = self._pay_far(far, 1000.0)
            self.assertOwn(payment.move_id, self.kiwi)
            self.assertEqual((self._owed(far), self._owed(near)), (0.0, owed))
            lines = (payment.move_id | near.invoice_id).line_ids
            with self.assertRaises(UserError), self.cr.savepoint():
                lines.filtered("isp_contract_id").reconcile()
            payment._isp_revoke("test")
            self.assertOwn(payment.move_id.isp_revoked_by_id, self.kiwi)
            for line in near | far:
                self.assertLedger(line.contract_id)

    def test_money_in_one_company_renews_no_line_of_the_other(self):
        (self.package | self.kiwi_package).billing_mode = "pay_first"
        with freeze_time(MOMENT):
            near, far = self._create_pair()
            self._pay(near.contract_id, 50000.0, near)
            self.assertEqual((near.state, far.state), ("active", "new"))
            self.assertEqual(far.amount_due_first, 103.39)
            self._pay_far(far, 500.0)
        self._bill("2026-12-14 06:00:00")
        for line, company in ((near, self.company), (far, self.kiwi)):
            self.assertEqual(len(line.billing_ids), 2)
            for move in line.billing_ids.invoice_id:
                self.assertOwn(move, company)
            self.assertLedger(line.contract_id)
        self.assertEqual(near.contract_id.balance, 50000.0 - 2 * 1725.0)
        self.assertEqual(far.contract_id.balance, 293.22)

    def test_a_message_is_matched_in_the_company_it_was_sent_to(self):
        """The client, the login, the alias and the phone are in both."""
        self.client.phone = "0722333444"
        near, far = self._create_pair()
        for line in near | far:
            self.env["isp.account.alias"].create(
                {"name": "FLAT7", "contract_id": line.contract_id.id}
            )
        for ref in ("mary.home", "FLAT7", "0722333444"):
            receipt = self._read(self._sms(5, ref)).receipt_id
            self.assertEqual(receipt.contract_id, near.contract_id, ref)
            self.assertOwn(receipt.payment_id.move_id, self.company)
        # What names the other's line is nobody's here.
        for ref in (far.account_no, far.contract_id.account_no):
            receipt = self._read(self._sms(5, ref, phone="254711000000")).receipt_id
            self.assertEqual(receipt.state, "unmatched", ref)
        self.assertEqual(far.contract_id.balance, 0.0)

    # === books, and who sees them === #

    def test_periods_saldos_statements_and_audits_are_each_companys_own(self):
        Period = self.env["isp.period"]
        # The last evening of October in Nairobi is November in Auckland.
        with freeze_time("2026-10-31 12:00:00"):
            near, far = self._create_pair()
            (near | far).action_process_new()
        self.assertEqual(near.invoice_id.isp_period_id.name, "2026-10")
        self.assertEqual(far.invoice_id.isp_period_id.name, "2026-11")
        with freeze_time("2026-12-02 09:00:00"):
            self._pay_far(far, 50.0)
            Period._get_open(self.company)[0]._close()
            self.assertFalse(self.kiwi.sale_lock_date)
            Period._get_open(self.kiwi)[0]._close()
            saldo = self.env["isp.saldo"].search([("company_id", "=", self.kiwi.id)])
            self.assertEqual(saldo.contract_id, far.contract_id)
            self.assertEqual(saldo.currency_id, self.kiwi.currency_id)
            self.assertEqual(saldo.closing, -far.invoice_id.amount_total)
            for line, env in ((near, self.both), (far, self.there)):
                audit = self.env["isp.ledger.audit"]._audit(line.company_id)
                self.assertEqual(audit.state, "exact", audit.differences)
                self.assertEqual(audit.contract_count, 1)
                contract = line.contract_id
                statement = contract._get_statement()
                self.assertEqual(statement["currency"], line.currency_id)
                self.assertEqual(statement["closing"], contract.balance)
                client = self.client.with_env(env)
                self.assertEqual(client.isp_balance, contract.balance)
            both = (near | far).contract_id._get_statements()
            self.assertEqual(len(both["totals"]), 2)
