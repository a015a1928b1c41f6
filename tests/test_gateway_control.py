from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..models import isp_gateway_check
from .gateway_check_common import GatewayCheckCommon


@tagged("post_install", "-at_install")
class TestGatewayControl(GatewayCheckCommon):
    """U-22: a person takes control, told by name what will change."""

    def _create_scene(self):
        """On the gateway: one too many, one too few, one too fast, one unknown."""
        fast = self._create_package("Fast", 3000.0, speed_download=50)
        values = {"gateway_id": self.watched.id}
        self._create_line("unpaid", **values)
        self._open(self._create_line("paid", **values))
        self._open(self._create_line("speedy", package_id=fast.id, **values))
        self._make_foreign("unpaid")
        self._make_foreign("speedy")
        self._make_foreign("unknown")

    def test_a_list_names_whom_control_cuts_opens_and_speeds_and_sends_nothing(self):
        """F16."""
        self._create_scene()
        self._converge()
        before = self.env["isp.access"].search([]).read()
        self._look(self.watched, "dry_run")
        wizard = self._open_wizard(self.watched)
        self.assertEqual(wizard.headline, "Will cut 1, open 1, change the speed of 1")
        self.assertEqual(wizard.cut_ids.mapped("login"), ["unpaid"])
        self.assertEqual(wizard.open_ids.mapped("login"), ["paid"])
        self.assertEqual(wizard.speed_ids.mapped("login"), ["speedy"])
        self.assertEqual(wizard.cut_ids.partner_id, self.client)
        self.assertFalse(self._get_written())
        self.assertEqual(self.env["isp.access"].search([]).read(), before)
        self.assertEqual(self.watched.mode, "watching")

    def test_what_was_listed_is_what_is_sent(self):
        self._create_scene()
        self._look(self.watched, "dry_run")
        self._look(self.watched, "acceptance")
        self._look(self.watched, "dry_run")
        findings = self.watched.job_ids[:1].finding_ids.filtered("connection_id")
        listed = {
            line for text in findings.mapped("commands") for line in text.split("\n")
        }
        self._open_wizard(self.watched).action_confirm()
        self._forget_written()
        self._converge()
        sent = {
            line
            for text in self.env["isp.access.log"].search([]).mapped("commands")
            for line in (text or "").split("\n")
            if not line.startswith("radgroup")
        }
        self.assertEqual({n for n in listed if not n.startswith("radgroup")}, sent)
        self.assertTrue(sent)
        self.assertFalse([row for row in self._get_written() if "unknown" in row])

    def test_a_line_renamed_meanwhile_is_listed_under_both_names(self):
        line = self._create_line("old.name")
        self._open(line)
        self._converge()
        self.gateway.action_watch_only()
        line.username = "new.name"
        self._look(self.gateway, "acceptance")
        self._look(self.gateway, "dry_run")
        wizard = self._open_wizard(self.gateway)
        self.assertEqual(wizard.cut_ids.mapped("login"), ["old.name"])
        self.assertEqual(wizard.cut_ids.connection_id, line)
        self.assertEqual(wizard.open_ids.mapped("login"), ["new.name"])
        wizard.action_confirm()
        self._converge()
        self.assertFalse(self._is_accepted("old.name"))
        self.assertTrue(self._is_accepted("new.name"))

    def test_control_is_refused_before_an_acceptance_test_and_a_fresh_list(self):
        self._create_scene()
        with self.assertRefused("acceptance test"):
            self._open_wizard(self.watched).action_confirm()
        self._look(self.watched, "acceptance")
        with self.assertRefused("List Changes"):
            self._open_wizard(self.watched).action_confirm()
        job = self._look(self.watched, "dry_run")
        job.sudo().done_at = fields.Datetime.subtract(
            job.done_at, hours=isp_gateway_check.LOOK_HOURS
        )
        with self.assertRefused("List Changes"):
            self._open_wizard(self.watched).action_confirm()
        self._look(self.watched, "dry_run")
        self._open_wizard(self.watched).action_confirm()
        self.assertEqual(self.watched.mode, "control")

    def test_control_is_not_set_by_writing_the_field(self):
        with self.assertRefused("Press Take Control"):
            self.watched.mode = "control"
        with self.assertRefused("Press Take Control"):
            self.watched.copy({"mode": "control", "name": "Copy"})

    def test_a_gateway_by_sql_file_needs_no_list_because_nothing_is_sent(self):
        self.watched.by_sql_file = True
        self._open_wizard(self.watched).action_confirm()
        self.assertEqual(self.watched.mode, "control")

    def test_other_settings_are_another_device_that_has_to_be_accepted_anew(self):
        self._look(self.watched, "acceptance")
        self.assertTrue(self.watched.accepted_at)
        self.watched.name = "Renamed"
        self.assertTrue(self.watched.accepted_at)
        self.watched.ip_address = "localhost"
        self.assertFalse(self.watched.accepted_at)

    def test_300_logins_are_imported_and_nothing_is_written_before_control(self):
        for number in range(300):
            self._make_foreign(
                f"old{number}", address=f"10.9.{number // 200}.{number % 200 + 1}"
            )
        for number in range(0, 300, 3):
            line = self._create_line(f"old{number}", gateway_id=False)
            self.assertFalse(line.gateway_id)
            if number % 2:
                self._open(line)
        self._look(self.watched)
        wizard = self._open_wizard(self.watched, "action_import")
        self.assertEqual(len(wizard.line_ids), 300)
        linked = wizard.line_ids.filtered(lambda line: line.decision == "link")
        self.assertEqual(len(linked), 100)
        wizard.action_confirm()
        self._work()
        for values in ({"audit_policy": "repair"}, {"walled_kbits": 64}, {"tz": "UTC"}):
            self.watched.write(values)
            self._converge()
            self.env["isp.gateway"]._cron_audit()
            self.env["isp.gateway"]._cron_sample()
            self._work()
            self.watched.action_converge_now()
            self._converge()
        self.assertFalse(self._get_written())
        self.assertEqual(linked.connection_id.mapped("gateway_id"), self.watched)
        self.assertEqual(set(linked.connection_id.mapped("password")), {"theirs"})

    def test_who_may_not_change_gateways_takes_no_control_and_decides_nothing(self):
        self._create_scene()
        self._look(self.watched)
        clerk = self._create_user("clerk", "mybizna_isp.isp_group_clerk")
        for button in ("take_control", "dry_run", "audit", "acceptance", "import"):
            with self.assertRaises(AccessError):
                getattr(self.watched.with_user(clerk), f"action_{button}")()
        finding = self._find("unpaid", self.watched).with_user(clerk)
        for button in ("repair", "keep", "ignore"):
            with self.assertRaises(AccessError):
                getattr(finding, f"action_{button}")()
        with self.assertRaises(AccessError):
            finding.state = "ignored"

    def test_another_company_sees_neither_questions_nor_differences(self):
        self._create_scene()
        job = self._look(self.watched)
        other = self.env["res.company"].create({"name": "Other"})
        user = self._create_user(
            "other",
            "mybizna_isp.isp_group_network",
            company_id=other.id,
            company_ids=other.ids,
        )
        for model in ("isp.gateway.job", "isp.gateway.finding"):
            self.assertTrue(self.env[model].search([]))
            self.assertFalse(self.env[model].with_user(user).search([]))
        with self.assertRaises(AccessError):
            job.with_user(user).read(["summary"])
