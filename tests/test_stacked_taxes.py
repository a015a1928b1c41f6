from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo import Command
from odoo.tests import tagged

from ..tools import proration
from .common import IspCommon

METHODS = ("round_per_line", "round_globally")


@tagged("post_install", "-at_install")
class TestStackedTaxes(IspCommon):
    """Excise 15 % in the base of VAT 16 %, both in the price (U-29)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.excise = cls._create_tax("Excise", 15, include_base_amount=True, sequence=1)
        cls.vat = cls._create_tax("VAT incl.", 16, sequence=2)
        cls.stack = cls.excise | cls.vat
        cls.on_top = cls._create_tax(
            "Levy", 5, price_include_override="tax_excluded", sequence=3
        )
        cls.contract = cls.env["isp.contract"].create({"partner_id": cls.client.id})
        cls.lines = cls._create_connection(
            contract_id=cls.contract.id
        ) | cls._create_connection(contract_id=cls.contract.id)

    @classmethod
    def _create_tax(cls, name, amount, **values):
        return cls.env["account.tax"].create(
            {
                "name": name,
                "amount": amount,
                "amount_type": "percent",
                "type_tax_use": "sale",
                "company_id": cls.company.id,
                "price_include_override": "tax_included",
                **values,
            }
        )

    def _prepare_invoice(self, rows, move_type="out_invoice", contract=None):
        """Values of an invoice of rows (price, quantity, taxes[, connection])."""
        return {
            "move_type": move_type,
            "partner_id": self.client.id,
            "isp_contract_id": (contract or self.contract).id,
            "invoice_date": "2026-01-10",
            "invoice_date_due": "2026-01-20",
            "invoice_line_ids": [
                Command.create(
                    {
                        "name": "Service",
                        "price_unit": price,
                        "quantity": quantity,
                        "tax_ids": [Command.set(taxes.ids)],
                        "isp_connection_id": rest[0].id if rest else False,
                    }
                )
                for price, quantity, taxes, *rest in rows
            ],
        }

    def _create_invoices(self, rows_list, **values):
        return self.env["account.move"].create(
            [self._prepare_invoice(rows, **values) for rows in rows_list]
        )

    def _use(self, method):
        self.company.tax_calculation_rounding_method = method

    def assertExact(self, move, total):
        """The document, its lines, taxes and receivable all come to a total."""
        digits = move.currency_id.decimal_places
        self.assertAlmostEqual(move.amount_total, total, digits, move.display_name)
        lines = move.invoice_line_ids
        self.assertAlmostEqual(sum(lines.mapped("price_total")), total, digits)
        for line in lines:
            self.assertAlmostEqual(
                abs(line.balance), abs(line.price_subtotal), digits, line.price_unit
            )
        receivable = move.line_ids.filtered(
            lambda ln: ln.account_type == "asset_receivable"
        )
        owed = sum(receivable.mapped("balance")) * -move.direction_sign
        self.assertAlmostEqual(owed, total, digits)

    # === one line === #

    def test_every_price_in_a_batch_of_invoices_is_its_total_to_the_cent(self):
        prices = [*range(20, 1020, 29), *range(1033, 15001, 499), 1500, 2999]
        prices += [price + 0.5 for price in range(20, 15000, 2013)]
        prices += [price + 0.99 for price in range(20, 15000, 2013)]
        for method in METHODS:
            self._use(method)
            moves = self._create_invoices([[(p, 1, self.stack)] for p in prices])
            moves.action_post()
            for move, price in zip(moves, prices, strict=True):
                self.assertExact(move, price)

    def test_every_whole_price_from_20_to_15000_splits_into_base_excise_and_vat(self):
        self._use("round_globally")
        line = self._create_invoices([[(1500, 1, self.stack)]]).invoice_line_ids
        AccountTax = self.env["account.tax"]
        base_line = line.move_id._prepare_product_base_line_for_taxes_computation(line)
        for cents in self._every_price():
            base_line["price_unit"] = cents / 100
            AccountTax._add_tax_details_in_base_line(base_line, self.company)
            AccountTax._round_base_lines_tax_details([base_line], self.company)
            details = base_line["tax_details"]
            parts = [details["total_excluded"]]
            parts += [tax["tax_amount"] for tax in details["taxes_data"]]
            self.assertEqual(sum(round(part * 100) for part in parts), cents)
            self.assertEqual(round(details["total_included"] * 100), cents)
            self.assertEqual(details["delta_total_excluded"], 0)

    def _every_price(self):
        for price in range(20, 15001):
            yield price * 100
            if price % 25 == 0:
                yield price * 100 + 50
                yield price * 100 + 99

    # === whatever the lines === #

    def _get_totals(self, rows, digits, method):
        """What rows (price, quantity, discount, taxes) come to on one document."""
        company = self.companies[digits]
        company.tax_calculation_rounding_method = method
        AccountTax = self.env["account.tax"]
        base_lines = [
            {
                **self.base_line,
                "price_unit": price,
                "quantity": quantity,
                "discount": discount,
                "tax_ids": taxes,
                "currency_id": company.currency_id,
            }
            for price, quantity, discount, taxes in rows
        ]
        AccountTax._add_tax_details_in_base_lines(base_lines, company)
        AccountTax._round_base_lines_tax_details(base_lines, company)
        for line in base_lines:
            details = line["tax_details"]
            self.assertEqual(details["delta_total_excluded"], 0)
            self.assertEqual(details["delta_total_excluded_currency"], 0)
        return [line["tax_details"]["total_included"] for line in base_lines]

    def _prepare_property(self):
        move = self._create_invoices([[(1500, 1, self.stack)]])
        self.base_line = move._prepare_product_base_line_for_taxes_computation(
            move.invoice_line_ids
        )
        self.companies = {}
        for digits in (0, 2, 3):
            currency = self.env["res.currency"].create(
                {"name": f"D{digits}", "symbol": "D", "rounding": 10**-digits}
            )
            self.companies[digits] = self.env["res.company"].create(
                {"name": currency.name, "currency_id": currency.id}
            )

    def test_any_lines_of_any_document_total_their_prices(self):
        self._prepare_property()
        line = st.tuples(
            st.integers(-1_500_000, 1_500_000),
            st.integers(1, 20),
            st.sampled_from([self.excise, self.vat, self.stack, self.stack[:0]]),
        )

        @settings(max_examples=300, deadline=None, database=None)
        @given(
            st.lists(line, min_size=1, max_size=12),
            st.sampled_from([0, 2, 3]),
            st.sampled_from(METHODS),
        )
        def check(lines, digits, method):
            # Beside a tax on top of the price, that of another line stays what it is.
            rows = [(units / 10**digits, n, 0, taxes) for units, n, taxes in lines]
            levied = [*rows, (100, 1, 0, self.on_top)]
            for given_rows in (rows, levied):
                totals = self._get_totals(given_rows, digits, method)
                for (units, n, _taxes), total in zip(lines, totals, strict=False):
                    self.assertEqual(round(total * 10**digits), units * n)

        check()

    def test_the_parts_of_any_period_total_its_price(self):
        self._prepare_property()

        @settings(max_examples=200, deadline=None, database=None)
        @given(
            st.integers(20, 15_000_000),
            st.dates(date(2024, 1, 1), date(2030, 12, 31)),
            st.integers(2, 366),
            st.sets(st.integers(1, 365), max_size=8),
            st.sampled_from([0, 2, 3]),
            st.sampled_from(METHODS),
        )
        def check(units, first, length, cuts, digits, method):
            edges = sorted({0, length, *(cut for cut in cuts if cut < length)})
            days = [first + timedelta(days=edge) for edge in edges]
            whole = (first, days[-1] - timedelta(days=1))
            parts = [
                proration.share(
                    units / 10**digits, whole, (a, b - timedelta(days=1)), digits
                )
                for a, b in zip(days, days[1:], strict=False)
            ]
            rows = [(part, 1, 0, self.stack) for part in parts]
            totals = self._get_totals(rows, digits, method)
            self.assertEqual(sum(round(t * 10**digits) for t in totals), units)

        check()

    def test_1500_and_2999_stand_on_the_line_as_they_were_agreed(self):
        self._use("round_globally")
        for price in (1500, 2999):
            line = self._create_invoices([[(price, 1, self.stack)]]).invoice_line_ids
            self.assertEqual(line.price_total, price)

    def test_a_document_without_a_contract_is_rounded_as_odoo_rounds_it(self):
        self._use("round_globally")
        values = self._prepare_invoice([(1500, 1, self.stack)])
        values["isp_contract_id"] = False
        move = self.env["account.move"].create(values)
        self.assertAlmostEqual(move.invoice_line_ids.price_total, 1500.01, 2)

    def test_excise_is_in_the_base_of_vat(self):
        move = self._create_invoices([[(1500, 1, self.stack)]])
        taxes = move.line_ids.filtered("tax_line_id")
        amounts = {line.tax_line_id: abs(line.balance) for line in taxes}
        bases = {line.tax_line_id: abs(line.tax_base_amount) for line in taxes}
        self.assertAlmostEqual(amounts[self.vat], 206.90, 2)
        self.assertAlmostEqual(bases[self.vat], 1293.10, 2)
        self.assertAlmostEqual(amounts[self.excise], 168.67, 2)
        self.assertAlmostEqual(bases[self.excise], 1124.43, 2)

    # === several lines on one document === #

    def test_taxes_in_and_on_top_of_the_price_mix_without_losing_a_cent(self):
        rows = [
            (1500, 1, self.stack),
            (2999, 1, self.stack),
            (100, 1, self.on_top),
            (50, 1, self.env["account.tax"]),
        ]
        for method in METHODS:
            self._use(method)
            move = self._create_invoices([rows])
            move.action_post()
            self.assertExact(move, 1500 + 2999 + 105 + 50)

    def test_each_connection_owes_its_own_price_on_a_shared_invoice(self):
        first, second = self.lines
        for method in METHODS:
            self._use(method)
            rows = [(20 + 7 * i, 1, self.stack, first) for i in range(40)]
            rows += [(2999, 1, self.stack, second), (-99.99, 1, self.stack, second)]
            move = self._create_invoices([rows])
            move.action_post()
            owed = {
                line.isp_connection_id: line.balance
                for line in move.line_ids.filtered("isp_contract_id")
            }
            self.assertAlmostEqual(owed[first], sum(20 + 7 * i for i in range(40)), 2)
            self.assertAlmostEqual(owed[second], 2899.01, 2)

    def test_discounts_and_quantities_keep_the_total(self):
        cases = (
            ([(1500, 1, self.stack), (-300.33, 1, self.stack)], 1199.67),
            ([(2999, 1, self.stack), (-2999, 1, self.stack)], 0),
            ([(999.99, 3, self.stack)], 2999.97),
            ([(1000 / 3, 3, self.stack)], 1000),
            ([(0.07, 17, self.stack), (-0.03, 5, self.stack)], 1.04),
        )
        for method in METHODS:
            self._use(method)
            for rows, total in cases:
                move = self._create_invoices([rows])
                move.action_post()
                self.assertExact(move, total)

    # === credit notes and mirrors === #

    def test_a_mirror_is_exactly_opposite_line_by_line(self):
        rows = [(20 + 13 * i, 1, self.stack) for i in range(20)]
        rows += [(100, 1, self.on_top), (-45.67, 1, self.stack)]
        for method in METHODS:
            self._use(method)
            move = self._create_invoices([rows])
            move.action_post()
            mirror = move._isp_revoke("test")
            self.assertEqual(
                sorted(round(b, 2) for b in move.line_ids.mapped("balance")),
                sorted(round(-b, 2) for b in mirror.line_ids.mapped("balance")),
            )
            for tax in self.stack | self.on_top:
                lines = (move | mirror).line_ids.filtered(
                    lambda ln, tax=tax: ln.tax_line_id == tax
                )
                self.assertAlmostEqual(sum(lines.mapped("balance")), 0, 2)

    def test_a_credit_for_one_line_of_many_takes_back_that_lines_taxes_exactly(self):
        first, second = self.lines
        for method in METHODS:
            self._use(method)
            shared = self._create_invoices(
                [[(1500, 1, self.stack, first), (2999, 1, self.stack, second)]]
            )
            alone = self._create_invoices([[(1500, 1, self.stack, first)]])
            credit = self._create_invoices(
                [[(2999, 1, self.stack, second)]], move_type="out_refund"
            )
            (shared | alone | credit).action_post()
            for tax in self.stack:
                sums = [
                    sum(
                        move.line_ids.filtered(
                            lambda ln, tax=tax: ln.tax_line_id == tax
                        ).mapped("balance")
                    )
                    for move in (shared, credit, alone)
                ]
                self.assertAlmostEqual(sums[0] + sums[1], sums[2], 2)

    def test_a_draft_that_gets_its_contract_later_is_rounded_anew(self):
        self._use("round_globally")
        values = self._prepare_invoice([(1500, 1, self.stack), (100, 1, self.on_top)])
        values["isp_contract_id"] = False
        move = self.env["account.move"].create(values)
        move.isp_contract_id = self.contract
        move.action_post()
        self.assertExact(move, 1605)

    # === currencies === #

    def test_currencies_of_0_and_3_decimals_keep_the_total(self):
        for name, rounding, prices in (
            ("UG0", 1.0, (20, 1500, 2999, 14999, 33333)),
            ("KW3", 0.001, (1.001, 15.5, 29.999, 1500.123)),
        ):
            currency = self.env["res.currency"].create(
                {"name": name, "symbol": name, "rounding": rounding}
            )
            company = self._create_company(name=name, currency_id=currency.id)
            contract = (
                self.env["isp.contract"]
                .with_company(company)
                .create({"partner_id": self.client.id, "company_id": company.id})
            )
            taxes = self.env["account.tax"].concat(
                *[self.stack[i].copy({"company_id": company.id}) for i in (0, 1)]
            )
            for method in METHODS:
                company.tax_calculation_rounding_method = method
                moves = (
                    self.env["account.move"]
                    .with_company(company)
                    .create(
                        [
                            self._prepare_invoice(
                                [(price, 1, taxes)], contract=contract
                            )
                            for price in prices
                        ]
                    )
                )
                moves.action_post()
                for move, price in zip(moves, prices, strict=True):
                    self.assertEqual(move.currency_id, currency)
                    self.assertExact(move, price)
