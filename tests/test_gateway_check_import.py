from odoo.tests import tagged

from .gateway_check_common import GatewayCheckCommon


@tagged("post_install", "-at_install")
class TestGatewayImport(GatewayCheckCommon):
    """Logins that another program made become logins of lines."""

    def _open_import(self):
        self._look(self.watched)
        return self._open_wizard(self.watched, "action_import")

    def _get_line(self, wizard, login):
        return wizard.line_ids.filtered(lambda line: line.login == login)

    def _confirm(self, wizard):
        wizard.action_confirm()
        self._work()
        job = self.watched.job_ids[:1]
        self.assertEqual((job.kind, job.state), ("fetch", "done"), job.summary)
        return job

    def _take_control(self):
        self.watched._take_control()
        self._converge()

    def test_a_login_is_matched_by_login_address_or_not_at_all(self):
        by_login = self._create_line("Mary", gateway_id=False)
        by_address = self._create_line("x1", gateway_id=False, fixed_ip="10.0.0.7")
        self._make_foreign("mary")
        self._make_foreign("other", address="10.0.0.7")
        self._make_foreign("unknown")
        wizard = self._open_import()
        expected = {
            "mary": ("link", by_login, "login"),
            "other": ("link", by_address, "fixed address"),
            "unknown": ("leave", self.env["isp.connection"], False),
        }
        for login, (decision, connection, reason) in expected.items():
            line = self._get_line(wizard, login)
            self.assertEqual(
                (line.decision, line.connection_id, line.reason),
                (decision, connection, reason),
            )

    def test_a_clue_that_two_lines_share_is_no_clue(self):
        for company_login in ("a1", "a2"):
            self._create_line(
                company_login, gateway_id=False, mac_address="AABBCC001122"
            )
        self._make_foreign("unknown")
        self._look(self.watched)
        finding = self._find("unknown", self.watched).sudo()
        for comment, decision in (("house of a1", "link"), ("a1 a1", "link")):
            finding.facts = {**finding.facts, "comment": comment}
            wizard = self._open_wizard(self.watched, "action_import")
            self.assertEqual(wizard.line_ids.decision, decision)
        finding.facts = {**finding.facts, "mac": "AA:BB:CC:00:11:22", "comment": ""}
        wizard = self._open_wizard(self.watched, "action_import")
        self.assertEqual(wizard.line_ids.decision, "leave")

    def test_a_line_takes_login_password_and_address_over(self):
        line = self._create_line("x1", gateway_id=False)
        self._make_foreign("old.login", password="their pass", address="10.0.0.7")
        wizard = self._open_import()
        row = wizard.line_ids
        row.write({"decision": "link", "connection_id": line.id})
        self._confirm(wizard)
        self.assertEqual(
            (line.username, line.password, line.fixed_ip, line.gateway_id),
            ("old.login", "their pass", "10.0.0.7", self.watched),
        )
        self.assertEqual(self._find("old.login", self.watched).state, "kept")
        self.assertFalse(self._get_written())

    def test_after_control_an_adopted_login_keeps_what_is_not_ours(self):
        line = self._create_line("mary", gateway_id=False)
        self._open(line)
        self._make_foreign("mary", password="their pass")
        self.radius_db.query(
            "INSERT INTO radreply (username, attribute, op, value) "
            "VALUES ('mary', 'Idle-Timeout', ':=', '600')"
        )
        self._confirm(self._open_import())
        self._take_control()
        answer = self.radius.auth("mary", "their pass")
        self.assertTrue(answer.accepted)
        self.assertEqual(answer.attributes["Idle-Timeout"], ["600"])
        self.assertEqual(
            self.radius_db.get_groups("mary"),
            [("theirs",), (f"isp_plan_{self.package.id}",)],
        )

    def test_a_login_becomes_a_new_line_of_a_client(self):
        self._make_foreign("new.one", password="their pass")
        wizard = self._open_import()
        client = self._create_client("New Client")
        row = wizard.line_ids
        row.write({"decision": "new", "partner_id": client.id})
        with self.assertRefused("needs a client and a package"):
            wizard.action_confirm()
        row.package_id = self.package
        self._confirm(wizard)
        line = self.env["isp.connection"].search([("username", "=", "new.one")])
        self.assertEqual(
            (line.partner_id, line.package_id, line.password, line.state),
            (client, self.package, "their pass", "new"),
        )
        self.assertFalse(self._get_written())

    def test_the_package_is_guessed_by_speed_where_there_is_one(self):
        self._make_foreign("fast")
        self._make_foreign("unknown")
        fast = self._create_package("Seventy", 1.0, speed_download=70, speed_upload=7)
        self._create_package("Endless", 1.0, speed_download=0, speed_upload=0)
        self._look(self.watched)
        # FreeRADIUS doesn't tell the speed of other programs' groups; routers do.
        finding = self._find("fast", self.watched).sudo()
        finding.facts = {**finding.facts, "rate_down": 70_000_000, "rate_up": 7_000_000}
        wizard = self._open_wizard(self.watched, "action_import")
        self.assertEqual(self._get_line(wizard, "fast").package_id, fast)
        self.assertFalse(self._get_line(wizard, "unknown").package_id)

    def test_what_is_left_alone_stays_and_asks_again(self):
        self._make_foreign("unknown")
        wizard = self._open_import()
        with self.assertRefused("Nothing is chosen"):
            wizard.action_confirm()
        self.assertEqual(self._find("unknown", self.watched).state, "open")

    def test_one_line_takes_one_login(self):
        line = self._create_line("x1", gateway_id=False)
        self._make_foreign("one")
        self._make_foreign("two")
        wizard = self._open_import()
        wizard.line_ids.write({"decision": "link", "connection_id": line.id})
        with self.assertRefused("more than one login: one, two"):
            wizard.action_confirm()

    def test_a_login_that_went_meanwhile_changes_no_line(self):
        line = self._create_line("mary", gateway_id=False)
        self._make_foreign("mary")
        wizard = self._open_import()
        self.radius_db.clear()
        job = self._confirm(wizard)
        self.assertIn("no longer has this login", job.summary)
        self.assertFalse(line.gateway_id)

    def test_a_technician_may_link_what_he_may_change(self):
        self._make_foreign("mary")
        line = self._create_line("mary", gateway_id=False)
        self._look(self.watched)
        technician = self._create_user("tech", "mybizna_isp.isp_group_network")
        self._confirm(
            self._open_wizard(self.watched.with_user(technician), "action_import")
        )
        self.assertEqual(line.gateway_id, self.watched)
