from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import tagged

from .change_common import ChangeCommon


@tagged("post_install", "-at_install")
class TestEngineHostile(ChangeCommon):
    """Where one part of the engine meets another, money and access stay right."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.free = cls._create_package("Neighbour", 0.0)
        for package in (cls.package, cls.big, cls.small, cls.weekly, cls.free):
            package.product_id.taxes_id = False

    def _assert_audit_exact(self):
        audit = self.env["isp.ledger.audit"]._audit(self.company)
        self.assertFalse(audit.differences)

    # === change × unpaid === #

    def test_a_smaller_package_on_the_first_day_opens_nothing_unpaid(self):
        for one_document in (True, False):
            self.company.isp_one_document = one_document
            client = self._create_client("First day")
            with freeze_time("2026-11-01 06:00:00"):
                line = self._create_active(partner_id=client.id)
                self._change(line, self.small)
                self.assertEqual(line.contract_id.balance, -900.0)
                self.assertEqual(line.access, "off")
                self._pay(line.contract_id, 800.0, line)
                self.assertEqual(line.access, "off")
                self._pay(line.contract_id, 100.0, line)
                self.assertEqual(line.access, "on")
            self.assertUsedIsCharged(line)
            self.assertLedger(line.contract_id)

    def test_a_smaller_package_planned_opens_no_period_billed_ahead(self):
        line = self._create_november()
        with freeze_time("2026-11-26 06:00:00"):
            self._run_cron()
            self._change(line, self.small, self._day(1, 12))
            self.assertEqual(line.contract_id.balance, -900.0)
            self.assertEqual(line.access, "on")
        with freeze_time("2026-12-05 06:00:00"):
            self.env.invalidate_all()
            self.assertEqual(line.access, "off")
            self._pay(line.contract_id, 900.0, line)
            self.assertEqual(line.access, "on")
        self._assert_audit_exact()

    def test_a_change_owes_for_the_days_it_replaced_and_no_others(self):
        line = self._create_november()
        with freeze_time("2026-11-26 06:00:00"):
            self._run_cron()
        with freeze_time("2026-11-28 06:00:00"):
            self._change(line, self.small)
            # November was paid; December's first charge is not.
            self.assertEqual(
                line.paid_until_at, self.company._isp_to_utc(self._day(1, 12))
            )
            self.assertEqual(line.access, "on")

    def test_two_changes_in_a_day_owe_what_all_of_them_left(self):
        with freeze_time("2026-11-01 06:00:00"):
            line = self._create_active()
            self._change(line, self.big)
            self._change(line, self.small)
            self.assertEqual(line.contract_id.balance, -900.0)
            line.extension_ids.action_end()
            self.env.invalidate_all()
            self.assertFalse(line.paid_until_at)
            self._pay(line.contract_id, 900.0, line)
            self.assertEqual(
                line.paid_until_at, self.company._isp_to_utc(self._day(1, 12))
            )

    # === pause === #

    def test_a_clerk_moves_no_planned_pause_into_the_past(self):
        clerk = self._create_user("pausing_clerk", "mybizna_isp.isp_group_clerk")
        line = self._create_november()
        with freeze_time("2026-11-20 06:00:00"):
            pause = (
                self.env["isp.suspension"]
                .with_user(clerk)
                .create(
                    {
                        "connection_id": line.id,
                        "reason": "paused",
                        "date_from": "2026-11-25 00:00:00",
                    }
                )
            )
            with self.assertRefused("begin in the past"):
                pause.date_from = "2026-11-02 00:00:00"
            self.assertEqual(line.contract_id.balance, 0.0)
            pause.date_from = "2026-11-26 00:00:00"

    def test_a_paused_line_in_arrears_is_charged_for_no_paused_day(self):
        (self.package | self.big).billing_timing = "arrears"
        for what in ("change", "close"):
            client = self._create_client(what)
            with freeze_time("2026-11-01 06:00:00"):
                line = self._create_active(partner_id=client.id)
            with freeze_time("2026-11-10 06:00:00"):
                line._pause(self._day(10))
                self.assertEqual(line.contract_id.balance, -450.0)
            with freeze_time("2026-11-20 06:00:00"):
                self.env.invalidate_all()
                if what == "change":
                    self._change(line, self.big)
                else:
                    line.action_close()
                self.assertEqual(line.contract_id.balance, -450.0, what)

    def test_a_line_in_arrears_that_owes_is_charged_for_no_day_it_was_off(self):
        self.package.write({"billing_timing": "arrears", "payment_days": 5})
        with freeze_time("2026-11-01 06:00:00"):
            line = self._create_active()
        with freeze_time("2026-12-01 06:00:00"):
            self._run_cron()
            self.assertEqual(line.contract_id.balance, -1500.0)
            off_at = line.covered_until_at
        with freeze_time("2027-02-20 06:00:00"):
            self.env.invalidate_all()
            self.assertEqual(line.access, "off")
            line.action_close()
        last = max(line._get_period_billings().mapped("end_at"))
        self.assertEqual(last, off_at)

    def test_a_paused_line_is_not_billed_by_hand(self):
        line = self._create_november()
        with freeze_time("2026-11-10 06:00:00"):
            line._pause(self._day(10))
            with self.assertRefused("is paused"):
                line.action_generate_invoice()
            self.assertEqual(line.contract_id.balance, 1050.0)

    # === closed === #

    def test_a_closed_line_is_not_billed_by_a_planned_change(self):
        line = self._create_november()
        with freeze_time("2026-11-15 06:00:00"):
            change, _preview = self._change(line, self.big, self._day(25))
            line.action_close()
            self.assertEqual(change.state, "cancelled")
        with freeze_time("2026-11-26 06:00:00"):
            self._run_cron()
            self.assertEqual(line.contract_id.balance, 0.0)
            self.assertEqual(line.package_id, self.package)
            line.action_reopen()
            self._run_cron()
        self.assertEqual(line.package_id, self.package)

    # === discounts, free packages === #

    def test_discounts_on_other_days_do_not_limit_each_other(self):
        line = self._create_connection()
        spans = ((50, 1, 15), (100, 16, 30), (80, 1, 15))
        self.env["isp.discount"].create(
            [
                {
                    "name": f"{percent} %",
                    "connection_id": line.id,
                    "percent": percent,
                    "date_from": self._day(first),
                    "date_to": self._day(last),
                }
                for percent, first, last in spans
            ]
        )
        with freeze_time("2026-11-01 06:00:00"):
            line.action_process_new()
        # 50 % and 80 % of the first half are all of it.
        self.assertEqual(line.contract_id.balance, 0.0)
        amounts = line.billing_ids.item_ids.sorted("id").mapped("amount")
        self.assertEqual(amounts, [1500.0, -375.0, -750.0, -375.0])

    def test_a_line_for_nothing_is_changed_paused_and_undone(self):
        for one_document in (True, False):
            self.company.isp_one_document = one_document
            client = self._create_client("Neighbour")
            with freeze_time("2026-11-01 06:00:00"):
                line = self._create_active(
                    package_id=self.free.id, partner_id=client.id
                )
            spans = self._get_spans(line)
            with freeze_time("2026-11-10 06:00:00"):
                change, _preview = self._change(line, self.big)
                self.assertEqual(line.contract_id.balance, -1750.0)
                change.action_undo()
                self.assertEqual(self._get_spans(line), spans)
                self.assertEqual(line.contract_id.balance, 0.0)
                line._pause(self._day(10))
                self.assertEqual(line.access, "off")
                self.assertEqual(self._get_spans(line)[0][2], self._day(9))

    # === the billing run === #

    def test_a_run_issues_what_it_showed_or_nothing(self):
        self.company.isp_auto_billing = False
        for what in ("discount", "change", "close"):
            line = self._create_november(partner_id=self._create_client(what).id)
            with freeze_time("2026-11-27 06:00:00"):
                self._run_cron()
                run = self.env["isp.billing.run"].create({})
                self.assertEqual(run.line_ids.mapped("total"), [1500.0])
                if what == "discount":
                    self.env["isp.discount"].create(
                        {
                            "name": "Half",
                            "connection_id": line.id,
                            "percent": 50,
                            "date_from": "2026-11-01",
                        }
                    )
                elif what == "change":
                    self._change(line, self.big, self._day(1, 12))
                else:
                    line.action_close()
                with self.assertRefused("Refresh it"):
                    run.action_issue()
                run.action_refresh()
                if what == "close":
                    with self.assertRaises(UserError), self.cr.savepoint():
                        run.action_issue()
                    continue
                run.action_issue()
                self._run_cron()
                self.assertEqual(-line.contract_id.balance, run.line_ids.total)

    # === counter-entries × what is billed since === #

    def test_days_before_a_pause_are_billed_again_without_those_of_the_pause(self):
        line = self._create_november()
        with freeze_time("2026-11-10 06:00:00"):
            line._pause(self._day(10))
        with freeze_time("2026-11-20 06:00:00"):
            self.env.invalidate_all()
            line.action_resume()
            self._run_cron()
            later = (self._day(20), self._day(10, 12))
            self.assertEqual(self._get_spans(line)[-1][1:], later)
            # The first days are taken back, the later ones are not.
            line.invalidate_recordset()
            row = line._get_period_billings()[-1]
            row.sudo().is_served = True
            row.sudo()._revoke()
            self.assertEqual(line.reissue_date, self._day(1))
            self._pay(line.contract_id, 3000.0, line)
            line.sudo()._bill_next_period()
        spans = [span[1:] for span in self._get_spans(line)]
        self.assertEqual(spans, [(self._day(1), self._day(9)), later])

    def test_a_later_row_of_another_cycle_is_not_charged_again(self):
        line = self._create_november(paid=False)
        with freeze_time("2026-11-02 06:00:00"):
            self._change(line, self.weekly, self._day(10))
            line.action_generate_invoice()
            ahead = line._get_period_billings()[0]
            self.assertEqual(ahead.date_start, self._day(1, 12))
            line._get_period_billings()[-1].invoice_id.action_isp_revoke()
        with freeze_time("2026-12-03 06:00:00"):
            for _time in range(4):
                self._run_cron()
        spans = [span[1:] for span in self._get_spans(line)]
        for before, after in zip(spans, spans[1:], strict=False):
            self.assertLess(before[1], after[0])

    def test_what_is_open_again_is_paid_by_what_is_in_hand(self):
        line = self._create_november()
        payment = self.env["account.payment"].search(
            [("isp_contract_id", "=", line.contract_id.id)]
        )
        with freeze_time("2026-11-05 06:00:00"):
            self._pay(line.contract_id, 1500.0)
            payment._isp_revoke("Bounced")
            self.assertEqual(line.contract_id.balance, 0.0)
            self.assertEqual(line.access, "on")
        self.assertLedger(line.contract_id)

    # === rights === #

    def test_nobody_sets_a_line_back_to_new_by_hand(self):
        line = self._create_november()
        for group in ("isp_group_clerk", "isp_group_network"):
            user = self._create_user(f"back_{group}", f"mybizna_isp.{group}")
            with self.assertRaises(UserError), self.cr.savepoint():
                line.with_user(user).state = "new"
            with self.assertRaises(UserError), self.cr.savepoint():
                line.with_user(user).quantity = 3
        self.assertEqual(line.state, "active")
