from freezegun import freeze_time

from odoo import Command
from odoo.tests import tagged

from .currency_common import CurrencyCommon


class CurrencyCases:
    """What must hold whatever the currency's smallest coin is."""

    def test_a_month_split_by_changes_and_a_pause_costs_its_parts(self):
        line = self._create_november()
        self.assertSame(line.invoice_id.amount_total, self.prices[0])
        self._change_exactly(line, self.big, 8)
        self._change_exactly(line, self.small, 12)
        self._change_exactly(line, self.small, 15, quantity=3)
        with freeze_time("2026-11-18 06:00:00"):
            before = line.contract_id.balance
            total, text = line.sudo()._preview_pause(self._day(18))
            self.assertIn(self.currency.format(-total), text)
            line._pause(self._day(18))
            self.assertSame(line.contract_id.balance - before, -total)
            self.assertExact(line)
        with freeze_time("2026-11-23 06:00:00"):
            line.action_resume()
            self._run_cron()
            self.assertExact(line)
        self._change_exactly(line, self.package, 27)

    def test_back_to_the_first_package_costs_what_the_month_did(self):
        line = self._create_november()
        for day, package in ((3, self.big), (19, self.small), (19, self.big)):
            self._change_exactly(line, package, day)
        change = line.change_ids.sorted("id")
        with freeze_time("2026-11-19 09:00:00"):
            for done in reversed(change):
                done.action_undo()
        self.assertEqual(line.contract_id.balance, 0.0)
        self.assertExact(line)

    def test_the_days_of_a_month_add_up_to_its_price(self):
        line = self._create_november()
        whole = (self._day(1), self._day(30))
        price = line.billing_ids.item_ids.full_amount
        days = [
            line._get_share(price, whole, (self._day(day), self._day(day)))
            for day in range(1, 31)
        ]
        for amount in days:
            self.assertCoins(amount)
        self.assertSame(sum(days), self.prices[0])

    def test_a_first_part_with_a_discount_is_shown_and_charged_alike(self):
        """A third off twelve of twenty days, or all of it."""
        for percent in (33.33, 100):
            line = self._create_connection(
                partner_id=self._create_client(f"{percent} %").id,
                date_start="2026-11-11",
                quantity=3,
            )
            self._agree(line, percent, date_to="2026-11-22")
            with freeze_time("2026-11-11 06:00:00"):
                line.action_process_new()
                self.assertExact(line)
                charge, discount = line.billing_ids.item_ids.sorted("id")
                whole = (self._day(1), self._day(30))
                self.assertEqual(
                    discount.amount,
                    -line._get_share(
                        self.currency.round(charge.full_amount * percent / 100),
                        whole,
                        (self._day(11), self._day(22)),
                    ),
                )
            self._change_exactly(line, self.big, 17)
            with freeze_time("2026-11-27 06:00:00"):
                self._pay(line.contract_id, max(self._owed(line), self.coin), line)
                shown = line.sudo()._prepare_run_line_vals()
                self._run_cron()
                self.assertSame(line.invoice_id.amount_total, shown["total"])
                self.assertExact(line)

    def test_a_price_of_a_price_list_is_money_before_it_is_multiplied(self):
        """What is shown, charged and taken back is one sum."""
        pricelist = self.env["product.pricelist"].create(
            {
                "name": "A third off",
                "company_id": self.company.id,
                "currency_id": self.currency.id,
                "item_ids": [
                    Command.create({"compute_price": "percentage", "percent_price": 33})
                ],
            }
        )
        contract = self.env["isp.contract"].create(
            {"partner_id": self.client.id, "pricelist_id": pricelist.id}
        )
        line = self._create_november(contract_id=contract.id, quantity=7)
        charge = line.billing_ids.item_ids
        self.assertEqual(charge.amount, self.currency.round(self.prices[0] * 0.67))
        self.assertSame(charge.full_amount, 7 * charge.amount)
        self.assertSame(line.invoice_id.amount_total, 7 * charge.amount)
        self.assertExact(line)
        self.env.invalidate_all()
        self._change_exactly(line, self.big, 1)
        [credit] = line.billing_ids.filtered(lambda b: b.kind == "credit").item_ids
        self.assertSame(credit.amount, -7 * charge.amount)

    def test_lines_on_one_invoice_are_each_paid_and_cancelled_to_the_coin(self):
        contract = self.env["isp.contract"].create(
            {"partner_id": self.client.id, "is_grouped": True}
        )
        lines = self.env["isp.connection"].concat(
            *(
                self._create_connection(
                    contract_id=contract.id,
                    package_id=package.id,
                    date_start="2026-11-11",
                )
                for package in (self.package, self.big, self.small)
            )
        )
        with freeze_time("2026-11-11 06:00:00"):
            lines.action_process_new()
            invoice = lines.invoice_id
            self.assertEqual(len(invoice), 1)
            owed = [self._owed(line) for line in lines]
            whole, part = [(self._day(first), self._day(30)) for first in (1, 11)]
            self.assertEqual(
                owed, [lines[0]._get_share(price, whole, part) for price in self.prices]
            )
            payment = self._pay(contract, sum(owed) - 3 * self.coin)
            left = sum(self._owed(line) for line in lines)
            self.assertSame(left, 3 * self.coin)
            self.assertExact(lines[2])
            payment._isp_revoke("test")
            self.assertEqual([self._owed(line) for line in lines], owed)
            invoice._isp_revoke("test")
            self.assertEqual(contract.balance, 0.0)
            for line in lines:
                self.assertExact(line)

    def test_the_tolerance_is_the_companys_and_never_above_two_percent(self):
        self.company.isp_tolerance = 15 * self.coin
        for missing, is_paid in ((15, True), (16, False)):
            line = self._create_november(
                paid=False, partner_id=self._create_client(f"{missing}").id
            )
            with freeze_time("2026-11-01 07:00:00"):
                amount = self._owed(line) - missing * self.coin
                self._pay(line.contract_id, amount, line)
                self.assertEqual(line.is_paid, is_paid, missing)
                self.assertExact(line)
        # 2 % of forty coins is less than one of them.
        self.package.product_id.list_price = 40 * self.coin
        line = self._create_november(
            paid=False, partner_id=self._create_client("Little").id
        )
        with freeze_time("2026-11-01 07:00:00"):
            self._pay(line.contract_id, 39 * self.coin, line)
            self.assertFalse(line.is_paid)

    def test_what_is_paid_first_costs_what_was_told_to_the_coin(self):
        self.package.billing_mode = "pay_first"
        line = self._create_connection(quantity=3)
        self._agree(line, 33.33)
        with freeze_time("2026-11-11 07:00:00"):
            due = line.amount_due_first
            told = self.currency.format(due).replace("\N{NO-BREAK SPACE}", " ")
            self.assertIn(told, line.status_text)
            self._pay(line.contract_id, due, line)
            self.assertEqual((line.state, line.contract_id.balance), ("active", 0.0))
            self.assertExact(line)


@tagged("post_install", "-at_install")
class TestNoDecimals(CurrencyCases, CurrencyCommon):
    """Shillings of Uganda have no cents; one document says the difference."""

    allow_inherited_tests_method = True
    country_code = "UG"
    prices = (35_999, 59_000, 21_001)


@tagged("post_install", "-at_install")
class TestThreeDecimals(CurrencyCases, CurrencyCommon):
    """A dinar of Tunisia has a thousand millimes; each credit is a note."""

    allow_inherited_tests_method = True
    country_code = "TN"
    prices = (15.505, 24.999, 9.001)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.isp_one_document = False
