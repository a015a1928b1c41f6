from datetime import date, datetime

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import Form, new_test_user, tagged

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestPriceDates(IspCommon):
    """A price with its days: the day of the service decides."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.isp_pricelist_id = False

    def _set_price(self, amount, day, package=None):
        wizard = Form(
            self.env["isp.package.price"].with_context(
                default_package_id=(package or self.package).id
            )
        )
        wizard.date_from = day
        wizard.amount = amount
        wizard.save().action_apply()

    def _create_rule(self, price, start, end, pricelist=None, **values):
        return self.env["product.pricelist.item"].create(
            {
                "pricelist_id": (pricelist or self.company._isp_get_tariff()).id,
                "product_id": self.package.product_id.id,
                "fixed_price": price,
                "date_start": start,
                "date_end": end,
                **values,
            }
        )

    def _create_pricelist(self, **item):
        return self.env["product.pricelist"].create(
            {
                "name": "Staff",
                "company_id": self.company.id,
                "currency_id": self.company.currency_id.id,
                "item_ids": [(0, 0, item)] if item else [],
            }
        )

    # === which price === #

    def test_the_first_local_day_has_the_new_price_and_the_day_before_the_old(self):
        with freeze_time("2026-01-10 09:00:00"):
            self._set_price(1800, date(2026, 2, 1))
            connection = self._create_connection()
        for day, price in (
            (date(2025, 1, 1), 1500),
            (date(2026, 1, 31), 1500),
            (date(2026, 2, 1), 1800),
            (date(2027, 2, 1), 1800),
        ):
            self.assertEqual(connection._get_price(day), price, day)
        new, old = self.package.price_ids
        self.assertEqual(new.date_start, datetime(2026, 1, 31, 21, 0))
        self.assertEqual(new.isp_date_from, date(2026, 2, 1))
        self.assertEqual(old.isp_date_to, date(2026, 1, 31))

    def test_west_of_greenwich_the_first_day_has_the_new_price_too(self):
        self.company.isp_tz = "America/New_York"
        with freeze_time("2026-01-10 15:00:00"):
            self._set_price(1800, date(2026, 2, 1))
            connection = self._create_connection()
        self.assertEqual(connection._get_price(date(2026, 1, 31)), 1500)
        self.assertEqual(connection._get_price(date(2026, 2, 1)), 1800)

    def test_a_period_billed_ahead_has_the_price_of_its_own_first_day(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
            self._set_price(1800, date(2026, 2, 10))
        with freeze_time("2026-02-05 09:00:00"):
            self._run_cron()
        first, second = connection.billing_ids.sorted("start_at")
        self.assertEqual(first.amount, 1500)
        self.assertEqual(second.amount, 1800)

    def test_a_new_price_changes_no_past_operation(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            contract = connection.contract_id
            before = contract.operation_ids.mapped("amount")
            invoice = connection.invoice_id
            total = invoice.amount_total
            self._set_price(9999, date(2026, 1, 10))
            self.env.invalidate_all()
            self.assertEqual(contract.operation_ids.mapped("amount"), before)
            self.assertEqual(invoice.amount_total, total)
            self.assertEqual(connection.billing_ids.amount, 1500)
            self.assertLedger(contract)

    def test_a_contracts_own_price_goes_before_the_packages(self):
        with freeze_time("2026-01-10 09:00:00"):
            self._set_price(1800, date(2026, 2, 1))
            staff = self._create_pricelist(
                product_id=self.package.product_id.id, fixed_price=900
            )
            contract = self.env["isp.contract"].create(
                {"partner_id": self.client.id, "pricelist_id": staff.id}
            )
            connection = self._create_connection(contract_id=contract.id)
        self.assertEqual(connection._get_price(date(2026, 2, 1)), 900)

    def test_a_contracts_percentage_follows_the_price_of_the_day(self):
        with freeze_time("2026-01-10 09:00:00"):
            self._set_price(1800, date(2026, 2, 1))
            tenth = self._create_pricelist(compute_price="percentage", percent_price=10)
            contract = self.env["isp.contract"].create(
                {"partner_id": self.client.id, "pricelist_id": tenth.id}
            )
            connection = self._create_connection(contract_id=contract.id)
        self.assertEqual(connection._get_price(date(2026, 1, 31)), 1350)
        self.assertEqual(connection._get_price(date(2026, 2, 1)), 1620)

    # === the clerk's button === #

    def test_the_package_shows_past_current_and_coming_prices(self):
        with freeze_time("2026-01-10 09:00:00"):
            self._set_price(1600, date(2026, 2, 1))
            self._set_price(1800, date(2026, 6, 1))
        with freeze_time("2026-03-10 09:00:00"):
            self.env.invalidate_all()
            self.assertEqual(
                [(r.fixed_price, r.isp_validity) for r in self.package.price_ids],
                [(1800, "coming"), (1600, "current"), (1500, "past")],
            )
            self.assertEqual(self.package.amount, 1600)

    def test_a_price_between_two_others_ends_where_the_next_begins(self):
        with freeze_time("2026-01-10 09:00:00"):
            self._set_price(1800, date(2026, 6, 1))
            self._set_price(1600, date(2026, 2, 1))
            connection = self._create_connection()
            for day, price in (
                (date(2026, 1, 31), 1500),
                (date(2026, 2, 1), 1600),
                (date(2026, 5, 31), 1600),
                (date(2026, 6, 1), 1800),
            ):
                self.assertEqual(connection._get_price(day), price, day)

    def test_the_same_day_again_replaces_the_coming_price(self):
        with freeze_time("2026-01-10 09:00:00"):
            self._set_price(1600, date(2026, 2, 1))
            self._set_price(1650, date(2026, 2, 1))
            self.assertEqual(len(self.package.price_ids), 2)
            self.assertEqual(
                self._create_connection()._get_price(date(2026, 2, 1)), 1650
            )

    def test_a_price_can_not_begin_in_the_past(self):
        with freeze_time("2026-01-10 09:00:00"), self.assertRefused("has passed"):
            self._set_price(1600, date(2026, 1, 9))

    def test_the_plain_price_is_not_typed_over_prices_by_date(self):
        with freeze_time("2026-01-10 09:00:00"):
            self._set_price(1600, date(2026, 2, 1))
            with self.assertRefused("has prices by date"):
                self.package.amount = 1700

    def test_the_change_stands_in_the_packages_history(self):
        with freeze_time("2026-01-10 09:00:00"):
            self._set_price(1600, date(2026, 2, 1))
        self.assertIn("Price from 02/01/2026", self.package.message_ids[0].body)

    def test_a_package_that_was_sold_is_archived_and_not_deleted(self):
        connection = self._create_active()
        with self.assertRefused("Home 10M has been sold: archive it instead"):
            self.package.unlink()
        self.package.active = False
        self.assertEqual(connection.billing_ids.package_id, self.package)
        fresh = self._create_package("Never sold", 10)
        fresh.unlink()
        self.assertFalse(fresh.exists())

    def test_a_copy_begins_with_todays_price(self):
        with freeze_time("2026-01-10 09:00:00"):
            self._set_price(1600, date(2026, 1, 10))
            self.assertEqual(self.package.copy().amount, 1600)

    def test_who_may_not_change_packages_changes_no_price(self):
        clerk = new_test_user(
            self.env, "clerk.price", groups="mybizna_isp.isp_group_clerk"
        )
        package = self.package.with_user(clerk)
        with self.assertRaises(AccessError):
            package._set_price_from(date(2099, 1, 1), 1)

    def test_the_rest_of_the_company_keeps_its_price_list(self):
        self.env.ref("base.group_user").implied_ids |= self.env.ref(
            "product.group_product_pricelist"
        )
        usual = self._create_client().property_product_pricelist
        self.assertTrue(usual)
        with freeze_time("2026-01-10 09:00:00"):
            self._set_price(1600, date(2026, 2, 1))
        self.assertEqual(self._create_client().property_product_pricelist, usual)

    # === two prices on one day === #

    def test_two_prices_on_one_day_are_refused_and_both_are_named(self):
        self._create_rule(1600, "2026-02-01 00:00:00", "2026-05-31 20:59:59")
        for start, end in (
            ("2026-05-01 00:00:00", False),
            (False, "2026-03-01 00:00:00"),
            (False, False),
            ("2026-03-01 00:00:00", "2026-04-01 00:00:00"),
        ):
            with self.assertRefused(
                r"Package Home 10M would have two prices on one day in Prices by date.*"
                r"1,?700.00.*1,?600.00.*02/01/2026 – 05/31/2026"
            ):
                self._create_rule(1700, start, end)
        self._create_rule(1700, "2026-05-31 21:00:00", False)

    def test_a_rule_for_the_template_collides_with_one_for_the_variant(self):
        self._create_rule(1600, "2026-02-01 00:00:00", False)
        with self.assertRefused("would have two prices on one day"):
            self._create_rule(
                1700,
                False,
                False,
                product_id=False,
                product_tmpl_id=self.package.product_id.product_tmpl_id.id,
            )

    def test_prices_for_other_quantities_or_lists_do_not_collide(self):
        self._create_rule(1600, False, False)
        self._create_rule(1400, False, False, min_quantity=5)
        self._create_rule(900, False, False, pricelist=self._create_pricelist())
        self.assertEqual(len(self.package.price_ids), 3)

    def test_moving_a_price_into_another_is_refused(self):
        self._create_rule(1600, False, "2026-01-31 20:59:59")
        later = self._create_rule(1700, "2026-01-31 21:00:00", False)
        with self.assertRefused("would have two prices on one day"):
            later.date_start = "2026-01-15 00:00:00"

    def test_a_product_with_colliding_prices_is_no_packages_product(self):
        product = self.env["product.product"].create(
            {"name": "Old", "type": "service", "company_id": self.company.id}
        )
        for price in (100, 200):
            self._create_rule(price, False, False, product_id=product.id)
        with self.assertRefused("Package New would have two prices on one day"):
            self._create_package("New", 300, product_id=product.id)
