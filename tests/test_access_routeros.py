import base64
from copy import deepcopy
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from ..models import isp_access_worker
from .radius_common import RadiusCommon
from .servers.routeros import Router, Server

SECRET = "/ppp/secret"


@tagged("post_install", "-at_install")
class TestAccessRouterOs(RadiusCommon):
    """Lines on a router, the worker and the driver being the real ones."""

    @classmethod
    def setUpClass(cls):
        # Its lines and its worker are wanted here, its servers are not.
        super(RadiusCommon, cls).setUpClass()
        cls.gateway = (
            cls.env["isp.gateway"]
            .sudo()
            .create(
                {
                    "name": "Tower 1",
                    "type": "routeros",
                    "mode": "control",
                    "ip_address": "127.0.0.1",
                    "username": "isp",
                    "password": "gat3way-s3cret",
                }
            )
        )
        cls.gateway = cls.gateway.sudo(False)
        cls.package.gateway_id = cls.gateway
        cls.cron = cls.env.ref("mybizna_isp.isp_access_cron_converge").sudo()

    def setUp(self):
        super(RadiusCommon, self).setUp()
        self.server = self.enterContext(Server(Router("isp", "gat3way-s3cret")))
        self.router = self.server.router
        self.gateway.port = self.server.port

    def _get_secret(self, login):
        return self.router.row(SECRET, name=login)

    def test_a_payment_opens_the_line_and_its_end_cuts_line_and_session(self):
        """S0-12, F3."""
        line = self._create_active(username="mary")
        self._converge()
        self.assertEqual(self._get_secret("mary")["disabled"], "true")
        self.assertTrue(self.router.dial("mary", "secret"))
        self._pay_all(line)
        self._converge()
        self.assertEqual(self.router.dial("mary", "secret"), "")
        self.assertEqual(self.router.session_rate("mary"), "5000000/10000000")
        row = self._get_row(line)
        self.assertEqual((row.state, row.applied_on), ("applied", True))
        with freeze_time(self.env["isp.connection"].browse(line.id).expiry_at):
            self._converge()
        self.assertEqual(self._get_secret("mary")["disabled"], "true")
        self.assertFalse(self.router.sessions("mary"))
        self.assertEqual((row.state, row.applied_on), ("applied", False))

    def test_a_hung_router_keeps_its_lines_waiting_until_it_answers(self):
        line = self._create_line("mary")
        self._open(line)
        self.server.silent_after = 0
        with patch.object(isp_access_worker, "EXCHANGE_SECONDS", 1.0):
            self._converge()
        row = self._get_row(line)
        self.assertEqual((self.gateway.state, row.state), ("down", "pending"))
        self.assertTrue(row.error)
        self.assertEqual(self.server.logins, 1)
        self.server.silent_after = None
        with freeze_time(row.next_try):
            self._converge()
        self.assertEqual((self.gateway.state, row.state), ("up", "applied"))
        self.assertEqual(self.router.dial("mary", "secret"), "")

    def test_a_slow_router_is_served_bit_by_bit_and_not_called_down(self):
        lines = [self._create_line(f"mary{number}") for number in range(30)]
        for line in lines:
            self._open(line)
        self.server.cost = 0.1
        with patch.object(isp_access_worker, "EXCHANGE_SECONDS", 4.0):
            self._converge()
        rows = self.env["isp.access"].sudo()
        rows = rows.search([("connection_id", "in", [line.id for line in lines])])
        self.assertEqual(set(rows.mapped("state")), {"applied"})
        self.assertEqual(self.gateway.state, "up")
        self.assertEqual(self.server.logins, 1)
        # What waited for its turn was no failure.
        self.assertEqual(set(rows.mapped("attempts")), {0})

    def test_a_pay_page_list_by_another_name_is_still_looked_into(self):
        """Else who pays stays in the old one."""
        self.gateway.walled_list = "pay"
        self.gateway.walled_list = "pay"
        self.gateway.walled_list = "later"
        settings = self.gateway.sudo()._prepare_settings()
        self.assertEqual(settings["walled_list"], "later")
        self.assertEqual(settings["old_walled_lists"], ("isp_walled", "pay"))

    def test_a_router_put_back_to_its_backup_is_written_again_as_a_whole(self):
        """Else who was cut since then is on until somebody audits."""
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        backup = deepcopy(self.router.tables)
        with freeze_time(line.expiry_at):
            self._converge()
            self.assertEqual(self._get_secret("mary")["disabled"], "true")
            self.router.tables = backup
            self.assertEqual(self.router.dial("mary", "secret"), "")
            self._open(self._create_line("paul"))
            self._converge()
        self.assertEqual(self.router.dial("paul", "secret"), "")
        self.assertEqual(self._get_secret("mary")["disabled"], "true")
        self.assertFalse(self.router.sessions("mary"))
        self.assertEqual(self.gateway.state, "up")
        self.assertIn("older state", self.gateway.message_ids[0].body)

    def test_a_login_made_by_hand_needs_attention_until_it_is_taken_over(self):
        self.router[SECRET].insert(name="mary", password="by-hand", comment="house 7")
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        row = self._get_row(line)
        self.assertEqual(row.state, "error")
        self.assertIn("is not ours", row.error)
        self.assertEqual(self._get_secret("mary")["password"], "by-hand")
        self.gateway.adopt = True
        self._converge()
        self.assertEqual(row.state, "applied")
        self.assertEqual(self.router.dial("mary", "secret"), "")
        tag = line._get_device_tag()
        self.assertEqual(self._get_secret("mary")["comment"], f"{tag} house 7")

    def test_a_login_that_left_the_gateway_is_taken_off_the_router(self):
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        self.router.dial("mary", "secret")
        line.username = "mary2"
        self._converge()
        self.assertIsNone(self._get_secret("mary"))
        self.assertFalse(self.router.sessions("mary"))
        self.assertEqual(self.router.dial("mary2", "secret"), "")

    def test_a_lower_speed_reaches_the_open_session(self):
        """F3: it is dropped and comes back at the new speed."""
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        self.router.dial("mary", "secret")
        self.router.age("mary", 60)
        line.package_id = self._create_package(
            "Slow", 500.0, speed_download=2, speed_upload=1, gateway_id=self.gateway.id
        )
        self._converge()
        self.assertFalse(self.router.sessions("mary"))
        self.router.dial("mary", "secret")
        self.assertEqual(self.router.session_rate("mary"), "1000000/2000000")

    def test_the_test_button_shows_which_router_it_is(self):
        self.gateway.action_test_connection()
        self._work()
        self.assertIn("HF10ABC", self.gateway.job_ids.summary)
        self.gateway.ip_address = False
        with self.assertRaisesRegex(UserError, "Address"):
            self.gateway.action_test_connection()

    def test_the_acceptance_test_passes_and_leaves_no_canary(self):
        """U-22."""
        self.gateway.action_acceptance()
        self._work()
        job = self.gateway.job_ids[:1]
        self.assertTrue(job.is_passed, job.summary)
        login = job.sudo()._prepare_acceptance()["login"]
        self.assertFalse(self._get_secret(login))

    def test_a_password_changed_on_the_router_is_found_and_kept(self):
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        row_id = self._get_secret("mary")[".id"]
        self.router.set(SECRET, [row_id], {"password": "by hand"})
        self.gateway.action_audit()
        self._work()
        finding = self.env["isp.gateway.finding"].search([("login", "=", "mary")])
        self.assertEqual((finding.kind, finding.differs), ("hand_edited", ["password"]))
        finding.action_keep()
        self._work()
        self.assertEqual((finding.state, line.password), ("kept", "by hand"))

    def test_another_router_is_not_written_to(self):
        self.gateway.router_serial = "ANOTHER"
        self._open(self._create_line("mary"))
        self._converge()
        self.assertEqual(self.gateway.state, "identity_error")
        self.assertFalse(self.router.writes)

    def test_no_secret_reaches_log_error_or_chatter(self):
        line = self._create_line("mary", password="tops3cret")
        self._open(line)
        with self.assertLogs("odoo.addons.mybizna_isp", "DEBUG") as logs:
            self._converge()
        row = self._get_row(line)
        texts = [*logs.output, str(row.applied), *row.log_ids.mapped("commands")]
        texts += self.gateway.message_ids.mapped("body")
        for secret in ("tops3cret", "gat3way-s3cret"):
            self.assertNotIn(secret, "\n".join(texts))

    def test_the_usual_port_follows_the_kind_of_gateway(self):
        with Form(self.env["isp.gateway"]) as form:
            form.name = "New"
            form.ip_address = "192.0.2.1"
            form.type = "routeros"
            self.assertEqual(form.port, 8728)
            form.use_tls = True
            self.assertEqual(form.port, 8729)
            form.port = 9000
            form.use_tls = False
            self.assertEqual(form.port, 9000)

    def test_changes_leave_as_a_script_where_there_is_no_connection(self):
        self.gateway.by_sql_file = True
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        self.gateway.action_make_sql_file()
        self.assertTrue(self.gateway.sql_file_name.endswith(".rsc"))
        text = base64.b64decode(self.gateway.sql_file).decode()
        self.assertIn('/ppp secret add name="mary"', text)
        self.assertNotIn("gat3way-s3cret", text)
