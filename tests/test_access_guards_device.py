from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..models import isp_access_claim
from .guard_common import GuardCommon
from .radius_common import talk
from .servers.process import free_port


@tagged("post_install", "-at_install")
class TestAccessGuardsDevice(GuardCommon):
    """U-21: a device says whose it is, and that is asked before it is written."""

    @property
    def uuid(self):
        return self.env["ir.config_parameter"].sudo().get_param("database.uuid")

    def _get_mark(self):
        return [
            value
            for (value,) in self.radius_db.query(
                "SELECT value FROM radgroupreply WHERE groupname = 'isp_mark' "
                "AND attribute = 'Class'"
            )
        ]

    def _set_mark(self, text):
        self.radius_db.clear_mark()
        self.radius_db.query(
            "INSERT INTO radgroupreply (groupname, attribute, op, value) "
            "VALUES ('isp_mark', 'Class', ':=', %s)",
            text,
        )

    def _start(self, login="mary"):
        line = self._create_line(login)
        self._open(line)
        self._converge()
        self.assertTrue(self._is_accepted(login))
        self.assertEqual(self._get_mark(), [f"{self.uuid}:1"])
        return line

    def _assert_refused(self, sentence):
        self.assertEqual(self.gateway.state, "identity_error")
        self.assertIn(sentence, self.gateway.last_error)
        self.assertEqual(self._get_writes(), [])

    # === THE MARK === #

    def test_a_run_leaves_one_mark_however_many_exchanges_it_has(self):
        lines = [self._create_line(f"line{index}") for index in range(4)]
        self._get_writes()
        with patch.object(isp_access_claim, "ROWS_PER_TASK", 1):
            self._converge()
        self.assertEqual(self._get_writes().count("isp_mark"), 1)
        for line in lines:
            self._open(line)
        self._converge()
        self.assertEqual(self._get_mark(), [f"{self.uuid}:2"])
        self.assertEqual(self.gateway.mark_written, 2)

    def test_a_run_that_writes_nothing_leaves_no_mark(self):
        line = self._start()
        self._get_writes()
        self.env["isp.access.dirty"]._mark(line.ids, forced=True)
        self._converge()
        self.assertEqual(self._get_row(line).log_ids[0].outcome, "unchanged")
        self.assertEqual(self._get_writes(), [])

    def test_a_run_is_counted_here_before_it_stands_on_the_device(self):
        """A crash between them is no other database."""
        self._open(self._create_line("mary"))
        self.env.cr.flush()
        Access = self.env["isp.access"].with_user(self.env.ref("base.user_root"))
        [task] = Access._claim()
        self.assertEqual((self.gateway.mark_run, self._get_mark()), (1, []))
        talk(task)
        self.assertEqual(self._get_mark(), [f"{self.uuid}:1"])
        self.assertEqual(self.gateway.mark_written, 0)
        with freeze_time(self.gateway.lease_until):
            self._converge()
        self.assertEqual(self.gateway.state, "up")

    def test_a_device_out_of_reach_does_not_count_runs(self):
        """Else a backup without network would outrun the books in use."""
        line = self._start()
        self.gateway.write({"port": free_port(), "ip_address": "127.0.0.1"})
        self._open(line, hours=48)
        self._converge()
        for _index in range(5):
            with freeze_time(self.gateway.next_try):
                self._converge()
        self.assertEqual(self.gateway.fail_count, 6)
        self.assertEqual(self.gateway.mark_run, 2)

    def test_two_gateways_on_one_database_do_not_hold_each_other(self):
        twin = self._create_gateway("Twin", mode="control")
        here = self._create_line("mary")
        there = self._create_line("john", gateway_id=twin.id)
        for days, line in enumerate((here, here, here, there, there, here), start=1):
            self._open(line, hours=24 * days)
            self._converge()
        self.assertEqual((self.gateway.state, twin.state), ("up", "up"))
        self.assertTrue(self._is_accepted("mary") and self._is_accepted("john"))

    # === WHAT IS REFUSED === #

    def test_the_device_of_another_database_is_not_written(self):
        line = self._create_line("mary")
        self._set_mark("f00d-uuid:3")
        self._get_writes()
        self._open(line)
        self._converge()
        self._assert_refused("Another database")
        row = self._get_row(line)
        self.assertEqual((row.state, row.error), ("pending", self.gateway.last_error))
        with freeze_time(self._soon(hours=7)):
            self._converge()
        with freeze_time(self._soon(hours=12)):
            self._open(line, hours=48)
            self._converge()
        self._assert_refused("Another database")
        self.assertEqual(self.gateway.fail_count, 1, "Only a person can tell.")

    def test_a_device_that_lost_our_mark_is_not_written(self):
        """Swapped or reset."""
        line = self._start()
        self.radius_db.clear()
        self.radius_db.clear_mark()
        self._get_writes()
        self._open(line, hours=48)
        self._converge()
        self._assert_refused("was reset or exchanged")

    def test_a_device_that_knows_none_of_twenty_logins_is_not_written(self):
        lines = [self._create_line(f"line{index}") for index in range(20)]
        self._converge()
        self.radius_db.clear()
        self._get_writes()
        self.gateway.action_converge_now()
        self._converge()
        self._assert_refused("knows none of 20 logins")
        self.gateway.action_accept_device()
        self._converge()
        self.assertEqual(self.gateway.state, "up")
        for line in lines:
            self.assertTrue(
                self.radius_db.get_check(line.username, "Cleartext-Password")
            )

    def test_a_test_of_the_connection_says_nothing_of_whose_it_is(self):
        line = self._create_line("mary")
        self._set_mark("f00d-uuid:3")
        self._converge()
        self.gateway.action_test_connection()
        self._get_writes()
        self._work()
        self.assertIn("server version", self.gateway.job_ids.summary)
        self._assert_refused("Another database")
        self.assertEqual(self._get_row(line).state, "pending")
        logs = self.env["isp.access.log"].search([("access_id", "=", False)])
        self.assertEqual(logs.mapped("outcome"), ["unanswered"], "Not tried again.")

    # === A BACKUP PUT BACK === #

    def test_a_backup_put_back_writes_nothing(self):
        """The same uuid; what is on the device is a hundred payments younger."""
        line = self._start()
        with self.env.cr.savepoint() as backup:
            for index in range(100):
                self._open(line, hours=48 + index)
                if index % 10 == 0:
                    self._converge()
            newcomer = self._start_more("newcomer")
            backup.rollback()
        self.env.invalidate_all()
        self.assertFalse(newcomer.exists())
        self._get_writes()
        logs = self._logs()
        for hours in (0, 25, 26, 24 * 30):
            with freeze_time(self._soon(hours=hours)):
                self.env["isp.access.dirty"]._mark(line.ids, forced=True)
                self._converge()
        self._assert_refused("restored backup")
        self.assertTrue(self._is_accepted("mary"))
        self.assertTrue(self._is_accepted("newcomer"))
        # One line of the login, one of the gateway; then it is not even asked.
        self.assertEqual(self._logs() - logs, 2)

    def _start_more(self, login):
        line = self._create_line(login)
        self._open(line)
        self._converge()
        return line

    def test_the_released_backup_goes_on_and_the_other_one_stops(self):
        line = self._start()
        with self.env.cr.savepoint() as backup:
            for hours in (48, 72, 96):
                self._open(line, hours=hours)
                self._converge()
            left = self._get_mark()
            backup.rollback()
        self.env.invalidate_all()
        self.assertEqual(left, [f"{self.uuid}:4"])
        self._open(line, hours=120)
        self._converge()
        self._assert_refused_keeping_writes()
        self.gateway.action_accept_device()
        self._converge()
        self.assertEqual(self.gateway.state, "up")
        self.assertEqual(self._get_mark(), [f"{self.uuid}:5"])
        # What the other one, at run 4, is told when it wants to write its fifth.
        self.gateway.flush_recordset()
        self.env.cr.execute(
            "UPDATE isp_gateway SET mark_run = 4, mark_written = 4 WHERE id = %s",
            [self.gateway.id],
        )
        self.env.invalidate_all()
        self._set_mark(f"{self.uuid}:6")
        self._open(line, hours=144)
        self._converge()
        self.assertEqual(self.gateway.state, "identity_error")

    def _assert_refused_keeping_writes(self):
        self.assertEqual(self.gateway.state, "identity_error")
        self.assertIn("Catch up the payments", self.gateway.last_error)

    # === THE RIGHT DEVICE === #

    def test_the_right_device_is_written_again_and_the_log_says_who_said_so(self):
        line = self._start()
        self.radius_db.clear()
        self.radius_db.clear_mark()
        self._open(line, hours=48)
        self._converge()
        tech = self._create_user("tech", "mybizna_isp.isp_group_network")
        self.gateway.with_user(tech).action_accept_device()
        body = self.gateway.message_ids[0].body
        self.assertIn("tech", body)
        self.assertIn("was reset or exchanged", body)
        self._converge()
        self.assertEqual(self.gateway.state, "up")
        self.assertTrue(self._is_accepted("mary"))
        self.assertEqual(len(self._get_mark()), 1)

    def test_the_device_of_a_database_that_is_gone_is_taken_over(self):
        line = self._create_line("mary")
        self._set_mark("f00d-uuid:3")
        self._open(line)
        self._converge()
        self.gateway.action_accept_device()
        self._converge()
        self.assertTrue(self._is_accepted("mary"))
        self.assertEqual(self._get_mark(), [f"{self.uuid}:1"])

    def test_only_the_mark_that_was_shown_is_accepted(self):
        line = self._create_line("mary")
        self._set_mark("f00d-uuid:3")
        self._open(line)
        self._converge()
        self._set_mark("f00d-uuid:4")
        self.gateway.action_accept_device()
        self._get_writes()
        self._converge()
        self._assert_refused("Another database")

    def test_only_network_staff_says_which_device_is_right(self):
        clerk = self._create_user("clerk", "mybizna_isp.isp_group_clerk")
        with self.assertRaises(AccessError):
            self.gateway.with_user(clerk).action_accept_device()

    def test_a_gateway_that_is_not_held_has_nothing_to_accept(self):
        self._start()
        self.gateway.action_accept_device()
        self.assertFalse(self.gateway.device_accepted_at)

    def test_a_run_that_a_twin_overtook_is_tried_again_not_held(self):
        twin = self._create_gateway("Twin", mode="control")
        line = self._create_line("mary")
        self._open(line)
        self.env.cr.flush()
        Access = self.env["isp.access"].with_user(self.env.ref("base.user_root"))
        [task] = Access._claim()
        self._open(self._create_line("john", gateway_id=twin.id))
        self._converge()
        self._open(twin.access_ids.connection_id, hours=48)
        self._converge()
        self.assertEqual(self._get_mark(), [f"{self.uuid}:2"])
        outcome = talk(task)
        self.assertEqual(outcome.health, "identity_error")
        Access._record(task, outcome)
        self.assertNotEqual(self.gateway.state, "identity_error")
        with freeze_time(self._soon(minutes=2)):
            self._converge()
        self.assertTrue(self._is_accepted("mary"))
