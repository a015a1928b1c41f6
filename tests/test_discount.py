from freezegun import freeze_time

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .change_common import ChangeCommon


@tagged("post_install", "-at_install")
class TestDiscount(ChangeCommon):
    def _agree(self, line, **values):
        return self.env["isp.discount"].create(
            {
                "name": "Half price",
                "connection_id": line.id,
                "kind": "percent",
                "percent": 50,
                "date_from": "2026-11-01",
                "date_to": "2026-11-30",
                **values,
            }
        )

    def _create_discounted(self, **values):
        line = self._create_connection()
        self._agree(line, **values)
        with freeze_time("2026-11-01 06:00:00"):
            line.action_process_new()
            self._pay_all(line)
        return line

    def _get_amounts(self, line):
        return sorted(line.billing_ids.item_ids.mapped("amount"))

    def test_a_discount_is_a_line_of_the_same_product_and_refers_to_its_charge(self):
        """S3-4, S3-22."""
        line = self._create_discounted()
        charge = line.billing_ids.item_ids.filtered(lambda i: i.kind == "charge")
        discount = line.billing_ids.item_ids - charge
        self.assertEqual(discount.kind, "discount")
        self.assertEqual(discount.amount, -750.0)
        self.assertEqual(discount.origin_item_id, charge)
        self.assertEqual(discount.product_id, charge.product_id)
        rows = line.invoice_id.invoice_line_ids
        self.assertEqual(len(rows), 2)
        self.assertEqual(rows[0].tax_ids, rows[1].tax_ids)
        self.assertEqual(line.invoice_id.amount_total, 862.5)

    def test_a_discount_holds_on_its_days_both_ends_included(self):
        line = self._create_discounted(date_from="2026-11-10", date_to="2026-11-12")
        self.assertEqual(self._get_amounts(line), [-75.0, 1500.0])
        self.assertIn("Half price", line.invoice_id.invoice_line_ids[-1].name)

    def test_the_next_period_is_charged_in_full_when_it_has_ended(self):
        line = self._create_discounted()
        with freeze_time("2026-11-27 06:00:00"):
            self._run_cron()
        self.assertEqual(line.invoice_id.amount_untaxed, 1500.0)

    def test_an_amount_is_off_each_whole_period(self):
        line = self._create_discounted(kind="fixed", amount=300.0)
        self.assertEqual(self._get_amounts(line), [-300.0, 1500.0])

    def test_discounts_never_come_to_more_than_the_charge(self):
        line = self._create_connection()
        self._agree(line, percent=70)
        self._agree(line, percent=70, name="Loyal")
        self._agree(line, kind="fixed", amount=100.0, name="Friend")
        with freeze_time("2026-11-01 06:00:00"):
            line.action_process_new()
        self.assertEqual(self._get_amounts(line), [-1050.0, -450.0, 1500.0])
        self.assertEqual(line.invoice_id.amount_total, 0.0)

    def test_a_month_at_nothing_keeps_the_line_on_with_an_invoice_of_nothing(self):
        line = self._create_discounted(percent=100)
        with freeze_time("2026-11-02 06:00:00"):
            self.assertEqual(line.invoice_id.amount_total, 0.0)
            self.assertTrue(line.is_paid)
            self.assertEqual(line.access, "on")

    def test_a_change_takes_charge_and_discount_back_alike(self):
        line = self._create_discounted(date_to=False)
        with freeze_time("2026-11-16 06:00:00"):
            change, preview = self._change(line, self.big)
        self.assertEqual(
            sorted(change.billing_ids.item_ids.mapped("amount")),
            [-750.0, -625.0, 375.0, 1250.0],
        )
        self.assertEqual(change.invoice_ids.amount_total, 287.5)
        self.assertEqual(preview.credit + preview.charge, 287.5)
        self.assertUsedIsCharged(line)
        self.assertLedger(line.contract_id)

    def test_a_discount_on_a_package_ends_with_it(self):
        line = self._create_discounted(package_id=self.package.id, date_to=False)
        with freeze_time("2026-11-16 06:00:00"):
            change, _preview = self._change(line, self.big)
        self.assertEqual(
            sorted(change.billing_ids.item_ids.mapped("amount")),
            [-750.0, 375.0, 1250.0],
        )

    def test_a_discount_of_the_contract_holds_for_all_its_lines(self):
        line = self._create_connection()
        other = self._create_connection(contract_id=line.contract_id.id)
        self._agree(line, connection_id=False, contract_id=line.contract_id.id)
        with freeze_time("2026-11-01 06:00:00"):
            (line | other).action_process_new()
        self.assertEqual(line.invoice_id.amount_untaxed, 750.0)
        self.assertEqual(other.invoice_id.amount_untaxed, 750.0)

    def test_a_discount_that_is_archived_or_of_another_line_takes_nothing_off(self):
        line = self._create_connection()
        other = self._create_connection(contract_id=line.contract_id.id)
        self._agree(line).active = False
        self._agree(other)
        with freeze_time("2026-11-01 06:00:00"):
            line.action_process_new()
        self.assertEqual(line.invoice_id.amount_untaxed, 1500.0)

    def test_a_discount_of_another_contracts_line_is_refused(self):
        line = self._create_connection()
        stranger = self._create_connection(
            partner_id=self._create_client("Stranger").id
        )
        with self.assertRaises(ValidationError):
            self._agree(line, contract_id=stranger.contract_id.id)
