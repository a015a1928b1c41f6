from unittest.mock import patch

from freezegun import freeze_time

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models import isp_access_worker
from .radius_common import Forward, Mute, RadiusCommon, talk
from .servers.process import free_port


@tagged("post_install", "-at_install")
class TestAccessFaults(RadiusCommon):
    def _refuse(self, login):
        """Let the device itself refuse every row of one login."""
        self.radius_db.query(
            f"""
            CREATE OR REPLACE FUNCTION refuse() RETURNS trigger AS $$ BEGIN
                IF NEW.username = '{login}' THEN RAISE 'no room for this one'
                    USING ERRCODE = 'check_violation';
                END IF;
                RETURN NEW;
            END $$ LANGUAGE plpgsql;
            CREATE OR REPLACE TRIGGER refuse BEFORE INSERT OR UPDATE ON radcheck
                FOR EACH ROW EXECUTE FUNCTION refuse();
            """
        )
        self.addCleanup(self.radius_db.query, "DROP FUNCTION IF EXISTS refuse CASCADE")

    def test_a_wish_waits_for_a_gateway_that_is_down_and_is_applied_when_it_is_back(
        self,
    ):
        """S0-8, F1."""
        port = free_port()
        self.gateway.write({"port": port, "ip_address": "127.0.0.1"})
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        row = self._get_row(line)
        self.assertEqual((row.state, row.attempts), ("pending", 1))
        self.assertEqual(row.status, "waiting")
        self.assertTrue(row.error)
        self.assertEqual(row.next_try, self.gateway.next_try)
        self.assertEqual((self.gateway.state, self.gateway.fail_count), ("down", 1))
        self.assertIn("onnecting: Tower 1", line.status_text)
        self.assertIn(
            row.next_try,
            self.env["ir.cron.trigger"]
            .sudo()
            .search([("cron_id", "=", self.cron.id)])
            .mapped("call_at"),
        )
        with freeze_time(row.next_try):
            self._converge()
        self.assertEqual((row.attempts, self.gateway.fail_count), (2, 2))
        with Forward(port), freeze_time(row.next_try):
            self._converge()
        self.assertEqual((row.state, self.gateway.state), ("applied", "up"))
        self.assertFalse(row.error or row.next_try or self.gateway.next_try)
        self.assertTrue(self._is_accepted("mary"))

    def test_the_newest_wish_is_applied_once_when_a_gateway_is_back(self):
        """F15: what changed ten times while it was down is one wish."""
        port = free_port()
        self.gateway.write({"port": port, "ip_address": "127.0.0.1"})
        line = self._create_line("mary")
        for _index in range(3):
            extension = self._open(line)
            self._converge()
            extension.unlink()
            self._converge()
        row = self._get_row(line)
        with Forward(port), freeze_time(self._soon(hours=1)):
            self._converge()
        self.assertEqual(row.state, "applied")
        self.assertFalse(self._is_accepted("mary"))
        applied = row.log_ids.filtered(lambda log: log.outcome == "applied")
        self.assertEqual(len(applied), 1)

    def test_a_refusal_of_the_device_is_needs_attention_with_its_text(self):
        """F2, F14: the others are applied; three tries, then it waits."""
        self._refuse("bad")
        bad, good = self._create_line("bad"), self._create_line("good")
        for line in (bad, good):
            self._open(line)
        self._converge()
        row = self._get_row(bad)
        self.assertEqual((row.state, row.status), ("error", "attention"))
        self.assertIn("bad: radcheck", row.error)
        self.assertIn("refused the row", row.error)
        self.assertFalse(row.applied_on)
        self.assertEqual(self._get_row(good).state, "applied")
        self.assertTrue(self._is_accepted("good"))
        for attempts in (2, 3):
            with freeze_time(row.next_try):
                self._converge()
            self.assertEqual((row.state, row.attempts), ("error", attempts))
        self.assertFalse(row.next_try)
        with freeze_time(self._soon(hours=6)):
            self._converge()
        self.assertEqual(row.attempts, 3)

    def test_a_new_wish_is_tried_after_three_refusals(self):
        self._refuse("bad")
        line = self._create_line("bad")
        self._converge()
        row = self._get_row(line)
        for _attempt in (2, 3):
            with freeze_time(row.next_try):
                self._converge()
        self.assertEqual((row.state, row.next_try), ("error", False))
        self.radius_db.query("DROP FUNCTION refuse CASCADE")
        self._open(line)
        self._converge()
        self.assertEqual(row.state, "applied")
        self.assertTrue(self._is_accepted("bad"))

    def test_a_mute_gateway_costs_one_call_and_delays_no_other(self):
        """F4: and while it is in back-off it gets none at all."""
        with Mute() as mute:
            silent = self._create_gateway("Silent", mode="control", port=mute.port)
            lost = [
                self._create_line(f"lost{index}", gateway_id=silent.id)
                for index in range(5)
            ]
            line = self._create_line("mary")
            for each in [*lost, line]:
                self._open(each)
            with patch.object(isp_access_worker, "EXCHANGE_SECONDS", 2.0):
                self._converge()
            self.assertTrue(self._is_accepted("mary"))
            self.assertEqual(len(mute.calls), 1)
            self._open(line, hours=48)
            self._open(lost[0], hours=48)
            self._converge()
            self.assertEqual(len(mute.calls), 1)
        self.assertEqual(silent.state, "down")
        rows = self.env["isp.access"].search([("gateway_id", "=", silent.id)])
        self.assertEqual(set(rows.mapped("state")), {"pending"})
        self.assertEqual(set(rows.mapped("next_try")), {silent.next_try})
        logs = self.env["isp.access.log"].search([("gateway_id", "=", silent.id)])
        self.assertEqual(len(logs.filtered(lambda log: not log.access_id)), 1)

    def test_refused_credentials_stop_a_gateway_until_they_are_changed(self):
        self.gateway.sudo().username = "nobody_of_that_name"
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        row = self._get_row(line)
        self.assertEqual(self.gateway.state, "auth_error")
        self.assertEqual(row.state, "pending")
        with freeze_time(self._soon(hours=1)):
            self._converge()
        self.assertEqual(self.gateway.fail_count, 1)
        self.gateway.sudo().username = self._create_gateway("Like it").username
        self._converge()
        self.assertTrue(self._is_accepted("mary"))

    def test_a_gateway_of_an_unknown_type_says_so(self):
        """F41: a missing driver is an error, not a success."""
        line = self._create_line("mary")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE isp_gateway SET type = 'pigeon' WHERE id = %s", [self.gateway.id]
        )
        self.env.invalidate_all()
        self._converge()
        row = self._get_row(line)
        self.assertEqual(row.state, "pending")
        self.assertIn("pigeon", row.error)
        self.assertEqual(self.gateway.state, "config_error")

    def test_a_login_made_to_break_out_is_a_literal_and_refused(self):
        """F37, F38."""
        line = self._create_line("mary")
        victim = self._create_line("john")
        self._open(victim)
        evil = "x' OR '1'='1'; DROP TABLE radcheck; --"
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE isp_connection SET username = %s WHERE id = %s", [evil, line.id]
        )
        self.env.invalidate_all()
        self._open(line)
        self._converge()
        row = self._get_row(line)
        self.assertEqual(row.state, "error")
        self.assertIn("can't be used", row.error)
        self.assertTrue(self._is_accepted("john"))
        names = self.radius_db.query("SELECT DISTINCT username FROM radcheck")
        self.assertEqual(names, [("john",)])

    def test_no_secret_reaches_a_log_an_error_or_the_chatter(self):
        secrets = ("tops3cret", "gat3way-s3cret")
        self.gateway.sudo().password = secrets[1]
        line = self._create_line("mary", password=secrets[0])
        self._open(line)
        self._refuse("bad")
        self._create_line("bad", password=secrets[0])
        with self.assertLogs("odoo.addons.mybizna_isp", "DEBUG") as logs:
            self._converge()
        self.gateway.sudo().username = "nobody_of_that_name"
        self._open(line, hours=48)
        self._converge()
        self.gateway._take_control()
        rows = self.env["isp.access"].search([])
        texts = [
            *logs.output,
            *rows.mapped(
                lambda row: f"{row.error}{row.applied}{row.desired}{row.sent}"
            ),
            *rows.log_ids.mapped(lambda log: f"{log.commands}{log.reply}"),
            self.gateway.last_error or "",
            *self.gateway.message_ids.mapped("body"),
            *self.gateway.message_ids.tracking_value_ids.mapped(
                lambda value: f"{value.old_value_char}{value.new_value_char}"
            ),
        ]
        self.assertTrue(rows.log_ids.filtered("commands"))
        self.gateway.action_converge_now()
        texts.append(repr(self._claim()))
        for secret in secrets:
            self.assertNotIn(secret, "\n".join(texts))

    # === LEASES === #

    def _claim(self):
        self.env.cr.flush()
        Access = self.env["isp.access"].with_user(self.env.ref("base.user_root"))
        [task] = Access._claim()
        return Access, task

    def test_a_crash_between_device_and_record_costs_no_second_write(self):
        line = self._create_line("mary")
        self._open(line)
        _access, task = self._claim()
        self.assertEqual(talk(task).said["mary"].outcome, "applied")
        row = self._get_row(line)
        self.assertEqual(row.state, "pending")
        self._converge()
        self.assertEqual(row.state, "pending", "The lease of the dead still holds.")
        with freeze_time(row.lease_until):
            self._converge()
        self.assertEqual(row.state, "applied")
        self.assertEqual(row.log_ids.mapped("outcome"), ["unchanged"])

    def test_a_crash_never_hides_what_may_stand_on_the_device(self):
        """On was proved, off was sent and never recorded, then it is paid again."""
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        suspension = self.env["isp.suspension"].create({"connection_id": line.id})
        _access, task = self._claim()
        talk(task)
        self.assertFalse(self._is_accepted("mary"))
        suspension.unlink()
        with freeze_time(self._get_row(line).lease_until):
            self._converge()
        self.assertTrue(self._is_accepted("mary"))

    def test_a_result_older_than_the_wish_is_not_in_step(self):
        line = self._create_line("mary")
        extension = self._open(line)
        Access, task = self._claim()
        outcome = talk(task)
        extension.unlink()
        self._create_line("john")
        self.env.cr.flush()
        self.assertFalse(Access._claim(), "One gateway, one worker.")
        Access._record(task, outcome)
        row = self._get_row(line)
        self.assertEqual((row.state, row.applied_on), ("pending", True))
        self._converge()
        self.assertEqual((row.state, row.applied_on), ("applied", False))
        self.assertFalse(self._is_accepted("mary"))

    def test_a_result_whose_lease_passed_to_another_worker_is_not_recorded(self):
        line = self._create_line("mary")
        Access, late = self._claim()
        outcome = talk(late)
        row = self._get_row(line)
        with freeze_time(row.lease_until):
            _access, task = self._claim()
            Access._record(late, outcome)
            self.assertEqual(row.state, "pending")
            Access._record(task, talk(task))
        self.assertEqual(row.state, "applied")

    # === SLICES === #

    def test_a_slice_that_leaves_work_asks_for_the_next_at_once(self):
        """R6."""
        self._create_line("mary")
        self.env.cr.flush()
        triggers = self.env["ir.cron.trigger"].sudo()
        mine = [("cron_id", "=", self.cron.id)]
        triggers.search(mine).unlink()
        Access = self.env["isp.access"].with_user(self.env.ref("base.user_root"))
        waiting = Access._count_due()
        self.assertTrue(waiting)
        with (
            patch.object(isp_access_worker, "RUN_SECONDS", -1.0),
            patch.object(type(self.env["ir.cron"]), "_commit_progress") as progress,
        ):
            Access._cron_converge()
        self.assertEqual(triggers.search_count(mine), 1)
        progress.assert_any_call(remaining=waiting)

    def test_payers_are_served_before_cuts(self):
        cut = [self._create_line(f"cut{index}") for index in range(3)]
        payer = self._create_line("payer")
        self._open(payer)
        self.env.cr.flush()
        with patch("odoo.addons.mybizna_isp.models.isp_access_claim.ROWS_PER_TASK", 2):
            _access, task = self._claim()
        self.assertEqual(task.entries[0].connection_id, payer.id)
        self.assertEqual(len(task.entries), 2)
        self.assertIn(task.entries[1].connection_id, [line.id for line in cut])

    @mute_logger("odoo.addons.mybizna_isp.models.isp_access_worker")
    def test_the_job_never_fails_as_a_whole(self):
        self._create_line("mary")
        self.env.cr.flush()
        failing = patch.object(
            type(self.env["isp.access"]), "_claim", side_effect=ValueError("boom")
        )
        with failing:
            self._converge()
        self.assertEqual(self.cron.failure_count, 0)
        self._converge()
        self.assertEqual(
            self._get_row(
                self.env["isp.connection"].search([("username", "=", "mary")])
            ).state,
            "applied",
        )
