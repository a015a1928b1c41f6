from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..models import isp_access_claim
from .guard_common import CutsCommon, GuardCommon


@tagged("post_install", "-at_install")
class TestAccessGuardsSettle(GuardCommon):
    """U-17: up at once, down slowly, where a person took something away."""

    def setUp(self):
        super().setUp()
        self.company.isp_settle_minutes = 15

    def _pay_line(self):
        line = self._create_active(username="mary")
        self._pay_all(line)
        self._converge()
        self.assertTrue(self._is_accepted("mary"))
        return line

    def test_undone_and_redone_within_minutes_sends_nothing(self):
        line = self._pay_line()
        self._get_writes()
        logs = self._logs()
        lines = line.contract_id.operation_ids.move_id.line_ids.filtered(
            lambda item: item.account_id.account_type == "asset_receivable"
        )
        lines.remove_move_reconcile()
        self.assertEqual(line.access, "off")
        self._converge()
        row = self._get_row(line)
        self.assertEqual((row.state, row.held), ("pending", "settle"))
        self.assertIn(line._say_moment(row.next_try), row.error)
        self.assertIn("Being cut", line.status_text)
        self.assertAlmostEqual(
            row.next_try, self._soon(minutes=15), delta=timedelta(minutes=1)
        )
        with freeze_time(self._soon(minutes=14)):
            self._converge()
            self.assertTrue(self._is_accepted("mary"))
            lines.reconcile()
            self.assertEqual(line.access, "on")
            self._converge()
        self.assertEqual((row.state, row.status), ("applied", "in_step"))
        self.assertFalse(row.held or row.loss_since or row.error)
        with freeze_time(self._soon(minutes=16)):
            self._converge()
        self.assertTrue(self._is_accepted("mary"))
        self.assertEqual((self._get_writes(), self._logs()), ([], logs))

    def test_a_cancelled_payment_that_stays_cancelled_cuts_when_the_time_is_over(self):
        line = self._pay_line()
        line.contract_id.operation_ids.move_id.line_ids.remove_move_reconcile()
        self._converge()
        row = self._get_row(line)
        self.assertIn(
            row.next_try,
            self.env["ir.cron.trigger"]
            .sudo()
            .search([("cron_id", "=", self.cron.id)])
            .mapped("call_at"),
        )
        with freeze_time(row.next_try - timedelta(seconds=1)):
            self._converge()
        self.assertTrue(self._is_accepted("mary"))
        with freeze_time(row.next_try):
            self._converge()
        self.assertFalse(self._is_accepted("mary"))
        self.assertEqual((row.state, row.held), ("applied", False))

    def test_waiting_is_not_prolonged_by_looking_again(self):
        line = self._create_line("mary")
        extension = self._open(line)
        self._converge()
        extension.unlink()
        self._converge()
        until = self._get_row(line).next_try
        with freeze_time(self._soon(minutes=10)):
            self.env["isp.access.dirty"]._mark(line.ids, forced=True)
            self._converge()
        self.assertEqual(self._get_row(line).next_try, until)

    def test_a_second_slip_has_a_time_of_its_own(self):
        line = self._create_line("mary")
        self._open(line).unlink()
        extension = self._open(line)
        self._converge()
        extension.unlink()
        self._converge()
        extension = self._open(line)
        self._converge()
        with freeze_time(self._soon(minutes=10)):
            extension.unlink()
            self._converge()
        with freeze_time(self._soon(minutes=20)):
            self._converge()
        self.assertTrue(self._is_accepted("mary"))
        with freeze_time(self._soon(minutes=26)):
            self._converge()
        self.assertFalse(self._is_accepted("mary"))

    def test_what_the_clock_ends_is_cut_at_once(self):
        line = self._create_line("mary")
        self._open(line, hours=1)
        self._converge()
        with freeze_time(self._soon(hours=1, seconds=1)):
            self._converge()
        self.assertFalse(self._is_accepted("mary"))

    def test_a_slip_waits_no_longer_than_what_was_given(self):
        line = self._create_line("mary")
        extension = self._open(line, hours=1 / 12)
        self._converge()
        extension.unlink()
        self._converge()
        self.assertTrue(self._is_accepted("mary"))
        with freeze_time(self._soon(minutes=5, seconds=1)):
            self._converge()
        self.assertFalse(self._is_accepted("mary"))

    def test_a_suspension_that_a_person_enters_is_cut_at_once(self):
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        self.env["isp.suspension"].create({"connection_id": line.id})
        self._converge()
        self.assertFalse(self._is_accepted("mary"))

    def test_an_endless_wish_that_is_taken_back_waits_too(self):
        self._create_line("mary")
        self.package.on_expiry = "nothing"
        self._converge()
        self.assertTrue(self._is_accepted("mary"))
        self.package.on_expiry = "suspend"
        self._converge()
        self.assertTrue(self._is_accepted("mary"))
        with freeze_time(self._soon(minutes=15, seconds=5)):
            self._converge()
        self.assertFalse(self._is_accepted("mary"))


@tagged("post_install", "-at_install")
class TestAccessGuardsMass(CutsCommon):
    """F36, network side: many cuts at once wait for a person."""

    def setUp(self):
        super().setUp()
        self.tech = self._create_user("tech", "mybizna_isp.isp_group_network")

    def _end(self, **delta):
        """The moment at which what `_create_lines` gave has ended."""
        return freeze_time(self._soon(**(delta or {"hours": 1, "minutes": 1})))

    def _hold(self, count=5):
        lines = self._create_lines(count)
        self._converge()
        with self._end():
            self._converge()
        self.assertEqual(self.gateway.held_count, count)
        return lines

    def _get_questions(self):
        return self.env["mail.activity"].search(
            [("res_model", "=", "isp.gateway"), ("res_id", "=", self.gateway.id)]
        )

    def _open_list(self):
        action = self.gateway.with_user(self.tech).action_view_held()
        return (
            self.env[action["res_model"]].with_user(self.tech).browse(action["res_id"])
        )

    def test_many_cuts_at_once_wait_and_openings_go_on(self):
        lines = self._create_lines(5)
        payer = self._create_line("payer")
        self._converge()
        self.assertFalse(self._is_accepted("payer"))
        self._get_writes()
        with self._end():
            self._open(payer)
            self._converge()
            self.assertTrue(self._is_accepted("payer"))
            written = self._get_writes()
            self._converge()
        self.assertEqual(len(self._accepted(lines)), 5)
        # The mark, the payer's end and its membership; nothing of the others.
        self.assertEqual({name for name in written if name.startswith("line")}, set())
        self.assertEqual(self._get_writes(), [])
        rows = lines.access_ids
        self.assertEqual(set(rows.mapped("held")), {"mass"})
        self.assertEqual(set(rows.mapped("state")), {"pending"})
        self.assertIn("Look at them", rows[0].error)
        self.assertEqual(self.gateway.held_count, 5)

    def test_the_network_staff_is_asked_once(self):
        lines = self._hold()
        [question] = self._get_questions().filtered(lambda a: a.user_id == self.tech)
        self.assertIn("5", question.note)
        questions = self._get_questions()
        for hours in (2, 3):
            with self._end(hours=hours):
                self.env["isp.access.dirty"]._mark(lines.ids)
                self._converge()
        self.assertEqual(self._get_questions(), questions)
        clerk = self._create_user("clerk", "mybizna_isp.isp_group_clerk")
        self.assertNotIn(clerk, questions.user_id)

    def test_as_many_as_the_limit_are_cut_without_asking(self):
        lines = self._create_lines(3)
        self._converge()
        with self._end():
            self._converge()
        self.assertFalse(self._accepted(lines))
        self.assertFalse(self._get_questions())

    def test_the_limit_is_the_greater_of_share_and_number(self):
        self.gateway.write({"max_cut_count": 1, "max_cut_percent": 50})
        lines = self._create_lines(3) | self._create_lines(3, "stays", hours=9)
        self._converge()
        with self._end():
            self._converge()
        self.assertEqual(len(self._accepted(lines)), 3)

    def test_a_slice_of_many_is_not_cut_either(self):
        lines = self._create_lines(5)
        self._converge()
        with (
            patch.object(isp_access_claim, "ROWS_PER_TASK", 2),
            self._end(),
        ):
            self._converge()
        self.assertEqual(len(self._accepted(lines)), 5)
        self.assertEqual(self.gateway.held_count, 5)

    def test_many_suspensions_entered_at_once_are_asked_for_too(self):
        lines = self._create_lines(5)
        self._converge()
        self.env["isp.suspension"].create(
            [{"connection_id": line.id} for line in lines]
        )
        self._converge()
        self.assertEqual(len(self._accepted(lines)), 5)

    def test_packages_by_the_hour_end_without_asking(self):
        hourly = self.env["isp.billing.cycle"].create(
            {"name": "Hour", "duration": 1, "duration_type": "hours"}
        )
        package = self._create_package(
            "One hour", 20.0, billing_cycle_id=hourly.id, gateway_id=self.gateway.id
        )
        lines = self._create_lines(5, "hour", package_id=package.id)
        self._converge()
        with self._end():
            self._converge()
        self.assertFalse(self._accepted(lines))
        self.assertFalse(self._get_questions())

    def test_a_normal_evening_is_cut_line_by_line(self):
        lines = self.env["isp.connection"]
        for index in range(6):
            lines |= self._create_lines(1, f"evening{index}-", hours=1 + index)
        self._converge()
        for hours in range(1, 7):
            with self._end(hours=hours, minutes=1):
                self._converge()
        self.assertFalse(self._accepted(lines))
        self.assertFalse(self._get_questions())

    def test_exactly_the_listed_lines_are_cut(self):
        lines = self._create_lines(5)
        late = self._create_lines(1, "late", hours=2)
        self._converge()
        with self._end():
            self._converge()
        listed = self._open_list()
        self.assertEqual(listed.access_ids.connection_id, lines)
        self.assertEqual(listed.count, 5)
        with self._end(hours=2, minutes=1):
            self._converge()
            self.assertEqual(self.gateway.held_count, 6)
            listed.action_cut()
            self._converge()
        self.assertEqual(self._accepted(lines | late), {"late0"})
        self.assertEqual(self.gateway.held_count, 1)
        body = self.gateway.message_ids[0].body
        self.assertIn("tech", body)
        self.assertIn("line4", body)

    def test_the_question_goes_when_it_is_answered(self):
        self._hold()
        with self._end():
            self._open_list().action_cut()
            self._converge()
        self.assertFalse(self._get_questions())
        self.assertFalse(self.gateway.held_count)
        with self.assertRaisesRegex(UserError, "no cut waits"):
            self.gateway.action_view_held()

    def test_not_now_leaves_them_on_and_asks_again_a_day_later(self):
        lines = self._hold()
        with self._end():
            self._open_list().action_not_now()
            self._converge()
            self.assertFalse(self._get_questions())
        self.assertEqual(len(self._accepted(lines)), 5)
        with self._end(hours=20):
            self._converge()
        self.assertFalse(self._get_questions())
        with self._end(hours=26):
            self._converge()
        self.assertTrue(self._get_questions())
        self.assertEqual(len(self._accepted(lines)), 5)

    def test_who_pays_meanwhile_is_never_cut(self):
        lines = self._hold()
        with self._end():
            listed = self._open_list()
            self._open(lines[0])
            self._converge()
            self.assertEqual(self.gateway.held_count, 4)
            listed.action_cut()
            self._converge()
        self.assertEqual(self._accepted(lines), {"line0"})

    def test_the_question_is_taken_back_when_all_have_paid(self):
        lines = self._hold()
        with self._end():
            for line in lines:
                self._open(line)
            self._get_writes()
            self._converge()
        self.assertFalse(self._get_questions())
        self.assertFalse(self.gateway.cuts_asked_at)
        self.assertEqual(len(self._accepted(lines)), 5)

    def test_a_few_that_are_left_of_many_still_wait(self):
        lines = self._hold()
        with self._end():
            for line in lines[:3]:
                self._open(line)
            self.env["isp.access.dirty"]._mark(lines.ids)
            self._converge()
        self.assertEqual(len(self._accepted(lines)), 5)
        self.assertEqual(self.gateway.held_count, 2)

    def test_lines_that_lost_their_gateway_count_as_cuts(self):
        """A bad import must not take everybody's login away."""
        lines = self._create_lines(5)
        self._converge()
        self.package.gateway_id = False
        lines.write({"gateway_id": False})
        self._converge()
        self.assertEqual(len(self._accepted(lines)), 5)

    def test_only_network_staff_decides(self):
        self._hold()
        clerk = self._create_user("clerk", "mybizna_isp.isp_group_clerk")
        listed = self._open_list()
        with self.assertRaises(AccessError):
            self.gateway.with_user(clerk).action_view_held()
        with self.assertRaises(AccessError):
            listed.with_user(clerk).action_cut()
