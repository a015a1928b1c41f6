import warnings

from freezegun import freeze_time

from odoo.tests import tagged

from .change_common import ChangeCommon

CLERK = "mybizna_isp.isp_group_clerk"


@tagged("post_install", "-at_install")
class TestReissue(ChangeCommon):
    """A cancelled period that lies before others is billed again: just its days."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.packages = cls.package | cls.big | cls.small | cls.weekly
        cls.packages.product_id.taxes_id = False

    def _get_days(self, line):
        return [(str(a)[5:], str(b)[5:]) for _p, a, b in self._get_spans(line)]

    def _get_billed_first(self, line):
        return line._get_period_billings().sorted("start_at")[0]

    def _create_after_a_gap(self):
        """November was paid; the line was off in December and came back in January."""
        self.company.isp_late_payment = "payment"
        line = self._create_november()
        with freeze_time("2026-11-26 06:00:00"):
            self._run_cron()
        with freeze_time("2027-01-10 06:00:00"):
            self._pay_all(line)
        days = [("11-01", "11-30"), ("01-10", "02-09")]
        self.assertEqual((self._get_days(line), line.access), (days, "on"))
        return line, days

    def _assert_all_as_before(self, line, days):
        self.assertEqual(self._get_days(line), days)
        self.assertEqual(line.contract_id.balance, 0)
        self.assertTrue(all(line._get_period_billings().mapped("is_paid")))
        self.assertLedger(line.contract_id)

    def test_days_a_line_was_off_are_not_billed_with_those_of_a_cancelled_invoice(self):
        line, days = self._create_after_a_gap()
        with freeze_time("2027-01-12 06:00:00"):
            self._get_billed_first(line).invoice_id._isp_revoke("Wrong address")
            self.assertEqual(self._get_days(line), days[1:])
            self._run_cron()
            self._assert_all_as_before(line, days)
            self._run_cron()
            self._assert_all_as_before(line, days)
        self.assertEqual(line.billing_date, self._day(10, month=2).replace(year=2027))

    def test_money_set_free_begins_a_late_period_without_a_warning(self):
        line = self._create_november()
        with freeze_time("2026-11-26 06:00:00"):
            self._run_cron()
        with freeze_time("2027-01-10 06:00:00"), warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            self._get_billed_first(line).invoice_id._isp_revoke("Wrong address")
        self.assertEqual(self._get_days(line), [("01-10", "02-09")])
        self.assertLedger(line.contract_id)

    def test_both_cancelled_in_either_order_are_billed_again_alike(self):
        for order in (1, -1):
            with self.subTest(order=order), self.env.cr.savepoint() as savepoint:
                line, days = self._create_after_a_gap()
                invoices = line._get_period_billings().sorted("start_at").invoice_id
                with freeze_time("2027-01-12 06:00:00"):
                    for invoice in invoices[::order]:
                        invoice._isp_revoke("Wrong address")
                    self._run_cron()
                    self._run_cron()
                    self._assert_all_as_before(line, days)
                savepoint.rollback()

    def test_it_is_billed_with_the_package_it_had(self):
        line = self._create_november()
        with freeze_time("2026-11-26 06:00:00"):
            self._change(line, self.big, self._day(1, month=12))
            self._run_cron()
            self._pay_all(line)
        with freeze_time("2026-12-05 06:00:00"):
            self._run_cron()
            self.assertEqual(line.package_id, self.big)
            self._get_billed_first(line).invoice_id._isp_revoke("Wrong address")
            self._run_cron()
            first = self._get_billed_first(line)
            self.assertEqual(
                (first.package_id, first.amount), (self.package, 1500), first.name
            )
            self._assert_all_as_before(line, [("11-01", "11-30"), ("12-01", "12-31")])

    def test_where_a_person_releases_invoices_it_waits_for_the_release(self):
        line, days = self._create_after_a_gap()
        self.company.isp_auto_billing = False
        with freeze_time("2027-01-12 06:00:00"):
            self._get_billed_first(line).invoice_id._isp_revoke("Wrong address")
            self._run_cron()
            self.assertEqual(
                (self._get_days(line), line.billing_hold), (days[1:], "asked")
            )
            vals = line._prepare_run_line_vals()
            self.assertEqual(str(vals["date_start"]), "2026-11-01")
            line.action_release_hold()
            self._run_cron()
            self._assert_all_as_before(line, days)
        with freeze_time("2027-02-08 06:00:00"):
            self._run_cron()
            self.assertEqual((self._get_days(line), line.billing_hold), (days, "asked"))

    def test_in_arrears_a_change_before_it_is_billed_again_takes_nothing_twice(self):
        self.packages.billing_timing = "arrears"
        self.company.isp_billing_day = 1
        with freeze_time("2026-11-01 06:00:00"):
            line = self._create_active()
        for day in ("2026-12-01", "2027-01-01"):
            with freeze_time(f"{day} 06:00:00"):
                self._run_cron()
                self._pay_all(line)
        days = [("11-01", "11-30"), ("12-01", "12-31")]
        self.assertEqual(self._get_days(line), days)
        with freeze_time("2027-01-08 06:00:00"):
            self._get_billed_first(line).invoice_id._isp_revoke("Wrong address")
            self.assertEqual(line.access, "on")
            self._change(line, self.weekly)
            self._run_cron()
            self.assertEqual(self._get_days(line), [*days, ("01-01", "01-07")])
            self.assertEqual(self._get_billed_first(line).package_id, self.package)
            self.assertLedger(line.contract_id)

    def test_paid_first_it_is_bought_again_from_the_credit_before_anything_new(self):
        self.packages.billing_mode = "pay_first"
        with freeze_time("2026-11-01 06:00:00"):
            line = self._create_connection()
            self._pay(line.contract_id, line.amount_due_first, line)
        with freeze_time("2027-01-10 06:00:00"):
            self._pay(line.contract_id, 1500, line)
        days = [("11-01", "11-30"), ("01-10", "02-09")]
        self.assertEqual(self._get_days(line), days)
        with freeze_time("2027-01-12 06:00:00"):
            self._get_billed_first(line).invoice_id._isp_revoke("Wrong address")
            self._run_cron()
            self._assert_all_as_before(line, days)

    def test_only_days_that_nothing_else_charges_by_then_are_billed_again(self):
        line = self._create_november()
        with freeze_time("2026-11-10 06:00:00"):
            line._pause(self._day(10))
        with freeze_time("2026-11-20 06:00:00"):
            line.action_resume()
            self._run_cron()
        with freeze_time("2026-12-08 06:00:00"):
            self._run_cron()
            self._pay_all(line)
            rows = line._get_period_billings().sorted("start_at")
            self.assertEqual(len(rows), 3)
            rows[1].invoice_id._isp_revoke("He was here")
            self.assertTrue(rows[1].is_to_reissue)
            rows[0].credit_ids.invoice_id._isp_revoke("He was here")
            self._run_cron()
            days = [("11-01", "11-30"), ("12-01", "12-10"), ("12-11", "01-10")]
            self.assertEqual(self._get_days(line), days)
            again = line._get_period_billings().sorted("start_at")[1]
            self.assertEqual(again.amount, 500, "10 of 30 days")
            self.assertLedger(line.contract_id)

    def test_what_was_over_before_the_line_came_back_is_not_billed(self):
        line = self._create_november(paid=False)
        with freeze_time("2026-11-20 06:00:00"):
            for _period in range(2):
                line.sudo()._bill_next_period()
            december = line._get_period_billings()[1]
            december.invoice_id._isp_revoke("Wrong address")
            self.assertTrue(december.is_to_reissue)
            self._run_cron()
        days = [("11-01", "11-30"), ("01-01", "01-31")]
        self.assertEqual(self._get_days(line), days)
        with freeze_time("2027-01-05 06:00:00"):
            self._pay_all(line)
            self.assertEqual(line.access, "on")
            self._run_cron()
            self._run_cron()
            self._assert_all_as_before(line, days)
            self.assertFalse(line.reissue_date)

    def test_who_paid_is_not_cut_off_until_the_days_are_billed_again(self):
        line = self._create_november()
        with freeze_time("2026-11-12 06:00:00"):
            line._get_period_billings().invoice_id._isp_revoke("Wrong address")
            self.assertEqual((self._get_days(line), line.access), ([], "on"))
            self._run_cron()
            self._assert_all_as_before(line, [("11-01", "11-30")])
        with freeze_time("2026-11-13 06:00:00"):
            self.assertEqual(line._decide_access().reason, "covered")

    def test_what_bridges_the_time_until_then_is_not_for_a_persons_hand(self):
        line, clerk = self._create_november(), self._create_user("clerk", CLERK)
        Extension = self.env["isp.extension"].with_user(clerk)
        for kind in ("change", "reissue"):
            with self.assertRefused("the system's own"):
                Extension.create({"connection_id": line.id, "kind": kind})
            with self.assertRefused("the system's own"):
                Extension.with_context(default_kind=kind).create(
                    {"connection_id": line.id}
                )
        with self.assertRefused("can't be set by hand"):
            line.with_user(clerk).reissue_date = self._day(1)

    def test_what_bridges_can_be_ended_sooner_by_hand_and_no_more(self):
        line, clerk = self._create_november(), self._create_user("clerk", CLERK)
        bridge = (
            self.env["isp.extension"]
            .sudo()
            .create(
                {
                    "connection_id": line.id,
                    "kind": "reissue",
                    "date_to": self._soon(hours=1),
                }
            )
        )
        by_hand = bridge.with_user(clerk)
        for vals in (
            {"date_to": self._soon(days=900)},
            {"date_to": False},
            {"kind": "free"},
            {"amount": 0.0, "date_to": self._soon(minutes=5)},
        ):
            with self.assertRefused("the system's own"):
                by_hand.write(vals)
        promise = by_hand.create({"connection_id": line.id, "kind": "promise"})
        with self.assertRefused("the system's own"):
            promise.kind = "change"
        by_hand.action_end()
        self.assertFalse(bridge.is_open)

    def test_days_for_which_no_money_is_there_are_no_reason_to_stay_on(self):
        line = self._create_november()
        with freeze_time("2026-11-12 06:00:00"):
            payment = self.env["account.payment"].search(
                [("isp_contract_id", "=", line.contract_id.id)]
            )
            invoice = line._get_period_billings().invoice_id
            payment._isp_revoke("The operator took it back")
            invoice._isp_revoke("Wrong address")
            self.assertEqual(line.access, "off")
            self.assertFalse(line.extension_ids)
