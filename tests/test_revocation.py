from datetime import date

from psycopg2.errors import CheckViolation

from odoo import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .period_common import PeriodCommon


@tagged("post_install", "-at_install")
class TestRevocation(PeriodCommon):
    """A counter-entry: whole, once, in the right period, with all that hangs on it."""

    def _operations(self, contract=None, **domain):
        contract = contract or self.contract
        return self.env["isp.operation"].search(
            [("contract_id", "=", contract.id)]
            + [(name, "=", value) for name, value in domain.items()]
        )

    def _assertMirrors(self, mirror, origin):
        """Strictly opposite, whole, and linked both ways."""
        self.assertEqual(
            (mirror.isp_revokes_id, origin.isp_revoked_by_id), (origin, mirror)
        )
        self.assertEqual(mirror.currency_id, origin.currency_id)
        amounts = {
            (op.contract_id, op.connection_id, op.service_type_id): op.amount
            for op in origin.isp_operation_ids
        }
        for op in mirror.isp_operation_ids:
            key = (op.contract_id, op.connection_id, op.service_type_id)
            self.assertEqual(op.amount, -amounts.pop(key))
            self.assertEqual(op.kind, "reversal")
        self.assertFalse(amounts)
        sums = (mirror | origin).line_ids._read_group(
            [("move_id", "in", (mirror | origin).ids)], ["account_id"], ["balance:sum"]
        )
        self.assertFalse([account for account, total in sums if total])

    def test_an_invoice_of_several_lines_with_taxes_is_copied_and_cancelled(self):
        """A copy has no due date at first, nor have its parts."""
        second = self._create_connection(contract_id=self.contract.id)
        lines = [
            Command.create(
                {
                    "name": "x",
                    "price_unit": 100,
                    "tax_ids": [Command.set(self.tax_sale_a.ids)],
                    "isp_connection_id": line.id,
                }
            )
            for line in (self.line, second)
        ]
        with self._at("2026-03-30"):
            invoice = self._invoice(invoice_line_ids=lines)
            copy = invoice.copy()
            copy.action_post()
            for document in (invoice, copy):
                mirror = document._isp_revoke("typed twice")
                self._assertMirrors(mirror, document)
                self.assertEqual(mirror.invoice_date_due, date(2026, 3, 30))
        self.assertEqual(self.contract.balance, 0.0)
        self.assertLedger(self.contract)

    # === WHICH PERIOD === #

    def test_a_pair_within_its_period_is_hidden(self):
        """S3-39, S3-44: same period, same accounting date."""
        with self._at("2026-03-30"):
            invoice = self._invoice(115.5)
            payment = self._pay(self.contract, 40)
        with self._at("2026-04-02"):
            for document in (invoice, payment.move_id):
                mirror = document._isp_revoke("typed twice")
                self._assertMirrors(mirror, document)
                self.assertEqual(mirror.isp_period_id, document.isp_period_id)
                self.assertEqual(mirror.date, date(2026, 3, 30))
                self.assertEqual(mirror.isp_document_date, date(2026, 4, 2))
                self.assertTrue(mirror.isp_hidden and document.isp_hidden)
            kept = self._invoice(7)
        self.assertEqual(len(self._operations()), 5)
        self.assertEqual(self._operations(isp_hidden=False).move_id, kept)
        self.assertEqual(len(self._operations(isp_hidden=True)), 4)
        self.assertLedger(self.contract)

    def test_a_pair_over_two_periods_is_not_hidden(self):
        """S3-40, S3-44: the oldest open period, dated today."""
        with self._at("2026-03-30"):
            invoice = self._invoice(115.5)
            payment = self._pay(self.contract, 40)
            transfer = self._entry(20, other=self.other)
        with self._at("2026-05-06"):
            self._open()
            for document in (invoice, payment.move_id, transfer):
                mirror = document._isp_revoke("wrong client")
                self._assertMirrors(mirror, document)
                self.assertEqual(mirror.isp_period_id.name, "2026-04")
                self.assertEqual(mirror.date, date(2026, 4, 30))
                self.assertEqual(mirror.isp_document_date, date(2026, 5, 6))
                self.assertFalse(mirror.isp_hidden or document.isp_hidden)
        self.assertFalse(self._operations(isp_hidden=True))
        self.assertEqual(self._saldos(self._period("2026-03"))[self.contract][3], -95.5)
        self.assertLedger(self.contract)
        self.assertLedger(self.other)

    def test_odoos_lock_date_moves_a_counter_entry_behind_it(self):
        with self._at("2026-03-30"):
            invoice = self._invoice()
        self.company.fiscalyear_lock_date = "2026-03-31"
        with self._at("2026-04-02"):
            mirror = invoice._isp_revoke("x")
        self.assertEqual(mirror.isp_period_id.name, "2026-04")
        self.assertEqual(mirror.date, date(2026, 4, 2))
        self.assertFalse(mirror.isp_hidden)

    def test_what_the_client_has_seen_is_not_hidden(self):
        with self._at("2026-03-30"):
            invoice = self._invoice()
            invoice.is_move_sent = True
            mirror = invoice._isp_revoke("x")
        self.assertEqual(mirror.isp_period_id, invoice.isp_period_id)
        self.assertFalse(mirror.isp_hidden or invoice.isp_hidden)

    def test_hidden_is_neither_written_by_hand_nor_in_the_database(self):
        with self._at("2026-03-30"):
            invoice = self._invoice()
            with self.assertRefused("set by posting alone"):
                invoice.with_user(self.users["manager"]).isp_hidden = True
        self.env.flush_all()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(CheckViolation, "enter a counter-entry"),
            self.cr.savepoint(),
        ):
            self.cr.execute(
                "UPDATE account_move SET isp_hidden = true WHERE id = %s", [invoice.id]
            )

    def test_odoos_own_reversal_of_a_whole_entry_hides_the_pair_too(self):
        with self._at("2026-03-30"):
            entry = self._entry(20, other=self.other)
            wizard = (
                self.env["account.move.reversal"]
                .with_context(active_model="account.move", active_ids=entry.ids)
                .create({"journal_id": entry.journal_id.id})
            )
            wizard.refund_moves()
        self._assertMirrors(wizard.new_move_ids, entry)
        self.assertTrue(entry.isp_hidden)

    # === ONCE, WHOLE === #

    def test_a_document_is_cancelled_once_and_a_counter_entry_never(self):
        with self._at("2026-03-30"):
            invoice = self._invoice()
            mirror = invoice._isp_revoke("x")
            for document in (invoice, mirror):
                with self.assertRefused("has one already"):
                    document._isp_revoke("again")
            draft = self._invoice(post=False)
            with self.assertRefused("not posted"):
                draft._isp_revoke("x")
            draft.unlink()

    def test_a_transfer_is_cancelled_on_both_contracts(self):
        with self._at("2026-03-30"):
            self._pay(self.contract, 50)
            transfer = self._entry(50, other=self.other)
            self.assertEqual((self.contract.balance, self.other.balance), (0, 50))
            transfer._isp_revoke("wrong client")
        self.assertEqual((self.contract.balance, self.other.balance), (50, 0))
        for contract in (self.contract, self.other):
            self.assertLedger(contract)

    def test_a_cancelled_payment_leaves_its_invoices_unpaid(self):
        with self._at("2026-03-30"):
            first, second = self._invoice(100), self._invoice(50)
            payment = self._pay(self.contract, 130)
            self.assertEqual(
                (first.payment_state, second.payment_state), ("paid", "partial")
            )
            payment._isp_revoke("bounced")
        self.assertEqual(
            (first.amount_residual, second.amount_residual, payment.isp_revoked),
            (100, 50, True),
        )
        self.assertLedger(self.contract)

    # === CASCADE === #

    def _note(self, invoice, amount, kind=False):
        note = self.env["account.move"].create(
            {
                "move_type": "out_refund",
                "partner_id": invoice.partner_id.id,
                "isp_contract_id": self.contract.id,
                "reversed_entry_id": invoice.id,
                "invoice_date": invoice.invoice_date,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "x",
                            "price_unit": amount,
                            "tax_ids": [],
                            "isp_connection_id": self.line.id,
                        }
                    )
                ],
            }
        )
        note.sudo().isp_kind = kind
        note.action_post()
        return note

    def test_cancelling_a_charge_cancels_its_discounts_and_credit_notes_first(self):
        """S3-43: nothing of the charge is left, nor of what lowered it."""
        with self._at("2026-03-30"):
            invoice = self._invoice(100)
            discount = self._note(invoice, 10, kind="discount")
            note = self._note(invoice, 25)
            self._pay(self.contract, 65)
            self.assertEqual(self.contract.balance, 0)
        with self._at("2026-03-31"):
            mirror = invoice._isp_revoke("never installed")
        self.assertEqual(self.contract.balance, 65)
        self._assertMirrors(mirror, invoice)
        for lowered in (discount, note):
            self._assertMirrors(lowered.isp_revoked_by_id, lowered)
            self.assertLess(lowered.isp_revoked_by_id.id, mirror.id)
            self.assertTrue(lowered.isp_hidden)
        self.assertEqual(len(self._operations(isp_hidden=False)), 1)
        self.assertLedger(self.contract)

    def test_a_charge_is_cancelled_with_its_taxes(self):
        with self._at("2026-03-30"):
            invoice = self._invoice(100, post=False)
            invoice.invoice_line_ids.tax_ids = self.tax_sale_a
            invoice.action_post()
            self.assertEqual(self.contract.balance, -115)
            mirror = invoice._isp_revoke("x")
        self._assertMirrors(mirror, invoice)
        self.assertEqual(self.contract.balance, 0)

    def test_a_draft_credit_note_of_a_cancelled_invoice_cant_be_posted(self):
        with self._at("2026-03-30"):
            invoice = self._invoice(100)
            wizard = (
                self.env["account.move.reversal"]
                .with_context(active_model="account.move", active_ids=invoice.ids)
                .create({"journal_id": invoice.journal_id.id})
            )
            wizard.refund_moves()
            invoice._isp_revoke("x")
            with self.assertRefused("is cancelled already"):
                wizard.new_move_ids.action_post()
        self.assertLedger(self.contract)

    def test_a_billed_period_may_be_billed_again_after_it_was_cancelled(self):
        with self._at("2026-03-30"):
            connection = self._create_active(username="period-c")
            billing = connection.billing_ids
            billing.invoice_id._isp_revoke("wrong package")
            self.assertEqual(billing.state, "revoked")
            again = connection.sudo()._bill_next_period()
        self.assertEqual(
            (again.date_start, again.date_end), (billing.date_start, billing.date_end)
        )
        self.assertEqual(again.state, "billed")
        self.assertLedger(connection.contract_id)

    # === WHO === #

    def _draft_note(self, user, invoice, **values):
        wizard = (
            self.env["account.move.reversal"]
            .with_user(self.users[user])
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id, **values})
        )
        wizard.refund_moves()
        return wizard.new_move_ids

    def test_a_clerk_cant_cancel_a_whole_invoice_by_odoos_credit_note(self):
        with self._at("2026-03-30"):
            invoice = self._invoice(100)
            note = self._draft_note("clerk", invoice)
            with self.assertRefused("only accountants may"):
                note.action_post()
            note.invoice_line_ids.price_unit = 60
            note.action_post()
            rest = self._draft_note("clerk", invoice)
            rest.invoice_line_ids.price_unit = 40
            with self.assertRefused("only accountants may"):
                rest.action_post()
            entry = self._pay(self.contract, 5).move_id
            with self.assertRefused("only accountants may"):
                self._draft_note("clerk", entry)
            self._draft_note("accountant", invoice).unlink()
            rest.with_user(self.users["accountant"]).action_post()
        self.assertEqual(invoice.isp_revoked_by_id, rest)
        self.assertLedger(self.contract)

    def test_a_clerks_credit_note_that_waits_for_its_day_is_the_clerks(self):
        with self._at("2026-03-30"):
            invoice = self._invoice(100)
            note = self._draft_note("clerk", invoice, date="2026-03-31")
            self.assertEqual(note.auto_post, "at_date")
        with (
            self._at("2026-03-31"),
            self.assertRefused("only accountants may"),
        ):
            note.sudo()._post()
