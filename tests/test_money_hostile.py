from datetime import date, timedelta

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .money_common import MoneyCommon


@tagged("post_install", "-at_install")
class TestMoneyHostile(MoneyCommon):
    """What a person with ordinary rights, or bad luck, must not be able to do."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clerk = cls._create_user("bent_clerk", "mybizna_isp.isp_group_clerk")
        cls.invoicer = cls._create_user(
            "bent_invoicer", "base.group_user,account.group_account_invoice"
        )
        cls.package.product_id.taxes_id = False

    def _own_line(self, **values):
        """A line of a client of its own, first period invoiced and not paid."""
        return self._create_active(partner_id=self._create_client().id, **values)

    def _refund_wizard(self, move):
        return (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({"journal_id": move.journal_id.id, "reason": "test"})
        )

    def _receivable(self, move):
        return move.line_ids.filtered("isp_contract_id")

    def _match_again(self, invoice, payment):
        line = self._receivable(invoice)
        line.remove_move_reconcile()
        (line | self._receivable(payment.move_id)).reconcile()

    # === WHOSE MONEY === #

    def test_an_account_number_cannot_be_taken_over(self):
        victim, friend = self._own_line(), self._own_line()
        with self.assertRaises(UserError), self.cr.savepoint():
            friend.contract_id.with_user(self.clerk).account_no = victim.account_no
        with self.assertRaises(UserError), self.cr.savepoint():
            friend.with_user(self.clerk).account_no = victim.contract_id.account_no

    def test_money_typed_for_two_customers_waits_for_a_person(self):
        victim, friend = self._own_line(), self._own_line()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE isp_contract SET account_no = %s WHERE id = %s",
            (victim.account_no, friend.contract_id.id),
        )
        self.env.invalidate_all()
        code = self._code()
        self._read(self._sms(1500, victim.account_no, code))
        self.assertEqual(self._receipt(code).state, "unmatched")

    def test_a_live_payment_cannot_be_called_cancelled(self):
        line, code = self._own_line(), self._code()
        self._read(self._sms(1500, line.account_no, code))
        payment = self._receipt(code).payment_id
        with self.assertRaises(UserError), self.cr.savepoint():
            payment.with_user(self.clerk).isp_revoked = True

    def test_a_posted_receivable_gets_no_contract_afterwards(self):
        line = self._own_line()
        contract = line.contract_id
        contract.copy({"partner_id": contract.partner_id.id})
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": contract.partner_id.id,
                "amount": 1500,
                "journal_id": self.wallet.id,
            }
        )
        payment.action_post()
        self.assertFalse(payment.isp_contract_id)
        receivable = payment.move_id.line_ids.filtered(
            lambda ln: ln.account_id.account_type == "asset_receivable"
        )
        for record in (receivable, payment.move_id, payment):
            with (
                self.subTest(record._name),
                self.assertRaises(UserError),
                self.cr.savepoint(),
            ):
                record.isp_contract_id = contract
                self.env.flush_all()
        self.assertLedger(contract)

    def test_coverage_is_computed_and_never_written(self):
        line = self._own_line()
        self.env.flush_all()
        for name, value in (
            ("covered_until_at", "2099-01-01 00:00:00"),
            ("paid_until_at", "2099-01-01 00:00:00"),
            ("is_setup", True),
            ("state", "closed"),
        ):
            with self.subTest(name), self.assertRaises(UserError), self.cr.savepoint():
                line.with_user(self.clerk).write({name: value})
        self.assertEqual(line.access, "off")

    def test_a_payment_cancelled_by_its_entry_is_cancelled_for_the_receipt_too(self):
        line, code = self._own_line(), self._code()
        self._read(self._sms(1500, line.account_no, code))
        receipt = self._receipt(code)
        receipt.payment_id.move_id.action_isp_revoke()
        self.assertEqual(receipt.state, "unmatched")
        receipt._assign(self._own_line().contract_id, self.env["isp.connection"])
        self.assertEqual(receipt.state, "booked")

    def test_money_given_back_pays_no_next_invoice(self):
        line = self._own_line()
        contract = line.contract_id
        self._pay(contract, 3000, line)
        refund = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "customer",
                "partner_id": contract.partner_id.id,
                "amount": 1500,
                "journal_id": self.wallet.id,
            }
        )
        refund.action_post()
        line.sudo()._bill_next_period()
        self.assertEqual(self._owed(line), 1500)

    def test_a_payer_with_another_receivable_account_can_pay(self):
        line = self._own_line()
        account = self.env["account.account"].create(
            {
                "name": "Debtors B",
                "code": "121999",
                "account_type": "asset_receivable",
                "reconcile": True,
            }
        )
        line.contract_id.payer_id = self._create_client(
            "Employer", property_account_receivable_id=account.id
        )
        self._pay(line.contract_id, 1500, line)
        self.assertLedger(line.contract_id)

    def test_a_late_message_before_a_lock_date_is_booked_today(self):
        line, code = self._own_line(), self._code()
        at = self._days_ago(40)
        self.company.fiscalyear_lock_date = date.today() - timedelta(days=35)
        self._read(self._sms(1500, line.account_no, code, at=at))
        self.assertEqual(self._receipt(code).state, "booked")

    # === WHAT PERIOD === #

    def test_matching_again_gives_no_second_month(self):
        with freeze_time("2026-03-02 08:00"):
            line = self._own_line()
            payment = self._pay(line.contract_id, 1500, line)
            end_at = line.paid_until_at
        with freeze_time("2026-05-05 08:00"):
            self.env.invalidate_all()
            self._match_again(line.billing_ids.invoice_id, payment)
            self.assertEqual(line.paid_until_at, end_at)

    def test_matching_again_gives_no_second_hour(self):
        hourly = self._create_package("Hour", 20.0, billing_cycle_id=self.hourly.id)
        hourly.product_id.taxes_id = False
        with freeze_time("2026-03-02 08:00"):
            line = self._own_line(package_id=hourly.id)
            payment = self._pay(line.contract_id, 20, line)
            end_at = line.paid_until_at
        with freeze_time("2026-03-02 08:58"):
            self.env.invalidate_all()
            self._match_again(line.billing_ids.invoice_id, payment)
            self.assertEqual(line.paid_until_at, end_at)

    def test_a_cancelled_period_is_billed_again(self):
        line = self._own_line()
        start = line.billing_ids.date_start
        line.billing_ids.invoice_id._isp_revoke("wrong price")
        line.sudo()._bill_next_period()
        live = line.billing_ids.filtered(lambda b: b.state == "billed")
        self.assertEqual(live.date_start, start)

    def test_paying_a_later_period_opens_no_unpaid_one(self):
        line = self._own_line()
        later = line.sudo()._bill_next_period()
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=later.invoice_id.ids
        ).create({"journal_id": self.wallet.id}).action_create_payments()
        self.assertEqual(line.access, "off")

    def test_a_set_up_cancelled_is_no_set_up_paid(self):
        package = self._create_package(
            "With set-up",
            1500.0,
            setup_item_ids=[Command.create({"name": "Install", "amount": 3000})],
        )
        line = self._create_connection(package_id=package.id)
        line.action_process_new()
        line.billing_ids.invoice_id._isp_revoke("wrong price")
        line.action_process_new()
        self.assertEqual(line.state, "new")

    def test_a_corrected_time_zone_stops_no_billing(self):
        self.company.isp_tz = "UTC"
        line = self._own_line()
        self.company.isp_tz = "Africa/Nairobi"
        self.env.flush_all()
        first, second = line.billing_ids, line.sudo()._bill_next_period()
        self.assertEqual(second.start_at, first.end_at)

    def test_from_hours_to_months_without_overlap(self):
        hourly = self._create_package("Hour", 20.0, billing_cycle_id=self.hourly.id)
        hourly.product_id.taxes_id = False
        line = self._own_line(package_id=hourly.id)
        self._pay(line.contract_id, 20, line)
        line.package_id = self.package
        self.env.flush_all()
        first, second = line.billing_ids, line.sudo()._bill_next_period()
        self.assertGreaterEqual(second.start_at, first.end_at)

    def test_a_line_resumed_is_billed_from_the_day_it_is_back(self):
        with freeze_time("2026-03-02 08:00"):
            line = self._own_line()
            self._pay(line.contract_id, 1500, line)
            pause = self.env["isp.suspension"].create(
                {"connection_id": line.id, "reason": "paused"}
            )
        with freeze_time("2026-05-28 08:00"):
            self.env.invalidate_all()
            pause.action_end()
            billing = line.sudo()._bill_next_period()
            self.assertEqual(billing.date_start, date(2026, 5, 28))

    # === DOCUMENTS === #

    def test_an_early_payment_discount_is_shared_like_the_price(self):
        line = self._own_line()
        other = self._create_connection(contract_id=line.contract_id.id)
        term = self.env["account.payment.term"].create(
            {
                "name": "2/10",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 10,
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 100, "nb_days": 30}
                    )
                ],
            }
        )
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": line.partner_id.id,
                "isp_contract_id": line.contract_id.id,
                "invoice_payment_term_id": term.id,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "test",
                            "price_unit": price,
                            "tax_ids": [],
                            "isp_connection_id": connection.id,
                        }
                    )
                    for price, connection in ((1000, line), (500, other))
                ],
            }
        )
        parts = self._receivable(invoice)
        self.assertEqual(sum(parts.mapped("discount_amount_currency")), 1470)

    def test_instalments_of_a_line_add_up_to_its_price(self):
        line = self._own_line()
        other = self._create_connection(contract_id=line.contract_id.id)
        term = self.env["account.payment.term"].create(
            {
                "name": "3 instalments",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": share, "nb_days": days}
                    )
                    for share, days in ((33.33, 0), (33.33, 30), (33.34, 60))
                ],
            }
        )
        none = self.env["isp.connection"]
        prices = {line: 100.01, other: 33.33, none: 0.01}
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": line.partner_id.id,
                "isp_contract_id": line.contract_id.id,
                "invoice_payment_term_id": term.id,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "test",
                            "price_unit": price,
                            "tax_ids": [],
                            "isp_connection_id": connection.id,
                        }
                    )
                    for connection, price in prices.items()
                ],
            }
        )
        for connection, price in prices.items():
            parts = self._receivable(invoice).filtered(
                lambda part, c=connection: part.isp_connection_id == c
            )
            self.assertAlmostEqual(sum(parts.mapped("balance")), price, 2)

    def test_a_contract_taken_off_a_draft_is_off(self):
        line = self._own_line()
        contract = line.contract_id
        invoice = line.billing_ids.invoice_id.copy()
        invoice.isp_contract_id = False
        invoice.action_post()
        self.assertEqual(contract.balance, -1500)
        self.assertLedger(contract)

    def test_an_accounting_clerk_without_our_groups_posts_and_pays(self):
        line = self._own_line()
        invoice = line.billing_ids.invoice_id.copy()
        self.env.flush_all()
        self.env.invalidate_all()
        invoice.with_user(self.invoicer).action_post()
        self.env.flush_all()
        self.env.invalidate_all()
        self.env["account.payment.register"].with_user(self.invoicer).with_context(
            active_model="account.move", active_ids=invoice.ids
        ).create({"journal_id": self.wallet.id}).action_create_payments()
        self.assertLedger(line.contract_id)

    def test_only_accountants_cancel_by_counter_entry(self):
        for user in (self.invoicer, self.clerk):
            invoice = self._own_line().billing_ids.invoice_id
            self.env.flush_all()
            with (
                self.subTest(user.login),
                self.assertRaises(UserError),
                self.cr.savepoint(),
            ):
                invoice.with_user(user).action_isp_revoke()

    def test_a_credit_limit_holds_whatever_the_request_says(self):
        line = self._own_line()
        line.contract_id.write({"has_credit_limit": True, "credit_limit": 1500})
        invoice = line.billing_ids.invoice_id.copy()
        with self.assertRaises(UserError), self.cr.savepoint():
            invoice.with_context(isp_correction=True).action_post()

    def test_money_the_network_took_back_is_not_booked_again(self):
        line, code = self._own_line(), self._code()
        self._read(self._sms(1500, line.account_no, code))
        self._read(self._reversal(code))
        with self.assertRaises(UserError), self.cr.savepoint():
            self._receipt(code).with_user(self.clerk)._assign(line.contract_id, line)

    def test_nobody_signs_for_somebody_else(self):
        line = self._own_line()
        extension = (
            self.env["isp.extension"]
            .with_user(self.clerk)
            .create({"connection_id": line.id, "user_id": self.env.user.id})
        )
        self.assertEqual(extension.user_id, self.clerk)
        with self.assertRaises(UserError), self.cr.savepoint():
            extension.unlink()

    def test_one_click_too_many_bills_no_further_month(self):
        line = self._own_line()
        line.action_generate_invoice()
        with self.assertRefused("invoiced ahead already"):
            line.action_generate_invoice()
        self.assertLessEqual(
            line.billing_date, self.company._isp_today() + timedelta(days=70)
        )
