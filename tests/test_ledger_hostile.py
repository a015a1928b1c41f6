from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .hostile_common import HostileCommon


@tagged("post_install", "-at_install")
class TestLedgerHostile(HostileCommon):
    """Posted money can't be bent by who may post and match, but not more."""

    # === numbers money is matched by === #

    def test_a_contracts_numbers_are_given_once(self):
        for name in ("invoicer", "clerk", "accountant"):
            contract = self._as(name, self.other.contract_id)
            for field in ("account_no", "name"):
                with self.assertRaises(UserError), self.cr.savepoint():
                    contract.write({field: self.line.account_no})
        same = {"name": self.contract.name, "account_no": self.contract.account_no}
        self.assertTrue(self.contract.write(same))

    # === a receipt pays once === #

    def test_a_live_payment_cant_be_called_cancelled(self):
        payment = self._booked_receipt().payment_id
        for name in ("invoicer", "clerk", "accountant"):
            for field, value in (
                ("isp_revoked", True),
                ("isp_revocation_move_id", payment.move_id.id),
                ("isp_receipt_id", False),
            ):
                with self.assertRaises(UserError), self.cr.savepoint():
                    self._as(name, payment).write({field: value})
        self._assert_database_refuses(
            "UPDATE account_payment SET isp_revoked = true WHERE id = %s", payment.id
        )
        payment._isp_revoke("bounced")
        self._assert_database_refuses(
            "UPDATE account_payment SET isp_revoked = false WHERE id = %s", payment.id
        )

    def test_a_receipt_isnt_put_on_a_payment_by_hand(self):
        receipt = self._booked_receipt()
        with self.assertRefused("aren't set by hand"):
            self.env["account.payment"].with_user(self.users["clerk"]).create(
                {"amount": 1, "isp_receipt_id": receipt.id, "isp_revoked": True}
            )

    def test_a_payment_cancelled_by_its_entry_is_cancelled_for_its_receipt(self):
        receipt = self._booked_receipt()
        payment = receipt.payment_id
        payment.move_id._isp_revoke("wrong")
        self.assertTrue(payment.isp_revoked)
        self.assertEqual(payment.isp_revocation_move_id.isp_revokes_id, payment.move_id)
        self.assertEqual(receipt.state, "unmatched")
        receipt._assign(self.other.contract_id, self.other)
        self.assertEqual(receipt.state, "booked")
        self.assertLedger(self.contract)
        self.assertLedger(self.other.contract_id)

    def test_a_payment_reversed_by_odoos_wizard_is_cancelled_for_its_receipt(self):
        receipt = self._booked_receipt()
        payment = receipt.payment_id
        mirror = self._reverse(payment.move_id)
        self.assertTrue(payment.isp_revoked)
        self.assertEqual(mirror.isp_revokes_id, payment.move_id)
        self.assertEqual(mirror.isp_operation_ids.kind, "reversal")
        self.assertEqual(receipt.state, "unmatched")
        self.assertEqual(self.line.access, "off")
        self.assertLedger(self.contract)

    # === whose money it is, said at posting and never after === #

    def test_what_is_posted_without_a_contract_gets_none(self):
        payment = self._plain_payment()
        payment.action_post()
        invoice = self._document([(self.line, 700)])
        invoice.isp_contract_id = False
        invoice.action_post()
        for name in ("invoicer", "clerk", "accountant"):
            for record in (
                payment,
                payment.move_id,
                self._receivables(payment.move_id),
                invoice,
                self._receivables(invoice),
            ):
                with self.assertRefused("can't change any more"):
                    self._as(name, record).write({"isp_contract_id": self.contract.id})
        self.assertLedger(self.contract)

    def test_the_database_puts_no_contract_on_what_is_posted(self):
        payment = self._plain_payment()
        payment.action_post()
        line = self._receivables(payment.move_id)
        for table, record in (
            ("account_payment", payment),
            ("account_move", payment.move_id),
            ("account_move_line", line),
        ):
            self._assert_database_refuses(
                f"UPDATE {table} SET isp_contract_id = %s WHERE id = %s",
                self.contract.id,
                record.id,
            )
        self._assert_database_refuses(
            "INSERT INTO account_move_line (move_id, account_id, currency_id, "
            "company_currency_id, display_type, balance, isp_contract_id) "
            "SELECT move_id, account_id, currency_id, company_currency_id, 'product', "
            "5, %s FROM account_move_line WHERE id = %s",
            self.contract.id,
            line.id,
        )

    def test_a_bank_lines_counterpart_gets_no_contract(self):
        statement = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.wallet.id,
                "date": fields.Date.today(),
                "payment_ref": "x",
                "partner_id": self.client.id,
                "amount": 1500,
            }
        )
        suspense = statement.move_id.line_ids.filtered(
            lambda line: line.account_id == self.wallet.suspense_account_id
        )
        suspense.account_id = self._receivable_account()
        with self.assertRefused("register a payment"):
            suspense.isp_contract_id = self.contract
        with self.assertRefused("register a payment"):
            self.env["account.move.line"].create(
                {
                    "move_id": statement.move_id.id,
                    "account_id": suspense.account_id.id,
                    "isp_contract_id": self.contract.id,
                }
            )
        self.assertLedger(self.contract)

    def test_a_document_reset_to_draft_may_get_its_contract(self):
        invoice = self._document([(self.line, 700)])
        invoice.isp_contract_id = False
        invoice.action_post()
        self.env.flush_all()
        invoice.button_draft()
        invoice.isp_contract_id = self.contract
        invoice.action_post()
        self.env.flush_all()
        self.assertEqual(sum(invoice.isp_operation_ids.mapped("amount")), -700)
        self.assertLedger(self.contract)

    def test_links_and_period_of_a_document_are_set_by_posting_alone(self):
        invoice = self.line.billing_ids.invoice_id
        foreign = self.other.billing_ids.invoice_id
        for name in ("invoicer", "clerk", "accountant"):
            for field, value in (
                ("isp_revoked_by_id", foreign.id),
                ("isp_revokes_id", foreign.id),
                ("isp_period_id", False),
                ("isp_is_ledger", False),
            ):
                with self.assertRaises(UserError), self.cr.savepoint():
                    self._as(name, invoice).write({field: value})
        for field in ("isp_revoked_by_id", "isp_revokes_id"):
            self._assert_database_refuses(
                f"UPDATE account_move SET {field} = %s WHERE id = %s",
                foreign.id,
                invoice.id,
            )
        self._assert_database_refuses(
            "UPDATE account_move SET isp_period_id = NULL WHERE id = %s", invoice.id
        )

    def test_the_connection_of_a_posted_charge_is_kept(self):
        second = self._create_connection(contract_id=self.contract.id)
        charge = self.line.billing_ids.invoice_id.invoice_line_ids
        with self.assertRefused("can't change any more"):
            charge.isp_connection_id = second

    def test_a_connection_of_another_contract_is_refused(self):
        invoice = self._document([(self.other, 10)])
        with self.assertRefused("of another contract"):
            invoice.action_post()
        payment = self._plain_payment()
        payment.isp_contract_id = self.contract
        with self.assertRefused("of another contract"):
            payment.isp_connection_id = self.other

    # === who may what === #

    def test_only_accountants_cancel_by_counter_entry(self):
        invoice = self.line.billing_ids.invoice_id
        payment = self._pay(self.contract, 10.0)
        for name in ("invoicer", "clerk"):
            for record in (invoice, payment):
                with self.assertRaises(AccessError), self.cr.savepoint():
                    self._as(name, record).action_isp_revoke()
        self._as("accountant", payment).action_isp_revoke()
        self._as("accountant", invoice).action_isp_revoke()
        self.assertEqual(self.contract.balance, 0)
        self.assertLedger(self.contract)

    def test_who_keeps_the_books_without_our_groups_posts_pays_and_credits(self):
        invoice = self._document([(self.line, 100)])
        self._as("invoicer", invoice).action_post()
        wizard = self.env["account.payment.register"].with_user(self.users["invoicer"])
        self._as("invoicer", invoice)
        wizard.with_context(active_model="account.move", active_ids=invoice.ids).create(
            {"journal_id": self.wallet.id}
        ).action_create_payments()
        self.assertEqual(invoice.payment_state, "paid")
        charge = self.line.billing_ids.invoice_id
        note = self._document([(self.line, 500)], move_type="out_refund")
        note.reversed_entry_id = charge
        self._as("invoicer", note).action_post()
        self.assertEqual(self.line.billing_ids.state, "billed")
        self.assertTrue(self._as("invoicer", invoice).read())
        self.assertLedger(self.contract)

    def test_a_credit_limit_holds_whatever_the_request_says(self):
        self.contract.write({"has_credit_limit": True, "credit_limit": 1500})
        invoice = self._document([(self.line, 0.01)])
        with self.assertRefused("may go down to"):
            invoice.with_context(isp_correction=True).action_post()
        with self.assertRefused("set by posting alone"):
            self._as(
                "clerk", invoice
            ).isp_revokes_id = self.other.billing_ids.invoice_id

    def test_a_counter_entry_may_pass_a_credit_limit(self):
        payments = self._pay(self.contract, 1500.0) | self._pay(self.contract, 1500.0)
        invoice = self._document([(self.line, 1500)])
        invoice.action_post()
        self.contract.write({"has_credit_limit": True, "credit_limit": 0})
        payments[0]._isp_revoke("bounced")
        self._reverse(payments[1].move_id)
        self.assertEqual(self.contract.balance, -3000)
        self.assertLedger(self.contract)
