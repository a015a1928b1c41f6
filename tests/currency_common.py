from freezegun import freeze_time

from odoo import Command

from .change_common import ChangeCommon


class CurrencyCommon(ChangeCommon):
    """A provider with excise and VAT on top of it within its prices."""

    chart_template = "generic_coa"
    # Of the packages 10M, 20M and 5M; days don't divide them without a rest.
    prices = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.isp_billing_day = 1
        cls.currency = cls.company.currency_id
        cls.coin = cls.currency.rounding
        cls.stack = cls._create_tax("Excise", 12, 1) | cls._create_tax("VAT", 18, 2)
        packages = (cls.package, cls.big, cls.small)
        for package, price in zip(packages, cls.prices, strict=True):
            package.product_id.write(
                {"list_price": price, "taxes_id": [Command.set(cls.stack.ids)]}
            )
        cls.env.invalidate_all()

    @classmethod
    def _create_tax(cls, name, amount, sequence):
        return cls.env["account.tax"].create(
            {
                "name": name,
                "amount": amount,
                "amount_type": "percent",
                "type_tax_use": "sale",
                "price_include_override": "tax_included",
                "include_base_amount": True,
                "sequence": sequence,
                "company_id": cls.company.id,
            }
        )

    def _agree(self, line, percent, **values):
        return self.env["isp.discount"].create(
            {
                "name": "Agreed",
                "connection_id": line.id,
                "percent": percent,
                "date_from": "2026-11-01",
                **values,
            }
        )

    def _change_exactly(self, line, package, day, quantity=None):
        """Change on a day of November: what was shown is what is booked."""
        before = line.contract_id.balance
        with freeze_time(f"2026-11-{day:02} 06:00:00"):
            change, shown = self._change(line, package, quantity=quantity)
        after = line.contract_id.balance
        self.assertSame(after - before, -shown.credit - shown.charge)
        self.assertSame(after, shown.balance)
        self.assertIn(self.currency.format(shown.balance), shown.text)
        documents = change.invoice_ids.mapped("amount_total_signed")
        self.assertSame(before - after, sum(documents))
        self.assertExact(line)

    # === assertions === #

    def assertSame(self, amount, expected):
        """Two sums are the same amount of money."""
        self.assertEqual(self.currency.round(amount), self.currency.round(expected))

    def assertCoins(self, amount, message=None):
        """An amount can be paid: it is a whole number of the smallest coin."""
        coins = amount / self.coin
        self.assertAlmostEqual(coins, round(coins), 6, message or amount)

    def assertExact(self, line):
        """The books agree, and nothing in them is a fraction of a coin."""
        contract = line.contract_id
        self.assertLedger(contract)
        self.assertUsedIsCharged(line)
        audit = self.env["isp.ledger.audit"]._audit(self.company)
        self.assertEqual(audit.state, "exact", audit.differences)
        for item in line.billing_ids.item_ids:
            self.assertCoins(item.amount, item.name)
        moves = self.env["account.move"].search([("isp_contract_id", "=", contract.id)])
        self.assertEqual(moves.currency_id, self.currency)
        for move in moves:
            for total in (move.amount_total, move.amount_tax, move.amount_untaxed):
                self.assertCoins(total, move.name)
            for row in move.line_ids:
                self.assertCoins(row.balance, move.name)
                self.assertCoins(row.amount_residual, move.name)
            for row in move.invoice_line_ids:
                self.assertCoins(row.price_unit, move.name)
                self.assertCoins(row.price_total, move.name)
            self.assertSame(sum(move.line_ids.mapped("balance")), 0.0)
            if move.is_invoice():
                prices = move.invoice_line_ids.mapped("price_total")
                self.assertSame(sum(prices), move.amount_total)
