from odoo import fields
from odoo.tests import tagged

from .ledger_common import LedgerCommon


@tagged("post_install", "-at_install")
class TestLedger(LedgerCommon):
    # === receivable split by connection === #

    def test_the_receivable_of_an_invoice_is_split_by_connection(self):
        invoice = self._create_invoice([(self.line_a, 1000), (self.line_b, 575)])
        split = {
            line.isp_connection_id: line.balance for line in self._receivables(invoice)
        }
        self.assertEqual(split, {self.line_a: 1000, self.line_b: 575})

    def test_editing_a_draft_keeps_the_split_right(self):
        invoice = self._create_invoice(
            [(self.line_a, 1000), (self.line_b, 575)], post=False
        )
        invoice.invoice_line_ids[0].price_unit = 1200
        invoice.invoice_line_ids[1].isp_connection_id = self.line_a
        self.assertEqual(self._receivables(invoice).isp_connection_id, self.line_a)
        self.assertEqual(sum(self._receivables(invoice).mapped("balance")), 1775)
        invoice.invoice_line_ids[1].isp_connection_id = self.line_b
        invoice.action_post()
        split = {
            line.isp_connection_id: line.balance for line in self._receivables(invoice)
        }
        self.assertEqual(split, {self.line_a: 1200, self.line_b: 575})

    def test_parts_of_a_taxed_invoice_add_up_to_the_cent(self):
        invoice = self._create_invoice(
            [(self.line_a, 33.33), (self.line_b, 33.33), (self.line_a, 33.35)],
            tax_ids=self.tax_sale_a.ids,
        )
        lines = self._receivables(invoice)
        self.assertEqual(len(lines), 2)
        self.assertAlmostEqual(sum(lines.mapped("balance")), invoice.amount_total, 2)

    def test_paying_one_connections_part_leaves_the_other_owing(self):
        invoice = self._create_invoice([(self.line_a, 1000), (self.line_b, 1000)])
        part_a = self._receivables(invoice).filtered(
            lambda line: line.isp_connection_id == self.line_a
        )
        payment = self._pay(self.contract, 1000.0)
        # Undo the oldest-first match, then pay the part of A alone.
        credit = self._receivables(payment.move_id)
        credit.remove_move_reconcile()
        (credit + part_a).reconcile()
        self.assertEqual(part_a.amount_residual, 0)
        self.assertEqual(
            (self._receivables(invoice) - part_a).mapped("amount_residual"), [1000]
        )

    # === Σ operations = balance = −receivable === #

    def test_each_receivable_of_a_posted_document_is_one_operation(self):
        invoice = self._create_invoice([(self.line_a, 1000), (self.line_b, 575)])
        operations = invoice.isp_operation_ids
        self.assertEqual(sorted(operations.mapped("amount")), [-1000, -575])
        self.assertEqual(set(operations.mapped("kind")), {"charge"})
        self.assertEqual(operations.connection_id, self.line_a | self.line_b)
        self.assertLedger(self.contract)

    def test_register_payment_books_on_the_contract(self):
        invoice = self._create_invoice([(self.line_a, 115)])
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoice.ids
        )
        payment = wizard.create({"journal_id": self.wallet.id})._create_payments()
        self.assertEqual(payment.isp_contract_id, self.contract)
        self.assertEqual(payment.state, "paid")
        self.assertEqual(invoice.payment_state, "paid")
        self.assertLedger(self.contract)

    def test_register_payment_over_two_contracts_makes_a_payment_each(self):
        other = self._create_active(partner_id=self._create_client("Other").id)
        other.contract_id.partner_id = self.client
        invoices = self._create_invoice([(self.line_a, 115)]) | self._create_invoice(
            [(other, 230)], contract=other.contract_id
        )
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoices.ids
        )
        payments = wizard.create(
            {"journal_id": self.wallet.id, "group_payment": True}
        )._create_payments()
        self.assertEqual(len(payments), 2)
        self.assertLedger(self.contract)
        self.assertLedger(other.contract_id)

    def test_credit_of_another_contract_cant_be_matched(self):
        second = self.env["isp.contract"].create({"partner_id": self.client.id})
        credit = self._receivables(self._pay(second, 115.0).move_id)
        invoice = self._create_invoice([(self.line_a, 115)])
        with self.assertRefused("by a transfer only"):
            invoice.js_assign_outstanding_line(credit.id)
        self.assertLedger(self.contract)
        self.assertLedger(second)

    def test_the_outstanding_widget_offers_credit_of_the_same_contract_only(self):
        invoice = self._create_invoice([(self.line_a, 115)])
        second = self.env["isp.contract"].create({"partner_id": self.client.id})
        self._pay(second, 115.0)
        invoice.invalidate_recordset()
        self.assertFalse(invoice.invoice_outstanding_credits_debits_widget)

    def test_money_without_contract_cant_pay_a_contracts_invoice(self):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.client.id,
                "amount": 115,
                "journal_id": self.wallet.id,
                "isp_contract_id": False,
            }
        )
        payment.action_post()
        invoice = self._create_invoice([(self.line_a, 115)])
        credit = payment.move_id.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )
        with self.assertRefused("no contract"):
            invoice.js_assign_outstanding_line(credit.id)

    # === money in === #

    def test_a_blocked_invoice_that_is_paid_in_full_still_opens_the_line(self):
        invoice = self.line_a.billing_ids.invoice_id
        invoice.payment_state = "blocked"
        self._pay(self.contract, self._owed(self.line_a), self.line_a)
        self.assertTrue(self.line_a.billing_ids.is_paid)
        self.assertEqual(self.line_a.access, "on")

    def test_the_named_line_is_paid_before_an_older_debt(self):
        older, named = self.line_a, self.line_b
        self._create_invoice([(older, 100)], invoice_date_due="2020-01-01")
        self._pay(self.contract, self._owed(named), named)
        self.assertEqual(self._owed(named), 0)
        self.assertEqual(named.access, "on")
        self.assertEqual(older.access, "off")
        self.assertLedger(self.contract)

    def test_without_a_named_line_the_oldest_due_is_paid_first(self):
        old = self._create_invoice([(self.line_b, 100)], invoice_date_due="2020-01-01")
        self._pay(self.contract, 100.0)
        self.assertEqual(old.payment_state, "paid")

    def test_a_part_payment_opens_nothing_and_stays_on_the_invoice(self):
        owed = self._owed(self.line_a)
        self._pay(self.contract, 10.0, self.line_a)
        self.assertEqual(self._owed(self.line_a), owed - 10)
        self.assertEqual(self.line_a.access, "off")
        self.assertLedger(self.contract)

    def test_a_surplus_stays_as_credit_and_pays_the_next_invoice_at_posting(self):
        owed = self._owed(self.line_a) + self._owed(self.line_b)
        self._pay(self.contract, owed + 300)
        self.assertAlmostEqual(self.contract.balance, 300)
        invoice = self._create_invoice([(self.line_a, 200)])
        self.assertEqual(invoice.payment_state, "paid")
        self.contract.invalidate_recordset()
        self.assertAlmostEqual(self.contract.balance, 100)
        self.assertLedger(self.contract)

    def test_surplus_of_another_contract_of_the_same_client_is_not_taken(self):
        second = self.env["isp.contract"].create({"partner_id": self.client.id})
        self._pay(second, 500.0)
        invoice = self._create_invoice([(self.line_a, 200)])
        self.assertEqual(invoice.payment_state, "not_paid")

    def test_money_of_a_wallet_is_paid_at_once_not_in_process(self):
        payment = self._pay(self.contract, 10.0)
        self.assertEqual(payment.state, "paid")
        self.assertTrue(payment.is_matched)

    def test_a_batch_of_payments_costs_few_queries_each(self):
        counts = []
        for size in (5, 25):
            contracts = [
                self._create_active(
                    partner_id=self._create_client(f"C{i}").id
                ).contract_id
                for i in range(size)
            ]
            vals = [
                {
                    "contract_id": contract.id,
                    "connection_id": contract.connection_ids.id,
                    "amount": 1725.0,
                    "currency_id": contract.currency_id.id,
                    "journal_id": self.wallet.id,
                    "date": fields.Date.today(),
                    "memo": "x",
                    "receipt_id": False,
                }
                for contract in contracts
            ]
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.env["isp.contract"]._create_payments(vals)
            self.env.flush_all()
            counts.append((self.cr.sql_log_count - before) / size)
        self.assertLess(counts[1], counts[0])
        self.assertLess(counts[1], 40)

    # === credit limit === #

    def test_a_prepaid_contract_never_goes_below_zero(self):
        contract = self.env["isp.contract"].create(
            {
                "partner_id": self._create_client().id,
                "type_id": self.env.ref("mybizna_isp.isp_contract_type_prepaid").id,
            }
        )
        connection = self._create_connection(contract_id=contract.id)
        with self.assertRefused("may go down to"):
            self._create_invoice([(connection, 1)], contract=contract)
        self._pay(contract, 100.0)
        self._create_invoice([(connection, 100)], contract=contract)
        contract.invalidate_recordset()
        self.assertEqual(contract.balance, 0)

    def test_a_limit_of_the_contract_is_kept_and_payments_never_blocked(self):
        self.contract.write(
            {"has_credit_limit": True, "credit_limit": -self.contract.balance}
        )
        with self.assertRefused("may go down to"):
            self._create_invoice([(self.line_a, 0.01)])
        self.contract.credit_limit = 0
        self._pay(self.contract, 1.0)
        self.assertLedger(self.contract)

    # === periods === #

    def test_a_month_opens_by_itself(self):
        invoice = self._create_invoice([(self.line_a, 10)])
        period = invoice.isp_period_id
        self.assertEqual(period.date_start, fields.Date.today().replace(day=1))

    def test_a_date_that_posting_would_move_is_refused(self):
        self.company.sale_lock_date = fields.Date.add(fields.Date.today(), months=2)
        with self.assertRefused("lock date"):
            self._create_invoice([(self.line_a, 10)], date=fields.Date.today())

    def test_another_currency_is_refused_with_a_sentence(self):
        with self.assertRefused("Enter it in that currency"):
            self._create_invoice(
                [(self.line_a, 10)], currency_id=self.env.ref("base.EUR").id
            )

    # === company rules === #

    def test_a_company_sees_its_own_rows_only(self):
        other = self.setup_other_company()["company"]
        user = self.env["res.users"].create(
            {
                "name": "Other",
                "login": "other",
                "company_id": other.id,
                "company_ids": other.ids,
                "group_ids": self.env.ref("mybizna_isp.isp_group_clerk").ids,
            }
        )
        for model in ("isp.contract", "isp.connection", "isp.operation", "isp.billing"):
            found = self.env[model].with_user(user).search([])
            self.assertFalse(
                found.filtered(lambda r, o=other: r.company_id != o), model
            )
