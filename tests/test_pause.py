from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from .change_common import ChangeCommon


@tagged("post_install", "-at_install")
class TestPause(ChangeCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.isp_billing_day = 1

    def _pause(self, line, day, last=None):
        return line._pause(
            self._day(day),
            last and (last if not isinstance(last, int) else self._day(last)),
        )

    def _get_credits(self, line):
        rows = line.billing_ids.filtered(
            lambda b: b.kind == "credit" and b.state == "billed"
        )
        return sorted(rows.item_ids.mapped("amount"))

    def test_a_pause_credits_its_days_and_resuming_charges_the_rest(self):
        line = self._create_november()
        with freeze_time("2026-11-11 06:00:00"):
            pause = self._pause(line, 11)
            self.assertEqual(line.access, "off")
            self.assertEqual(self._get_credits(line), [-1000.0])
            self.assertEqual(line.contract_id.balance, 1150.0)
        with freeze_time("2026-11-21 06:00:00"):
            self.env.invalidate_all()
            line.action_resume()
            self._run_cron()
            self.assertEqual(line.access, "on")
        self.assertEqual(pause.pause_state, "ended")
        self.assertEqual(
            self._get_spans(line),
            [
                ("Home 10M", self._day(1), self._day(10)),
                ("Home 10M", self._day(21), self._day(30)),
            ],
        )
        # Ten of thirty days were paused: a third of the price stays in hand.
        self.assertEqual(line.contract_id.balance, 575.0)
        self.assertUsedIsCharged(line)
        self.assertLedger(line.contract_id)

    def test_a_line_with_a_day_of_its_own_gets_the_days_that_were_left(self):
        self.company.isp_billing_day = 0
        line = self._create_november()
        with freeze_time("2026-11-11 06:00:00"):
            self._pause(line, 11, 20)
        with freeze_time("2026-11-21 06:00:00"):
            self._run_cron()
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0.0))
        days = (self._day(21), self._day(10, 12))
        self.assertEqual(self._get_spans(line)[-1], ("Home 10M", *days))
        self.assertUsedIsCharged(line)
        with freeze_time("2026-12-08 06:00:00"):
            self._run_cron()
        whole = (self._day(11, 12), self._day(10, 1).replace(year=2027))
        self.assertEqual(self._get_spans(line)[-1], ("Home 10M", *whole))
        self.assertEqual(line.contract_id.balance, -1725.0)
        self.assertLedger(line.contract_id)

    def test_days_left_are_given_back_after_each_of_two_pauses(self):
        self.company.isp_billing_day = 0
        line = self._create_november()
        for begin, end in ((11, 15), (20, 24)):
            with freeze_time(f"2026-11-{begin} 06:00:00"):
                self._pause(line, begin, end)
            with freeze_time(f"2026-11-{end + 1} 06:00:00"):
                self._run_cron()
                self.assertEqual((line.access, line.contract_id.balance), ("on", 0.0))
        self.assertEqual(
            self._get_spans(line)[-1][1:], (self._day(25), self._day(10, 12))
        )
        self.assertUsedIsCharged(line)

    def test_days_left_are_given_back_after_a_pause_within_a_pause(self):
        self.company.isp_billing_day = 0
        line = self._create_november()
        with freeze_time("2026-11-11 06:00:00"):
            self._pause(line, 11, 15)
            self._pause(line, 13, 20)
        for day in (13, 16, 21):
            with freeze_time(f"2026-11-{day} 06:00:00"):
                self._run_cron()
        with freeze_time("2026-11-21 07:00:00"):
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0.0))
        days = (self._day(21), self._day(10, 12))
        self.assertEqual(self._get_spans(line)[-1][1:], days)
        self.assertUsedIsCharged(line)

    def test_days_left_are_given_back_where_money_comes_first(self):
        self.company.isp_billing_day = 0
        self.package.billing_mode = "pay_first"
        with freeze_time("2026-11-01 06:00:00"):
            line = self._create_connection(date_start="2026-11-01")
            self._pay(line.contract_id, line.amount_due_first, line)
        with freeze_time("2026-11-11 06:00:00"):
            self._pause(line, 11, 20)
        with freeze_time("2026-11-21 06:00:00"):
            self._run_cron()
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0.0))
        self.assertEqual(
            self._get_spans(line)[-1][1:], (self._day(21), self._day(10, 12))
        )

    def test_what_is_paid_within_a_pause_and_was_not_served_begins_behind_it(self):
        self.company.write({"isp_billing_day": 0, "isp_late_payment": "payment"})
        line = self._create_november(paid=False)
        with freeze_time("2026-11-11 06:00:00"):
            self._pause(line, 11, 20)
        with freeze_time("2026-11-15 06:00:00"):
            self._pay_all(line)
            self.assertEqual(line.access, "off")
        with freeze_time("2026-11-21 06:00:00"):
            self._run_cron()
            self.assertEqual(line.access, "on")
        self.assertEqual(
            [span[1:] for span in self._get_spans(line)][:1],
            [(self._day(21), self._day(30))],
        )
        self.assertUsedIsCharged(line)
        self.assertLedger(line.contract_id)

    def test_days_served_on_a_promise_keep_their_dates_when_paid_within_a_pause(self):
        self.company.write({"isp_billing_day": 0, "isp_late_payment": "payment"})
        line = self._create_november(paid=False)
        with freeze_time("2026-11-05 06:00:00"):
            self.env["isp.extension"].create(
                {"connection_id": line.id, "date_to": "2026-11-25 06:00:00"}
            )
        with freeze_time("2026-11-11 06:00:00"):
            self._pause(line, 11, 28)
        with freeze_time("2026-11-15 06:00:00"):
            self._pay_all(line)
        with freeze_time("2026-11-29 06:00:00"):
            self._run_cron()
        first = self._get_spans(line)[0]
        self.assertEqual(first[1:], (self._day(1), self._day(10)))

    def test_a_pause_booked_late_takes_no_days_that_were_used_after_it(self):
        self.company.isp_billing_day = 0
        line = self._create_november()
        with freeze_time("2026-11-05 06:00:00"):
            self._pause(line, 11, 15)
        with freeze_time("2026-11-25 06:00:00"):
            self._run_cron()
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0.0))
        self.assertEqual(
            [span[1:] for span in self._get_spans(line)][:2],
            [(self._day(1), self._day(10)), (self._day(16), self._day(5, 12))],
        )

    def test_a_pause_booked_late_leaves_what_was_paid_after_it(self):
        self.company.write({"isp_billing_day": 0, "isp_late_payment": "payment"})
        line = self._create_november(paid=False)
        with freeze_time("2026-11-05 06:00:00"):
            self._pause(line, 11, 15)
        with freeze_time("2026-12-03 06:00:00"):
            self._pay_all(line)
        spans = self._get_spans(line)
        self.assertEqual(
            spans[0][1:], (self._day(3, 12), self._day(2, 1).replace(year=2027))
        )
        with freeze_time("2026-12-04 06:00:00"):
            self._run_cron()
        self.assertEqual(self._get_spans(line), spans)
        self.assertEqual(line.access, "on")

    def test_a_pause_to_come_is_carried_out_on_its_day_and_once(self):
        line = self._create_november()
        with freeze_time("2026-11-05 06:00:00"):
            pause = self._pause(line, 11, 20)
            self._run_cron()
            self.assertEqual(pause.pause_state, "waiting")
            self.assertEqual(line.access, "on")
            self.assertFalse(self._get_credits(line))
        with freeze_time("2026-11-11 06:00:00"):
            self._run_cron()
            self._run_cron()
        self.assertEqual(self._get_credits(line), [-1000.0])

    def test_a_pause_whose_run_breaks_is_credited_once_by_the_next_run(self):
        line = self._create_november()
        with freeze_time("2026-11-05 06:00:00"):
            pause = self._pause(line, 11, 20)
        with freeze_time("2026-11-11 06:00:00"):
            model = type(self.env["isp.billing"])
            with patch.object(model, "_issue_invoices", side_effect=UserError("No.")):
                self._run_cron()
            self.assertEqual(pause.pause_state, "waiting")
            self.assertFalse(self._get_credits(line))
        with freeze_time("2026-11-11 09:00:00"):
            self._run_cron()
            self._run_cron()
        self.assertEqual(self._get_credits(line), [-1000.0])
        self.assertEqual(pause.pause_state, "begun")

    def test_a_pause_that_nobody_looked_at_is_made_up_whole(self):
        line = self._create_november()
        with freeze_time("2026-11-05 06:00:00"):
            self._pause(line, 11, 20)
        with freeze_time("2026-11-25 06:00:00"):
            self._run_cron()
        self.assertEqual(self._get_credits(line), [-1000.0])
        self.assertEqual(self._get_spans(line)[0][2], self._day(10))

    def test_a_pause_ended_before_it_began_does_nothing(self):
        line = self._create_november()
        with freeze_time("2026-11-05 06:00:00"):
            pause = self._pause(line, 11, 20)
            pause.action_end()
        with freeze_time("2026-11-12 06:00:00"):
            self._run_cron()
        self.assertFalse(self._get_credits(line))
        self.assertEqual(pause.pause_state, "ended")
        self.assertEqual(line.billing_date, self._day(1, 12))

    def test_a_pause_of_no_day_costs_and_gives_nothing(self):
        line = self._create_november()
        with freeze_time("2026-11-11 06:00:00"):
            self._pause(line, 11)
            line.action_resume()
            self._run_cron()
            self.assertEqual(line.access, "on")
        self.assertEqual(line.contract_id.balance, 0.0)
        self.assertUsedIsCharged(line)

    def test_a_pause_made_shorter_or_deleted_ends_on_that_day(self):
        for way in ("shorter", "deleted"):
            line = self._create_november(partner_id=self._create_client(way).id)
            with freeze_time("2026-11-11 06:00:00"):
                pause = self._pause(line, 11, 28)
            with freeze_time("2026-11-16 06:00:00"):
                if way == "deleted":
                    pause.unlink()
                else:
                    pause.date_to = "2026-11-16 05:00:00"
                self._run_cron()
            self.assertEqual(
                self._get_spans(line)[-1],
                ("Home 10M", self._day(16), self._day(30)),
                way,
            )
            self.assertEqual(line.contract_id.balance, 287.5, way)
            self.assertUsedIsCharged(line)

    def test_several_pauses_in_one_month_each_give_their_days_back(self):
        line = self._create_november()
        for first, last in ((4, 6), (10, 12), (20, 23)):
            with freeze_time(f"2026-11-{first:02} 06:00:00"):
                self._pause(line, first, last)
            with freeze_time(f"2026-11-{last + 1:02} 06:00:00"):
                self._run_cron()
        # Ten days of thirty at 1,500 and 15 %.
        self.assertEqual(line.contract_id.balance, 575.0)
        self.assertUsedIsCharged(line)
        self.assertLedger(line.contract_id)

    def test_a_pause_within_another_one_gives_its_days_back_once(self):
        line = self._create_november()
        with freeze_time("2026-11-06 06:00:00"):
            self._pause(line, 8, 17)
            self._pause(line, 12, 22)
        for day in (8, 12, 18, 23):
            with freeze_time(f"2026-11-{day:02} 06:00:00"):
                self._run_cron()
        self.assertEqual(
            self._get_spans(line)[1:], [("Home 10M", self._day(23), self._day(30))]
        )
        self.assertEqual(line.contract_id.balance, 862.5)

    def test_a_pause_across_the_end_of_a_period_that_is_billed_ahead(self):
        self.company.isp_one_document = False
        line = self._create_november()
        with freeze_time("2026-11-27 06:00:00"):
            self._run_cron()
            self.assertEqual(len(self._get_spans(line)), 2)
            self._pause(line, 27, self._day(4, 12))
        self.assertEqual(self._get_credits(line), [-1500.0, -200.0])
        with freeze_time("2026-12-05 06:00:00"):
            self._run_cron()
        self.assertEqual(
            self._get_spans(line)[-1],
            ("Home 10M", self._day(5, 12), self._day(31, 12)),
        )
        self.assertUsedIsCharged(line)
        self.assertLedger(line.contract_id)

    def test_a_pause_of_an_unpaid_line_lowers_what_it_owes(self):
        line = self._create_november(paid=False)
        with freeze_time("2026-11-11 06:00:00"):
            self._pause(line, 11)
        self.assertEqual(self._owed(line), 575.0)
        self.assertEqual(line.contract_id.balance, -575.0)

    def test_switching_off_by_hand_credits_nothing(self):
        line = self._create_november()
        with freeze_time("2026-11-11 06:00:00"):
            reason = self.env["isp.suspension"].create({"connection_id": line.id})
            self._run_cron()
        self.assertFalse(reason.pause_state)
        self.assertFalse(self._get_credits(line))

    def test_a_pause_that_has_begun_is_ended_and_not_rewritten(self):
        line = self._create_november()
        with freeze_time("2026-11-11 06:00:00"):
            pause = self._pause(line, 11)
            for values in (
                {"date_from": "2026-11-05 06:00:00"},
                {"reason": "manual"},
                {"pause_state": "waiting"},
            ):
                with self.assertRefused("has begun|follows from it"):
                    pause.write(values)
            with self.assertRefused("can't begin in the past"):
                line._pause(self._day(9))

    def test_who_looks_after_the_network_can_not_give_money_back(self):
        line = self._create_november()
        technician = self._create_user(
            "pause_technician", "mybizna_isp.isp_group_network"
        )
        with freeze_time("2026-11-11 06:00:00"), self.assertRaises(AccessError):
            line.with_user(technician)._pause(self._day(11))

    def test_what_the_pause_wizard_shows_is_what_is_credited(self):
        """F29."""
        line = self._create_november()
        with freeze_time("2026-11-11 06:00:00"):
            form = Form(
                self.env["isp.connection.pause"].with_context(
                    default_connection_id=line.id
                )
            )
            self.assertIn("given back", form.preview)
            wizard = form.save()
            self.assertEqual(wizard.amount, 1150.0)
            wizard.action_confirm()
        self.assertEqual(line.contract_id.balance, 1150.0)
