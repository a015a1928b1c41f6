from psycopg2.errors import CheckViolation

from odoo.tests import tagged
from odoo.tools import mute_logger

from .ledger_common import LedgerCommon


@tagged("post_install", "-at_install")
class TestLedgerPosted(LedgerCommon):
    """What is posted stays; it is cancelled by its mirror."""

    # === immutable === #

    def test_posted_documents_refuse_every_standard_way_of_change(self):
        invoice = self._create_invoice([(self.line_a, 115)])
        payment = self._pay(self.contract, 10.0)
        for act in (
            invoice.button_draft,
            invoice.button_cancel,
            invoice.with_context(force_delete=True).unlink,
            lambda: invoice.write({"date": "2020-01-01"}),
            lambda: invoice.write({"invoice_date": "2020-01-01"}),
            lambda: invoice.write({"isp_contract_id": False}),
            payment.action_draft,
            payment.action_cancel,
            payment.action_reject,
            payment.unlink,
            lambda: payment.write({"amount": 77}),
            lambda: payment.write({"date": "2020-01-01"}),
        ):
            with self.assertRefused("counter-entry"):
                act()
        operation = invoice.isp_operation_ids.sudo()
        with self.assertRefused("can't be changed"):
            operation.write({"amount": 0})
        with self.assertRefused("can't be deleted"):
            operation.unlink()
        with self.assertRefused("sum of its operations"):
            self.contract.write({"balance": 1})

    def test_the_database_itself_refuses_changes_of_posted_documents(self):
        invoice = self._create_invoice([(self.line_a, 115)])
        payment = self._pay(self.contract, 10.0)
        self.env.flush_all()
        line = self._receivables(invoice)
        for query, params in (
            ("UPDATE account_move SET state='draft' WHERE id=%s", [invoice.id]),
            ("UPDATE account_move SET date='2020-01-01' WHERE id=%s", [invoice.id]),
            ("UPDATE account_move SET name='X/1' WHERE id=%s", [invoice.id]),
            ("UPDATE account_move SET isp_is_ledger=false WHERE id=%s", [invoice.id]),
            ("DELETE FROM account_move WHERE id=%s", [invoice.id]),
            ("UPDATE account_move_line SET balance=1 WHERE id=%s", [line.id]),
            (
                "UPDATE account_move_line SET isp_contract_id=NULL WHERE id=%s",
                [line.id],
            ),
            ("DELETE FROM account_move_line WHERE id=%s", [line.id]),
            (
                "INSERT INTO account_move_line (move_id, account_id, currency_id, "
                "company_currency_id, display_type, balance) SELECT move_id, "
                "account_id, currency_id, company_currency_id, 'product', 5 "
                "FROM account_move_line WHERE id=%s",
                [line.id],
            ),
            ("UPDATE account_payment SET amount=77 WHERE id=%s", [payment.id]),
            ("UPDATE account_payment SET state='draft' WHERE id=%s", [payment.id]),
            ("DELETE FROM account_payment WHERE id=%s", [payment.id]),
            (
                "UPDATE isp_operation SET amount=0 WHERE move_id=%s",
                [invoice.id],
            ),
            ("DELETE FROM isp_operation WHERE move_id=%s", [invoice.id]),
        ):
            with (
                self.subTest(query),
                mute_logger("odoo.sql_db"),
                self.assertRaises(CheckViolation),
                self.cr.savepoint(),
            ):
                self.cr.execute(query, params)

    def test_the_documented_maintenance_switch_lets_a_merge_through(self):
        invoice = self._create_invoice([(self.line_a, 115)])
        self.env.flush_all()
        self.cr.execute("SET LOCAL isp.maintenance = 'on'")
        self.cr.execute("UPDATE account_move SET name='X/1' WHERE id=%s", [invoice.id])
        self.assertEqual(self.cr.rowcount, 1)
        self.cr.execute("SET LOCAL isp.maintenance = 'off'")

    def test_odoos_own_updates_of_posted_documents_still_work(self):
        invoice = self._create_invoice([(self.line_a, 115)])
        payment = self._pay(self.contract, 115.0, self.line_a)
        self._receivables(payment.move_id).remove_move_reconcile()
        payment._isp_reconcile()
        invoice.is_move_sent = True
        invoice.payment_reference = "other"
        self.client.parent_id = self._create_client("Company", is_company=True)
        self.env.add_to_compute(invoice._fields["amount_total"], invoice)
        self.env.add_to_compute(invoice._fields["payment_state"], invoice)
        self.env.flush_all()
        self.assertLedger(self.contract)

    def test_documents_of_others_are_left_alone(self):
        move = self.init_invoice("out_invoice", amounts=[100], post=True)
        move.button_draft()
        move.button_cancel()
        self.assertEqual(move.state, "cancel")

    # === cancel by counter-entry === #

    def test_a_cancelled_payment_is_mirrored_and_what_it_paid_is_open_again(self):
        payment = self._pay(self.contract, self._owed(self.line_a), self.line_a)
        self.assertEqual(self.line_a.access, "on")
        payment._isp_revoke("bounced")
        mirror = payment.isp_revocation_move_id
        self.assertTrue(payment.isp_revoked)
        self.assertEqual(mirror.isp_revokes_id, payment.move_id)
        self.assertEqual(payment.move_id.isp_revoked_by_id, mirror)
        self.assertEqual(sum((mirror | payment.move_id).line_ids.mapped("balance")), 0)
        self.assertEqual(self.line_a.access, "off")
        self.assertEqual(self._owed(self.line_a), 1725.0)
        self.assertLedger(self.contract)
        with self.assertRefused("has one already"):
            payment._isp_revoke("again")

    def test_a_cancelled_invoice_frees_its_payment_and_covers_nothing(self):
        self._pay(self.contract, self._owed(self.line_a), self.line_a)
        billing = self.line_a.billing_ids
        billing.invoice_id._isp_revoke("wrong package")
        self.assertEqual(billing.state, "revoked")
        self.assertEqual(self.line_a.access, "off")
        self.contract.invalidate_recordset()
        self.assertLedger(self.contract)

    def test_the_standard_credit_note_over_the_whole_invoice_cancels_it(self):
        billing = self.line_a.billing_ids
        wizard = (
            self.env["account.move.reversal"]
            .with_context(
                active_model="account.move", active_ids=billing.invoice_id.ids
            )
            .create({"journal_id": billing.invoice_id.journal_id.id, "reason": "x"})
        )
        wizard.refund_moves()
        wizard.new_move_ids.action_post()
        self.assertEqual(billing.state, "revoked")
        self.assertEqual(self.line_a.access, "off")
        self.assertLedger(self.contract)
