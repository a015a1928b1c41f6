from datetime import timedelta
from unittest.mock import patch

from psycopg2 import errors

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged, warmup
from odoo.tools import mute_logger

from ..models import isp_sms_inbox_process as process
from .money_common import CRON, MoneyCommon

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
        self.assertEqual(receipt.payment_id.date, yesterday.date())
        self.assertEqual(
            self.company._isp_to_local(receipt.paid_at),
            yesterday.replace(second=0, microsecond=0),
        )

    def test_a_day_in_a_closed_period_is_booked_today(self):
        day = self._days_ago(90)
        self.env["isp.period"]._get_for(self.company, day.date()).state = "closed"
        receipt = self._read(self._sms(5, self.line.account_no, at=day)).receipt_id
        self.assertEqual(receipt.payment_id.date, self.company._isp_today())

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

    # === NOT MONEY === #

    def test_a_persons_number_is_never_money(self):
        """F27."""
        for sender in ("+254722000111", "0722000111", "722000111"):
            message = self._read(self._sms(100, "mary"), sender=sender)
            self.assertEqual(message.state, "other")
            self.assertTrue(message.is_quarantined)
            self.assertTrue(message.reason)
            self.assertFalse(message.receipt_id)

    def test_a_sender_that_is_not_accepted_is_set_aside_visibly(self):
        """F27."""
        self.paybill.accepted_senders = "MPESA, 5050"
        expected = {
            "MPESA": "booked",
            "+MPESA": "booked",
            "mpesa": "booked",
            "5050": "booked",
            "M-PESA-PROMO": "other",
            "5051": "other",
            "": "other",
            "+": "other",
        }
        for sender, state in expected.items():
            message = self._read(self._sms(5, "mary"), sender=sender)
            self.assertEqual(message.state, state, sender)
            self.assertEqual(message.is_quarantined, state == "other", sender)

    def test_a_lost_sender_is_accepted_where_the_list_says_so(self):
        for accepted in (False, "MPESA, +"):
            self.paybill.accepted_senders = accepted
            for sender in ("", "+", False):
                message = self._read(self._sms(5, "mary"), sender=sender)
                self.assertEqual(message.state, "booked", (accepted, sender))

    def test_a_message_on_another_sim_is_not_booked(self):
        self.paybill.receiver = "0700 000 009"
        for receiver, state in (
            ("+254700000009", "booked"),
            ("0700000008", "other"),
            (False, "booked"),
        ):
            message = self._read(self._sms(5, "mary"), receiver=receiver)
            self.assertEqual(message.state, state, receiver)

    def test_garbage_is_kept_with_a_reason_and_can_be_read_again(self):
        """F26."""
        message = self._read("Win a car! Dial *123#")
        self.assertEqual(message.state, "other")
        self.assertTrue(message.reason)
        self.paybill.accepted_senders = "MPESA"
        held = self._read(self._sms(5, "mary"))
        self.assertEqual(held.state, "other")
        self.paybill.accepted_senders = False
        held.action_retry()
        self._run_cron()
        self.assertEqual(held.state, "booked")
        self.assertFalse(held.is_quarantined)

    def test_a_wording_of_another_network_is_not_booked(self):
        self.paybill.provider = "airtel_ke"
        message = self._read(self._sms(5, "mary"))
        self.assertEqual(message.state, "other")
        self.assertFalse(message.receipt_id)

    def test_money_and_messages_cannot_be_deleted(self):
        message = self._read(self._sms(5, "mary"))
        with self.assertRefused("Messages are kept"):
            message.unlink()
        with self.assertRefused("Receipts are kept"):
            message.receipt_id.unlink()

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

    def test_a_reversal_that_was_undone_can_be_booked_again(self):
        """U-13: one live payment, not one ever."""
        self._read(self._sms(300, "mary", code="UKM00REV05"))
        self._read(self._reversal("UKM00REV05", 300))
        receipt = self._receipt("UKM00REV05")
        receipt._assign(self.contract, self.line)
        self.assertEqual(receipt.state, "booked")
        self.assertEqual(len(receipt.payment_ids), 2)
        self.assertEqual(receipt.payment_id.amount, 300)

    # === FAILURE === #

    def test_one_poison_message_keeps_its_error_and_the_others_go_on(self):
        good = self._arrive(self._sms(5, "mary"))
        bad = self._arrive(self._sms(6, "mary", code="UKM0POISON"))
        last = self._arrive(self._sms(7, "mary"))
        plain = type(self.env["isp.contract"])._create_payments

        def poisoned(contracts, vals_list):
            if any("UKM0POISON" in vals["memo"] for vals in vals_list):
                raise UserError("The journal is broken.")
            return plain(contracts, vals_list)

        with (
            patch.object(type(self.env["isp.contract"]), "_create_payments", poisoned),
            mute_logger(LOGGER),
        ):
            self._run_cron()
        self.assertEqual((good.state, last.state), ("booked", "booked"))
        self.assertEqual(bad.state, "error")
        self.assertEqual(bad.reason, "The journal is broken.")
        self.assertEqual(bad.attempts, 1)
        self.assertGreater(bad.next_try, fields.Datetime.now())
        self.assertFalse(self._receipt("UKM0POISON"))
        self._run_cron()
        self.assertEqual(bad.attempts, 1, "it waits for its next try")
        bad.next_try = fields.Datetime.now() - timedelta(minutes=1)
        self._run_cron()
        self.assertEqual(bad.state, "booked")

    def test_the_log_tells_of_a_failure_without_the_message(self):
        self._arrive(self._sms(5, "mary", phone="254711999888"))

        def broken(receipts):
            raise UserError("No place for 254711999888")

        with (
            patch.object(type(self.env["isp.money.receipt"]), "_match", broken),
            self.assertLogs(LOGGER, "INFO") as logs,
        ):
            self._run_cron()
        self.assertNotIn("254711999888", "".join(logs.output))

    def test_a_conflict_is_tried_again_and_leaves_no_error(self):
        message = self._arrive(self._sms(5, "mary"))
        plain = type(message)._process
        calls = []

        def conflicting(messages):
            calls.append(messages.ids)
            if len(calls) < 3:
                raise errors.SerializationFailure("could not serialize access")
            return plain(messages)

        with patch.object(type(message), "_process", conflicting):
            self._run_cron()
        self.assertEqual(len(calls), 3)
        self.assertEqual(message.state, "booked")
        self.assertEqual(message.attempts, 0)

    def test_a_slice_that_leaves_work_asks_for_the_next_at_once(self):
        """R6: Odoo would let it sleep for a minute."""
        messages = self._arrive(*(self._sms(5, "mary") for _i in range(3)))
        IrCron = type(self.env["ir.cron"])
        plain = IrCron._commit_progress

        def no_time_left(cron, processed=0, **options):
            plain(cron, processed, **options)
            return 0

        triggers = self.env["ir.cron.trigger"].search(
            [("cron_id", "=", self.env.ref(CRON).id)]
        )
        triggers.unlink()
        with (
            patch.object(type(messages), "_claim", self._limited_claim(2)),
            patch.object(IrCron, "_commit_progress", no_time_left),
            self.enter_registry_test_mode(),
            self.registry.cursor() as cr,
        ):
            self.env["isp.sms.inbox"].with_env(self.env(cr=cr, su=True))._cron_process()
        self.assertEqual(messages.mapped("state").count("new"), 1)
        self.assertTrue(
            self.env["ir.cron.trigger"].search(
                [("cron_id", "=", self.env.ref(CRON).id)]
            )
        )

    def _limited_claim(self, limit):
        plain = type(self.env["isp.sms.inbox"])._claim
        return lambda messages, tried: plain(messages, tried, limit)

    @warmup
    def test_the_cost_of_a_batch_grows_by_few_queries_a_message(self):
        def queries(number):
            self._arrive(*(self._sms(5, "mary") for _i in range(number)))
            self.env.flush_all()
            with self.enter_registry_test_mode():
                before = self.cr.sql_log_count
                self.env.ref(CRON).method_direct_trigger()
                return self.cr.sql_log_count - before

        queries(2)
        small, large = queries(10), queries(100)
        self.assertLessEqual((large - small) / 90, 20, (small, large))

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
        clerk = new_test_user(
            self.env,
            "clerk",
            "mybizna_isp.isp_group_clerk",
            company_id=self.company.id,
            company_ids=self.company.ids,
        )
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
        user = new_test_user(
            self.env,
            "looker",
            "mybizna_isp.isp_group_user",
            company_id=self.company.id,
            company_ids=self.company.ids,
        )
        seen = receipt.with_user(user)
        self.assertEqual(seen.state, "unmatched")
        for forbidden in (
            lambda: seen.action_match_again(),
            lambda: seen.action_settle(),
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
        user = new_test_user(
            self.env,
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
