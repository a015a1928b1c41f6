from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from .change_common import ChangeCommon


@tagged("post_install", "-at_install")
class TestChangePlan(ChangeCommon):
    # === planned === #

    def test_a_change_at_the_next_period_is_carried_out_on_its_day_and_once(self):
        line = self._create_november()
        with freeze_time("2026-11-14 06:00:00"):
            day = line._get_next_change_day()
            change, _preview = self._change(line, self.big, day)
            self.assertEqual(day, self._day(1, 12))
            self.assertEqual(change.state, "planned")
            self.assertEqual(line.package_id, self.package)
            self.assertFalse(change.billing_ids)
        with freeze_time("2026-11-27 06:00:00"):
            self._run_cron()
            self.assertEqual(line.package_id, self.package)
            self._pay_all(line)
        with freeze_time("2026-12-01 06:00:00"):
            self._run_cron()
            self._run_cron()
        self.assertEqual(change.state, "done")
        self.assertEqual(line.package_id, self.big)
        self.assertEqual(
            self._get_spans(line),
            [
                ("Home 10M", self._day(1), self._day(30)),
                ("Home 20M", self._day(1, 12), self._day(31, 12)),
            ],
        )
        self.assertEqual(self._owed(line), 0.0)

    def test_what_is_billed_ahead_is_billed_anew_at_once(self):
        line = self._create_november()
        with freeze_time("2026-11-27 06:00:00"):
            self._run_cron()
            self._change(line, self.big, self._day(1, 12))
            self.assertEqual(self._owed(line), 2875.0)
            self.assertEqual(line.access, "on")
        with freeze_time("2026-12-01 06:00:00"):
            self._run_cron()
        self.assertEqual(
            self._get_spans(line)[-1],
            ("Home 20M", self._day(1, 12), self._day(31, 12)),
        )
        self.assertEqual(self._owed(line), 2875.0)
        self.assertUsedIsCharged(line)

    def test_a_change_on_a_chosen_day_is_shown_before_as_it_is_booked_then(self):
        line = self._create_november()
        with freeze_time("2026-11-10 06:00:00"):
            change, preview = self._change(line, self.big, self._day(20))
            self.assertEqual((preview.credit, preview.charge), (0.0, 0.0))
            self.assertFalse(change.billing_ids)
        with freeze_time("2026-11-20 06:00:00"):
            self._run_cron()
        self.assertEqual(change.invoice_ids.amount_total, preview.later)
        self.assertEqual(
            self._get_spans(line)[-1], ("Home 20M", self._day(20), self._day(30))
        )

    def test_a_planned_cycle_of_another_length_begins_on_its_day(self):
        line = self._create_november()
        with freeze_time("2026-11-10 06:00:00"):
            self._change(line, self.weekly, self._day(1, 12))
        with freeze_time("2026-11-28 06:00:00"):
            self._run_cron()
            self._pay_all(line)
        with freeze_time("2026-12-04 06:00:00"):
            self._run_cron()
        self.assertEqual(
            self._get_spans(line)[1:],
            [
                ("Week 10M", self._day(1, 12), self._day(7, 12)),
                ("Week 10M", self._day(8, 12), self._day(14, 12)),
            ],
        )
        self.assertEqual(line.package_id, self.weekly)

    def test_a_planned_change_that_is_cancelled_leaves_everything_as_it_was(self):
        line = self._create_november()
        with freeze_time("2026-11-27 06:00:00"):
            self._run_cron()
            before = self._get_spans(line)
            change, _preview = self._change(line, self.big, self._day(1, 12))
            change.action_cancel()
            self.assertEqual(change.state, "cancelled")
            self.assertEqual(self._get_spans(line), before)
            self.assertEqual(self._owed(line), 1725.0)
        with freeze_time("2026-12-01 06:00:00"):
            self._run_cron()
        self.assertEqual(line.package_id, self.package)
        self.assertLedger(line.contract_id)

    def test_a_change_whose_run_breaks_is_done_once_by_the_next_run(self):
        line = self._create_november()
        with freeze_time("2026-11-10 06:00:00"):
            change, _preview = self._change(line, self.big, self._day(20))
        with freeze_time("2026-11-20 06:00:00"):
            model = type(self.env["isp.billing"])
            with patch.object(model, "_issue_invoices", side_effect=UserError("No.")):
                self._run_cron()
            self.assertEqual(change.state, "planned")
            self.assertFalse(change.billing_ids)
            self.assertEqual(line.package_id, self.package)
            self.assertEqual(line.needs_attention, "No.")
        with freeze_time("2026-11-20 09:00:00"):
            self._run_cron()
            self._run_cron()
        self.assertEqual(change.state, "done")
        self.assertEqual(len(change.invoice_ids), 1)

    # === refused === #

    def test_what_can_not_be_changed_is_refused_with_a_sentence(self):
        line = self._create_november()
        with freeze_time("2026-11-14 06:00:00"):
            today, ask = self._day(14), line.sudo()._change_package
            for package, day, sentence in (
                (self.package, today, "has that package already"),
                (self.big, self._day(13), "a day that has passed"),
            ):
                with self.assertRefused(sentence):
                    ask(package, None, day)
            ask(self.big, None, self._day(20))
            with self.assertRefused("planned already"):
                ask(self.small, None, today)
            self.small.active = False
            line.change_ids.action_cancel()
            with self.assertRefused("archived"):
                ask(self.small, None, today)
            line.action_close()
            with self.assertRefused("Reopen it first"):
                ask(self.big, None, today)

    def test_a_bundle_changes_at_its_end_only(self):
        bundle = self._create_package("Day", 50.0, billing_cycle_id=self.daily.id)
        with freeze_time("2026-11-14 06:00:00"):
            line = self._create_active(package_id=bundle.id)
            self._pay_all(line)
            with self.assertRefused("used whole"):
                line.sudo()._change_package(self.package)
            day = line._get_next_change_day()
            line.sudo()._change_package(self.package, None, day)
        self.assertEqual(day, self._day(15))
        with freeze_time("2026-11-15 06:00:00"):
            self._run_cron()
        self.assertEqual(line.package_id, self.package)
        self.assertEqual(self._get_spans(line)[-1][0], "Home 10M")

    def test_a_clerk_changes_a_line_by_the_button_alone(self):
        line = self._create_november()
        clerk = self._create_user("change_clerk", "mybizna_isp.isp_group_clerk")
        with self.assertRefused("press Change Package"):
            line.with_user(clerk).package_id = self.big
        with freeze_time("2026-11-14 06:00:00"):
            wizard = Form(
                self.env["isp.connection.change.wizard"]
                .with_user(clerk)
                .with_context(default_connection_id=line.id)
            )
            wizard.package_id = self.big
            self.assertEqual(wizard.difference, 651.67)
            wizard.save().action_confirm()
        self.assertEqual(line.package_id, self.big)
        self.assertEqual(line.change_ids.user_id, clerk)
        self.assertIn("651.67", line.change_ids.preview)

    # === shown is booked === #

    def test_what_the_wizard_shows_is_what_is_booked(self):
        """F29: every case, on one document and on several."""
        cases = [
            ("2026-11-01 09:00:00", self.big),
            ("2026-11-07 09:00:00", self.small),
            ("2026-11-13 09:00:00", self.weekly),
            ("2026-11-14 09:00:00", self.big),
            ("2026-11-27 09:00:00", self.small),
            ("2026-11-30 09:00:00", self.big),
        ]
        for one_document in (True, False):
            self.company.isp_one_document = one_document
            for moment, package in cases:
                line = self._create_november(partner_id=self._create_client(moment).id)
                with freeze_time(moment):
                    self._run_cron()
                    with Form(
                        self.env["isp.connection.change.wizard"].with_context(
                            default_connection_id=line.id
                        )
                    ) as form:
                        form.package_id = package
                    wizard = form.record
                    shown, after = wizard.difference, wizard.balance
                    before = line.contract_id.balance
                    wizard.action_confirm()
                    booked = line.contract_id.balance - before
                case = f"{moment}, {package.name}, one document: {one_document}"
                self.assertTrue(shown, case)
                self.assertAlmostEqual(booked, -shown, 2, case)
                self.assertAlmostEqual(line.contract_id.balance, after, 2, case)
                self.assertUsedIsCharged(line)
                self.assertLedger(line.contract_id)

    def test_the_words_name_credit_charge_sum_and_next_invoice(self):
        line = self._create_november()
        with freeze_time("2026-11-14 06:00:00"):
            text = line.sudo()._preview_change(self.big, 1, self._day(14)).text
        for words in (
            "977.50",
            "1,629.17",
            "to pay",
            "651.67",
            "taxes included",
            "Balance after",
            "2,875.00",
        ):
            self.assertIn(words, text)
