from lxml import etree

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from .operation_common import OperationCommon


@tagged("post_install", "-at_install")
class TestOperationMoved(OperationCommon):
    """Money on the wrong client moves whole; an account ends at 0."""

    # === U-13 === #

    def _move(self, payment, contract, user="accountant", **values):
        return (
            self.env["isp.payment.move"]
            .with_user(self.users[user])
            .create(
                {
                    "payment_id": payment.id,
                    "contract_id": contract.id,
                    "reason": "typed A21 for A12",
                    **values,
                }
            )
            .action_move()
        )

    def test_a_receipts_payment_is_moved_by_its_button(self):
        receipt = self._booked_receipt()
        wrong = receipt.payment_id
        self.assertEqual(wrong.action_isp_move()["res_model"], "isp.payment.move")
        self._move(wrong, self.friend)
        right = receipt.payment_id
        self.assertTrue(wrong.isp_revoked)
        self.assertEqual(right.isp_contract_id, self.friend)
        self.assertEqual(right.isp_moved_from_id, wrong)
        self.assertEqual(right.isp_receipt_id, receipt)
        self.assertEqual((self.contract.balance, self.friend.balance), (0.0, 1500.0))
        self.assertLedger(self.contract)
        self.assertLedger(self.friend)

    def test_both_contracts_tell_that_money_was_moved(self):
        self._move(self._booked_receipt().payment_id, self.friend)
        told = {
            contract: " ".join(contract.message_ids.mapped("body"))
            for contract in self.contract | self.friend
        }
        self.assertIn("Moved to", told[self.contract])
        self.assertIn("typed A21 for A12", told[self.contract])
        self.assertIn("moved here from", told[self.friend])

    def test_a_payment_without_a_receipt_is_moved_with_its_bank_date(self):
        payment = self._pay(self.contract, 300.0, date=self._days(-1))
        debt = self._charge(300.0, self.friend, connection_id=self.other.id)
        self._move(payment, self.friend, connection_id=self.other.id)
        moved = payment.isp_moved_to_ids
        self.assertEqual(moved.isp_document_date, self._days(-1))
        self.assertEqual(moved.journal_id, payment.journal_id)
        self.assertEqual(moved.isp_connection_id, self.other)
        self.assertEqual(moved.memo, payment.memo)
        self.assertEqual(debt.payment_state, "paid")
        self.assertEqual((self.contract.balance, self.friend.balance), (0.0, 0.0))
        self.assertLedger(self.contract)
        self.assertLedger(self.friend)

    def test_money_is_moved_once_and_never_to_where_it_is(self):
        payment = self._pay(self.contract, 300.0)
        with self.assertRefused("booked there already"):
            self._move(payment, self.contract)
        self._move(payment, self.friend)
        with self.assertRefused("cancelled already"):
            self._move(payment, self.empty)
        with self.assertRefused("cancelled already"):
            payment.action_isp_move()

    def test_only_accountants_move_payments(self):
        payment = self._pay(self.contract, 300.0)
        for name in ("clerk", "invoicer"):
            with self.assertRaises(AccessError), self.cr.savepoint():
                self._as(name, payment).action_isp_move()
            with self.assertRaises(AccessError), self.cr.savepoint():
                self._move(payment, self.friend, user=name)
        with self.assertRefused("aren't set by hand"):
            self._as("clerk", payment).isp_moved_from_id = payment

    # === U-46 === #

    def test_credit_without_a_line_in_service_is_listed(self):
        for contract in self.contract | self.friend | self.empty:
            self._pay(contract, 50.0)
        self.assertEqual(self._listed(), self.empty)
        self.line.action_close()
        self.assertEqual(self._listed(), self.empty | self.contract)
        self._add("refund", 50.0, journal_id=self.wallet.id)
        self.assertEqual(self._listed(), self.empty)

    def _listed(self):
        """Return what the menu's list shows with the filter it opens with."""
        action = self.env.ref("mybizna_isp.isp_contract_action_credit_no_line")
        [chosen] = safe_eval(action.context)
        arch = self.env["isp.contract"].get_view(view_type="search")["arch"]
        name = chosen.removeprefix("search_default_")
        [node] = etree.fromstring(arch).xpath(f"//filter[@name='{name}']")
        domain = safe_eval(node.get("domain"))
        return self.env["isp.contract"].search(
            [("company_id", "=", self.company.id), *domain]
        )

    def _ask_close(self, contract, user="accountant"):
        action = self._as(user, contract).action_ask_close()
        self.assertEqual(action["res_model"], "isp.contract.close")
        return (
            self.env["isp.contract.close"]
            .with_user(self.users[user])
            .create({**self._defaults(action), "journal_id": self.wallet.id})
        )

    @staticmethod
    def _defaults(action):
        return {
            key.removeprefix("default_"): value
            for key, value in action["context"].items()
        }

    def test_an_account_with_money_ends_at_0_by_a_refund(self):
        self._pay(self.contract, 1700.0)
        self._add("deposit", 1000.0)
        close = self._ask_close(self.contract)
        self.assertEqual(close.to_refund, 1700.0)
        close.action_refund()
        self.contract.invalidate_recordset()
        self.assertEqual((self.contract.balance, self.contract.deposit_held), (0, 0))
        self.assertEqual(self.contract.state, "closed")
        self.assertEqual(self.line.state, "closed")
        kinds = self.contract.operation_ids.mapped("kind")
        self.assertEqual(kinds[:2], ["refund", "deposit_return"])
        self.assertLedger(self.contract)

    def test_a_deposit_is_kept_for_what_is_owed_when_an_account_is_closed(self):
        self._pay(self.contract, 1000.0)
        self._add("deposit", 1000.0)
        debt = self._charge(400.0)
        close = self._ask_close(self.contract)
        self.assertEqual(close.to_refund, 600.0)
        close.action_refund()
        self.assertEqual(debt.payment_state, "paid")
        self.assertEqual(self.contract.balance, 0)

    def test_a_debt_is_told_and_left_when_an_account_is_closed(self):
        self._charge(100.0)
        close = self._ask_close(self.contract, "clerk")
        self.assertEqual((close.balance, close.to_refund), (-100.0, 0))
        close.action_keep()
        self.assertEqual((self.contract.state, self.contract.balance), ("closed", -100))

    def test_a_clerk_closes_but_pays_nothing_out(self):
        self._pay(self.contract, 100.0)
        close = self._ask_close(self.contract, "clerk")
        with self.assertRaises(AccessError), self.cr.savepoint():
            close.action_refund()
        self.assertEqual(self.contract.state, "active")
        close.action_keep()
        self.assertEqual(self.contract.state, "closed")

    def test_an_account_at_0_closes_without_a_question(self):
        self.assertFalse(self.contract.action_ask_close())
        self.assertEqual(self.contract.state, "closed")
        self._pay(self.empty, 1.0)
        with self.assertRefused("one by one"):
            (self.empty | self.friend).action_ask_close()
