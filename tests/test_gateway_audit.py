from odoo.exceptions import UserError
from odoo.tests import tagged

from ..models import isp_gateway_check
from .gateway_check_common import GatewayCheckCommon


@tagged("post_install", "-at_install")
class TestGatewayAudit(GatewayCheckCommon):
    """What is on a gateway in control, against the books."""

    def setUp(self):
        super().setUp()
        self.line = self._create_line("mary")
        self._open(self.line)
        self._converge()
        self.assertEqual(self._get_row(self.line).state, "applied")

    def _set_password(self, password, login="mary"):
        self.radius_db.query(
            "UPDATE radcheck SET value = %s WHERE username = %s "
            "AND attribute = 'Cleartext-Password'",
            password,
            login,
        )

    def test_what_is_in_step_yields_nothing(self):
        job = self._look(self.gateway)
        self.assertFalse(job.finding_ids)
        self.assertIn("cut 0, open 0", job.summary)

    def test_a_value_changed_by_hand_is_found_and_repaired(self):
        self._set_password("by hand")
        self._look(self.gateway)
        finding = self._find("mary")
        self.assertEqual((finding.kind, finding.differs), ("hand_edited", ["password"]))
        self.assertEqual(finding.connection_id, self.line)
        self.assertTrue(self._is_accepted("mary", "by hand"))
        finding.action_repair()
        self.assertEqual(finding.state, "repairing")
        self._converge()
        self.assertEqual(finding.state, "repaired")
        self.assertFalse(self._is_accepted("mary", "by hand"))
        self.assertTrue(self._is_accepted("mary"))

    def test_the_gateways_value_is_taken_into_the_books(self):
        self._set_password("by hand")
        self._look(self.gateway)
        finding = self._find("mary")
        finding.action_keep()
        self._work()
        self.assertEqual(finding.state, "kept")
        self.assertEqual(finding.user_id, self.env.user)
        self.assertEqual(self.line.password, "by hand")
        self._converge()
        self.assertTrue(self._is_accepted("mary", "by hand"))
        self.assertIn("Tower 1", "".join(self.line.message_ids.mapped("body")))

    def test_no_password_is_kept_in_a_finding_a_question_or_the_chatter(self):
        self._set_password("tops3cret")
        self._look(self.gateway)
        finding = self._find("mary")
        finding.action_keep()
        with self.assertLogs("odoo.addons.mybizna_isp", "DEBUG") as logs:
            self._work()
            self._converge()
        texts = [
            str(finding.sudo().read()),
            str(self.gateway.job_ids.sudo().read()),
            *self.line.message_ids.mapped("body"),
            *logs.output,
        ]
        for secret in ("tops3cret", "secret'"):
            self.assertFalse([text for text in texts if secret in text])

    def test_an_address_that_another_line_has_is_not_taken_over(self):
        other = self._create_line("john", fixed_ip="10.0.0.7")
        self._converge()
        self.radius_db.query(
            "INSERT INTO radreply (username, attribute, op, value) "
            "VALUES ('mary', 'Framed-IP-Address', ':=', '10.0.0.7')"
        )
        self._look(self.gateway)
        finding = self._find("mary")
        finding.action_keep()
        self._work()
        self.assertEqual(finding.state, "open")
        self.assertIn("mary: Another line", self.gateway.job_ids[:1].summary)
        self.assertFalse(self.line.fixed_ip)
        self.assertEqual(other.fixed_ip, "10.0.0.7")

    def test_speed_and_access_are_not_taken_from_the_gateway(self):
        self.radius_db.query("DELETE FROM radusergroup WHERE username = 'mary'")
        self._look(self.gateway)
        with self.assertRefused("follow from package and money"):
            self._find("mary").action_keep()

    def test_what_is_ignored_stays_so_until_it_becomes_another(self):
        self._set_password("by hand")
        self._look(self.gateway)
        finding = self._find("mary")
        finding.action_ignore()
        self._look(self.gateway)
        self.assertEqual(finding.state, "ignored")
        self.radius_db.query("DELETE FROM radcheck WHERE username = 'mary'")
        self._look(self.gateway)
        self.assertEqual(finding.state, "open")
        self.assertEqual(self._find("mary"), finding)

    def test_what_is_in_step_again_is_closed_by_the_next_look(self):
        self._set_password("by hand")
        self._look(self.gateway)
        self._set_password("secret")
        self._look(self.gateway)
        self.assertEqual(self._find("mary").state, "repaired")

    def test_a_line_deleted_by_hand_is_paid_and_off_and_worth_its_price(self):
        for table in ("radcheck", "radusergroup"):
            self.radius_db.query(f"DELETE FROM {table} WHERE username = 'mary'")
        self._look(self.gateway)
        finding = self._find("mary")
        self.assertEqual((finding.kind, finding.leak), ("missing", "paid_off"))
        self.assertEqual((finding.effect, finding.worth), ("open", 1500.0))

    def test_a_line_let_in_by_hand_is_on_without_money(self):
        self._create_line("unpaid")
        self._converge()
        self.assertFalse(self._is_accepted("unpaid"))
        self.radius_db.query(
            "DELETE FROM radusergroup WHERE groupname = 'isp_disabled'"
        )
        self.assertTrue(self._is_accepted("unpaid"))
        self._look(self.gateway)
        finding = self._find("unpaid")
        self.assertEqual((finding.leak, finding.effect), ("online_unpaid", "cut"))
        finding.action_repair()
        self._converge()
        self.assertFalse(self._is_accepted("unpaid"))

    def test_a_session_of_a_line_that_is_off_is_on_without_money_while_it_speaks(self):
        """F3: a router may say that it dropped a session, and keep it."""
        self._create_line("unpaid")
        self._converge()
        self.radius_db.query("DELETE FROM radacct")
        self.radius_db.query(
            "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress,"
            " acctstarttime, acctupdatetime, acctinterval) VALUES "
            "('s', 'u', 'unpaid', '127.0.0.1', now(), now(), 60)"
        )
        self._look(self.gateway)
        finding = self._find("unpaid")
        self.assertEqual((finding.kind, finding.leak), ("session", "online_unpaid"))
        self.assertIn("sessions still up: 1", finding.device_text)
        self.radius_db.query(
            "UPDATE radacct SET acctupdatetime = now() - interval '20 minutes', "
            "acctstarttime = now() - interval '1 day'"
        )
        self._look(self.gateway)
        self.assertEqual(finding.state, "repaired")

    def test_a_speed_raised_by_hand_is_faster_than_paid_for(self):
        self.radius_db.query(
            "UPDATE radgroupreply SET value = '5M/90M' "
            "WHERE attribute = 'Mikrotik-Rate-Limit'"
        )
        self._look(self.gateway)
        finding = self._find("mary")
        self.assertEqual((finding.leak, finding.effect), ("faster", "speed"))
        self.assertIn("90 / 5", finding.device_text)
        finding.action_repair()
        self._converge()
        answer = self.radius.auth("mary", "secret")
        self.assertEqual(answer.attributes["Mikrotik-Rate-Limit"], ["5M/10M"])

    def test_a_login_of_ours_that_nobody_has_is_removed_and_a_foreign_one_never(self):
        self._make_foreign("ghost", group=f"isp_plan_{self.package.id}")
        self._make_foreign("theirs")
        self._look(self.gateway)
        ghost, theirs = self._find("ghost"), self._find("theirs")
        self.assertEqual((ghost.kind, theirs.kind), ("extra", "foreign"))
        self.assertEqual(ghost.leak, "unknown_secret")
        with self.assertRefused("never written"):
            theirs.action_repair()
        self.assertTrue(self._is_accepted("ghost", "theirs"))
        ghost.action_repair()
        self._work()
        self.assertEqual(ghost.state, "repaired")
        self.assertFalse(self._is_accepted("ghost", "theirs"))
        self.assertTrue(self._is_accepted("theirs", "theirs"))

    def test_a_login_that_a_line_got_meanwhile_is_not_removed(self):
        self._make_foreign("ghost", group=f"isp_plan_{self.package.id}")
        self._look(self.gateway)
        ghost = self._find("ghost")
        ghost.action_repair()
        self._open(self._create_line("ghost"))
        self._work()
        self.assertTrue(self._is_accepted("ghost", "theirs"))
        self._converge()
        self.assertTrue(self._is_accepted("ghost"))

    def test_books_that_are_a_backup_put_back_remove_nothing(self):
        """U-21: who came after the backup was made is nobody's in it."""
        self._make_foreign("newcomer", group=f"isp_plan_{self.package.id}")
        self._look(self.gateway)
        self._mark_as_of_a_later_run()
        finding = self._find("newcomer")
        finding.action_repair()
        self._work()
        job = self.gateway.job_ids[:1]
        self.assertEqual((job.kind, job.state), ("remove", "failed"))
        self.assertIn("restored backup", job.summary)
        self.assertTrue(self._is_accepted("newcomer", "theirs"))
        self.assertNotEqual(finding.state, "repaired")

    def test_books_that_are_a_backup_put_back_make_no_canary(self):
        self._mark_as_of_a_later_run()
        self.gateway.action_acceptance()
        self._work()
        job = self.gateway.job_ids[:1]
        self.assertFalse(job.is_passed)
        self.assertIn("FAILED: Identity", job.summary)
        self.assertNotIn("Login Made", job.summary)

    def test_the_right_device_and_one_that_works_are_two_things(self):
        self.gateway.sudo().write({"accepted_at": False, "state": "identity_error"})
        self.gateway.action_accept_device()
        self.assertFalse(self.gateway.accepted_at)
        self.assertTrue(self.gateway.device_accepted_at)

    def _mark_as_of_a_later_run(self):
        uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        self.radius_db.query("DELETE FROM radgroupreply WHERE groupname = 'isp_mark'")
        self.radius_db.query(
            "INSERT INTO radgroupreply (groupname, attribute, op, value) "
            "VALUES ('isp_mark', 'Class', ':=', %s)",
            f"{uuid}:{self.gateway.mark_run + 99}",
        )

    def test_what_the_worker_is_about_to_send_is_no_difference(self):
        john = self._create_line("john")
        self._open(john)
        self.env.cr.flush()
        self._look(self.gateway)
        self.assertFalse(self._find("john"))
        self._look(self.gateway, "dry_run")
        self.assertEqual(self._find("john").effect, "open")

    def test_nothing_is_repaired_on_a_gateway_that_is_only_watched(self):
        self._open(self._create_line("new", gateway_id=self.watched.id))
        self._look(self.watched)
        with self.assertRefused("only watched"):
            self._find("new", self.watched).action_repair()

    def test_the_policy_repair_repairs_and_report_does_not(self):
        for policy, password in (("report", "by hand"), ("repair", "secret")):
            self.gateway.audit_policy = policy
            self._set_password("by hand")
            self.env["isp.gateway"]._cron_audit()
            self._work()
            self._converge()
            self.assertEqual(
                self.radius_db.get_check("mary", "Cleartext-Password"), [password]
            )

    def test_the_policy_keep_takes_values_over_and_reports_the_rest(self):
        self.gateway.audit_policy = "keep"
        john = self._create_line("john")
        self._open(john)
        self._converge()
        self._set_password("by hand")
        self.radius_db.query("DELETE FROM radusergroup WHERE username = 'john'")
        self.env["isp.gateway"]._cron_audit()
        self._work()
        self._work()
        self.assertEqual(self.line.password, "by hand")
        self.assertEqual(self._find("john").state, "open")

    def test_samples_take_their_turn_through_all_lines(self):
        self.patch(isp_gateway_check, "SAMPLE_LEAST", 2)
        lines = self.line
        for number in range(4):
            line = self._create_line(f"line{number}")
            self._open(line)
            lines |= line
        self._converge()
        for line in lines:
            self._set_password("by hand", line.username)
        found = []
        for _turn in range(3):
            self.env["isp.gateway"]._cron_sample()
            self._work()
            found.append(
                self.env["isp.gateway.finding"].search_count([("state", "=", "open")])
            )
        self.assertEqual(found, [2, 4, 5])

    def test_a_sample_closes_nothing_it_did_not_look_at(self):
        self._make_foreign("theirs")
        self._look(self.gateway)
        self.env["isp.gateway"]._cron_sample()
        self._work()
        self.assertEqual(self._find("theirs").state, "open")

    def test_the_scheduled_comparisons_are_registered_and_effective(self):
        """F20."""
        self._set_password("by hand")
        for name, code in (("audit", "_cron_audit"), ("sample", "_cron_sample")):
            cron = self.env.ref(f"mybizna_isp.isp_gateway_cron_{name}").sudo()
            self.assertTrue(cron.active)
            self.assertEqual(cron.code.strip(), f"model.{code}()")
            self.env["isp.gateway.finding"].sudo().search([]).unlink()
            with self.enter_registry_test_mode():
                cron.method_direct_trigger()
            self._work()
            self.assertEqual(self._find("mary").kind, "hand_edited")

    def test_a_decision_on_what_is_settled_is_refused(self):
        self._set_password("by hand")
        self._look(self.gateway)
        finding = self._find("mary")
        finding.action_repair()
        self._converge()
        with self.assertRaisesRegex(UserError, "settled"):
            finding.action_repair()

    def test_the_gateway_shows_how_many_lines_are_in_step(self):
        self.assertEqual(self.gateway.step_percent, 100)
        self._create_line("john")
        self._converge()
        self.gateway.sudo().active = False
        self.gateway.action_converge_now()
        self._converge()
        self.gateway.invalidate_recordset()
        self.assertEqual(self.gateway.step_percent, 0)
