from psycopg2.errors import CheckViolation

from odoo import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .hostile_common import HostileCommon

GUARDED_TABLES = (
    "account_move",
    "account_move_line",
    "account_payment",
    "account_partial_reconcile",
    "account_move_line_account_tax_rel",
    "account_account_tag_account_move_line_rel",
    "isp_operation",
)


@tagged("post_install", "-at_install")
class TestLedgerGuard(HostileCommon):
    """The database keeps what is posted on a contract, whoever writes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tax = cls.company_data["default_tax_sale"]
        cls.invoice = cls._taxed_invoice()
        cls.invoice.action_post()
        cls.payment = cls._pay(cls.contract, 10.0)

    @classmethod
    def _taxed_invoice(cls):
        return cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": cls.client.id,
                "isp_contract_id": cls.contract.id,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "x",
                            "price_unit": 1000,
                            "tax_ids": cls.tax.ids,
                            "isp_connection_id": cls.line.id,
                        }
                    )
                ],
            }
        )

    def _assert_row_kept(self, record, **values):
        """No column of a row takes its new value; unguarded ones would."""
        for column, value in values.items():
            self._assert_database_refuses(
                f"UPDATE {record._table} SET {column} = {value} WHERE id = %s",
                record.id,
            )

    def _copy_row(self, record, **values):
        """Return the query that inserts a row's copy with some columns changed."""
        table = record._table
        changed = ", ".join(f"'{key}', {value}" for key, value in values.items())
        return (
            f"INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, "
            f"to_jsonb(row) || jsonb_build_object('id', nextval('{table}_id_seq'), "
            f"{changed}))).* FROM {table} row WHERE id = %s"
        )

    # === lines === #

    def test_each_line_of_a_document_keeps_its_amounts_and_account(self):
        other = self.company_data["default_account_expense"].id
        kinds = set()
        for line in self.invoice.line_ids:
            kinds.add(line.display_type)
            self._assert_row_kept(
                line,
                balance="balance + 1",
                debit="debit + 1",
                credit="credit + 1",
                amount_currency="amount_currency + 1",
                account_id=other,
                quantity="COALESCE(quantity, 0) + 1",
                price_unit="COALESCE(price_unit, 0) + 1",
                discount="COALESCE(discount, 0) + 1",
                date="'2020-01-01'",
                parent_state="'draft'",
                move_id=self.payment.move_id.id,
                display_type="'rounding'",
            )
            self._assert_database_refuses(
                "DELETE FROM account_move_line WHERE id = %s", line.id
            )
        self.assertEqual(kinds, {"product", "tax", "payment_term"})

    def test_the_due_date_of_a_document_is_kept(self):
        self._assert_row_kept(self.invoice, invoice_date_due="'2030-01-01'")
        line = self._receivables(self.invoice)
        self._assert_row_kept(line, date_maturity="'2030-01-01'")

    def test_taxes_of_a_posted_line_are_kept(self):
        line = self.invoice.line_ids.filtered("tax_ids")
        tax_line = self.invoice.line_ids.filtered("tax_line_id")
        more = self.tax.copy({"name": "more"})
        rel = "account_move_line_account_tax_rel"
        key = "account_move_line_id"
        self._assert_database_refuses(f"DELETE FROM {rel} WHERE {key} = %s", line.id)
        self._assert_database_refuses(
            f"UPDATE {rel} SET account_tax_id = {more.id} WHERE {key} = %s", line.id
        )
        self._assert_database_refuses(
            f"INSERT INTO {rel} ({key}, account_tax_id) VALUES (%s, {more.id})", line.id
        )
        tag = self.env["account.account.tag"].create(
            {"name": "x", "applicability": "taxes"}
        )
        self._assert_database_refuses(
            f"INSERT INTO account_account_tag_account_move_line_rel ({key}, "
            f"account_account_tag_id) VALUES (%s, {tag.id})",
            tax_line.id,
        )
        self._assert_row_kept(
            tax_line,
            tax_line_id=more.id,
            tax_base_amount="1",
            tax_repartition_line_id=1,
        )

    def test_a_drafts_lines_and_taxes_are_free(self):
        draft = self._taxed_invoice()
        draft.invoice_line_ids.write({"tax_ids": [Command.clear()], "quantity": 3})
        draft.invoice_date_due = "2030-01-01"
        self.env.flush_all()
        self.assertEqual(draft.amount_total, 3000)
        draft.unlink()
        self.assertFalse(draft.exists())

    def test_a_line_isnt_added_to_a_posted_document(self):
        for line in self.invoice.line_ids:
            self._assert_database_refuses(
                self._copy_row(line, balance=0, parent_state="'draft'"), line.id
            )

    # === documents and payments === #

    def test_a_document_or_payment_isnt_inserted_posted(self):
        move = self._copy_row(self.invoice, name="'X/1'", isp_is_ledger="false")
        self._assert_database_refuses(move, self.invoice.id)
        payment = self._copy_row(self.payment, isp_receipt_id="NULL")
        self._assert_database_refuses(payment, self.payment.id)

    def test_links_of_a_document_are_kept(self):
        other = self.line.billing_ids.invoice_id
        self._assert_row_kept(
            self.invoice, reversed_entry_id=other.id, isp_revokes_id=other.id
        )
        self._assert_row_kept(self.payment.move_id, origin_payment_id="NULL")

    def test_a_payment_keeps_who_paid_what_when_and_how(self):
        self._assert_row_kept(
            self.payment,
            amount="77",
            date="'2020-01-01'",
            partner_id=self.other.contract_id.partner_id.id,
            journal_id=self.company_data["default_journal_cash"].id,
            payment_type="'outbound'",
            partner_type="'supplier'",
            isp_contract_id=self.other.contract_id.id,
            isp_connection_id=self.line.id,
            move_id=self.invoice.id,
            state="'rejected'",
        )
        for name, value in (
            ("partner_id", self.other.contract_id.partner_id.id),
            ("payment_type", "outbound"),
            ("partner_type", "supplier"),
        ):
            with self.assertRefused("counter-entry"):
                self.payment.write({name: value})

    def test_money_is_booked_by_who_may_not_choose_reporting_periods(self):
        for name in ("invoicer", "clerk"):
            payment = self._as(name, self._plain_payment())
            payment.isp_contract_id = self.contract
            payment.action_post()
            self.assertEqual(payment.move_id.isp_period_id, payment.isp_period_id)
            self.assertTrue(payment.sudo().isp_period_id)
        self.assertLedger(self.contract)

    def test_money_of_a_contract_is_never_posted_without_an_entry(self):
        payment = self._plain_payment()
        payment.isp_contract_id = self.contract
        payment.outstanding_account_id = False
        with self.assertRefused("outstanding account"):
            payment.action_post()

    # === matching === #

    def test_lines_of_two_contracts_arent_matched_by_sql(self):
        payment = self._pay(self.contract, 9000.0)
        theirs = self._receivables(self.other.billing_ids.invoice_id)
        credit = self._receivables(payment.move_id)
        partial = (credit.matched_debit_ids | credit.matched_credit_ids)[:1]
        self.assertTrue(partial)
        self._assert_database_refuses(
            self._copy_row(partial, debit_move_id=theirs.id), partial.id
        )
        self._assert_row_kept(partial, debit_move_id=theirs.id)

    def test_matching_is_undone_and_redone_in_a_closed_period(self):
        paid = self._receivables(self.payment.move_id)
        self.assertTrue(paid.reconciled)
        self.env.flush_all()
        self.cr.execute(
            "UPDATE isp_period SET state = 'closed' WHERE company_id = %s",
            [self.company.id],
        )
        self.env.invalidate_all()
        before = self.contract.balance
        paid.remove_move_reconcile()
        self.env.flush_all()
        self.assertFalse(paid.reconciled)
        self.payment._isp_reconcile()
        self.env.flush_all()
        self.assertTrue(paid.reconciled)
        self.assertEqual(self.contract.balance, before)
        self.assertLedger(self.contract)

    # === the whole table === #

    def test_a_table_with_operations_isnt_emptied(self):
        for table in GUARDED_TABLES:
            self._assert_database_refuses(f"TRUNCATE {table} CASCADE")

    # === what stays free === #

    def test_a_column_of_somebody_else_is_written_on_posted_documents(self):
        self.env.flush_all()
        for table, record in (
            ("account_move", self.invoice),
            ("account_move_line", self.invoice.line_ids[0]),
            ("account_payment", self.payment),
        ):
            self.cr.execute(f"ALTER TABLE {table} ADD COLUMN fiscal_code varchar")
            self.cr.execute(
                f"UPDATE {table} SET fiscal_code = 'signed' WHERE id = %s "
                "RETURNING fiscal_code",
                [record.id],
            )
            self.assertEqual(self.cr.fetchall(), [("signed",)])

    def test_an_upgrade_may_alter_columns_that_are_guarded(self):
        self.env.flush_all()
        self.cr.execute("ALTER TABLE account_move ALTER COLUMN move_type TYPE text")
        self.cr.execute(
            "ALTER TABLE account_payment ALTER COLUMN partner_type TYPE text"
        )
        # As an upgrade does; a session that used the old types would need it, too.
        self.env["isp.operation"].init()
        self._assert_row_kept(self.invoice, move_type="'entry'")
        self._assert_row_kept(self.payment, partner_type="'supplier'")

    # === the guard itself === #

    def test_what_was_dropped_is_there_again_after_an_upgrade(self):
        self.env.flush_all()
        self.cr.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'isp_guard%'"
        )
        before = self.cr.fetchall()
        self.cr.execute("DROP TRIGGER isp_guard ON account_move")
        self.cr.execute("DROP FUNCTION isp_guard_line() CASCADE")
        self.cr.execute("DROP FUNCTION isp_guard_is_ledger(integer)")
        self.env["isp.operation"].init()
        self.cr.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'isp_guard%'"
        )
        self.assertEqual(self.cr.fetchall(), before)
        self._assert_row_kept(self.invoice, state="'draft'")
        self._assert_row_kept(self.invoice.line_ids[0], price_unit="1")

    def test_maintenance_opens_one_transaction_and_is_logged(self):
        self.env.flush_all()
        self.cr.execute("SET LOCAL client_min_messages = 'log'")
        self.cr.execute("SET LOCAL isp.maintenance = 'on'")
        self.cr.execute(
            "UPDATE account_move_line SET name = 'x', quantity = 5 WHERE id = %s",
            [self.invoice.line_ids[0].id],
        )
        self.assertEqual(self.cr.rowcount, 1)
        notices = "".join(self.cr._cnx.notices)
        self.assertIn(
            f"isp.maintenance: account_move_line {self.invoice.line_ids[0].id}", notices
        )
        self.cr.execute("SET LOCAL isp.maintenance = ''")
        self._assert_row_kept(self.invoice.line_ids[0], quantity="6")

    def test_each_refusal_is_a_sentence_that_says_what_to_do(self):
        partial = self.env["account.partial.reconcile"].search(
            [("credit_move_id", "in", self.payment.move_id.line_ids.ids)], limit=1
        )
        theirs = self._receivables(self.other.billing_ids.invoice_id)
        operation = self.invoice.isp_operation_ids[0]
        self.env.flush_all()
        for record, change, sentence in (
            (self.invoice, "state = 'draft'", "counter-entry"),
            (self.invoice.line_ids[0], "balance = balance + 1", "counter-entry"),
            (self.payment, "amount = 5", "counter-entry"),
            (partial, f"debit_move_id = {theirs.id}", "transfer"),
            (operation, "amount = 5", "counter-entry"),
        ):
            with (
                self.subTest(record=record),
                mute_logger("odoo.sql_db"),
                self.assertRaises(CheckViolation) as caught,
                self.cr.savepoint(),
            ):
                self.cr.execute(
                    f"UPDATE {record._table} SET {change} WHERE id = %s", [record.id]
                )
            self.assertEqual(caught.exception.diag.table_name, record._table)
            message = record._sql_error_to_message(caught.exception)
            self.assertIn(sentence, message)
