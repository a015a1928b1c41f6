from odoo.tests import tagged

from ..models import isp_gateway_job_check
from ..tools.access_jobs import Answer, ask
from .gateway_check_common import GatewayCheckCommon


@tagged("post_install", "-at_install")
class TestGatewayHostile(GatewayCheckCommon):
    """Questions to a gateway that come late, of another device, or not at all."""

    def setUp(self):
        super().setUp()
        self.Job = self.env["isp.gateway.job"]

    def _count_wakes(self):
        cron = self.env.ref("mybizna_isp.isp_gateway_job_cron_work")
        return (
            self.env["ir.cron.trigger"].sudo().search_count([("cron_id", "=", cron.id)])
        )

    def _start(self, login="mary", **values):
        line = self._create_line(login, **values)
        self._open(line)
        self._converge()
        return line

    # === JOBS === #

    def test_a_question_to_an_archived_gateway_keeps_no_worker_busy(self):
        self.Job._ask(self.watched, "probe")
        self.watched.active = False
        self.env["ir.cron.trigger"].sudo().search([]).unlink()
        self._work()
        self.assertEqual(self._count_wakes(), 0)

    def test_a_question_that_waits_for_another_keeps_no_worker_busy(self):
        self.Job._ask(self.watched, "probe")
        self.Job._claim(8)
        self.Job._ask(self.watched, "probe", of="mary")
        self.env["ir.cron.trigger"].sudo().search([]).unlink()
        self._work()
        self.assertEqual(self._count_wakes(), 0)

    def test_a_question_of_a_clock_that_ran_ahead_is_asked_again(self):
        job = self.Job._ask(self.watched, "probe")
        self.Job._claim(8)
        job.sudo().lease_until = self._soon(days=900)
        self._work()
        self.assertEqual(job.state, "done")

    def test_an_import_of_many_logins_is_taken_over_in_slices(self):
        self.patch(isp_gateway_job_check, "FETCH_LINES", 2)
        for number in range(5):
            self._make_foreign(f"old{number}")
            self._create_line(f"old{number}", gateway_id=False)
        self._look(self.watched)
        wizard = self._open_wizard(self.watched, "action_import")
        wizard.action_confirm()
        jobs = self.watched.job_ids.filtered(lambda job: job.kind == "fetch")
        self.assertEqual(len(jobs), 3)
        for _slice in range(3):
            self._work()
        lines = wizard.line_ids.connection_id
        self.assertEqual(len(lines), 5)
        self.assertEqual(set(lines.mapped("password")), {"theirs"})

    # === SETTINGS CHANGED MEANWHILE === #

    def test_a_test_of_the_old_settings_accepts_no_new_ones(self):
        job = self.Job._ask(self.watched, "acceptance")
        [question] = self.Job._claim(8)
        self.watched.ip_address = "localhost"
        answer = ask(question, self._soon_monotonic())
        self.assertTrue(answer.content["is_passed"])
        self.Job._record(question, answer)
        self.assertFalse(self.watched.accepted_at)
        self.assertEqual(job.state, "failed")
        self.assertIn("Ask again", job.summary)

    def test_a_refusal_of_the_old_password_does_not_stop_the_new_one(self):
        self.Job._ask(self.watched, "probe")
        [question] = self.Job._claim(8)
        self.watched.password = "right"
        self.Job._record(question, Answer(error="refused", health="auth_error"))
        self.assertEqual(self.watched.state, "unknown")
        self.assertFalse(self.watched.next_try)

    def test_a_list_of_the_old_settings_takes_no_control_of_the_new_ones(self):
        self._look(self.watched, "dry_run")
        self.watched.ip_address = "localhost"
        self._look(self.watched, "acceptance")
        with self.assertRefused("List Changes"):
            self._open_wizard(self.watched).action_confirm()

    def test_control_by_file_is_no_control_of_a_connection(self):
        self._open(self._create_line("mary", gateway_id=self.watched.id))
        self.watched.by_sql_file = True
        self._open_wizard(self.watched).action_confirm()
        self.watched.by_sql_file = False
        self._converge()
        self.assertEqual(self.watched.mode, "watching")
        self.assertFalse(self._get_written())

    def test_nobody_says_by_hand_that_a_test_has_passed(self):
        tech = self._create_user("tech", "mybizna_isp.isp_group_network")
        with self.assertRefused("Acceptance Test"):
            self.watched.with_user(tech).accepted_at = self._soon()
        gateway = (
            self.env["isp.gateway"]
            .with_user(tech)
            .with_context(default_accepted_at=self._soon(), default_mode="control")
            .create({"name": "Mine"})
        )
        self.assertFalse(gateway.accepted_at)
        self.assertEqual(gateway.mode, "watching")

    # === AN AUDIT === #

    def test_logins_of_the_other_gateway_on_a_device_are_nobodys_to_remove(self):
        """Two companies share a RADIUS database."""
        twin = self._create_gateway("Twin", mode="control")
        self._start("theirs", gateway_id=twin.id)
        self._start("mary")
        self.assertTrue(self._is_accepted("theirs"))
        self._look(self.gateway)
        self.assertFalse(self._find("theirs"))
        self.Job._ask(self.gateway, "remove", logins=["theirs"])
        self._work()
        self.assertTrue(self._is_accepted("theirs"))

    def test_what_the_worker_wrote_during_a_look_is_no_difference(self):
        self._start("mary")
        self._open(self._create_line("john"))
        self.env.cr.flush()
        Access = self.env["isp.access"].with_user(self.env.ref("base.user_root"))
        Access._consume_dirty()
        self.gateway.action_audit()
        [question] = self.Job._claim(8)
        answer = ask(question, self._soon_monotonic())
        self._converge()
        self.assertTrue(self._is_accepted("john"))
        self.Job._record(question, answer)
        self.assertFalse(self._find("john"))

    def test_the_policy_repair_cuts_no_mass(self):
        self.gateway.write({"max_cut_count": 2, "audit_policy": "repair"})
        lines = [self._create_line(f"line{index}") for index in range(3)]
        self._start("mary")
        self.radius_db.query(
            "DELETE FROM radusergroup WHERE groupname = 'isp_disabled'"
        )
        self.radius_db.query("DELETE FROM radcheck WHERE username = 'mary'")
        self.env["isp.gateway"]._cron_audit()
        self._work()
        self._converge()
        self.assertTrue(all(self._is_accepted(line.username) for line in lines))
        self.assertEqual(self._find("line0").state, "open")
        self.assertTrue(self._is_accepted("mary"))

    def test_a_password_that_cant_be_read_is_not_kept(self):
        line = self._start("mary")
        self.radius_db.query("DELETE FROM radcheck WHERE attribute LIKE '%%Password'")
        self._look(self.gateway)
        finding = self._find("mary")
        finding.action_keep()
        self._work()
        self.assertEqual(line.password, "secret")
        self.assertNotEqual(finding.state, "kept")
        self.assertIn("doesn't show", self.gateway.job_ids[:1].summary)
