from odoo.exceptions import AccessError
from odoo.tests import tagged

from .period_common import PeriodCommon


@tagged("post_install", "-at_install")
class TestLedgerAudit(PeriodCommon):
    """The audit finds each kind of difference, made under the maintenance switch."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.isp_attention_user_id = cls.users["manager"]

    def setUp(self):
        super().setUp()
        with self._at("2026-03-10"):
            self.invoice = self._invoice(100)
            self._pay(self.contract, 70)
            self._entry(10, other=self.other)
        with self._at("2026-04-10"):
            self._invoice(30)
            self._period("2026-03")._close()

    def _audit(self):
        return self.env["isp.ledger.audit"]._audit(self.company)

    def _break(self, query, *params):
        """Change what nobody may, by the documented switch."""
        self.env.flush_all()
        self.cr.execute("SET LOCAL isp.maintenance = 'on'")
        self.cr.execute(query, params)
        self.assertEqual(self.cr.rowcount, 1, query)
        self.cr.execute("SET LOCAL isp.maintenance = 'off'")
        self.env.invalidate_all()

    def _assertFinds(self, *sentences, count=None):
        audit = self._audit()
        self.assertEqual(audit.state, "differs")
        # Odoo glues a currency's sign to its amount.
        found = audit.differences.replace("\xa0", " ").replace("\ufeff", "")
        for sentence in sentences:
            self.assertRegex(found, sentence)
        if count:
            self.assertEqual(audit.difference_count, count, audit.differences)
        return audit

    def test_an_exact_ledger_is_said_to_be_exact(self):
        audit = self._audit()
        self.assertEqual((audit.state, audit.differences), ("exact", False))
        self.assertEqual(
            (audit.contract_count, audit.operation_count, audit.line_count), (2, 5, 5)
        )
        self.assertEqual((audit.period_count, audit.saldo_count), (2, 2))
        self.assertFalse(audit.activity_ids)

    def test_a_balance_that_differs_is_named(self):
        self._break(
            "UPDATE isp_contract SET balance = balance + 0.01 WHERE id = %s",
            self.other.id,
        )
        audit = self._assertFinds(
            rf"Contract {self.other.name}: its balance is \$ 10\.01; its operations "
            rf"sum up to \$ 10\.00, its receivable to \$ 10\.00",
            count=1,
        )
        activity = audit.activity_ids
        self.assertEqual(activity.user_id, self.users["manager"])
        self.assertIn(self.other.name, activity.sudo().note)

    def test_a_receivable_that_differs_is_named(self):
        line = self.invoice.line_ids.filtered("isp_contract_id")
        self._break(
            "UPDATE account_move_line SET balance = 105, debit = 105 WHERE id = %s",
            line.id,
        )
        self._assertFinds(
            "its receivable to",
            rf"a receivable of {self.invoice.name} is worth .*105\.00, its operation "
            r".*100\.00",
            count=2,
        )

    def test_a_residual_that_differs_is_named(self):
        line = self.invoice.line_ids.filtered("isp_contract_id")
        self._break(
            "UPDATE account_move_line SET amount_residual = amount_residual + 3 "
            "WHERE id = %s",
            line.id,
        )
        self._assertFinds("what is open of it to", count=1)

    def test_an_operation_that_is_missing_is_named(self):
        self._break("DELETE FROM isp_operation WHERE move_id = %s", self.invoice.id)
        self._assertFinds(
            rf"a receivable of {self.invoice.name} is worth .*, its operation nothing",
            "its operations sum up to",
            "debit .*110",
        )

    def test_an_operation_without_a_receivable_is_named(self):
        line = self.invoice.line_ids.filtered("isp_contract_id")
        self._break(
            "UPDATE account_move_line SET isp_contract_id = NULL WHERE id = %s", line.id
        )
        [operation] = self.invoice.isp_operation_ids.ids
        self._assertFinds(f"operation {operation} over .* stands for no posted")

    def test_a_document_outside_of_its_period_is_named(self):
        self._break(
            "UPDATE account_move SET date = '2026-04-01' WHERE id = %s", self.invoice.id
        )
        self._assertFinds(
            rf"{self.invoice.name} of 04/01/2026 does not lie within its reporting "
            r"period 2026-03\.",
            count=1,
        )

    def test_a_gap_between_periods_is_named(self):
        self._break(
            "UPDATE isp_period SET date_start = '2026-04-02' WHERE id = %s",
            self._period("2026-04").id,
        )
        self._assertFinds(
            r"2026-03 \(until 03/31/2026, closed\) and 2026-04 \(from 04/02/2026, "
            r"open\) don't follow"
        )

    def test_a_saldo_that_differs_is_named(self):
        saldo = self.contract.saldo_ids
        self._break("UPDATE isp_saldo SET closing = 1 WHERE id = %s", saldo.id)
        self._assertFinds(
            rf"{self.contract.name}, period 2026-03: .*closing \$ 1\.00 \(\$ -40\.00\)",
            count=1,
        )

    def test_a_chain_of_saldos_that_breaks_is_named(self):
        with self._at("2026-05-10"):
            self._open()
            self._period("2026-04")._close()
        self.assertEqual(self._audit().state, "exact")
        april = self.contract.saldo_ids.filtered(
            lambda s: s.period_id.name == "2026-04"
        )
        self._break(
            "UPDATE isp_saldo SET opening = opening + 5, closing = closing + 5 "
            "WHERE id = %s",
            april.id,
        )
        self._assertFinds(
            r"period 2026-04: opening \$ -35\.00 \(expected \$ -40", count=1
        )
        self._break("DELETE FROM isp_saldo WHERE id = %s", april.id)
        self._assertFinds("period 2026-04: opening nothing", count=1)

    def test_the_cron_audits_every_company_and_the_button_asks_for_an_accountant(self):
        Audit = self.env["isp.ledger.audit"]
        with self.assertRaises(AccessError):
            Audit.with_user(self.users["clerk"]).action_audit()
        action = Audit.with_user(self.users["accountant"]).action_audit()
        audit = Audit.with_user(self.users["accountant"]).browse(action["res_id"])
        self.assertEqual(
            (audit.state, audit.user_id), ("exact", self.users["accountant"])
        )
        with self.enter_registry_test_mode():
            self.env.ref(
                "mybizna_isp.isp_ledger_audit_cron_audit"
            ).method_direct_trigger()
        self.env.invalidate_all()
        last = Audit.search([("company_id", "=", self.company.id)], limit=1)
        self.assertGreater(last.id, audit.id)
        self.assertEqual(last.state, "exact")
