from odoo import Command, fields
from odoo.tests import tagged

from .hostile_common import HostileCommon

COUNTED = (
    "account_move",
    "account_move_line",
    "account_payment",
    "account_partial_reconcile",
)


@tagged("post_install", "-at_install")
class TestLedgerMerge(HostileCommon):
    """What Odoo does to contacts and accounts leaves posted money as it is."""

    def _count_rows(self):
        """Return how many rows each table of ours and of the ledger has."""
        self.env.flush_all()
        self.cr.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' "
            "AND relnamespace = current_schema()::regnamespace "
            "AND relname <> 'isp_access_dirty' "
            "AND (relname LIKE 'isp\\_%%' OR relname IN %s)",
            [COUNTED],
        )
        counts = {}
        for (table,) in self.cr.fetchall():
            self.cr.execute(f"SELECT count(*) FROM {table}")
            counts[table] = self.cr.fetchone()[0]
        return counts

    def _merge_contacts(self, kept, gone):
        wizard = self.env["base.partner.merge.automatic.wizard"].create(
            {
                "state": "selection",
                "partner_ids": [Command.set((kept | gone).ids)],
                "dst_partner_id": kept.id,
            }
        )
        wizard.action_merge()

    # === contacts === #

    def test_merging_two_contacts_with_posted_documents_loses_nothing(self):
        kept, gone = self.client, self.other.contract_id.partner_id
        self._pay(self.contract, 1500.0, self.line)
        payment = self._pay(self.other.contract_id, 900.0, self.other)
        self._booked_receipt(self.other)
        balances = self.contract.balance, self.other.contract_id.balance
        before = self._count_rows()
        self._merge_contacts(kept, gone)
        self.assertEqual(self._count_rows(), before)
        self.assertFalse(gone.exists())
        self.env.invalidate_all()
        self.assertEqual(self.other.contract_id.partner_id, kept)
        self.assertEqual(self.other.partner_id, kept)
        self.assertEqual(payment.partner_id, kept)
        self.assertEqual(payment.move_id.line_ids.partner_id, kept)
        self.assertEqual(
            (self.contract.balance, self.other.contract_id.balance), balances
        )
        self.assertLedger(self.contract)
        self.assertLedger(self.other.contract_id)

    def test_after_a_merge_each_contract_still_pays_its_own_debts(self):
        self._merge_contacts(self.client, self.other.contract_id.partner_id)
        self.env.invalidate_all()
        self._pay(self.other.contract_id, 1500.0, self.other)
        self.assertEqual(self.other.access, "on")
        self.assertEqual(self._owed(self.line), 1500)
        self.assertEqual(self.line.access, "off")
        self.assertLedger(self.contract)
        self.assertLedger(self.other.contract_id)

    def test_the_guard_is_closed_again_after_a_merge(self):
        payment = self._pay(self.contract, 10.0)
        self._merge_contacts(self.client, self._create_client("Double"))
        self._assert_database_refuses(
            "UPDATE account_payment SET partner_id = %s WHERE id = %s",
            self.other.contract_id.partner_id.id,
            payment.id,
        )

    def test_a_merge_opens_the_guard_for_payers_and_accounts_only(self):
        payment = self._pay(self.contract, 10.0)
        line = self._receivables(payment.move_id)
        wizard = self.env["base.partner.merge.automatic.wizard"]
        self.assertEqual(wizard._isp_set_maintenance("merge"), "")
        for query in (
            "UPDATE account_move_line SET balance = 1 WHERE id = %s",
            "DELETE FROM account_move_line WHERE id = %s",
            "UPDATE account_move_line SET account_id = 1, balance = 1 WHERE id = %s",
        ):
            self._assert_database_refuses(query, line.id)
        for query in (
            "UPDATE account_payment SET amount = 1 WHERE id = %s",
            "DELETE FROM account_payment WHERE id = %s",
        ):
            self._assert_database_refuses(query, payment.id)

    def test_odoo_would_delete_no_row_of_ours_for_a_contact(self):
        """Odoo deletes what it can't rewrite where a constraint holds the column."""
        wizard = self.env["base.partner.merge.automatic.wizard"]
        self.env.flush_all()
        columns = [
            (table, column)
            for model in ("res.partner", "account.account")
            for table, column in wizard._get_fk_on(self.env[model]._table)
            if table.startswith("isp_")
        ]
        self.assertIn(("isp_contract", "partner_id"), columns)
        for table, column in columns:
            with self.subTest(table=table, column=column):
                self.assertFalse(wizard._has_check_or_unique_constraint(table, column))

    def test_a_client_moved_under_a_company_keeps_its_ledger(self):
        invoice = self.line.billing_ids.invoice_id
        self.client.parent_id = self._create_client("Company", is_company=True)
        self.env.flush_all()
        self._pay(self.contract, 1500.0, self.line)
        self.assertEqual(invoice.payment_state, "paid")
        self._document([(self.line, 50)]).action_post()
        self.assertEqual(self.contract.balance, -50)
        self.assertLedger(self.contract)

    def test_an_archived_client_can_still_be_billed_and_pay(self):
        self.client.active = False
        self._document([(self.line, 50)]).action_post()
        self._pay(self.contract, 1550.0)
        self.assertEqual(self.contract.balance, 0)
        self.assertLedger(self.contract)

    # === accounts === #

    def test_merging_accounts_of_two_companies_keeps_the_ledger(self):
        other = self.setup_other_company()
        ours = self.company_data["default_account_revenue"]
        theirs = other["default_account_revenue"]
        lines = self.line.billing_ids.invoice_id.line_ids
        income = lines.filtered(lambda line: line.account_id == ours)
        self.assertTrue(income)
        self.env.user.company_ids |= other["company"]
        self.env.flush_all()
        before = self._count_rows()
        wizard = (
            self.env["account.merge.wizard"]
            .with_context(
                allowed_company_ids=(self.company | other["company"]).ids,
                active_model="account.account",
                active_ids=(theirs | ours).ids,
            )
            .create({"is_group_by_name": False})
        )
        wizard.action_merge()
        self.assertEqual(self._count_rows(), before)
        self.env.invalidate_all()
        self.assertEqual(len((theirs | ours).exists()), 1)
        self.assertEqual(income.account_id, (theirs | ours).exists())
        self.assertLedger(self.contract)

    # === currencies, taxes on payment === #

    def test_a_foreign_amount_on_a_contract_is_refused(self):
        """So no exchange difference ever arises on a contract."""
        foreign = self.setup_other_currency("EUR")
        receivable = self._receivable_account()
        move = self.env["account.move"].create(
            {
                "move_type": "entry",
                "line_ids": [
                    Command.create(
                        {
                            "account_id": account.id,
                            "partner_id": self.client.id,
                            "isp_contract_id": contract,
                            "currency_id": foreign.id,
                            "amount_currency": amount,
                            "balance": amount / 2,
                        }
                    )
                    for account, contract, amount in (
                        (receivable, self.contract.id, -100.0),
                        (self.company_data["default_account_revenue"], False, 100.0),
                    )
                ],
            }
        )
        with self.assertRefused("is kept in"):
            move.action_post()

    def test_revaluing_the_receivable_leaves_contracts_alone(self):
        balance = self.contract.balance
        self._entry(
            [
                (self._receivable_account(), False, 25.0),
                (self.company_data["default_account_revenue"], False, -25.0),
            ]
        )
        self.assertEqual(self.contract.balance, balance)
        self.assertLedger(self.contract)

    def test_taxes_due_on_payment_follow_matching_and_its_undoing(self):
        self.company.tax_exigibility = True
        transition = self.company_data["default_account_tax_sale"].copy(
            {"code": "998877", "reconcile": True}
        )
        tax = self.env["account.tax"].create(
            {
                "name": "on payment",
                "amount": 10,
                "tax_exigibility": "on_payment",
                "cash_basis_transition_account_id": transition.id,
            }
        )
        invoice = self._document([(self.line, 100)])
        invoice.invoice_line_ids.tax_ids = tax
        invoice.action_post()
        payment = self._pay(self.contract, 1610.0)
        self.assertEqual(invoice.payment_state, "paid")
        moves = self.env["account.move"].search(
            [("tax_cash_basis_origin_move_id", "=", invoice.id)]
        )
        self.assertEqual(moves.mapped("state"), ["posted"])
        self.assertFalse(moves.isp_is_ledger)
        self._receivables(payment.move_id).remove_move_reconcile()
        self.env.flush_all()
        self.assertEqual(invoice.payment_state, "not_paid")
        self.assertEqual(self.contract.balance, 0)
        self.assertLedger(self.contract)
        self.assertEqual(invoice.date, fields.Date.today())
