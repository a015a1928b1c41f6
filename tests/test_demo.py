from datetime import timedelta

from odoo import fields
from odoo.modules import Manifest
from odoo.tests import TransactionCase, tagged
from odoo.tools import convert_file

from ..tools.access_types import Desired
from ..tools.routeros.wishes import check

MODULE = "mybizna_isp"


@tagged("post_install", "-at_install")
class TestDemo(TransactionCase):
    """The demo provider loads on a database without a chart of accounts, too."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not cls.env.ref(f"{MODULE}.isp_gateway_demo", raise_if_not_found=False):
            for name in Manifest.for_addon(MODULE)["demo"]:
                convert_file(cls.env, MODULE, name, {}, mode="init", noupdate=True)

    def _get_line(self, name):
        return self.env.ref(f"{MODULE}.isp_connection_demo_{name}")

    def test_demo_shows_a_line_in_every_state(self):
        expected = {
            "achieng": ("active", "on", "On until "),
            "catherine": ("active", "off", "Off: unpaid since "),
            "david": ("active", "off", "Off: nothing paid yet, owes "),
            "esther": ("new", "off", "New: waiting for set-up and first period to be"),
            "faith": ("active", "on", "On until "),
            "george": ("active", "off", "Off until "),
            "halima": ("closed", "off", "Closed on "),
            "jane": ("new", "off", "New: set-up not invoiced yet"),
            "lucy": ("active", "off", "Off: Switched off by hand"),
            "nancy": ("active", "on", "On until "),
            "moses": ("active", "limited", "Limited: nothing paid yet, owes "),
            "kamau_yard": ("active", "on", "On until "),
            "savanna_court": ("active", "limited", "Pay page only: unpaid since "),
        }
        for name, (state, access, sentence) in expected.items():
            line = self._get_line(name)
            with self.subTest(line=name):
                self.assertEqual((line.state, line.access), (state, access))
                self.assertTrue(line.status_text.startswith(sentence), line.status_text)

    def test_demo_has_a_line_paid_first_with_credit_shown_as_time(self):
        line = self._get_line("nancy")
        self.assertRegex(line.credit_text, "^Paid until .* in hand: to ")
        self.assertEqual(len(line._get_invoices()), 1)
        self.assertGreater(line.contract_id.balance, 300)

    def test_demo_money_follows_the_rules_of_the_ledger(self):
        contracts = self.env["isp.contract"].search(
            [("connection_ids", "in", self._get_all_lines().ids)]
        )
        self.assertGreater(len(contracts), 12)
        for contract in contracts:
            operations = sum(contract.operation_ids.mapped("amount"))
            with self.subTest(contract=contract.display_name):
                self.assertAlmostEqual(contract.balance, operations, 2)

    def _get_all_lines(self):
        data = self.env["ir.model.data"].search(
            [("module", "=", MODULE), ("model", "=", "isp.connection")]
        )
        return self.env["isp.connection"].browse(data.mapped("res_id"))

    def test_demo_messages_have_a_booked_an_unmatched_and_a_duplicate_one(self):
        states = {
            name: self.env.ref(f"{MODULE}.isp_sms_inbox_demo_{name}").state
            for name in ("achieng", "unmatched", "again", "advertisement", "question")
        }
        self.assertEqual(
            states,
            {
                "achieng": "booked",
                "unmatched": "booked",
                "again": "duplicate",
                "advertisement": "other",
                "question": "other",
            },
        )
        waiting = self.env.ref(f"{MODULE}.isp_sms_inbox_demo_unmatched").receipt_id
        self.assertEqual(waiting.state, "unmatched")

    def test_demo_shows_what_is_entered_by_hand(self):
        expected = {
            "george": ("transfer", -500),
            "moses": ("transfer", 500),
            "kamau_shop": ("deposit", -2000),
            "catherine": ("goodwill", 150),
            "halima": ("event", 0),
        }
        for name, (kind, amount) in expected.items():
            contract = self._get_line(name).contract_id
            found = {(o.kind, o.amount) for o in contract.operation_ids}
            with self.subTest(line=name):
                self.assertIn((kind, amount), found)
        self.assertEqual(self._get_line("kamau_shop").contract_id.deposit_held, 2000)

    # === THE NETWORK === #

    def _get_gateways(self):
        names = ("isp_gateway_demo", "isp_gateway_demo_tower")
        return [self.env.ref(f"{MODULE}.{name}") for name in names]

    def _get_findings(self):
        gateways = [gateway.id for gateway in self._get_gateways()]
        return self.env["isp.gateway.finding"].search([("gateway_id", "in", gateways)])

    def test_demo_gateways_are_only_watched_and_on_this_machine(self):
        for gateway in self._get_gateways():
            with self.subTest(gateway=gateway.name):
                self.assertEqual(gateway.mode, "watching")
                self.assertEqual(gateway.ip_address, "127.0.0.1")

    def test_demo_has_every_way_onto_the_net_of_a_router(self):
        _radius, tower = self._get_gateways()
        lines = self.env["isp.connection"].search([("gateway_id", "=", tower.id)])
        kinds = set(lines.package_id.mapped("access_kind"))
        self.assertLessEqual({"pppoe", "hotspot", "static"}, kinds)
        self.assertEqual(self._get_line("kamau_yard").fixed_ip, "10.30.0.10")
        self.assertEqual(
            self._get_line("savanna_a1").package_id.gateway_id.name, "FreeRADIUS"
        )
        for line in lines:
            wish = Desired.from_mapping(line._prepare_desired_access())
            with self.subTest(line=line.username):
                check(wish)

    def test_demo_shows_sessions_in_every_state(self):
        for gateway in self._get_gateways():
            with self.subTest(gateway=gateway.name):
                self.assertGreater(gateway.session_count, 2)
        sessions = self.env["isp.session"].search([("unique_id", "=like", "demo-%")])
        self.assertEqual(set(sessions.mapped("state")), {"live", "stale", "ended"})
        nobodys = sessions.filtered(lambda session: not session.connection_id)
        self.assertEqual(nobodys.login, "cctv.gate")
        for session in sessions - nobodys:
            line = session.connection_id
            said = (session.login, session.gateway_id)
            with self.subTest(session=session.unique_id):
                self.assertEqual(said, (line.username, line.gateway_id))

    def test_demo_lines_are_online_as_long_as_the_demo_runs(self):
        cron = self.env.ref(f"{MODULE}.isp_session_cron_demo")
        session = self.env["isp.session"].search
        live, stale = (
            session([("state", "=", "live")]),
            session([("state", "=", "stale")]),
        )
        (live | stale).updated_at = fields.Datetime.now() - timedelta(days=1)
        self.assertFalse(self._get_line("brian").is_online)
        cron.ir_actions_server_id.run()
        self.assertTrue(self._get_line("brian").is_online)
        self.assertEqual(session([("state", "=", "stale")]), stale)

    def test_demo_has_usage_day_by_day(self):
        today = self.env.company._isp_today()
        for name, days in (("brian", 27), ("kamau_shop", 13), ("savanna_b1", 12)):
            usage = self.env["isp.usage.day"].search(
                [("connection_id", "=", self._get_line(name).id)]
            )
            with self.subTest(line=name):
                self.assertEqual(
                    set(usage.mapped("day")),
                    {today - timedelta(days=back) for back in range(days)},
                )
                self.assertTrue(all(row.download > row.upload > 0 for row in usage))

    def test_demo_evenings_are_within_the_usage_of_their_day(self):
        sessions = self.env["isp.session"].search(
            [("unique_id", "=like", "demo-%"), ("state", "=", "ended")]
        )
        self.assertEqual(len(sessions), 10)
        for session in sessions:
            usage = self.env["isp.usage.day"].search(
                [
                    ("connection_id", "=", session.connection_id.id),
                    ("day", "=", session.started_at.date()),
                ]
            )
            with self.subTest(session=session.unique_id):
                self.assertEqual(
                    (session.download, session.upload), (usage.download, usage.upload)
                )

    def test_demo_attempts_say_why_they_were_refused(self):
        for name, reason in (
            ("brian", "The password for brian.kiprotich was wrong."),
            ("catherine", "catherine.njeri is switched off."),
        ):
            line = self._get_line(name)
            with self.subTest(line=name):
                self.assertIn(reason, line.attempt_ids.mapped("reason"))
                self.assertIn(True, line.attempt_ids.mapped("is_accepted"))
                count = len(line.attempt_ids)
                self.assertIn(f"{count} attempts to log in", line.attempts_text)

    def test_demo_shows_differences_of_every_state_and_leak(self):
        findings = self._get_findings()
        self.assertLessEqual(
            {"missing", "hand_edited", "foreign", "extra"}, set(findings.mapped("kind"))
        )
        leaks = dict(findings._fields["leak"].selection)
        self.assertEqual(set(findings.mapped("leak")) - {False}, set(leaks))
        self.assertEqual(set(findings.mapped("state")), {"open", "ignored", "repaired"})
        self.assertTrue(findings.filtered(lambda f: f._is_keepable()))

    def test_demo_differences_tell_the_truth_about_the_books(self):
        for finding in self._get_findings().filtered("connection_id"):
            line = finding.connection_id
            wish = Desired.from_mapping(line._prepare_desired_access())
            state = "on" if wish.on else "off" if wish.present else "not there"
            with self.subTest(login=finding.login):
                self.assertEqual(
                    (finding.login, finding.gateway_id),
                    (line.username, line.gateway_id),
                )
                self.assertEqual(finding.books_text.split(",")[0], state)
                if wish.on:
                    speed = f"{wish.rate_down / 1e6:g} / {wish.rate_up / 1e6:g} Mbit/s"
                    self.assertIn(speed, finding.books_text)
                if finding.leak == "online_unpaid":
                    self.assertTrue(line.is_online)
                elif finding.leak == "paid_off":
                    self.assertFalse(line.is_online)
                worth = line._get_monthly_worth()[line.id]
                self.assertAlmostEqual(finding.worth, worth, 2)

    def test_demo_answers_count_what_was_found(self):
        for gateway in self._get_gateways():
            audit = gateway.job_ids.filtered(lambda job: job.kind == "audit")
            lines = self.env["isp.connection"].search(
                [("gateway_id", "=", gateway.id), ("state", "!=", "closed")]
            )
            kinds = audit.finding_ids.mapped("kind")
            logins = len(lines) - kinds.count("missing")
            logins += kinds.count("foreign") + kinds.count("extra")
            content = {"logins": logins}
            with self.subTest(gateway=gateway.name):
                self.assertEqual(
                    audit.summary, audit._describe_look(content, audit.finding_ids)
                )
