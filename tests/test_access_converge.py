from unittest.mock import patch

from freezegun import freeze_time

from odoo.tests import tagged

from ..models import isp_access_claim
from .radius_common import RadiusCommon, RadiusDatabase


@tagged("post_install", "-at_install")
class TestAccessConverge(RadiusCommon):
    def test_a_line_that_may_be_on_is_accepted_with_its_speed(self):
        """S0-2, S0-11: user and group rows, and FreeRADIUS decides."""
        line = self._create_line("mary")
        self._converge()
        self.assertFalse(self._is_accepted("mary"))
        self._open(line)
        self._converge()
        answer = self.radius.auth("mary", "secret")
        self.assertTrue(answer.accepted)
        self.assertEqual(answer.attributes["Mikrotik-Rate-Limit"], ["5M/10M"])
        row = self._get_row(line)
        self.assertEqual((row.state, row.status), ("applied", "in_step"))
        self.assertTrue(row.applied_on)
        self.assertEqual(row.applied, row.desired)

    def test_access_ends_by_the_clock_alone(self):
        """S0-3: nobody writes anything when the moment passes."""
        line = self._create_line("mary")
        self._open(line, hours=1 / 12)
        self._converge()
        self.assertTrue(self._is_accepted("mary"))
        # Sooner than the full compare would look at the row again.
        with freeze_time(self._soon(minutes=6)):
            self._converge()
        self.assertFalse(self._is_accepted("mary"))
        self.assertFalse(self._get_row(line).applied_on)

    def test_access_begins_by_the_clock_alone_when_a_suspension_ends(self):
        line = self._create_line("mary")
        self._open(line, hours=24)
        self.env["isp.suspension"].create(
            {"connection_id": line.id, "date_to": self._soon(minutes=5)}
        )
        self._converge()
        self.assertFalse(self._is_accepted("mary"))
        with freeze_time(self._soon(minutes=6)):
            self._converge()
        self.assertTrue(self._is_accepted("mary"))

    def test_a_suspended_line_keeps_its_password_and_plan(self):
        """F7: off is said explicitly, nothing is scrambled."""
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        plan = self.radius_db.get_groups("mary")
        self.env["isp.suspension"].create({"connection_id": line.id})
        self._converge()
        self.assertFalse(self._is_accepted("mary"))
        self.assertEqual(
            self.radius_db.get_check("mary", "Cleartext-Password"), ["secret"]
        )
        groups = self.radius_db.get_groups("mary")
        self.assertEqual(groups[1:], plan)
        self.assertEqual(len(groups), 2)

    def test_a_downgrade_leaves_one_plan_group_with_the_new_speed(self):
        """F11."""
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        line.package_id = self._create_package(
            "Home 3M", 900.0, speed_download=3, speed_upload=1
        )
        self._converge()
        answer = self.radius.auth("mary", "secret")
        self.assertEqual(answer.attributes["Mikrotik-Rate-Limit"], ["1M/3M"])
        self.assertEqual(len(self.radius_db.get_groups("mary")), 1)

    def test_a_new_speed_of_a_package_reaches_its_lines(self):
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        self.package.speed_download = 20
        self._converge()
        answer = self.radius.auth("mary", "secret")
        self.assertEqual(answer.attributes["Mikrotik-Rate-Limit"], ["5M/20M"])

    def test_a_later_end_alone_moves_the_dead_man(self):
        """U-18: the device must not cut who was given more time."""
        line = self._create_line("mary")
        self._open(line, hours=1)
        self._converge()
        before = self.radius_db.get_check("mary", "Expiration")
        self._open(line, hours=24 * 30)
        self._converge()
        after = self.radius_db.get_check("mary", "Expiration")
        self.assertEqual((len(before), len(after)), (1, 1))
        self.assertNotEqual(before, after)
        self.assertTrue(self._is_accepted("mary"))

    def test_a_changed_password_counts_from_the_next_run(self):
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        line.sudo().password = "other"
        self._converge()
        self.assertTrue(self._is_accepted("mary", "other"))
        self.assertFalse(self._is_accepted("mary", "secret"))

    def test_a_renamed_login_stops_working(self):
        """F42."""
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        line.username = "mary.w"
        self._converge()
        self.assertTrue(self._is_accepted("mary.w"))
        self.assertFalse(self._is_accepted("mary"))
        self.assertFalse(self.radius_db.get_groups("mary"))

    def test_a_login_that_passed_to_another_line_survives_the_first_ones_rename(self):
        first, second = self._create_line("mary"), self._create_line("john")
        for line in (first, second):
            self._open(line)
        self._converge()
        first.username = "mary.old"
        self.env.flush_all()
        second.username = "mary"
        self._converge()
        for login in ("mary", "mary.old"):
            self.assertTrue(self._is_accepted(login), login)
        self.assertFalse(self._is_accepted("john"))

    def test_a_late_rename_does_not_take_a_login_from_its_next_owner(self):
        first = self._create_line("mary")
        self._open(first)
        self._converge()
        first.username = "mary.old"
        self.env.flush_all()
        second = self._create_line("mary", password="other")
        self._open(second)
        # One row an exchange: the new owner, not on yet, is served first.
        with patch.object(isp_access_claim, "ROWS_PER_TASK", 1):
            self._converge()
        self.assertTrue(self._is_accepted("mary", "other"))
        self.assertTrue(self._is_accepted("mary.old"))

    def test_a_closed_line_leaves_the_gateway(self):
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        line.action_close()
        self._converge()
        self.assertFalse(self._is_accepted("mary"))
        self.assertFalse(self.radius_db.get_check("mary", "Cleartext-Password"))
        self.assertEqual(self._get_row(line).status, "in_step")

    def test_an_unchanged_wish_sends_nothing(self):
        """F17."""
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        lines = self._get_row(line).log_ids
        self.env["isp.access.dirty"]._mark(line.ids)
        self._converge()
        self.assertEqual(self._get_row(line).log_ids, lines)
        self.assertEqual(self._get_row(line).state, "applied")

    def test_update_radius_repairs_what_was_deleted_on_the_device(self):
        """S0-34: the button runs the code of the scheduled action."""
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        self.radius_db.clear()
        self.gateway.action_converge_now()
        self._converge()
        self.assertTrue(self._is_accepted("mary"))

    def test_a_line_that_nobody_told_of_is_found(self):
        line = self._create_line("mary")
        self._open(line)
        self.env.cr.flush()
        self.env.cr.execute("DELETE FROM isp_access_dirty")
        self._converge()
        self.assertTrue(self._is_accepted("mary"))

    def test_the_full_compare_finds_what_no_wakeup_told_of(self):
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        self.env.cr.execute(
            "UPDATE isp_connection SET password = 'other' WHERE id = %s", [line.id]
        )
        self.env.invalidate_all()
        with freeze_time(self._soon(hours=1)):
            self._converge()
        self.assertTrue(self._is_accepted("mary", "other"))

    def test_one_package_serves_two_gateways_and_a_line_moves_whole(self):
        """U-23."""
        name = f"{self.env.cr.dbname}_radius2"
        with RadiusDatabase(name) as other_db:
            other = self._create_gateway("Tower 2", name, mode="control")
            here = self._create_line("mary")
            there = self._create_line("john", gateway_id=other.id)
            for line in (here, there):
                self._open(line)
            self._converge()
            self.assertTrue(self._is_accepted("mary"))
            self.assertFalse(self._is_accepted("john"))
            self.assertEqual(
                other_db.get_groups("john"), [(f"isp_plan_{self.package.id}",)]
            )
            here.gateway_id = other
            self._converge()
            self.assertFalse(self._is_accepted("mary"))
            self.assertFalse(self.radius_db.get_groups("mary"))
            self.assertEqual(
                other_db.get_check("mary", "Cleartext-Password"), ["secret"]
            )
            self.assertEqual(self._get_row(here, other).applied_on, True)
            self.assertEqual(self._get_row(here).applied_on, False)
