from datetime import date

from freezegun import freeze_time

from odoo.tests import tagged

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestPartPeriods(IspCommon):
    """Common billing day, parts, quantity, prices by service date."""

    def _run_month(self, connection, day):
        with freeze_time(f"{day} 09:00:00"):
            self._run_cron()
            self._pay_all(connection)

    def _rows(self, connection):
        return connection._get_period_billings().sorted("start_at")

    def test_with_a_common_day_the_first_period_is_a_part(self):
        self.company.isp_billing_day = 1
        with freeze_time("2026-04-11 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
        first = self._rows(connection)
        self.assertEqual(
            (first.date_start, first.date_end), (date(2026, 4, 11), date(2026, 4, 30))
        )
        self.assertEqual(first.amount, 1000.0)
        self.assertIn("20 of 30 days", first.item_ids.name)
        self._run_month(connection, "2026-04-27")
        second = self._rows(connection)[1]
        self.assertEqual(
            (second.date_start, second.date_end), (date(2026, 5, 1), date(2026, 5, 31))
        )
        self.assertEqual(second.amount, 1500.0)

    def test_a_line_that_begins_on_the_common_day_pays_the_whole(self):
        self.company.isp_billing_day = 1
        with freeze_time("2026-04-01 09:00:00"):
            connection = self._create_active()
        self.assertEqual(self._rows(connection).amount, 1500.0)

    def test_the_last_day_of_the_month_is_a_common_day(self):
        self.company.isp_billing_day = 31
        with freeze_time("2026-01-31 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
        for day in ("2026-02-24", "2026-03-28", "2026-04-28"):
            self._run_month(connection, day)
        self.assertEqual(
            self._rows(connection).mapped("date_start"),
            [
                date(2026, 1, 31),
                date(2026, 2, 28),
                date(2026, 3, 31),
                date(2026, 4, 30),
            ],
        )
        self.assertEqual(set(self._rows(connection).mapped("amount")), {1500.0})

    def test_a_contracts_billing_day_goes_before_the_companys(self):
        self.company.isp_billing_day = 1
        contract = self.env["isp.contract"].create(
            {"partner_id": self.client.id, "billing_day": 16}
        )
        with freeze_time("2026-04-11 09:00:00"):
            connection = self._create_active(contract_id=contract.id)
        self.assertEqual(self._rows(connection).date_end, date(2026, 4, 15))

    def test_a_billing_day_set_later_makes_one_part_and_then_whole_periods(self):
        with freeze_time("2026-04-11 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
        self.company.isp_billing_day = 1
        self._run_month(connection, "2026-05-08")
        self._run_month(connection, "2026-05-28")
        rows = self._rows(connection)
        self.assertEqual(
            rows.mapped("date_start"),
            [date(2026, 4, 11), date(2026, 5, 11), date(2026, 6, 1)],
        )
        # 21 of the 31 days of May.
        self.assertEqual(rows.mapped("amount"), [1500.0, 1016.13, 1500.0])

    def test_weeks_know_no_common_day_of_the_month(self):
        self.company.isp_billing_day = 1
        self.package.billing_cycle_id = self.env["isp.billing.cycle"].create(
            {"name": "Week", "duration": 1, "duration_type": "weeks"}
        )
        with freeze_time("2026-04-15 09:00:00"):
            connection = self._create_active()
        self.assertEqual(self._rows(connection).date_end, date(2026, 4, 21))
        self.assertEqual(self._rows(connection).amount, 1500.0)

    def test_a_package_is_charged_as_often_as_it_is_taken(self):
        connection = self._create_active(quantity=3)
        row = self._rows(connection)
        self.assertEqual((row.quantity, row.amount), (3, 4500.0))
        self.assertEqual(row.item_ids.quantity, 3)
        self.assertEqual(row.invoice_id.amount_untaxed, 4500.0)

    def test_the_price_is_that_of_the_service_date_not_of_the_issue_date(self):
        pricelist = self.env["product.pricelist"].create(
            {
                "name": "From March",
                "item_ids": [
                    (
                        0,
                        0,
                        {
                            "applied_on": "0_product_variant",
                            "product_id": self.package.product_id.id,
                            "fixed_price": 1700.0,
                            # Midnight in Nairobi.
                            "date_start": "2026-02-28 21:00:00",
                        },
                    )
                ],
            }
        )
        contract = self.env["isp.contract"].create(
            {"partner_id": self.client.id, "pricelist_id": pricelist.id}
        )
        with freeze_time("2026-02-01 09:00:00"):
            connection = self._create_active(contract_id=contract.id)
            self._pay_all(connection)
        # Issued on 25 February, for a period that begins on 1 March.
        self._run_month(connection, "2026-02-25")
        self.assertEqual(self._rows(connection).mapped("amount"), [1500.0, 1700.0])
        self.assertEqual(self._rows(connection)[1].invoice_id.invoice_date.month, 2)
