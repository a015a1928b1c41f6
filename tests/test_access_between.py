from freezegun import freeze_time

from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError
from odoo.sql_db import db_connect
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..tools.access_exchange import Outcome, Said
from .guard_common import CutsCommon, WorkerCommon


@tagged("post_install", "-at_install")
class TestAccessBetween(WorkerCommon):
    """Where two mechanisms of the access engine meet."""

    def test_a_clock_put_right_drops_no_session_and_shortens_no_time_to_undo(self):
        """What was empty says nothing of a clock, and stays empty."""
        line = self._start()
        row = self._get_row(line)
        self.env.cr.execute(
            "UPDATE isp_access SET lease_until = %s, checked_at = NULL, "
            "changed_at = NULL WHERE id = %s",
            [self._soon(days=9), row.id],
        )
        self.env.cr.execute(
            "UPDATE isp_gateway SET lease_until = %s, last_ok_at = NULL WHERE id = %s",
            [self._soon(days=9), self.gateway.id],
        )
        self.env.invalidate_all()
        self.Access._forget_future()
        self.assertFalse(row.lease_until or self.gateway.lease_until)
        self.assertFalse(row.changed_at or row.loss_since or row.checked_at)
        self.assertFalse(self.gateway.last_ok_at)

    def test_a_device_of_two_gateways_that_was_put_back_is_compared_for_both(self):
        """The one that writes first leaves a mark that the other takes for its own."""
        twin = self._create_gateway("Twin", mode="control")
        here = self._start("mary")
        there = self._start("john", gateway_id=twin.id)
        self.assertEqual(twin.mark_written, 2)
        self.radius_db.query("DELETE FROM radcheck WHERE username = 'john'")
        self.radius_db.query(
            "UPDATE radgroupreply SET value = regexp_replace(value, ':2$', ':0') "
            "WHERE groupname = 'isp_mark'"
        )
        self._open(here, hours=48)
        self._converge()
        self.assertEqual(self._get_row(there, twin).state, "applied")
        self.assertTrue(self._is_accepted("john"))
        self._open(here, hours=72)
        self._converge()
        self.assertEqual((self.gateway.state, twin.state), ("up", "up"))

    def test_wake_ups_that_another_transaction_takes_are_no_work(self):
        """Else a run turns in circles until that one is over."""
        database = db_connect(self.env.cr.dbname)
        with database.cursor() as other, database.cursor() as cr:
            other.execute("INSERT INTO isp_access_dirty (connection_id) VALUES (-7)")
            other.commit()
            try:
                other.execute(
                    "SELECT FROM isp_access_dirty WHERE connection_id = -7 FOR UPDATE"
                )
                Access = api.Environment(cr, SUPERUSER_ID, {})["isp.access"]
                self.assertFalse(Access._has_work())
                other.rollback()
                self.assertTrue(Access._has_work())
            finally:
                cr.rollback()
                other.execute("DELETE FROM isp_access_dirty WHERE connection_id = -7")
                other.commit()

    def test_what_a_slow_device_found_no_time_for_is_not_logged_as_unanswered(self):
        """Each exchange would tell it of hundreds of lines again."""
        for login in ("mary", "john"):
            self._open(self._create_line(login))
        task = self._claim()
        self.Access._record(task, Outcome(said={"mary": Said("applied")}))
        logs = self.env["isp.access.log"].search([("gateway_id", "=", self.gateway.id)])
        self.assertEqual(logs.mapped("login"), ["mary"])

    def test_how_far_credit_reaches_is_not_written_by_hand(self):
        """A device would be told, and nobody would know why it goes on."""
        line = self._create_line("mary")
        clerk = self._create_user("clerk", "mybizna_isp.isp_group_clerk")
        with self.assertRaises(UserError), mute_logger("odoo.http"):
            line.with_user(clerk).write({"credit_until_at": self._soon(days=900)})
        made = (
            self.env["isp.connection"]
            .with_context(default_credit_until_at=self._soon(days=900))
            .create(
                {
                    "partner_id": line.partner_id.id,
                    "package_id": self.package.id,
                    "username": "john",
                }
            )
        )
        self.assertFalse(made.credit_until_at)

    def test_a_pay_page_list_that_was_emptied_in_between_is_not_forgotten(self):
        self.gateway.walled_list = False
        self.gateway.walled_list = "pay"
        self.assertEqual(self.gateway.old_walled_lists, ["isp_walled"])

    def test_a_pay_page_list_that_got_its_name_back_is_no_old_one(self):
        """What others have in the list of old is not looked at."""
        self.gateway.write({"type": "routeros", "walled_list": "pay"})
        self.gateway.walled_list = "isp_walled"
        settings = self.gateway.sudo()._prepare_settings()
        self.assertEqual(settings["old_walled_lists"], ("pay",))

    def test_what_was_proved_before_an_upgrade_ends_by_the_clock_at_once(self):
        self.company.isp_settle_minutes = 15
        line = self._create_line("mary")
        self._open(line, hours=1)
        self._converge()
        self.env.cr.execute("UPDATE isp_access SET applied = applied - 'ends_at'")
        self.env.invalidate_all()
        with freeze_time(self._soon(hours=1, seconds=1)):
            self._converge()
        self.assertFalse(self._is_accepted("mary"))


@tagged("post_install", "-at_install")
class TestAccessBetweenCuts(CutsCommon):
    """Lines that are on by mercy, and what else happens to them."""

    def _start_held(self, count=5):
        """Lines whose extensions a person ended too early, held as many at once."""
        lines = self._start_many(count)
        lines.extension_ids.unlink()
        self._converge()
        self.assertEqual(self.gateway.held_count, count)
        self.assertEqual(len(self._accepted(lines)), count)
        return lines

    def test_who_is_on_by_mercy_on_a_device_that_forgot_him_is_let_in_again(self):
        lines = self._start_held()
        self.radius_db.query("DELETE FROM radcheck WHERE username = 'line0'")
        self.gateway.action_converge_now()
        self._converge()
        self.assertTrue(self._is_accepted("line0"))
        self.assertEqual(self.gateway.held_count, 5)
        self._get_writes()
        self._converge()
        self.assertEqual(self._get_writes(), [])
        self.assertEqual(len(self._accepted(lines)), 5)

    def test_a_held_line_with_a_new_password_is_never_cut_by_the_time_to_undo(self):
        """A person was asked; few being left doesn't answer the question."""
        self.company.isp_settle_minutes = 15
        with freeze_time(self._soon(minutes=-20)):
            lines = self._start_many()
            lines.extension_ids.unlink()
            self._converge()
        self._converge()
        self.assertEqual(self.gateway.held_count, 5)
        for line in lines[2:]:
            self._open(line)
        lines[0].password = "another"
        self._converge()
        self.assertTrue(self._is_accepted("line0", "another"))
        self._converge()
        self.assertEqual(self._get_row(lines[0]).held, "mass")
        with freeze_time(self._soon(minutes=16)):
            self._converge()
        self.assertTrue(self._is_accepted("line0", "another"))

    def test_a_leave_to_cut_given_while_a_line_is_written_is_not_forgotten(self):
        lines = self._start_held()
        for line in lines:
            line.password = "another"
        task = self._claim()
        action = self.gateway.action_view_held()
        self.env["isp.access.cut"].browse(action["res_id"]).action_cut()
        self.Access._claim()
        said = {entry.logins[0]: Said("applied") for entry in task.entries}
        self.Access._record(task, Outcome(said=said))
        self._converge()
        self.assertFalse(self.gateway.held_count)
        self.assertFalse(self._accepted(lines))
        self.assertFalse(self._get_row(lines[0]).applied_on)

    def test_a_held_line_that_the_device_refuses_is_not_tried_in_every_run(self):
        lines = self._start_held()
        lines[0].password = "another"
        row = self._get_row(lines[0])
        said = {"line0": Said("error", "", "It says no.", "row")}
        for hours in range(3):
            with freeze_time(self._soon(hours=hours)):
                self.Access._record(self._claim(), Outcome(said=said))
        self.assertFalse(row.next_try)
        with freeze_time(self._soon(hours=4)):
            version = row.version
            self._converge()
            self._converge()
        self.assertEqual((row.state, row.version), ("error", version))
        self.assertEqual(row.held, "mass")
