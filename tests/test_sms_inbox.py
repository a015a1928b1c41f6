from datetime import timedelta
from unittest.mock import patch

from psycopg2 import errors

from odoo import fields
from odoo.tests import tagged, warmup
from odoo.tools import mute_logger

from ..models import isp_sms_inbox_process as process
from .money_common import CRON, MoneyCommon

LOGGER = process.__name__


@tagged("post_install", "-at_install")
class TestSmsInbox(MoneyCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line = cls._create_active(username="mary")
        cls.contract = cls.line.contract_id

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

    # === FAILURE === #

    def test_one_poison_message_keeps_its_error_and_the_others_go_on(self):
        good = self._arrive(self._sms(5, "mary"))
        bad = self._arrive(self._sms(6, "mary", code="UKM0POISON"))
        last = self._arrive(self._sms(7, "mary"))
        plain = type(self.env["isp.contract"])._create_payments

        def poisoned(contracts, vals_list):
            if any("UKM0POISON" in vals["memo"] for vals in vals_list):
                raise ValueError("The journal is broken.")
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
            raise ValueError("No place for 254711999888")

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
            # Autovacuum, which sees no row of this transaction, may have told the
            # planner that these tables are empty.
            self.cr.execute("ANALYZE account_move, account_move_line, account_payment")
            self.cr.execute("ANALYZE account_partial_reconcile, isp_money_receipt")
            with self.enter_registry_test_mode():
                before = self.cr.sql_log_count
                self.env.ref(CRON).method_direct_trigger()
                return self.cr.sql_log_count - before

        queries(2)
        small, large = queries(10), queries(100)
        self.assertLessEqual((large - small) / 90, 20, (small, large))
