from urllib.parse import urlencode

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..tools.radius_settings import RadiusSettings
from ..tools.radius_usage import Watermark, merge, read_changes
from ..tools.radius_words import make_session
from .money_common import MoneyCommon
from .radius_common import RadiusCommon


@tagged("post_install", "-at_install")
class TestMainJob(RadiusCommon, MoneyCommon, HttpCase):
    """From the SMS to the opened line, on a real web server and a real FreeRADIUS."""

    def _run(self, *names):
        self.env.cr.flush()
        for name in names:
            self.env.ref(f"mybizna_isp.{name}").sudo().method_direct_trigger()
        self.env.invalidate_all()

    def _forward(self, collection, text):
        """Send a text as playSMS does: a GET with an empty sender."""
        query = urlencode({"message": text, "sender": "", "receiver": ""})
        return self.url_open(f"/isp/playsms/{collection.token}?{query}")

    def test_an_sms_opens_the_line_of_a_subscriber_who_was_refused(self):
        line = self._create_connection(
            partner_id=self._create_client("Grace").id, username="grace-line"
        )
        # The scheduled actions alone, run by hand in any order, play the main job.
        self._run("isp_connection_cron_bill", "isp_access_cron_converge")
        self.assertEqual(line.state, "active")
        self.assertFalse(self.radius.auth("grace-line", "secret").accepted)
        text = self._sms(self._owed(line), line.account_no)
        with mute_logger("werkzeug"):
            answer = self._forward(self.paybill, text)
        self.assertEqual((answer.status_code, answer.text), (200, "OK"))
        self._run("isp_sms_inbox_cron_process", "isp_access_cron_converge")
        self.assertEqual(self._owed(line), 0)
        self.assertEqual(line.invoice_id.payment_state, "paid")
        self.assertLedger(line.contract_id)
        accepted = self.radius.auth("grace-line", "secret")
        self.assertTrue(accepted.accepted)
        self.assertEqual(accepted.attributes["Mikrotik-Rate-Limit"], ["5M/10M"])
        self.assertIn("On until", line.status_text)

    def test_a_reversal_by_sms_closes_it_again(self):
        line = self._create_connection(
            partner_id=self._create_client("Asha").id, username="asha-line"
        )
        self._run("isp_connection_cron_bill")
        text = self._sms(self._owed(line), line.account_no, code="UKM7REVERSE"[:10])
        code = text.split()[0]
        with mute_logger("werkzeug"):
            self._forward(self.paybill, text)
        self._run("isp_sms_inbox_cron_process", "isp_access_cron_converge")
        self.assertTrue(self.radius.auth("asha-line", "secret").accepted)
        with mute_logger("werkzeug"):
            self._forward(self.paybill, self._reversal(code))
        self._run("isp_sms_inbox_cron_process", "isp_access_cron_converge")
        self.assertFalse(self.radius.auth("asha-line", "secret").accepted)
        self.assertLedger(line.contract_id)

    def test_usage_counts_each_byte_once_also_beyond_four_gigabytes(self):
        def account(status, session, **counters):
            self.radius._account(
                status,
                "usage-line",
                session,
                {name.replace("_", "-"): value for name, value in counters.items()},
            )

        account("Start", "one")
        for octets in (100, 250, 400):
            account("Interim-Update", "one", Acct_Input_Octets=octets)
        account(
            "Stop",
            "one",
            Acct_Input_Octets=500,
            Acct_Output_Octets=7,
            Acct_Output_Gigawords=3,
        )
        account("Start", "two")
        account("Stop", "two", Acct_Input_Octets=11, Acct_Output_Octets=13)
        settings = RadiusSettings.from_mapping(self.gateway._prepare_settings())
        session = make_session(settings)
        session.open()
        self.addCleanup(session.close)
        rows, _mark = read_changes(session, Watermark())
        counted = {
            known.row.session_id: (known.row.login, known.upload, known.download)
            for known in merge({}, rows).values()
        }
        self.assertEqual(
            counted,
            {
                "one": ("usage-line", 500, (3 << 32) + 7),
                "two": ("usage-line", 11, 13),
            },
        )
