from psycopg2 import errors

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models import isp_sms_inbox_process as process
from .money_common import MoneyCommon

LOGGER = process.__name__


@tagged("post_install", "-at_install")
class TestMoneyDesk(MoneyCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line = cls._create_active(username="mary")
        cls.contract = cls.line.contract_id

    # === PEOPLE === #

    def _assign(self, receipt, user=None, **values):
        return (
            self.env["isp.money.assign"]
            .with_user(user or self.env.user)
            .create({"receipt_id": receipt.id, **values})
        )

    def test_unmatched_money_is_listed_and_assigned_with_one_click(self):
        receipt = self._read(self._sms(700, "who knows")).receipt_id
        self.assertEqual(receipt.state, "unmatched")
        self.assertTrue(receipt.review_reason)
        action = self.env.ref("mybizna_isp.isp_money_receipt_action_unmatched")
        listed = self.env["isp.money.receipt"].search(
            [("state", "in", ("unmatched", "review"))]
        )
        self.assertIn("unmatched", action.domain)
        self.assertIn(receipt, listed)
        clerk = self._create_user("clerk", "mybizna_isp.isp_group_clerk")
        assign = self._assign(receipt, clerk, connection_id=self.line.id)
        self.assertEqual(assign.contract_id, self.contract)
        assign.action_assign()
        self.assertEqual(receipt.state, "booked")
        self.assertEqual(receipt.match_rule, "person")
        self.assertEqual(receipt.payment_id.isp_connection_id, self.line)
        self.assertEqual(receipt.payment_id.state, "paid")

    def test_candidates_are_hints_by_masked_phone_and_name_and_book_nothing(self):
        self.client.phone = "0722 333 444"
        john = self._create_client("John Otieno Kamau")
        other = self._create_connection(partner_id=john.id).contract_id
        receipt = self._read(self._sms(7, "x", phone="0722***444")).receipt_id
        self.assertEqual(receipt.state, "unmatched")
        assign = self._assign(receipt)
        hints = {c.contract_id: c.hint for c in assign.candidate_ids}
        self.assertEqual(hints[self.contract], "Phone fits")
        self.assertEqual(hints[other], "Name alike")
        self.assertFalse(receipt.payment_ids)
        assign.candidate_ids.filtered(lambda c: c.contract_id == other).action_choose()
        self.assertEqual(receipt.contract_id, other)
        self.assertEqual(receipt.state, "booked")

    def test_money_on_the_wrong_customer_is_moved_and_counts_once(self):
        """U-13."""
        wrong = self._create_active(
            username="wrong", partner_id=self._create_client("Wrong").id
        )
        owed = self._owed(wrong)
        receipt = self._read(self._sms(owed, "wrong")).receipt_id
        first = receipt.payment_id
        self.assertEqual(self._owed(wrong), 0)
        self._assign(receipt, connection_id=self.line.id).action_assign()
        self.assertEqual(receipt.state, "booked")
        self.assertTrue(first.isp_revoked)
        self.assertNotEqual(receipt.payment_id, first)
        self.assertEqual(receipt.payment_id.isp_contract_id, self.contract)
        self.assertEqual(self._owed(wrong), owed)
        self.assertEqual(self._owed(self.line), 0)
        self.assertLedger(self.contract)
        self.assertLedger(wrong.contract_id)
        with self.assertRefused("booked there already"):
            self._assign(receipt, connection_id=self.line.id).action_assign()

    def test_a_payment_cancelled_by_an_accountant_leaves_money_without_customer(self):
        receipt = self._read(self._sms(50, "mary")).receipt_id
        receipt.payment_id.action_isp_revoke()
        self.assertEqual(receipt.state, "unmatched")

    def test_a_second_live_payment_of_a_receipt_is_refused_by_the_database(self):
        receipt = self._read(self._sms(50, "mary")).receipt_id
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(errors.UniqueViolation),
            self.cr.savepoint(),
        ):
            receipt._create_payments()
            self.env.flush_all()

    def test_a_customer_found_later_is_found_by_looking_again(self):
        receipt = self._read(self._sms(50, "House 7")).receipt_id
        self.assertEqual(receipt.state, "unmatched")
        self.env["isp.account.alias"].create(
            {"name": "house 7", "contract_id": self.contract.id}
        )
        receipt.action_match_again()
        self.assertEqual(receipt.state, "booked")
        self.assertEqual(receipt.match_rule, "alias")

    # === ACCESS === #

    def test_who_may_only_look_assigns_nothing_and_sees_no_token(self):
        receipt = self._read(self._sms(50, "nobody")).receipt_id
        user = self._create_user("looker", "mybizna_isp.isp_group_user")
        seen = receipt.with_user(user)
        self.assertEqual(seen.state, "unmatched")
        for forbidden in (
            seen.action_match_again,
            seen.action_settle,
            lambda: seen.write({"state": "booked"}),
            lambda: self._assign(receipt, user),
            lambda: self.paybill.with_user(user).read(["token"]),
            lambda: self.paybill.with_user(user).read(["webhook_url"]),
            lambda: self.paybill.with_user(user).action_new_token(),
            lambda: receipt.inbox_ids.with_user(user).read(["text"]),
        ):
            with self.assertRaises(AccessError):
                forbidden()

    def test_a_company_sees_its_own_money_only(self):
        other = self.setup_other_company(name="Other ISP")["company"]
        receipt = self._read(self._sms(50, "nobody")).receipt_id
        user = self._create_user(
            "stranger",
            "mybizna_isp.isp_group_manager",
            company_id=other.id,
            company_ids=other.ids,
        )
        for record in (receipt, receipt.inbox_ids, self.paybill):
            seen = record.with_user(user).with_context(allowed_company_ids=other.ids)
            self.assertFalse(seen.search([("id", "=", record.id)]))

    # === SET-UP === #

    def test_a_collection_without_a_journal_opens_one_that_pays_at_once(self):
        journal = self.paybill.journal_id
        line = journal.inbound_payment_method_line_ids[:1]
        self.assertEqual(journal.type, "bank")
        self.assertEqual(line.payment_account_id, journal.default_account_id)

    def test_a_journal_whose_payments_would_wait_is_refused_with_a_sentence(self):
        journal = self.wallet.copy({"code": "WAIT", "name": "Waits"})
        waiting = self.env["account.account"].create(
            {
                "name": "Outstanding",
                "code": "109999",
                "account_type": "asset_current",
                "reconcile": True,
            }
        )
        journal.inbound_payment_method_line_ids.payment_account_id = waiting
        with self.assertRaisesRegex(ValidationError, "would wait for a bank statement"):
            self._create_collection("Till", journal_id=journal.id)

    def test_set_up_mistakes_get_a_sentence(self):
        for values, sentence in (
            ({"accepted_senders": "MPESA, 0722000111"}, "a person's number"),
            ({"param_message": "db"}, "db is taken"),
            ({"param_message": "sender"}, "must differ"),
            ({"param_message": "a b"}, "letters, digits"),
            ({"shares_webhook_of_id": self.paybill.id}, "fill in Receiving SIM"),
            (
                {"journal_id": self.company_data["default_journal_sale"].id},
                "can't take payments",
            ),
        ):
            with self.assertRaisesRegex(ValidationError, sentence):
                self._create_collection(f"Till {sentence}", **values)
