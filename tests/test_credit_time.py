from datetime import date

from freezegun import freeze_time

from odoo.tests import tagged

from .pay_first_common import PayFirstCommon


@tagged("post_install", "-at_install")
class TestCreditTime(PayFirstCommon):
    """Credit in hand and days given, told as time and as money."""

    def test_credit_says_until_when_it_reaches(self):
        line = self._create_served("2026-03-11")
        with freeze_time("2026-03-20 09:00:00"):
            self.assertEqual(line.credit_text, "Paid until 10 Apr")
            self._pay(line.contract_id, 1500, line)
            self.env.invalidate_all()
            self.assertEqual(
                line.credit_text.replace("\xa0", " "),
                "Paid until 10 Apr, $ 1,500.00 in hand: to 10 May",
            )
            self.assertIn("in hand: to 10 May", line.status_text)

    def test_what_it_says_is_what_happens(self):
        line = self._create_served("2026-03-31")
        with freeze_time("2026-04-02 09:00:00"):
            self._pay(line.contract_id, 5000, line)
            self.assertTrue(line.credit_text.endswith("in hand: to 30 Jul"))
        for day in ("2026-04-28", "2026-05-28", "2026-06-28", "2026-07-29"):
            with freeze_time(f"{day} 09:00:00"):
                self._run_cron()
        self.assertEqual(line._get_period_billings()[0].date_end, date(2026, 7, 30))
        self.assertEqual(line.contract_id.balance, 500)

    def test_credit_too_small_for_a_period_only_says_how_much(self):
        line = self._create_served("2026-03-11")
        with freeze_time("2026-03-20 09:00:00"):
            self._pay(line.contract_id, 400, line)
            self.assertTrue(line.credit_text.endswith("400.00 in hand"))

    def test_lines_of_a_contract_share_credit_in_time_and_in_their_order(self):
        first = self._create_served("2026-03-11")
        contract = first.contract_id
        second = self._create_served("2026-03-11", contract_id=contract.id, sequence=5)
        with freeze_time("2026-03-20 09:00:00"):
            self._pay(contract, 4500)
            self.assertTrue(first.credit_text.endswith("to 10 May"))
            self.assertTrue(second.credit_text.endswith("to 10 Jun"))

    def test_an_invoice_first_line_shows_credit_as_time_with_taxes(self):
        self.package.billing_mode = "invoice_first"
        self.package.product_id.taxes_id = self.tax_sale_a
        with freeze_time("2026-03-11 09:00:00"):
            line = self._create_active()
            self._pay(line.contract_id, 1725 * 2 + 1724.99, line)
            self.assertTrue(line.credit_text.endswith("in hand: to 10 May"))

    def test_without_payment_and_credit_it_says_nothing(self):
        self.assertFalse(self._create_connection().credit_text)

    def test_the_statement_tells_it_while_money_is_in_hand(self):
        line = self._create_served("2026-03-11")
        told = []
        with freeze_time("2026-03-20 09:00:00"):
            for amount in (1500, 0):
                if amount:
                    self._pay(line.contract_id, amount, line)
                else:
                    line.action_generate_invoice()
                wizard = self.env["isp.statement"].create(
                    {"contract_id": line.contract_id.id, "preset": False}
                )
                page, _kind = self.env["ir.actions.report"]._render_qweb_html(
                    "mybizna_isp.isp_statement_page", wizard.ids
                )
                told.append(b"in hand: to 10 May" in page)
        self.assertEqual(told, [True, False])

    def test_a_promise_is_told_apart_from_what_is_paid(self):
        line = self._create_served("2026-03-11")
        with freeze_time("2026-04-12 09:00:00"):
            self.env["isp.extension"].create(
                {"connection_id": line.id, "date_to": "2026-04-15 21:00:00"}
            )
            told = line.contract_id._get_coverage_lines()[0]["text"]
            self.assertEqual(told, "Paid until 10 Apr; on until 15 Apr without money")

    def test_in_arrears_nothing_is_paid_until_a_day_to_come(self):
        self.package.write({"billing_mode": "invoice_first"})
        self.package.billing_timing = "arrears"
        with freeze_time("2026-03-11 09:00:00"):
            line = self._create_active()
            self.assertEqual(line.access, "on")
            self.assertFalse(line.credit_text)

    # === what is given away === #

    def test_days_given_are_worth_their_share_of_the_price_with_taxes(self):
        self.package.product_id.taxes_id = self.tax_sale_a
        line = self._create_served("2026-04-01")
        give = self.env["isp.extension"].create
        worth = [
            give(
                {
                    "connection_id": line.id,
                    "kind": kind,
                    "date_from": "2026-04-10 09:00:00",
                    "date_to": date_to,
                }
            ).amount
            for kind, date_to in (
                ("promise", "2026-04-13 09:00:00"),
                ("free", "2026-04-10 21:00:00"),
                ("held", False),
                ("migrated", "2026-05-01 09:00:00"),
            )
        ]
        # A month from 10 April has 30 days, 1,725 with taxes.
        self.assertEqual(worth, [172.5, 28.75, 0, 0])

    def test_ending_a_reason_early_lowers_its_worth(self):
        line = self._create_served("2026-04-01")
        with freeze_time("2026-04-10 09:00:00"):
            promise = self.env["isp.extension"].create(
                {"connection_id": line.id, "date_to": "2026-04-20 09:00:00"}
            )
            self.assertEqual(promise.amount, 500)
        with freeze_time("2026-04-12 09:00:00"):
            promise.action_end()
        self.assertEqual(promise.amount, 100)

    def test_giveaways_are_added_up_by_kind_and_by_person(self):
        line = self._create_served("2026-04-01")
        for kind, day in (("promise", 11), ("promise", 12), ("free", 13)):
            self.env["isp.extension"].create(
                {
                    "connection_id": line.id,
                    "kind": kind,
                    "date_from": "2026-04-10 09:00:00",
                    "date_to": f"2026-04-{day} 09:00:00",
                }
            )
        groups = self.env["isp.extension"].formatted_read_group(
            [("connection_id", "=", line.id)], ["kind", "user_id"], ["amount:sum"]
        )
        self.assertEqual(
            {(g["kind"], g["user_id"][0]): g["amount:sum"] for g in groups},
            {("promise", self.env.uid): 150, ("free", self.env.uid): 150},
        )

    def test_no_kind_of_extension_makes_revenue(self):
        line = self._create_served("2026-04-01")
        before = len(line.contract_id.operation_ids)
        for kind in dict(line.extension_ids._fields["kind"].selection):
            self.env["isp.extension"].sudo().create(
                {
                    "connection_id": line.id,
                    "kind": kind,
                    "date_to": self._soon(days=1),
                }
            )
        self._run_cron()
        self.assertEqual(line.contract_id.balance, 0)
        self.assertEqual(len(line.contract_id.operation_ids), before)
