import random
from datetime import date, timedelta

from freezegun import freeze_time

from odoo.tests import tagged

from .change_common import ChangeCommon


@tagged("post_install", "-at_install")
class TestChange(ChangeCommon):
    # === what is billed === #

    def test_a_change_in_mid_month_credits_the_unused_days_and_charges_the_new(self):
        """S1-16, S1-18."""
        line = self._create_november()
        with freeze_time("2026-11-14 06:00:00"):
            change, _preview = self._change(line, self.big)
        self.assertEqual(line.package_id, self.big)
        self.assertEqual(
            self._get_spans(line),
            [
                ("Home 10M", self._day(1), self._day(13)),
                ("Home 20M", self._day(14), self._day(30)),
            ],
        )
        # 17 of 30 days: 1,500 gives 850.00, 2,500 gives 1,416.67; 15 % on top.
        self.assertEqual(
            sorted(change.billing_ids.item_ids.mapped("amount")), [-850.0, 1416.67]
        )
        self.assertEqual(change.invoice_ids.amount_total, 651.67)
        self.assertEqual(change.package_from_id, self.package)
        self.assertEqual(line.billing_date, self._day(1, 12))
        self.assertUsedIsCharged(line)
        self.assertLedger(line.contract_id)

    def test_a_change_down_gives_a_credit_note_that_pays_the_next_invoice(self):
        line = self._create_november()
        with freeze_time("2026-11-16 06:00:00"):
            change, _preview = self._change(line, self.small)
        self.assertEqual(change.invoice_ids.move_type, "out_refund")
        self.assertEqual(change.invoice_ids.amount_total, 345.0)
        self.assertEqual(line.contract_id.balance, 345.0)
        self.assertEqual(line.paid_until_at, self.company._isp_to_utc(self._day(1, 12)))
        with freeze_time("2026-11-27 06:00:00"):
            self._run_cron()
            self.assertEqual(self._owed(line), 1035.0 - 345.0)

    def test_each_invoice_gets_a_credit_note_of_its_own_where_the_tax_office_wants_it(
        self,
    ):
        """U-28."""
        self.company.isp_one_document = False
        line = self._create_november()
        with freeze_time("2026-11-27 06:00:00"):
            self._run_cron()
            first, second = line._get_period_billings().sorted("start_at").invoice_id
            change, _preview = self._change(line, self.big)
        notes = change.invoice_ids.filtered(lambda m: m.move_type == "out_refund")
        self.assertEqual(notes.reversed_entry_id, first | second)
        self.assertEqual(len(notes), 2)
        for note in notes:
            self.assertLessEqual(note.amount_total, note.reversed_entry_id.amount_total)
        self.assertFalse((first | second).isp_revoked_by_id)
        self.assertEqual(len(change.invoice_ids - notes), 1)
        self.assertUsedIsCharged(line)
        self.assertLedger(line.contract_id)

    def test_a_change_on_the_first_day_leaves_nothing_of_the_old_period(self):
        line = self._create_november()
        with freeze_time("2026-11-01 09:00:00"):
            change, _preview = self._change(line, self.big)
        self.assertEqual(
            self._get_spans(line), [("Home 20M", self._day(1), self._day(30))]
        )
        self.assertEqual(change.invoice_ids.amount_total, 1150.0)
        self.assertUsedIsCharged(line)

    def test_a_change_on_the_last_day_moves_one_day(self):
        line = self._create_november()
        with freeze_time("2026-11-30 09:00:00"):
            change, _preview = self._change(line, self.big)
        self.assertEqual(
            self._get_spans(line)[-1], ("Home 20M", self._day(30), self._day(30))
        )
        self.assertEqual(
            sorted(change.billing_ids.item_ids.mapped("amount")), [-50.0, 83.33]
        )
        self.assertUsedIsCharged(line)

    def test_two_changes_on_one_day_leave_the_last_alone(self):
        line = self._create_november()
        with freeze_time("2026-11-14 06:00:00"):
            self._change(line, self.big)
            self._change(line, self.small)
        self.assertEqual(
            self._get_spans(line),
            [
                ("Home 10M", self._day(1), self._day(13)),
                ("Home 5M", self._day(14), self._day(30)),
            ],
        )
        self.assertUsedIsCharged(line)
        self.assertLedger(line.contract_id)

    def test_back_to_the_first_package_costs_what_the_month_did(self):
        line = self._create_november()
        with freeze_time("2026-11-10 06:00:00"):
            self._change(line, self.big)
            self._change(line, self.package)
        self.assertEqual(line.contract_id.balance, 0.0)
        self.assertEqual(self._owed(line), 0.0)
        self.assertTrue(line.is_paid)

    def test_a_package_of_the_same_price_gives_an_invoice_of_nothing(self):
        twin = self._create_package("Fibre 10M", 1500.0)
        line = self._create_november()
        with freeze_time("2026-11-10 06:00:00"):
            change, preview = self._change(line, twin)
            self.assertEqual(change.invoice_ids.move_type, "out_invoice")
            self.assertEqual(change.invoice_ids.amount_total, 0.0)
            self.assertIn("nothing to pay", preview.text)
            self.assertEqual(line.access, "on")

    def test_more_of_the_same_package_is_a_change_too(self):
        line = self._create_november()
        with freeze_time("2026-11-16 06:00:00"):
            change, _preview = self._change(line, self.package, quantity=3)
        self.assertEqual(change.kind, "quantity")
        self.assertEqual(line.quantity, 3)
        self.assertEqual(change.invoice_ids.amount_untaxed, 1500.0)
        self.assertUsedIsCharged(line)

    def test_another_length_of_cycle_begins_on_the_day(self):
        line = self._create_november()
        with freeze_time("2026-11-10 06:00:00"):
            change, _preview = self._change(line, self.weekly)
        self.assertEqual(
            self._get_spans(line),
            [
                ("Home 10M", self._day(1), self._day(9)),
                ("Week 10M", self._day(10), self._day(16)),
            ],
        )
        self.assertEqual(line.anchor_date, self._day(10))
        self.assertEqual(line.billing_date, self._day(17))
        self.assertEqual(
            sorted(change.billing_ids.item_ids.mapped("amount")), [-1050.0, 420.0]
        )

    def test_a_price_is_that_of_the_day_of_the_change(self):
        pricelist = self.env["product.pricelist"].create(
            {
                "name": "Two prices",
                "currency_id": self.company.currency_id.id,
                "item_ids": [
                    (
                        0,
                        0,
                        {
                            "applied_on": "0_product_variant",
                            "product_id": self.big.product_id.id,
                            "compute_price": "fixed",
                            "fixed_price": 3000.0,
                            "date_start": "2026-11-15 00:00:00",
                        },
                    )
                ],
            }
        )
        line = self._create_november()
        line.contract_id.pricelist_id = pricelist
        with freeze_time("2026-11-16 06:00:00"):
            change, _preview = self._change(line, self.big)
        self.assertEqual(max(change.billing_ids.item_ids.mapped("amount")), 1500.0)

    def test_the_credit_settles_an_unpaid_period_first(self):
        self.company.isp_one_document = False
        line = self._create_november(paid=False)
        first = line.invoice_id
        with freeze_time("2026-11-16 06:00:00"):
            self._change(line, self.small)
        self.assertEqual(first.amount_residual, 1725.0 / 2)
        self.assertFalse(line.paid_until_at)
        self.assertLedger(line.contract_id)

    def test_a_line_that_is_not_in_service_just_gets_the_package(self):
        self.package.setup_item_ids = [(0, 0, {"name": "Router", "amount": 3000})]
        line = self._create_connection()
        change, _preview = self._change(line, self.big)
        self.assertFalse(change)
        self.assertEqual(line.package_id, self.big)
        self.assertFalse(line.billing_ids)

    def test_days_served_and_not_billed_are_billed_before_the_change(self):
        self.package.on_expiry = "nothing"
        line = self._create_november()
        with freeze_time("2026-12-11 06:00:00"):
            change, _preview = self._change(line, self.big)
        self.assertEqual(
            self._get_spans(line)[-1],
            ("Home 10M", self._day(1, 12), self._day(10, 12)),
        )
        self.assertEqual(line.billing_date, self._day(11, 12))
        self.assertEqual(change.billing_ids.amount, 483.87)

    # === access === #

    def test_a_difference_not_paid_yet_leaves_the_line_on_until_it_is_due(self):
        line = self._create_november()
        with freeze_time("2026-11-14 06:00:00"):
            change, _preview = self._change(line, self.big)
            self.assertEqual(change.invoice_ids.invoice_date_due, self._day(19))
            self.assertFalse(line.is_paid)
            self.assertEqual(line.access, "on")
        with freeze_time("2026-11-19 20:00:00"):
            self.env.invalidate_all()
            self.assertEqual(line.access, "on")
        with freeze_time("2026-11-19 21:30:00"):
            self.env.invalidate_all()
            self.assertEqual(line.access, "off")
            self._pay_all(line)
            self.assertEqual(line.access, "on")
            self.assertEqual(
                line.paid_until_at, self.company._isp_to_utc(self._day(1, 12))
            )

    def test_a_line_that_was_not_paid_gets_no_days_by_changing(self):
        line = self._create_november(paid=False)
        with freeze_time("2026-11-14 06:00:00"):
            self.assertEqual(line.access, "off")
            self._change(line, self.big)
            self.assertEqual(line.access, "off")

    # === exactness === #

    def test_any_sequence_of_changes_charges_the_days_used_and_no_more(self):
        """S1-17: six sequences by a seed each."""
        packages = [self.package, self.big, self.small]
        for seed in range(6):
            chance = random.Random(seed)
            self.company.isp_one_document = bool(seed % 2)
            line = self._create_november(
                partner_id=self._create_client(f"Seed {seed}").id
            )
            days = sorted(chance.choices(range(1, 31), k=5))
            for day in days:
                with freeze_time(f"2026-11-{day:02} 09:00:00"):
                    wanted = chance.choice(
                        [p for p in packages if p != line.package_id]
                    )
                    before = line.contract_id.balance
                    _change, preview = self._change(line, wanted)
                    self.assertAlmostEqual(
                        line.contract_id.balance - before,
                        -(preview.credit + preview.charge),
                        2,
                        f"seed {seed}, day {day}",
                    )
            self.assertUsedIsCharged(line)
            self.assertLedger(line.contract_id)
            self._check_no_gap(line)

    def _check_no_gap(self, line):
        spans = self._get_spans(line)
        self.assertEqual(spans[0][1], date(2026, 11, 1))
        self.assertEqual(spans[-1][2], date(2026, 11, 30))
        for (_p, _s, end), (_q, start, _e) in zip(spans, spans[1:], strict=False):
            self.assertEqual(start, end + timedelta(days=1))
