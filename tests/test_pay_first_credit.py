from datetime import date
from unittest.mock import patch

from freezegun import freeze_time

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .parallel import ParallelCase
from .pay_first_common import PayFirstCommon


@tagged("post_install", "-at_install")
class TestPayFirstCredit(PayFirstCommon):
    """Which line money buys, how much is enough, and money that is taken back."""

    # === how much is enough === #

    def _set_taxes(self, *taxes):
        self.package.product_id.taxes_id = [
            Command.set(
                [
                    self.env["account.tax"]
                    .create(
                        {
                            "name": f"{name} {amount} {how}",
                            "amount": amount,
                            "price_include_override": how,
                            "include_base_amount": True,
                            "sequence": place,
                        }
                    )
                    .id
                    for place, (name, amount, how) in enumerate(taxes)
                ]
            )
        ]

    def test_the_amount_checked_is_the_amount_posted(self):
        self.company.isp_tolerance = 0
        on_top, inside = "tax_excluded", "tax_included"
        cases = {
            "none": ((), 1500.00),
            "on top": ((("VAT", 16, on_top),), 1740.00),
            "inside": ((("VAT", 16, inside),), 1500.00),
            "stacked inside": (
                (("Excise", 15, inside), ("Stamp", 16, inside)),
                1500.00,
            ),
            "mixed": ((("Levy", 3.33, inside), ("Fee", 16, on_top)), 1740.00),
        }
        for name, (taxes, total) in cases.items():
            with self.subTest(name):
                self._set_taxes(*taxes)
                client = self._create_client(name)
                line = self._create_connection(partner_id=client.id)
                self.assertEqual(line.amount_due_first, total)
                self._pay(line.contract_id, total - 0.01, line)
                self.assertFalse(line.billing_ids)
                self._pay(line.contract_id, 0.01, line)
                self.assertEqual(line.invoice_id.amount_total, total)
                self.assertEqual(line.contract_id.balance, 0)
                self.assertEqual(line.access, "on")

    def test_a_few_shillings_missing_are_owed_and_paid_first_next_time(self):
        line = self._create_served()
        with freeze_time("2026-03-10 09:00:00"):
            self._pay(line.contract_id, 1490, line)
            self.assertEqual((line.access, line.contract_id.balance), ("on", -10))
        with freeze_time("2026-04-08 09:00:00"):
            self._pay(line.contract_id, 1500, line)
            self.assertEqual(line.contract_id.balance, -10)
        with freeze_time("2026-05-08 09:00:00"):
            self._pay(line.contract_id, 1480, line)
            self.assertEqual(line.contract_id.balance, 1470)

    def test_a_prepaid_contract_never_goes_below_zero(self):
        line = self._create_served()
        line.contract_id.type_id = self.env.ref("mybizna_isp.isp_contract_type_prepaid")
        with freeze_time("2026-03-10 09:00:00"):
            self._pay(line.contract_id, 1499.99, line)
            self._run_cron()
            self.assertEqual((line.access, line.contract_id.balance), ("off", 1499.99))
            self._pay(line.contract_id, 0.01, line)
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0))

    # === which line it buys === #

    def _create_three(self):
        first = self._create_served(sequence=1)
        contract = first.contract_id
        others = [
            self._create_served(contract_id=contract.id, sequence=place)
            for place in (2, 3)
        ]
        return contract, first, *others

    def test_the_line_the_payer_named_comes_first_then_the_contracts_order(self):
        contract, one, two, three = self._create_three()
        with freeze_time("2026-03-10 09:00:00"):
            self._pay(contract, 1500, three)
            self.assertEqual(
                [c.access for c in (one, two, three)], ["off", "off", "on"]
            )
            self._pay(contract, 1500)
            self.assertEqual((one | two | three).mapped("access"), ["on", "off", "on"])

    def test_money_that_is_too_little_for_the_line_it_names_waits_for_it(self):
        contract, one, two, three = self._create_three()
        two.package_id = self._create_package(
            "Small", 500.0, billing_mode="pay_first", product_id=False
        )
        two.package_id.product_id.taxes_id = False
        with freeze_time("2026-03-10 09:00:00"):
            self._pay(contract, 1000, three)
            self._run_cron()
            self.assertEqual([c.access for c in (one, two, three)], ["off"] * 3)
            self._pay(contract, 500)
            self.assertEqual(two.access, "on")
            self._pay(contract, 500, three)
            self.assertEqual((one.access, three.access), ("off", "on"))
            self.assertEqual(contract.balance, 0)

    def test_debts_are_paid_before_anything_is_bought(self):
        postpaid = self._create_package("Fixed IP", 800.0, access_kind="none")
        postpaid.product_id.taxes_id = False
        line = self._create_served()
        with freeze_time("2026-03-10 09:00:00"):
            self._create_active(contract_id=line.contract_id.id, package_id=postpaid.id)
            self._pay(line.contract_id, 1500)
            self.assertEqual((line.access, line.contract_id.balance), ("off", 700))

    # === trouble === #

    def test_trouble_with_a_renewal_keeps_no_money_from_being_booked(self):
        line = self._create_served()
        Model = type(self.env["isp.connection"])
        with (
            freeze_time("2026-03-10 09:00:00"),
            patch.object(
                Model, "_prepare_billing_vals", side_effect=UserError("No such price")
            ),
        ):
            payment = self._pay(line.contract_id, 1500, line)
        self.assertEqual(payment.state, "paid")
        self.assertEqual(line.contract_id.balance, 1500)
        self.assertEqual(line.needs_attention, "No such price")
        with freeze_time("2026-03-10 11:00:00"):
            self._run_cron()
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0))
        self.assertFalse(line.needs_attention)

    def test_an_invoice_that_comes_to_another_amount_is_not_kept(self):
        line = self._create_served()
        Billing = type(self.env["isp.billing"])
        with (
            freeze_time("2026-03-10 09:00:00"),
            patch.object(Billing, "_get_total", return_value=1400.0),
        ):
            self._pay(line.contract_id, 1500, line)
        self.assertIn("1,400.00 was expected", line.needs_attention)
        self.assertEqual(len(line.billing_ids), 1)
        self.assertEqual(line.contract_id.balance, 1500)

    # === money that is taken back === #

    def test_with_money_taken_back_at_once_goes_the_whole_period(self):
        line = self._create_served()
        with freeze_time("2026-03-10 09:00:00"):
            payment = self._pay(line.contract_id, 1500, line)
            self.assertEqual(line.access, "on")
            payment._isp_revoke("reversed by the network")
            self.assertEqual((line.access, line.contract_id.balance), ("off", 0))
            self.assertEqual(self._owed(line), 0)
            self._run_cron()
            self.assertEqual(line.contract_id.balance, 0)
            self._pay(line.contract_id, 1500, line)
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0))
        self.assertEqual(line.expiry_date, date(2026, 4, 10))
        self.assertLedger(line.contract_id)

    def test_days_that_were_served_stay_owed_and_no_others(self):
        line = self._create_served()
        with freeze_time("2026-04-01 09:00:00"):
            payment = self._pay(line.contract_id, 1500, line)
        with freeze_time("2026-04-11 09:00:00"):
            payment._isp_revoke("reversed by the network")
            # Ten of the thirty days of April.
            self.assertEqual((line.access, line.contract_id.balance), ("off", -500))
            self.assertEqual(self._owed(line), 500)
            self._pay(line.contract_id, 2000, line)
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0))
            self.assertEqual(line.expiry_date, date(2026, 5, 11))
        self.assertLedger(line.contract_id)

    def test_money_taken_back_is_made_good_by_other_credit_first(self):
        line = self._create_served()
        with freeze_time("2026-03-10 09:00:00"):
            payment = self._pay(line.contract_id, 1500, line)
            self._pay(line.contract_id, 1500, line)
            payment._isp_revoke("reversed by the network")
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0))

    def test_a_first_sum_taken_back_before_the_start_makes_the_line_new_again(self):
        self.package.write(
            {
                "start_mode": "technician",
                "setup_item_ids": [Command.create({"name": "Router", "amount": 3000})],
            }
        )
        line = self._create_connection()
        payment = self._pay(line.contract_id, 4500, line)
        self.assertEqual(line.state, "ready")
        payment._isp_revoke("reversed by the network")
        self.assertEqual((line.state, line.contract_id.balance), ("new", 0))
        self.assertEqual(line.amount_due_first, 4500)
        self._pay(line.contract_id, 4500, line)
        self.assertEqual(line.state, "ready")

    def test_a_payout_that_is_cancelled_renews_as_money_does(self):
        line = self._create_served()
        with freeze_time("2026-01-20 09:00:00"):
            self._pay(line.contract_id, 1500, line)
            payout = self._pay(line.contract_id, 1500, line, payment_type="outbound")
            self.assertEqual(line.contract_id.balance, 0)
        with freeze_time("2026-03-10 09:00:00"):
            payout._isp_revoke("never left")
            self.assertEqual((line.access, line.contract_id.balance), ("on", 0))


@tagged("post_install", "-at_install")
class TestPayFirstParallel(ParallelCase):
    """Payments at once buy each period once, and spend nothing twice."""

    def _create_line(self):
        def create(env):
            package = env["isp.package"].search(
                [("name", "=", "Prepaid"), ("company_id", "=", self.company_id)]
            ) or env["isp.package"].create(
                {
                    "name": "Prepaid",
                    "amount": 1000,
                    "billing_mode": "pay_first",
                    "billing_cycle_id": env.ref(
                        "mybizna_isp.isp_billing_cycle_monthly"
                    ).id,
                    "access_kind": "none",
                    "company_id": self.company_id,
                }
            )
            package.product_id.taxes_id = False
            partner = env["res.partner"].create({"name": "Asha"})
            return (
                env["isp.connection"]
                .create({"partner_id": partner.id, "package_id": package.id})
                .id
            )

        return self._do(create)

    def _pay(self, line, amount):
        def pay(env):
            connection = env["isp.connection"].browse(line)
            journal = env["account.journal"].search(
                [("type", "=", "bank"), ("company_id", "=", self.company_id)], limit=1
            )
            return (
                env["isp.contract"]
                ._create_payments(
                    [
                        {
                            "contract_id": connection.contract_id.id,
                            "connection_id": line,
                            "amount": amount,
                            "currency_id": connection.currency_id.id,
                            "journal_id": journal.id,
                            "date": fields.Date.today(),
                            "memo": "x",
                            "receipt_id": False,
                        }
                    ]
                )
                .id
            )

        return pay

    def _read(self, line):
        def read(env):
            connection = env["isp.connection"].browse(line)
            return (
                len(connection._get_period_billings()),
                len(connection._get_invoices()),
                connection.contract_id.balance,
                connection.access,
            )

        return self._do(read)

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_two_payments_at_once_buy_one_period_and_leave_the_rest_in_hand(self):
        line = self._create_line()
        results = self._side_by_side(self._pay(line, 1000), self._pay(line, 1000))
        self.assertTrue(all(isinstance(result, int) for result in results), results)
        self.assertEqual(self._read(line), (1, 1, 1000, "on"))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_two_halves_at_once_buy_one_period_together(self):
        line = self._create_line()
        results = self._side_by_side(self._pay(line, 500), self._pay(line, 500))
        self.assertTrue(all(isinstance(result, int) for result in results), results)
        self.assertEqual(self._read(line), (1, 1, 0, "on"))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_a_payment_beside_the_billing_run_spends_credit_once(self):
        line = self._create_line()
        self._do(self._pay(line, 900))

        def run(env):
            found = env["isp.connection"].browse(line)
            found._process_new()
            return found.id

        results = self._side_by_side(self._pay(line, 100), run, run)
        self.assertTrue(all(isinstance(result, int) for result in results), results)
        self.assertEqual(self._read(line), (1, 1, 0, "on"))
