from odoo import Command
from odoo.tests import tagged

from .hostile_common import HostileCommon


@tagged("post_install", "-at_install")
class TestLedgerDocuments(HostileCommon):
    """Odd documents leave the ledger whole: refunds, terms, drafts, credit notes."""

    # === money given back, and money on two accounts === #

    def test_money_given_back_pays_no_next_invoice(self):
        self._pay(self.contract, 3000.0, self.line)
        refund = self._plain_payment()
        refund.write({"payment_type": "outbound", "isp_contract_id": self.contract.id})
        refund.action_post()
        self.assertTrue(self._receivables(refund.move_id).reconciled)
        invoice = self._document([(self.line, 1500)])
        invoice.action_post()
        self.assertEqual(invoice.payment_state, "not_paid")
        self.assertLedger(self.contract)

    def test_money_given_back_takes_the_oldest_credit(self):
        self._pay(self.contract, 1500.0)
        old = self._pay(self.contract, 100.0, date="2026-01-02")
        new = self._pay(self.contract, 100.0, date="2026-01-03")
        refund = self._plain_payment()
        refund.write({"payment_type": "outbound", "isp_contract_id": self.contract.id})
        refund.amount = 100
        refund.action_post()
        left = {p: self._receivables(p.move_id).amount_residual for p in old | new}
        self.assertEqual(left, {old: 0, new: -100})

    def test_a_transfer_takes_credit_of_one_contract_and_pays_debts_of_the_other(self):
        self._pay(self.contract, 3000.0)
        account, friend = self._receivable_account(), self.other.contract_id
        self._entry([(account, self.contract, 1500), (account, friend, -1500)])
        self.assertEqual(self._owed(self.other), 0)
        invoice = self._document([(self.line, 1500)])
        invoice.action_post()
        self.assertEqual(invoice.payment_state, "not_paid")
        self.assertLedger(self.contract)
        self.assertLedger(friend)

    def test_a_second_receivable_account_blocks_no_payment(self):
        account = self.env["account.account"].create(
            {
                "name": "Debtors B",
                "code": "121998",
                "account_type": "asset_receivable",
                "reconcile": True,
            }
        )
        self.contract.payer_id = self._create_client(
            "Employer", property_account_receivable_id=account.id
        )
        self._pay(self.contract, 1500.0, self.line)
        invoice = self._document([(self.line, 1500)])
        invoice.partner_id = self.contract.payer_id
        invoice.action_post()
        self.assertEqual(invoice.payment_state, "paid")
        self.assertEqual(self._owed(self.line), 1500)
        self.assertLedger(self.contract)

    def test_a_contract_is_no_suppliers(self):
        expense = self.company_data["default_account_expense"]
        bill = self._document([(self.line, 10)], move_type="in_invoice")
        with self.assertRefused("supplier's document"):
            bill.action_post()
        payment = self._plain_payment()
        payment.isp_contract_id = self.contract
        with self.assertRefused("supplier's payment"):
            payment.partner_type = "supplier"
            payment.isp_contract_id = self.contract
        with self.assertRefused("receivable lines only"):
            self._entry(
                [
                    (self.company_data["default_account_payable"], self.contract, 10),
                    (expense, False, -10),
                ]
            )

    # === the split of an invoice === #

    def _term(self, **values):
        return self.env["account.payment.term"].create({"name": "t", **values})

    def test_an_early_payment_discount_is_shared_and_not_multiplied(self):
        second = self._create_connection(contract_id=self.contract.id)
        term = self._term(
            early_discount=True,
            discount_percentage=2,
            discount_days=10,
            line_ids=[
                Command.create({"value": "percent", "value_amount": 100, "nb_days": 30})
            ],
        )
        for amounts, proposed in (
            ([(self.line, 1000), (second, 500)], 1500),
            ([(self.line, 1500)], 1470),
        ):
            invoice = self._document(amounts, invoice_payment_term_id=term.id)
            invoice.action_post()
            parts = self._receivables(invoice)
            self.assertEqual(sum(parts.mapped("discount_balance")), 1470)
            self.assertEqual(sum(parts.mapped("discount_amount_currency")), 1470)
            wizard = self.env["account.payment.register"].with_context(
                active_model="account.move", active_ids=invoice.ids
            )
            register = wizard.create({"journal_id": self.wallet.id})
            self.assertEqual(register.amount, proposed)
            register._create_payments()
            self.assertEqual(invoice.payment_state, "paid")
            self.assertLedger(self.contract)

    def test_a_connections_instalments_add_up_to_its_price(self):
        second = self._create_connection(contract_id=self.contract.id)
        third = self._create_connection(contract_id=self.contract.id)
        term = self._term(
            line_ids=[
                Command.create(
                    {"value": "percent", "value_amount": share, "nb_days": days}
                )
                for share, days in ((33.33, 0), (33.33, 30), (33.34, 60))
            ]
        )
        prices = {self.line: 100.01, second: 33.33, third: 0.01}
        invoice = self._document(prices.items(), invoice_payment_term_id=term.id)
        invoice.action_post()
        for connection, price in prices.items():
            parts = self._receivables(invoice).filtered(
                lambda line, c=connection: line.isp_connection_id == c
            )
            self.assertAlmostEqual(sum(parts.mapped("balance")), price, 2)
        self.assertLedger(self.contract)

    def test_a_contract_taken_off_a_draft_is_off(self):
        before = self.contract.balance
        invoice = self._document([(self.line, 1000)])
        invoice.isp_contract_id = False
        self.assertFalse(self._receivables(invoice).isp_contract_id)
        invoice.action_post()
        self.assertFalse(invoice.isp_is_ledger)
        self.assertEqual(self.contract.balance, before)
        self.assertLedger(self.contract)

    def test_a_draft_moved_to_another_contract_is_booked_there(self):
        invoice = self._document([(self.env["isp.connection"], 1000)])
        invoice.isp_contract_id = self.other.contract_id
        invoice.action_post()
        self.assertEqual(invoice.isp_operation_ids.contract_id, self.other.contract_id)
        self.assertLedger(self.contract)
        self.assertLedger(self.other.contract_id)

    def test_a_document_that_names_a_contract_must_book_on_it(self):
        move = self.env["account.move"].create(
            {
                "move_type": "entry",
                "isp_contract_id": self.contract.id,
                "line_ids": [
                    Command.create(
                        {"account_id": self._receivable_account().id, "debit": 5}
                    ),
                    Command.create(
                        {
                            "account_id": self.company_data[
                                "default_account_revenue"
                            ].id,
                            "credit": 5,
                        }
                    ),
                ],
            }
        )
        with self.assertRefused("no receivable line of it does"):
            move.action_post()

    # === credit notes === #

    def test_a_credit_note_for_something_else_cancels_no_period(self):
        invoice = self.line.billing_ids.invoice_id
        self._credit(invoice, [(self.env["isp.connection"], 1500)])
        self.assertEqual(self.line.billing_ids.state, "billed")
        self.assertFalse(invoice.isp_revoked_by_id)
        self.assertLedger(self.contract)

    def test_credit_notes_that_add_up_to_the_whole_cancel_a_period(self):
        billing = self.line.billing_ids
        first = self._credit(billing.invoice_id, [(self.line, 1499)])
        self.assertEqual(billing.state, "billed")
        last = self._credit(billing.invoice_id, [(self.line, 1)])
        self.assertEqual(billing.state, "revoked")
        self.assertEqual(billing.invoice_id.isp_revoked_by_id, last)
        self.assertEqual(self.line.access, "off")
        for note in first | last:
            with self.assertRefused("is a counter-entry"):
                note._isp_revoke("again")
        self.assertLedger(self.contract)

    def test_a_credit_note_over_one_connection_cancels_its_period_alone(self):
        second = self._create_active(contract_id=self.contract.id)
        invoice = self._document([(self.line, 1000), (second, 500)])
        invoice.action_post()
        billings = (self.line | second).billing_ids
        # One document for both lines, as a grouped invoice is.
        billings.sudo().invoice_id = invoice
        self._credit(invoice, [(second, 500)])
        self.assertEqual(second.billing_ids.state, "revoked")
        self.assertEqual(self.line.billing_ids.state, "billed")
        self.assertFalse(invoice.isp_revoked_by_id)
        left = {
            line.isp_connection_id: line.amount_residual
            for line in self._receivables(invoice)
        }
        self.assertEqual(left, {self.line: 1000, second: 0})
        self.assertLedger(self.contract)

    # === exact to the digit === #

    def test_a_balance_has_no_more_digits_than_its_currency(self):
        contract = self.other.contract_id
        for amount in (0.1, 0.2, 0.7, 33.33):
            self._document(
                [
                    (self.other, amount),
                    (self.other, amount),
                    (self.env["isp.connection"], amount),
                ],
                contract=contract,
            ).action_post()
        self.env.flush_all()
        self.cr.execute(
            "SELECT balance::text FROM isp_contract WHERE id = %s", [contract.id]
        )
        [text] = self.cr.fetchone()
        self.assertLessEqual(len(text.partition(".")[2]), 2, text)
