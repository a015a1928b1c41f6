from freezegun import freeze_time

from odoo.tests import tagged

from .change_common import ChangeCommon
from .common import IspCommon


@tagged("post_install", "-at_install")
class TestCoverage(IspCommon):
    """Part payment of a shared invoice lights some flats, in the contract's order."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.package.product_id.taxes_id = False

    def _create_flats(self, count=6):
        contract = self.env["isp.contract"].create(
            {"partner_id": self.client.id, "is_grouped": True}
        )
        flats = self.env["isp.connection"].concat(
            *[
                self._create_connection(
                    contract_id=contract.id, username=f"flat{place}", sequence=place
                )
                for place in range(1, count + 1)
            ]
        )
        flats.action_process_new()
        return contract, flats

    def test_7500_of_9000_lights_five_flats_and_the_sixth_says_why_it_is_off(self):
        contract, flats = self._create_flats()
        self.assertEqual(len(flats._get_invoices()), 1)
        self._pay(contract, 7500)
        self.assertEqual(flats.mapped("access"), ["on"] * 5 + ["off"])
        self.assertEqual(flats.mapped("is_paid"), [True] * 5 + [False])
        self.assertEqual(flats._get_invoices().payment_state, "partial")
        sentence = flats[5].status_text
        self.assertRegex(sentence, r"^Off: nothing paid yet, owes .*1,500\.00")
        self.assertIn(flats[5].account_no, sentence)

    def test_whoever_is_dragged_to_the_end_waits(self):
        contract, flats = self._create_flats(3)
        flats[0].sequence = 99
        self._pay(contract, 3000)
        self.assertEqual(flats.mapped("access"), ["off", "on", "on"])

    def test_the_order_can_be_dragged_on_the_contract(self):
        view = self.env["isp.contract"].get_view(
            self.env.ref("mybizna_isp.isp_contract_view_form").id, "form"
        )
        handle = '<field name="sequence" widget="handle"'
        lines = view["arch"].partition('<field name="connection_ids"')[2]
        self.assertIn(handle, lines.partition("</field>")[0])

    def test_the_flat_the_payer_named_is_lit_before_those_ahead_of_it(self):
        contract, flats = self._create_flats(3)
        self._pay(contract, 1500, flats[2])
        self.assertEqual(flats.mapped("access"), ["off", "off", "on"])

    def test_1490_of_1500_counts_as_paid_and_the_rest_is_paid_first_next_time(self):
        with freeze_time("2026-01-10 09:00:00"):
            line = self._create_active()
            self._pay(line.contract_id, 1490, line)
            self.assertEqual((line.access, line.contract_id.balance), ("on", -10))
        with freeze_time("2026-02-05 09:00:00"):
            self._run_cron()
            self._pay(line.contract_id, 1490, line)
            self.assertTrue(all(line.billing_ids.mapped("is_paid")))
            self.assertEqual(self._owed(line), 20)

    def test_1479_of_1500_counts_as_unpaid(self):
        line = self._create_active()
        self._pay(line.contract_id, 1479.99, line)
        self.assertEqual(line.access, "off")

    def test_a_bundle_of_25_is_not_free_by_the_tolerance_of_20(self):
        hour = self._create_package("Hour", 25.0, billing_cycle_id=self.hourly.id)
        hour.product_id.taxes_id = False
        line = self._create_active(package_id=hour.id)
        self.assertEqual(line.access, "off")
        self._pay(line.contract_id, 24.4, line)
        self.assertEqual(line.access, "off")
        self._pay(line.contract_id, 0.1, line)
        self.assertEqual(line.access, "on")


@tagged("post_install", "-at_install")
class TestCreditGoesBack(ChangeCommon):
    """What a change takes back was charged by an invoice: that one it pays first."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        packages = cls.package | cls.small
        packages.product_id.taxes_id = False

    def _plan_cheaper_december(self, money=0.0):
        """November and December are billed, and December made 600 cheaper."""
        line = self._create_november(paid=False)
        with freeze_time("2026-11-26 06:00:00"):
            line.action_generate_invoice()
            if money:
                self._pay(line.contract_id, money, line)
            self._change(line, self.small, self._day(1, month=12))
        self.assertEqual(line._get_period_billings()[0].package_id, self.small)
        return line

    def _assert_november_needs_all_its_money(self, line):
        with freeze_time("2026-11-27 09:00:00"):
            self.assertEqual((line.contract_id.balance, line.access), (-2400, "off"))
            self._pay(line.contract_id, 900, line)
            self.assertEqual((line.contract_id.balance, line.access), (-1500, "off"))
            self._pay(line.contract_id, 600, line)
            self.assertEqual((line.contract_id.balance, line.access), (-900, "on"))
            self.assertEqual(
                line._get_period_billings().mapped("is_paid"), [False, True]
            )
        self.assertLedger(line.contract_id)

    def test_days_nobody_paid_for_pay_for_no_other_period(self):
        line = self._plan_cheaper_december()
        self._assert_november_needs_all_its_money(line)

    def test_nor_do_they_when_the_money_for_both_is_taken_back(self):
        line = self._plan_cheaper_december(money=3000)
        with freeze_time("2026-11-27 08:00:00"):
            payment = self.env["account.payment"].search(
                [("isp_contract_id", "=", line.contract_id.id)]
            )
            payment._isp_revoke("The operator took it back")
        self._assert_november_needs_all_its_money(line)

    def test_a_pause_takes_back_from_each_invoice_what_that_one_charged(self):
        for late in ("due", "payment"):
            self.company.isp_late_payment = late
            line = self._create_november(
                paid=False, partner_id=self._create_client(late).id
            )
            with freeze_time("2026-11-11 06:00:00"):
                line.action_generate_invoice()
                line._pause(self._day(11), self._day(15))
                rows = line.billing_ids.filtered(lambda b: b.kind == "credit")
                self.assertEqual(rows.mapped("amount"), [-1500, -1000])
                notes = rows.invoice_id
                self.assertEqual(len(notes), 2, "each names one invoice")
                self.assertEqual(notes.reversed_entry_id, rows.origin_id.invoice_id)
                self.assertEqual(line.contract_id.balance, -500)
                [november] = line._get_period_billings()
                self.assertEqual(november.date_end, self._day(10))
                self.assertFalse(november.is_paid)
            with freeze_time("2026-11-16 06:00:00"):
                self._run_cron()
                self.assertEqual(line.access, "off")
            self.assertLedger(line.contract_id)
