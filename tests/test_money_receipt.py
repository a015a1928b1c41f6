from datetime import timedelta

from odoo.tests import tagged

from ..models import isp_sms_inbox_process as process
from .money_common import MoneyCommon

LOGGER = process.__name__


@tagged("post_install", "-at_install")
class TestMoneyReceipt(MoneyCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line = cls._create_active(username="mary")
        cls.contract = cls.line.contract_id

    # === BOOKING === #

    def test_a_message_becomes_a_posted_reconciled_payment(self):
        """S0-4, S0-5, S0-9: plain text is enough."""
        owed = self._owed(self.line)
        message = self._read(self._sms(owed, self.line.account_no, code="UKM1A2B3C4"))
        receipt = message.receipt_id
        self.assertEqual(message.state, "booked")
        self.assertEqual(receipt.state, "booked")
        self.assertEqual(receipt.code, "UKM1A2B3C4")
        self.assertEqual(receipt.payment_id.state, "paid")
        self.assertEqual(receipt.payment_id.amount, owed)
        self.assertEqual(receipt.payment_id.isp_contract_id, self.contract)
        self.assertEqual(receipt.payment_id.isp_connection_id, self.line)
        self.assertEqual(receipt.payment_id.journal_id, self.paybill.journal_id)
        self.assertEqual(self._owed(self.line), 0)
        self.assertEqual(self.line.invoice_id.payment_state, "paid")
        self.assertLedger(self.contract)

    def test_a_part_payment_is_a_part_and_a_surplus_is_credit(self):
        """F22."""
        owed = self._owed(self.line)
        self._read(self._sms(10, self.line.account_no))
        self.assertEqual(self._owed(self.line), owed - 10)
        self.assertEqual(self.line.invoice_id.payment_state, "partial")
        self._read(self._sms(owed, self.line.account_no))
        self.assertEqual(self._owed(self.line), 0)
        self.assertEqual(self.contract.balance, 10)

    def test_money_goes_to_the_line_the_payer_named_before_an_older_debt(self):
        """U-7, F25."""
        older = self._create_active(username="older", contract_id=self.contract.id)
        named = self._create_active(username="named", contract_id=self.contract.id)
        debt = self._owed(older)
        self._read(self._sms(self._owed(named), "named"))
        self.assertEqual(self._owed(named), 0)
        self.assertEqual(self._owed(older), debt)

    def test_the_payment_has_the_local_day_on_which_was_paid(self):
        yesterday = self._days_ago(1).replace(hour=23, minute=50)
        receipt = self._read(
            self._sms(5, self.line.account_no, at=yesterday)
        ).receipt_id
        self.assertEqual(receipt.payment_id.isp_document_date, yesterday.date())
        self.assertEqual(
            self.company._isp_to_local(receipt.paid_at),
            yesterday.replace(second=0, microsecond=0),
        )

    def test_a_late_message_keeps_its_day_and_counts_in_the_oldest_open_period(self):
        day = self._days_ago(90)
        receipt = self._read(self._sms(5, self.line.account_no, at=day)).receipt_id
        payment = receipt.payment_id
        oldest = self.env["isp.period"]._get_open(self.company)[0]
        self.assertEqual(payment.isp_document_date, day.date())
        self.assertEqual(payment.date, oldest.date_start)
        self.assertEqual(payment.move_id.isp_period_id, oldest)

    def test_a_message_of_a_day_before_a_lock_date_is_booked_behind_it(self):
        opened = self.env["isp.period"]._get_open(self.company)
        lock = opened[0].date_start
        self.company.fiscalyear_lock_date = lock
        message = self._read(self._sms(5, self.line.account_no, at=self._days_ago(31)))
        self.assertEqual(message.state, "booked", message.reason)
        payment = message.receipt_id.payment_id
        self.assertEqual(payment.date, lock + timedelta(days=1))
        self.assertEqual(payment.move_id.date, payment.date)

    def test_the_chatter_says_by_which_rule_the_customer_was_found(self):
        receipt = self._read(self._sms(5, "mary")).receipt_id
        self.assertEqual(receipt.match_rule, "login")
        self.assertIn("Login", " ".join(receipt.message_ids.mapped("body")))

    # === ONCE === #

    def test_the_same_code_again_books_nothing_and_is_linked(self):
        """S0-6, F21: in one batch, and again later."""
        text = self._sms(100, "mary", code="UKM0000TWO")
        first, second = self._read(text, text)
        third = self._read(text)
        self.assertEqual(
            (first.state, second.state, third.state),
            ("booked", "duplicate", "duplicate"),
        )
        receipt = first.receipt_id
        self.assertEqual(receipt.inbox_ids, first | second | third)
        self.assertEqual(len(receipt.payment_ids), 1)

    def test_the_same_code_with_another_amount_goes_to_a_person(self):
        first = self._read(self._sms(100, "mary", code="UKM000DIFF"))
        second = self._read(self._sms(1000, "mary", code="UKM000DIFF"))
        receipt = first.receipt_id
        self.assertEqual(second.receipt_id, receipt)
        self.assertEqual(receipt.state, "review")
        self.assertIn("100.00", receipt.review_reason)
        self.assertIn("1,000.00", receipt.review_reason)
        self.assertEqual(receipt.payment_ids.mapped("amount"), [100])

    def test_contradicting_messages_at_once_are_not_booked_at_all(self):
        self._read(
            self._sms(100, "mary", code="UKM00BOTH1"),
            self._sms(900, "mary", code="UKM00BOTH1"),
        )
        receipt = self._receipt("UKM00BOTH1")
        self.assertEqual(receipt.state, "review")
        self.assertFalse(receipt.payment_ids)

    def test_a_review_of_booked_money_ends_as_booked(self):
        self._read(self._sms(100, "mary", code="UKM00ENDS1"))
        self._read(self._sms(900, "mary", code="UKM00ENDS1"))
        receipt = self._receipt("UKM00ENDS1")
        receipt.action_settle()
        self.assertEqual(receipt.state, "booked")
        self.assertFalse(receipt.review_reason)

    def test_money_in_a_foreign_currency_goes_to_a_person(self):
        self.paybill.provider = "mpesa_tz"
        self._read(
            "5QK9ABCDEF1 Confirmed. You have received TZS 5,000.00 from JOHN DOE "
            "(255754000111) on 2026-01-05 at 10:15:00. New M-Pesa balance is TZS "
            "9,000.00."
        )
        receipt = self.env["isp.money.receipt"].search([("provider", "=", "mpesa_tz")])
        self.assertEqual(receipt.state, "review")
        self.assertIn("TZS", receipt.review_reason)
        self.assertFalse(receipt.payment_ids)

    # === REVERSAL === #

    def test_a_reversal_takes_the_payment_back_and_the_debt_returns(self):
        owed = self._owed(self.line)
        self._read(self._sms(owed, "mary", code="UKM00REV01"))
        receipt = self._receipt("UKM00REV01")
        payment = receipt.payment_id
        again = self._reversal("UKM00REV01", owed)
        first = self._read(again)
        self.assertEqual(receipt.state, "revoked")
        self.assertFalse(receipt.payment_id)
        self.assertTrue(payment.isp_revoked)
        self.assertEqual(first.receipt_id, receipt)
        self.assertEqual(self._owed(self.line), owed)
        self.assertLedger(self.contract)
        second = self._read(again)
        self.assertEqual(second.state, "duplicate")
        self.assertLedger(self.contract)

    def test_a_reversal_before_its_payment_keeps_it_from_being_booked(self):
        self._read(self._reversal("UKM00REV02", 300))
        receipt = self._receipt("UKM00REV02")
        self.assertEqual(receipt.state, "revoked")
        message = self._read(self._sms(300, "mary", code="UKM00REV02"))
        self.assertEqual(message.receipt_id, receipt)
        self.assertEqual(receipt.state, "revoked")
        self.assertEqual(receipt.amount, 300)
        self.assertFalse(receipt.payment_ids)

    def test_a_payment_and_its_reversal_in_one_batch_book_nothing(self):
        self._read(
            self._reversal("UKM00REV03"), self._sms(300, "mary", code="UKM00REV03")
        )
        receipt = self._receipt("UKM00REV03")
        self.assertEqual(receipt.state, "revoked")
        self.assertFalse(receipt.payment_ids)

    def test_a_reversal_of_another_amount_goes_to_a_person(self):
        self._read(self._sms(300, "mary", code="UKM00REV04"))
        self._read(self._reversal("UKM00REV04", 200))
        receipt = self._receipt("UKM00REV04")
        self.assertEqual(receipt.state, "review")
        self.assertTrue(receipt.payment_id)
        self.assertIn("200.00", receipt.review_reason)

    def _assign_as(self, group, receipt):
        user = self._create_user(f"assigning.{group}", f"mybizna_isp.{group}")
        wizard = (
            self.env["isp.money.assign"]
            .with_user(user)
            .create({"receipt_id": receipt.id, "connection_id": self.line.id})
        )
        wizard.action_assign()

    def test_money_that_the_network_took_back_is_booked_by_an_accountant_only(self):
        """U-13: one live payment, not one ever."""
        self._read(self._sms(300, "mary", code="UKM00REV05"))
        self._read(self._reversal("UKM00REV05", 300))
        receipt = self._receipt("UKM00REV05")
        with self.assertRefused("The network took payment UKM00REV05 back"):
            self._assign_as("isp_group_clerk", receipt)
        self.assertEqual(receipt.state, "revoked")
        self.assertFalse(receipt.payment_id)
        self._assign_as("isp_group_accountant", receipt)
        self.assertEqual(receipt.state, "booked")
        self.assertEqual(len(receipt.payment_ids), 2)
        self.assertEqual(receipt.payment_id.amount, 300)
        told = " ".join(receipt.message_ids.mapped("body"))
        self.assertIn("although the network took it back", told)

    def test_a_second_reversal_of_money_booked_again_goes_to_a_person(self):
        self._read(self._sms(300, "mary", code="UKM00REV06"))
        first = self._reversal("UKM00REV06", 300)
        self._read(first)
        receipt = self._receipt("UKM00REV06")
        receipt._assign(self.contract, self.line)
        self.assertEqual(self._read(first).state, "duplicate")
        self.assertEqual(receipt.state, "booked")
        second = self._read(self._reversal("UKM00REV06", 300))
        self.assertEqual(second.receipt_id, receipt)
        self.assertEqual(receipt.state, "review")
        self.assertIn("reversed once more", receipt.review_reason)

    def test_a_reversal_that_names_no_payment_is_never_money_in(self):
        """Neither assigned, nor found by the phone once the review is settled."""
        self.client.write(
            {"phone": "0722000127", "country_id": self.env.ref("base.ke").id}
        )
        self._read(
            "UKM00OUT01 Confirmed. Ksh500.00 received from DENIS ONYANGO 254722000127 "
            "has been reversed on 3/7/26 at 2:00 PM. New Utility balance is "
            "Ksh1,000.00."
        )
        receipt = self._receipt("UKM00OUT01")
        self.assertEqual(receipt.state, "review")
        self.assertEqual(receipt.reversal_amount, 500)
        with self.assertRefused("There is nothing to book"):
            receipt._assign(self.contract, self.line)
        receipt.action_settle()
        self.assertEqual(receipt.state, "revoked")
        receipt.action_match_again()
        self.assertFalse(receipt.payment_ids)
        # The payment itself, read late, is known as reversed.
        self._read(self._sms(500, "mary", code="UKM00OUT01"))
        self.assertEqual(receipt.state, "revoked")
        self.assertEqual(receipt.amount, 500)
        self.assertFalse(receipt.payment_ids)
