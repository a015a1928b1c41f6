import json
import logging
import socket
from datetime import timedelta
from unittest.mock import patch
from urllib.parse import quote_plus, urlencode

from psycopg2.errors import UniqueViolation

from odoo import fields
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..controllers import playsms
from .money_common import MoneyCommon

LOGGER = playsms.__name__
SMS_TIME = "2026-11-22 09:00:44"


class LogCatcher(logging.Handler):
    """Keeps every line of every logger, formatted as the server prints it."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


@tagged("post_install", "-at_install")
class TestPlaysms(MoneyCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line = cls._create_active(username="mary")
        cls.path = f"/isp/playsms/{cls.paybill.token}"

    def _raw(self, request):
        """Send bytes as playSMS does, with no header of ours; return the answer."""
        address = ("127.0.0.1", self.http_port())
        with socket.create_connection(address, timeout=20) as connection:
            connection.sendall(request)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        head, _sep, body = answer.partition(b"\r\n\r\n")
        return head.decode(), body.decode()

    def _raw_get(self, query, path=None):
        self.env.flush_all()
        with self.allow_requests(all_requests=True):
            return self._raw(
                f"GET {path or self.path}?{query} HTTP/1.1\r\nHost: 127.0.0.1:"
                f"{self.http_port()}\r\nConnection: close\r\n\r\n".encode()
            )

    def _messages(self, collection=None):
        collection = collection or self.paybill
        self.env.invalidate_all()
        return self.env["isp.sms.inbox"].search(
            [("collection_id", "=", collection.id)], order="id"
        )

    # === THE WIRE === #

    def test_the_get_of_real_playsms_is_stored_raw_and_becomes_a_payment(self):
        """S0-10: a request line, two headers, no sender."""
        text = self._sms(1250, "mary", code="UKM0PLAY01")
        payload = json.dumps(
            {
                "datetime": "2026-11-21 19:00:46",
                "sms_datetime": SMS_TIME,
                "sms_sender": "",
                "message": text,
                "sms_receiver": "0700000009",
                "smsc": "dev",
            }
        ).replace("/", "\\/")
        query = (
            f"json={quote_plus(payload)}&datetime={quote_plus(SMS_TIME)}&sender="
            f"&message={quote_plus(text)}&receiver=0700000009&smsc=dev"
        )
        head, body = self._raw_get(query)
        self.assertTrue(head.startswith("HTTP/1.0 200") or " 200 " in head[:15], head)
        self.assertIn("text/plain", head)
        self.assertNotIn("Set-Cookie", head)
        self.assertEqual(body, "OK")
        message = self._messages()
        self.assertEqual(message.raw, query)
        self.assertEqual(message.text, text)
        self.assertEqual(message.receiver, "0700000009")
        self.assertEqual(message.sms_datetime, SMS_TIME)
        self.assertEqual(message.smsc, "dev")
        self._run_cron()
        self.assertEqual(message.receipt_id.code, "UKM0PLAY01")
        self.assertEqual(message.receipt_id.payment_id.state, "paid")

    def test_every_sign_of_a_message_arrives_unchanged(self):
        text = " a  b\n\"c\" 'd' <b>& + % é 😀 INV/2026/1 \n"
        self._raw_get(urlencode({"message": text, "sender": "MPESA"}))
        self.assertEqual(self._messages().text, text)

    def test_signs_that_cannot_be_stored_do_not_lose_the_message(self):
        query = urlencode({"message": "a\x00b"}) + "&sender=%FF"
        head, _body = self._raw_get(query)
        self.assertIn("200", head[:15])
        self.assertEqual(self._messages().text, "a␀b")
        self.assertEqual(self._messages().raw, query)

    def test_a_form_is_stored(self):
        """SMS custom posts a form."""
        text = self._sms(5, "mary")
        answer = self.url_open(
            self.path, data={"message": text, "sender": "", "receiver": "0700"}
        )
        self.assertEqual((answer.status_code, answer.text), (200, "OK"))
        message = self._messages()
        self.assertEqual(message.text, text)
        self.assertIn(quote_plus(text), message.raw)
        self._run_cron()
        self.assertEqual(message.state, "booked")

    def test_the_payload_alone_is_enough_under_any_name(self):
        text = self._sms(5, "mary")
        payload = json.dumps(
            {"message": text, "sms_sender": "MPESA", "sms_receiver": "07", "smsc": "a"}
        )
        for name in ("payload", "whatever"):
            self._raw_get(urlencode({name: payload}))
            message = self._messages()[-1]
            self.assertEqual(message.text, text)
            self.assertEqual(message.sender, "MPESA")
            self.assertEqual((message.receiver, message.smsc), ("07", "a"))

    def test_a_json_body_is_stored(self):
        text = self._sms(5, "mary")
        answer = self.url_open(self.path, json={"message": text, "sms_sender": "MPESA"})
        self.assertEqual(answer.text, "OK")
        message = self._messages()
        self.assertEqual((message.text, message.sender), (text, "MPESA"))
        self.assertEqual(json.loads(message.raw)["message"], text)

    def test_a_broken_json_body_is_kept_for_a_person(self):
        answer = self.url_open(
            self.path,
            data='{"message": "TKA1',
            headers={"Content-Type": "application/json"},
        )
        self.assertEqual(answer.status_code, 200)
        message = self._messages()
        self.assertEqual(message.state, "error")
        self.assertEqual(message.raw, '{"message": "TKA1')

    def test_parameter_names_are_the_collections_own(self):
        self.paybill.write(
            {"param_message": "m", "param_sender": "s", "param_smsc": "x"}
        )
        text = self._sms(5, "mary")
        self._raw_get(urlencode({"m": text, "s": "MPESA", "x": "modem", "token": "QS"}))
        message = self._messages()
        self.assertEqual(
            (message.text, message.sender, message.smsc), (text, "MPESA", "modem")
        )

    def test_the_address_shown_works_as_it_is_pasted(self):
        text = self._sms(5, "mary")
        url = self.paybill.webhook_url
        self.assertTrue(url.startswith("https://isp.example/isp/playsms/"))
        self.assertLessEqual(len(url), 255)
        for placeholder, value in {
            "{SANDBOX_MESSAGE}": text,
            "{SANDBOX_SENDER}": "+",
            "{SANDBOX_RECEIVER}": "0700000009",
            "{SANDBOX_DATETIME}": SMS_TIME,
            "{SANDBOX_SMSC}": "modem",
        }.items():
            self.assertIn(placeholder, url)
            url = url.replace(placeholder, quote_plus(value))
        path, _sep, query = url.removeprefix("https://isp.example").partition("?")
        self._raw_get(query, path)
        message = self._messages()
        self.assertEqual(message.text, text)
        self.assertEqual(message.sender, "+")
        self._run_cron()
        self.assertEqual(message.state, "booked")

    def test_the_same_message_by_two_routes_is_two_rows_and_one_receipt(self):
        """F21: the second call answers OK as well."""
        text = self._sms(5, "mary")
        for _route in range(2):
            _head, body = self._raw_get(urlencode({"message": text}))
            self.assertEqual(body, "OK")
        messages = self._messages()
        self.assertEqual(len(messages), 2)
        self._run_cron()
        self.assertEqual(messages.mapped("state"), ["booked", "duplicate"])
        self.assertEqual(len(messages.receipt_id.payment_ids), 1)

    # === REFUSED === #

    def test_a_wrong_token_is_refused_and_leaves_no_row(self):
        """F27."""
        before = self.env["isp.sms.inbox"].search_count([])
        query = urlencode({"message": self._sms(5, "mary")})
        for token in ("wrong", self.paybill.token[:-1], "é", "%00", "None", "False"):
            with mute_logger(LOGGER):
                head, _body = self._raw_get(query, f"/isp/playsms/{quote_plus(token)}")
            self.assertIn(" 403 ", head[:20], token)
        self.assertEqual(self.env["isp.sms.inbox"].search_count([]), before)

    def test_an_archived_collection_takes_nothing(self):
        self.paybill.active = False
        with mute_logger(LOGGER):
            head, _body = self._raw_get("message=x")
        self.assertIn(" 403 ", head[:20])

    def test_a_request_without_a_text_is_kept_for_a_person(self):
        """F26: nothing is lost."""
        head, _body = self._raw_get("msg=hello&x=1")
        self.assertIn(" 200 ", head[:20])
        message = self._messages()
        self.assertEqual(message.state, "error")
        self.assertEqual(message.raw, "msg=hello&x=1")
        self.assertIn("message", message.reason)
        self._run_cron()
        self.assertEqual(message.state, "error")

    def test_an_empty_request_is_told_so(self):
        head, body = self._raw_get("")
        self.assertIn(" 400 ", head[:20])
        self.assertIn("text", body)
        self.assertFalse(self._messages())

    def test_a_head_request_stores_nothing(self):
        answer = self.url_open(f"{self.path}?message=x", method="HEAD")
        self.assertEqual(answer.status_code, 200)
        self.assertFalse(self._messages())

    def test_a_huge_body_is_refused(self):
        with mute_logger("odoo.http"):
            answer = self.url_open(self.path, data={"message": "x" * playsms.MAX_BODY})
        self.assertEqual(answer.status_code, 413)
        self.assertFalse(self._messages())

    # === STORED MEANS STORED === #

    def test_what_fails_at_commit_is_not_answered_with_ok(self):
        Inbox = type(self.env["isp.sms.inbox"])
        plain = Inbox.create

        def create(inbox, vals_list):
            def fail():
                raise OSError("no space left on device")

            inbox.env.cr.precommit.add(fail)
            return plain(inbox, vals_list)

        with (
            patch.object(Inbox, "create", create),
            mute_logger("odoo.http"),
        ):
            head, body = self._raw_get("message=x")
        self.assertIn(" 500 ", head[:20])
        self.assertNotEqual(body, "OK")
        self.assertFalse(self._messages())

    def test_a_stored_message_wakes_the_cron(self):
        cron = self.env.ref("mybizna_isp.isp_sms_inbox_cron_process")
        Trigger = self.env["ir.cron.trigger"]
        Trigger.search([("cron_id", "=", cron.id)]).unlink()
        self._raw_get("message=x")
        self.assertTrue(Trigger.search([("cron_id", "=", cron.id)]))

    # === SECRETS === #

    def test_neither_token_nor_message_nor_phone_is_in_the_log(self):
        phone = "254733444555"
        text = self._sms(5, "mary", phone=phone)
        query = urlencode({"message": text, "sender": "+254722999888"})
        catcher = LogCatcher()
        loggers = [logging.getLogger(), logging.getLogger("werkzeug")]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.INFO)
        logging.getLogger().addHandler(catcher)
        try:
            with self.assertLogs(LOGGER, "INFO") as own:
                self._raw_get(query)
                self._raw_get(query, f"/isp//playsms/{self.paybill.token}")
                self._raw_get(query, self.path.replace("playsms", "play%73ms"))
                self._raw_get(query, self.path[:-3])
            self._run_cron()
        finally:
            logging.getLogger().removeHandler(catcher)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
        log = "\n".join(catcher.lines + own.output)
        self.assertIn("/isp/playsms/***", log, "the access log was caught")
        self.assertIn("Message refused", log)
        for secret in (
            self.paybill.token[:-3],
            phone,
            "722999888",
            "Confirmed",
            "OTIENO",
        ):
            self.assertNotIn(secret, log)

    def test_a_failed_statement_is_logged_without_the_message(self):
        message = self._arrive("secret words 254733444555")
        with (
            self.assertLogs("odoo.sql_db", "ERROR") as logs,
            self.assertRaises(UniqueViolation),
            self.cr.savepoint(),
        ):
            self.cr.execute(
                "INSERT INTO isp_sms_inbox (id, text, state, collection_id, "
                "received_at) VALUES (%s, %s, 'new', %s, now())",
                [message.id, "secret words 254733444555", self.paybill.id],
            )
        self.assertIn("isp_sms_inbox", "".join(logs.output))
        self.assertNotIn("secret words", "".join(logs.output))

    # === ONE PLAYSMS, SEVERAL PAYBILLS === #

    def test_an_old_address_works_for_24_hours_more(self):
        """U-15."""
        old = self.paybill.token
        self.paybill.action_new_token()
        self.assertNotEqual(self.paybill.token, old)
        self._raw_get("message=new", f"/isp/playsms/{self.paybill.token}")
        self._raw_get("message=old", f"/isp/playsms/{old}")
        self.assertEqual(self._messages().mapped("text"), ["new", "old"])
        remaining = self.paybill.previous_token_until - fields.Datetime.now()
        self.assertGreater(remaining, timedelta(hours=23))
        self.assertLessEqual(remaining, timedelta(hours=24))
        self.paybill.previous_token_until = fields.Datetime.now() - timedelta(seconds=1)
        self.env.flush_all()
        with mute_logger(LOGGER):
            head, _body = self._raw_get("message=late", f"/isp/playsms/{old}")
        self.assertIn(" 403 ", head[:20])
        self.assertEqual(len(self._messages()), 2)

    def test_three_paybills_of_two_companies_share_one_playsms(self):
        """U-15: playSMS forwards to one address; the SIM tells them apart."""
        other = self.setup_other_company(name="Other ISP")["company"]
        self.paybill.receiver = "0700000001"
        till = self._create_collection(
            "Till", receiver="0700000002", shares_webhook_of_id=self.paybill.id
        )
        foreign = self._create_collection(
            "Foreign",
            company=other,
            receiver="modem3",
            shares_webhook_of_id=self.paybill.id,
        )
        self.assertEqual(till.webhook_url, self.paybill.webhook_url)
        for number, receiver, smsc in (
            (1, "+254700000001", "modem1"),
            (2, "254700000002", "modem2"),
            (3, "", "modem3"),
            (4, "0700000004", "modem4"),
        ):
            text = self._sms(number, "mary")
            self._raw_get(
                urlencode({"message": text, "receiver": receiver, "smsc": smsc})
            )
        self._run_cron()
        self.assertEqual(self._messages().mapped("state"), ["booked", "other"])
        self.assertEqual(self._messages(till).receipt_id.amount, 2)
        self.assertEqual(self._messages(foreign).receipt_id.company_id, other)
        self.assertEqual(self._messages(foreign).receipt_id.state, "unmatched")
        self.assertTrue(self._messages()[1].is_quarantined)

    def test_each_paybill_may_have_an_address_of_its_own(self):
        """U-15."""
        other = self.setup_other_company(name="Other ISP")["company"]
        till = self._create_collection("Till")
        foreign = self._create_collection("Foreign", company=other)
        for collection in (self.paybill, till, foreign):
            self._raw_get(
                urlencode({"message": self._sms(5, "mary")}),
                f"/isp/playsms/{collection.token}",
            )
        self._run_cron()
        for collection, state in (
            (self.paybill, "booked"),
            (till, "booked"),
            (foreign, "unmatched"),
        ):
            receipt = self._messages(collection).receipt_id
            self.assertEqual(receipt.collection_id, collection)
            self.assertEqual(receipt.company_id, collection.company_id)
            self.assertEqual(receipt.state, state)
