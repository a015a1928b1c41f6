from datetime import date

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestTaxSchedule(IspCommon):
    """Tax rates with their days: the service's own day decides."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.low = cls._create_tax("VAT 14", 14)
        cls.high = cls._create_tax("VAT 16", 16)
        cls.schedule = cls._create_schedule(
            "VAT",
            [
                (cls.low, "2025-04-01", "2026-02-14"),
                (cls.high, "2026-02-15", False),
            ],
        )
        cls.package.product_id.taxes_id = cls.low

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

    @classmethod
    def _create_schedule(cls, name, rates, **values):
        return cls.env["isp.tax.schedule"].create(
            {
                "name": name,
                "company_id": cls.company.id,
                "active": True,
                "line_ids": [
                    Command.create({"tax_id": tax.id, "date_from": a, "date_to": b})
                    for tax, a, b in rates
                ],
                **values,
            }
        )

    def _get_template(self, name):
        return self.env.ref(f"mybizna_isp.isp_tax_schedule_ke_{name}")

    def _activate(self, template, **values):
        wizard = self.env["isp.tax.activate"].create(
            {
                "schedule_id": template.id,
                "company_id": self.company.id,
                "is_confirmed": True,
                **values,
            }
        )
        action = wizard.action_activate()
        return self.env["isp.tax.schedule"].browse(action["res_id"])

    # === which rate === #

    def test_the_rate_is_the_one_of_the_service_day_whichever_tax_is_carried(self):
        product = self.package.product_id
        for carried in (self.low, self.high):
            product.taxes_id = carried
            for day, tax in (
                (date(2025, 4, 1), self.low),
                (date(2026, 2, 14), self.low),
                (date(2026, 2, 15), self.high),
                (date(2031, 1, 1), self.high),
            ):
                self.assertEqual(self.package._get_taxes_on(day), tax)

    def test_a_tax_of_no_schedule_stays_as_it_is(self):
        other = self._create_tax("Levy", 2)
        self.package.product_id.taxes_id = self.low | other
        self.assertEqual(
            self.package._get_taxes_on(date(2026, 3, 1)), self.high | other
        )

    def test_an_archived_schedule_decides_nothing(self):
        self.schedule.active = False
        self.assertEqual(self.package._get_taxes_on(date(2026, 3, 1)), self.low)

    def test_a_changed_day_counts_from_then_on(self):
        self.assertEqual(self.package._get_taxes_on(date(2026, 2, 20)), self.high)
        first, second = self.schedule.line_ids
        second.date_from = "2026-03-01"
        first.date_to = "2026-02-28"
        self.assertEqual(self.package._get_taxes_on(date(2026, 2, 20)), self.low)

    def test_a_fiscal_position_maps_what_was_valid_on_the_day(self):
        exempt = self._create_tax("Exempt", 0)
        position = self.env["account.fiscal.position"].create(
            {"name": "Embassies", "company_id": self.company.id}
        )
        exempt.write(
            {
                "fiscal_position_ids": [Command.link(position.id)],
                "original_tax_ids": [Command.link(self.high.id)],
            }
        )
        product = self.package.product_id
        for day, tax in ((date(2026, 2, 14), self.low), (date(2026, 2, 15), exempt)):
            self.assertEqual(
                product._isp_get_taxes_on(day, self.company, position), tax
            )

    def test_another_companys_schedule_decides_nothing_here(self):
        other = self._create_company(name="Elsewhere")
        self.assertIn(
            self.low.id, self.env["isp.tax.schedule"]._get_rates(self.company.id)
        )
        self.assertFalse(self.env["isp.tax.schedule"]._get_rates(other.id))

    # === billing === #

    def test_an_invoice_issued_before_a_change_charges_the_rate_of_its_period(self):
        with freeze_time("2026-01-17 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
        # Issued five days ahead, on the 12th, under the old rate.
        with freeze_time("2026-02-12 09:00:00"):
            self._run_cron()
        first, second = connection.billing_ids.sorted("start_at")
        self.assertEqual(second.date_start, date(2026, 2, 17))
        self.assertEqual(second.invoice_id.invoice_date, date(2026, 2, 12))
        self.assertEqual(first.invoice_id.invoice_line_ids.tax_ids, self.low)
        self.assertEqual(second.invoice_id.invoice_line_ids.tax_ids, self.high)

    def test_a_change_within_a_period_waits_for_the_next_one(self):
        with freeze_time("2026-02-01 09:00:00"):
            connection = self._create_active()
        self.assertEqual(connection.billing_ids.date_end, date(2026, 2, 28))
        self.assertEqual(connection.invoice_id.invoice_line_ids.tax_ids, self.low)

    def test_a_part_has_the_rate_of_its_own_first_day(self):
        with freeze_time("2026-02-01 09:00:00"):
            connection = self._create_connection()
            items = connection._prepare_period_items(
                self.package,
                1,
                (date(2026, 2, 1), date(2026, 2, 28)),
                (date(2026, 2, 20), date(2026, 2, 28)),
            )
            billing = self._create_billing(connection, items)
            billing._issue_invoices()
        self.assertEqual(billing.invoice_id.invoice_line_ids.tax_ids, self.high)

    def _create_billing(self, connection, items):
        return connection.billing_ids.sudo().create(
            {
                "name": "Part",
                "connection_id": connection.id,
                "package_id": self.package.id,
                "date_start": "2026-02-20",
                "date_end": "2026-02-28",
                "start_at": "2026-02-19 21:00:00",
                "end_at": "2026-02-28 21:00:00",
                "cycle_start": "2026-02-01",
                "cycle_end": "2026-02-28",
                "item_ids": [Command.create(item) for item in items],
            }
        )

    def test_a_credit_takes_back_the_rate_that_was_charged(self):
        with freeze_time("2026-02-01 09:00:00"):
            connection = self._create_active()
        with freeze_time("2026-02-20 09:00:00"):
            credit = connection.billing_ids.sudo()._cut(date(2026, 2, 21))
            credit._issue_invoices()
        note = credit.invoice_id
        self.assertEqual(note.move_type, "out_refund")
        self.assertEqual(note.invoice_line_ids.tax_ids, self.low)
        self.assertAlmostEqual(note.amount_total, 1500 * 8 / 28, 2)

    def test_a_day_without_a_rate_stops_its_line_with_a_sentence_and_no_other(self):
        self.package.product_id.taxes_id = self.env["account.tax"]
        late = self._create_package("Late", 900)
        self.schedule.line_ids[-1].date_to = "2026-03-01"
        late.product_id.taxes_id = self.low
        with freeze_time("2026-02-10 09:00:00"):
            stopped = self._create_active(package_id=late.id)
            fine = self._create_active()
            self._pay_all(stopped)
            self._pay_all(fine)
        with freeze_time("2026-03-08 09:00:00"):
            self._run_cron()
        self.assertEqual(len(fine.billing_ids), 2)
        self.assertEqual(len(stopped.billing_ids), 1)
        self.assertIn("VAT has no rate on", stopped.needs_attention)

    def test_money_that_reaches_days_without_a_rate_is_booked_all_the_same(self):
        """Credit is counted ahead, for devices and for the screen."""
        self.package.billing_mode = "pay_first"
        self.package.product_id.taxes_id = self.low
        self.schedule.line_ids[-1].date_to = "2026-03-01"
        with freeze_time("2026-02-20 09:00:00"):
            line = self._create_connection()
            payment = self._pay(line.contract_id, 9000, line)
            self.assertEqual(payment.state, "paid")
            self.assertEqual(line.access, "on")
            self.assertFalse(line.credit_until_at)
            self.assertIn("in hand", line.credit_text)

    # === what is refused === #

    def test_two_rates_on_one_day_are_refused(self):
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(Exception, "valid on the same day|no_overlap"),
            self.cr.savepoint(),
        ):
            self.schedule.line_ids[0].date_to = "2026-02-15"
            self.env.flush_all()

    def test_a_gap_between_rates_is_refused_and_named(self):
        first, second = self.schedule.line_ids
        with self.assertRefused("VAT has no rate from .*02/10/2026 to 02/14/2026"):
            self.schedule.line_ids = [
                Command.update(first.id, {"date_to": "2026-02-09"})
            ]
        self.schedule.line_ids = [
            Command.update(first.id, {"date_to": "2026-02-09"}),
            Command.update(second.id, {"date_from": "2026-02-10"}),
        ]

    def test_a_rate_and_its_tax_say_the_same_percentage(self):
        with self.assertRefused("VAT: the tax .*VAT 16.* is not a percentage on sales"):
            self.schedule.line_ids[1].percent = 18

    def test_a_schedule_without_taxes_can_not_be_active(self):
        with self.assertRefused("can't be active: it needs a company, and a tax"):
            self._get_template("vat").active = True

    def test_one_tax_stands_in_one_active_schedule(self):
        with self.assertRefused("VAT again and VAT share a tax"):
            self._create_schedule("VAT again", [(self.high, "2020-01-01", False)])

    # === the Kenyan template === #

    def test_the_kenyan_template_ships_inactive_and_without_a_tax_record(self):
        for name, percents in (("excise", [20, 15]), ("vat", [14, 16])):
            template = self._get_template(name)
            self.assertFalse(template.active)
            self.assertFalse(template.company_id)
            self.assertFalse(template.line_ids.tax_id)
            self.assertEqual(template.line_ids.mapped("percent"), percents)

    def test_no_tax_is_made_before_the_rates_are_confirmed(self):
        before = (
            self.env["account.tax"].with_context(active_test=False).search_count([])
        )
        with self.assertRefused("Compare the rates of VAT .* with the law"):
            self._activate(self._get_template("vat"), is_confirmed=False)
        after = self.env["account.tax"].with_context(active_test=False).search_count([])
        self.assertEqual(before, after)

    def test_activating_makes_stacked_taxes_of_the_company_on_its_accounts(self):
        known = self.company.account_sale_tax_id
        account = known.invoice_repartition_line_ids.account_id
        excise = self._activate(
            self._get_template("excise"),
            like_tax_id=False,
            account_id=account.id,
            package_ids=self.package.ids,
        )
        vat = self._activate(self._get_template("vat"), package_ids=self.package.ids)
        self.assertTrue(excise.active and vat.active)
        taxes = (excise | vat).line_ids.tax_id
        self.assertEqual(len(taxes), 4)
        self.assertEqual(taxes.company_id, self.company)
        self.assertEqual(set(taxes.mapped("price_include")), {True})
        self.assertEqual(
            excise.line_ids.tax_id.invoice_repartition_line_ids.account_id, account
        )
        self.package.product_id.taxes_id -= self.low
        with freeze_time("2026-03-02 09:00:00"):
            invoice = self._create_active().invoice_id
        by_tax = {
            line.tax_line_id.amount: -line.balance
            for line in invoice.line_ids.filtered("tax_line_id")
        }
        self.assertEqual(invoice.amount_total, 1500)
        self.assertAlmostEqual(by_tax[16], 206.90, 2)
        self.assertAlmostEqual(by_tax[15], 168.67, 2)

    def test_activated_taxes_book_and_map_as_the_known_tax_does(self):
        known = self.company.account_sale_tax_id
        exempt = self._create_tax("Exempt", 0)
        position = self.env["account.fiscal.position"].create(
            {"name": "Embassies", "company_id": self.company.id}
        )
        exempt.write(
            {
                "fiscal_position_ids": [Command.link(position.id)],
                "original_tax_ids": [Command.link(known.id)],
            }
        )
        vat = self._activate(self._get_template("vat"), like_tax_id=known.id)
        taxes = vat.line_ids.tax_id
        for tax in taxes:
            self.assertEqual(
                tax.invoice_repartition_line_ids.mapped(
                    lambda rep: (rep.repartition_type, rep.account_id, rep.tag_ids)
                ),
                known.invoice_repartition_line_ids.mapped(
                    lambda rep: (rep.repartition_type, rep.account_id, rep.tag_ids)
                ),
            )
        self.assertEqual(position.map_tax(taxes[-1]), exempt)

    def test_a_template_is_activated_once_by_a_company(self):
        self._activate(self._get_template("vat"))
        with self.assertRefused("has activated VAT .* already"):
            self._activate(self._get_template("vat"))

    def test_only_accountants_activate(self):
        clerk = new_test_user(
            self.env, "clerk.tax", groups="mybizna_isp.isp_group_clerk"
        )
        with self.assertRaises(AccessError):
            self.env["isp.tax.activate"].with_user(clerk).create(
                {"schedule_id": self._get_template("vat").id}
            )

    def test_an_accountant_activates_without_rights_on_tax_settings(self):
        user = new_test_user(
            self.env,
            "accountant.tax",
            groups="mybizna_isp.isp_group_accountant",
            company_id=self.company.id,
        )
        wizard = (
            self.env["isp.tax.activate"]
            .with_user(user)
            .create({"schedule_id": self._get_template("vat").id, "is_confirmed": True})
        )
        action = wizard.action_activate()
        schedule = self.env["isp.tax.schedule"].browse(action["res_id"])
        self.assertTrue(schedule.active)
