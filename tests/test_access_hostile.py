from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models import isp_access_claim
from ..tools.access_exchange import Outcome, Said
from .guard_common import CutsCommon, WorkerCommon
from .radius_common import talk


@tagged("post_install", "-at_install")
class TestAccessHostile(WorkerCommon):
    """The worker between a device, a person and another worker."""

    # === ONE ROW, ONE GATEWAY, AND ALL THE OTHERS === #

    def test_a_session_left_up_by_the_first_exchange_stops_no_other_line(self):
        line = self._create_line("mary")
        task = self._claim()
        talk(task)
        said = {"mary": Said("unfinished", "", "A session may still be up.", "row")}
        self.Access._record(task, Outcome(said=said))
        other = self._create_line("john")
        self._open(other)
        with freeze_time(self._get_row(line).next_try):
            self._converge()
        self.assertEqual(self._get_row(line).state, "applied")
        self.assertTrue(self._is_accepted("john"))

    @mute_logger("odoo.addons.mybizna_isp.models.isp_access_claim")
    def test_a_row_that_cant_be_read_holds_up_its_gateway_alone(self):
        """F14."""
        line = self._start()
        self.env.cr.execute(
            "UPDATE isp_access SET logins = '5' WHERE connection_id = %s", [line.id]
        )
        self.env.invalidate_all()
        twin = self._create_gateway("Tower 2", mode="control")
        self._open(line, hours=48)
        self._open(self._create_line("john", gateway_id=twin.id))
        self._converge()
        self.assertTrue(self._is_accepted("john"))
        row = self._get_row(line)
        self.assertIn("could not be prepared", row.error)
        self.assertGreater(row.next_try, fields.Datetime.now())
        self.assertFalse(self.Access._count_due())

    # === SETTINGS CHANGED WHILE THE DEVICE IS ASKED === #

    def test_a_password_corrected_meanwhile_is_not_refused(self):
        self._start()
        self._open(self._create_line("john"))
        task = self._claim()
        self.gateway.password = "another"
        self.Access._record(task, Outcome(health="auth_error", error="refused"))
        self.assertEqual(self.gateway.state, "unknown")
        self.assertFalse(self.gateway.next_try)
        self.assertFalse(self.gateway.lease_until)

    def test_another_address_has_to_be_proved_anew(self):
        line = self._start()
        row = self._get_row(line)
        self.radius_db.query("DELETE FROM radcheck WHERE username = 'mary'")
        self.gateway.ip_address = "localhost"
        self._converge()
        self.assertEqual(row.state, "applied")
        self.assertTrue(self._is_accepted("mary"))

    def test_a_wish_to_ask_the_device_outlives_an_exchange_under_way(self):
        line = self._start()
        self._open(line, hours=48)
        task = self._claim()
        outcome = talk(task)
        self.radius_db.query("DELETE FROM radcheck WHERE username = 'mary'")
        self.env["isp.access.dirty"]._mark(line.ids, forced=True)
        self.Access._claim()
        self.Access._record(task, outcome)
        self._converge()
        self.assertTrue(self._is_accepted("mary"))

    # === THE DEVICE WAS PUT BACK === #

    def test_a_device_put_back_from_a_backup_is_compared_whole(self):
        here = self._start("mary")
        john = self._start("john")
        self.assertEqual(self.gateway.mark_written, 2)
        self.radius_db.query("DELETE FROM radcheck WHERE username = 'john'")
        self.radius_db.query(
            "UPDATE radgroupreply SET value = replace(value, ':2', ':1') "
            "WHERE groupname = 'isp_mark'"
        )
        self._open(here, hours=48)
        self._converge()
        self.assertTrue(self._is_accepted("john"))
        self.assertEqual(self._get_row(john).state, "applied")
        self.assertIn("older state", "".join(self.gateway.message_ids.mapped("body")))

    # === ONE DEVICE, TWO GATEWAYS === #

    def test_a_login_that_a_line_of_the_other_gateway_has_is_not_taken_away(self):
        """Two companies share a RADIUS database."""
        twin = self._create_gateway("Twin", mode="control")
        here = self._start("mary")
        here.username = "mary.old"
        self._open(self._create_line("mary", gateway_id=twin.id))
        self._converge()
        self.assertTrue(self._is_accepted("mary"))
        self.assertTrue(self._is_accepted("mary.old"))

    # === CLOCKS === #

    def test_what_a_clock_that_ran_ahead_left_behind_holds_nothing_up(self):
        line = self._start()
        future = self._soon(days=900)
        self.gateway.sudo().next_try = future
        self.env.cr.execute(
            "UPDATE isp_gateway SET lease_until = %s, cuts_asked_at = %s WHERE id = %s",
            [future, future, self.gateway.id],
        )
        self.env.cr.execute(
            "UPDATE isp_access SET checked_at = %(future)s, lease_until = %(future)s, "
            "speed_changed_at = %(future)s, applied_at = %(future)s",
            {"future": future},
        )
        self.env.invalidate_all()
        self.env["isp.suspension"].create({"connection_id": line.id})
        self._converge()
        self.assertFalse(self._is_accepted("mary"))
        row = self._get_row(line)
        self.assertLess(row.checked_at, self._soon(hours=1))
        # Else every session would be told its speed in each exchange until then.
        self.assertLess(row.speed_changed_at, self._soon(hours=1))
        self.assertLess(row.applied_at, self._soon(hours=1))
        self.assertFalse(self.gateway.cuts_asked_at)


@tagged("post_install", "-at_install")
class TestAccessHostileCuts(CutsCommon):
    """Many cuts at once: what hides them, and what is held too long."""

    def _get_questions(self):
        return self.env["mail.activity"].search(
            [("res_model", "=", "isp.gateway"), ("res_id", "=", self.gateway.id)]
        )

    def test_a_package_that_needs_no_login_any_more_cuts_nobody_unasked(self):
        lines = self._start_many()
        self.package.access_kind = "none"
        self._converge()
        self.assertEqual(len(self._accepted(lines)), 5)
        self.assertEqual(self.gateway.held_count, 5)

    def test_lines_moved_to_a_gateway_that_has_none_of_them_count_as_cuts(self):
        lines = self._start_many()
        watched = self._create_gateway("Watched", ip_address="localhost")
        lines.write({"gateway_id": watched.id})
        self._converge()
        self.assertEqual(len(self._accepted(lines)), 5)
        self.assertEqual(self.gateway.held_count, 5)

    def test_lines_moved_to_a_gateway_that_has_them_leave_this_one(self):
        lines = self._start_many()
        other = self._create_gateway("Other", ip_address="localhost", mode="control")
        lines.write({"gateway_id": other.id})
        self._converge()
        self._converge()
        self.assertEqual(set(lines.access_ids.mapped("state")), {"applied"})
        self.assertFalse(self.gateway.held_count)
        self.assertFalse(self._get_questions())

    def test_a_held_line_that_may_be_on_again_by_the_clock_is_not_ended(self):
        """Suspended by mistake with an end, paid meanwhile: its Expiration moves."""
        lines = self._start_many()
        self.env["isp.suspension"].create(
            [
                {"connection_id": line.id, "date_to": self._soon(hours=3)}
                for line in lines
            ]
        )
        self._converge()
        self.assertEqual(self.gateway.held_count, 5)
        before = self.radius_db.get_check("line0", "Expiration")
        self._open(lines[0], hours=400)
        self._converge()
        with freeze_time(self._soon(hours=4)):
            self._converge()
        self.assertFalse(self.gateway.held_count)
        self.assertNotEqual(self.radius_db.get_check("line0", "Expiration"), before)
        self.assertFalse(self._get_questions())

    def test_a_held_line_gets_its_new_password_and_login_and_stays_held(self):
        """Who is still on by mercy is not refused for what a clerk did for him."""
        lines = self._start_many()
        self.env["isp.suspension"].create([{"connection_id": i.id} for i in lines])
        self._converge()
        lines[0].password = "another"
        lines[1].username = "renamed"
        self.package.speed_download = 77
        self._converge()
        answer = self.radius.auth("line0", "another")
        self.assertTrue(answer.accepted)
        self.assertIn("77M", answer.attributes["Mikrotik-Rate-Limit"][0])
        self.assertFalse(self._is_accepted("line0"))
        self.assertTrue(self._is_accepted("renamed"))
        self.assertFalse(self._is_accepted("line1"))
        self.assertEqual(self.gateway.held_count, 5)
        self.assertEqual(set(lines.access_ids.mapped("state")), {"pending"})
        writes = self._get_writes()
        self._converge()
        self.assertTrue(writes)
        self.assertEqual(self._get_writes(), [])
        action = self.gateway.action_view_held()
        self.env["isp.access.cut"].browse(action["res_id"]).action_cut()
        self._converge()
        self.assertFalse(self._accepted(lines[2:]))
        self.assertFalse(self._is_accepted("line0", "another"))
        self.assertFalse(self._is_accepted("renamed"))

    def test_a_mass_in_slices_is_held_in_one_run(self):
        """A run that leaves work and did none would wake itself over and over."""
        lines = self._start_many()
        self.env["isp.suspension"].create([{"connection_id": i.id} for i in lines])
        with patch.object(isp_access_claim, "ROWS_PER_TASK", 1):
            self._converge()
        self.assertEqual(self.gateway.held_count, 5)
        self.assertFalse(self.Access._count_due())

    def test_a_leave_to_cut_ends_with_what_it_was_given_for(self):
        """Decided while the gateway was away; undone, and then done again."""
        lines = self._start_many()

        def suspend():
            values = [{"connection_id": line.id} for line in lines]
            return self.env["isp.suspension"].create(values)

        slip = suspend()
        self._converge()
        action = self.gateway.action_view_held()
        self.env["isp.access.cut"].browse(action["res_id"]).action_cut()
        self.gateway.sudo().next_try = self._soon(minutes=10)
        self._converge()
        slip.unlink()
        self._converge()
        suspend()
        self._converge()
        with freeze_time(self._soon(minutes=11)):
            self._converge()
        self.assertEqual(len(self._accepted(lines)), 5)
        self.assertEqual(self.gateway.held_count, 5)

    def test_what_came_to_wait_while_a_person_decided_is_asked_for(self):
        lines = self._start_many()
        self.env["isp.suspension"].create([{"connection_id": i.id} for i in lines[:4]])
        self._converge()
        action = self.gateway.action_view_held()
        listed = self.env[action["res_model"]].browse(action["res_id"])
        self.env["isp.suspension"].create({"connection_id": lines[4].id})
        self._converge()
        listed.action_cut()
        self._converge()
        self._converge()
        self.assertEqual(self._accepted(lines), {"line4"})
        self.assertTrue(self._get_questions())
