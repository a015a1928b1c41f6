from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import Form, tagged

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestBillingRun(IspCommon):
    def setUp(self):
        super().setUp()
        # The engine works as the system.
        self.engine = self.env["isp.connection"].sudo()
        self.today = self.company._isp_today()

    def _create_due(self, count=1, **values):
        """Lines in service whose next period begins today, never billed here."""
        start = values.pop("billing_date", self.today)
        lines = self.engine
        for _number in range(count):
            if "contract_id" not in values:
                values["partner_id"] = self._create_client().id
            line = self._create_connection(**values).with_env(self.engine.env)
            line.write(
                {
                    "state": "active",
                    "is_setup": True,
                    "anchor_date": start,
                    "billing_date": start,
                }
            )
            lines |= line
        return lines

    def _create_run(self, **values):
        return self.env["isp.billing.run"].create(values)

    def _of(self, lines):
        return lines.billing_ids.filtered(lambda b: b.kind == "period")

    # === PREVIEW === #

    def test_the_preview_says_who_which_period_and_how_much_next_to_last_time(self):
        line = self._create_due(billing_date=self.today - timedelta(days=20))
        line._bill_next_period()
        self._pay_all(line)
        self.package.amount = 1600.0
        run = self._create_run(date=line.next_invoice_date)
        row = run.line_ids.filtered(lambda r: r.connection_id == line)
        self.assertEqual(row.date_start, line.billing_date)
        self.assertEqual(row.last_amount, 1500.0)
        self.assertEqual(row.amount, 1600.0)
        self.assertEqual(row.difference, 100.0)
        self.assertEqual(run.amount, 1600.0)

    def test_the_amount_previewed_is_the_amount_posted(self):
        included = self.env["account.tax"].create(
            {
                "name": "VAT in the price",
                "amount": 16.0,
                "price_include_override": "tax_included",
                "company_id": self.company.id,
            }
        )
        added = self._create_package("Added", 999.99)
        inside = self._create_package("Inside", 1000.01)
        inside.product_id.taxes_id = included
        lines = self._create_due(package_id=added.id) + self._create_due(
            package_id=inside.id, quantity=3
        )
        part = self._create_due(package_id=inside.id)
        part.contract_id.billing_day = (self.today + timedelta(days=9)).day
        lines += part
        run = self._create_run()
        shown = {row.connection_id: row.total for row in run.line_ids}
        self.assertEqual(shown.keys(), set(lines))
        run.action_issue()
        self._run_cron()
        for line in lines:
            billing = self._of(line)
            self.assertEqual(billing.invoice_id.amount_total, shown[line], line)
        self.assertLess(shown[part], inside.amount)

    def test_a_preview_writes_nothing_on_lines(self):
        line = self._create_due(billing_date=self.today - timedelta(days=70))
        # It was billed here once, and is off: its next period would begin today.
        line._bill_next_period()
        self._pay_all(line)
        date, anchor = line.billing_date, line.anchor_date
        if date >= self.today:
            line.write({"billing_date": self.today - timedelta(days=40)})
            date = line.billing_date
        run = self._create_run()
        self.assertTrue(run.line_count)
        self.assertEqual((line.billing_date, line.anchor_date), (date, anchor))

    def test_issue_has_the_invoices_made_and_tells_the_progress(self):
        lines = self._create_due(3)
        run = self._create_run()
        self.assertEqual(run.line_count, 3)
        run.action_issue()
        self.assertEqual((run.state, run.progress), ("running", 0))
        self._run_cron()
        self.assertEqual(len(self._of(lines)), 3)
        self.assertEqual((run.state, run.issued_count, run.progress), ("done", 3, 100))
        self.assertEqual(run.line_ids.invoice_id, lines.invoice_id)

    def test_progress_counts_what_is_done_while_the_run_goes_on(self):
        lines = self._create_due(4)
        run = self._create_run()
        run.action_issue()
        lines[0]._bill_next_period()
        run.action_update_progress()
        self.assertEqual(
            (run.state, run.issued_count, run.progress), ("running", 1, 25)
        )

    def test_each_batch_that_is_done_shows_in_the_run(self):
        self._create_due(4)
        run = self._create_run()
        run.action_issue()
        seen = []
        note = type(run)._note_progress

        def watch(self, connections):
            note(self, connections)
            self.env.flush_all()
            run.env.invalidate_all()
            seen.append(run.issued_count)

        with (
            patch.object(type(run), "_note_progress", watch),
            patch(
                "odoo.addons.mybizna_isp.models.isp_connection_billing_run.SIP_SIZE", 2
            ),
            patch(
                "odoo.addons.mybizna_isp.models.isp_connection_billing_run.BATCH_SIZE",
                2,
            ),
        ):
            self._run_cron()
        self.assertEqual(seen, [2, 4])

    def test_a_line_that_was_closed_meanwhile_keeps_no_run_waiting(self):
        one, other = self._create_due(2)
        run = self._create_run()
        run.action_issue()
        other.with_env(self.env).action_close()
        self._run_cron()
        row = run.line_ids.filtered(lambda r: r.connection_id == other)
        self.assertEqual((row.state, run.state), ("held", "done"))
        self.assertEqual(self._of(one + other).connection_id, one)

    def test_a_line_that_cant_be_billed_is_named_in_the_run(self):
        good, bad = self._create_due(2)
        run = self._create_run()
        run.action_issue()
        bad.package_id = self._create_package("Broken", 10.0)
        bad.package_id.product_id.property_account_income_id = False
        bill = type(bad)._prepare_billing_vals

        def fail(self, period):
            if self.id == bad.id:
                raise ValueError("no income account")
            return bill(self, period)

        with patch.object(type(bad), "_prepare_billing_vals", fail):
            self._run_cron()
        row = run.line_ids.filtered(lambda r: r.connection_id == bad)
        self.assertEqual((row.state, run.state), ("failed", "done"))
        self.assertIn("no income account", row.error)
        self.assertEqual(len(self._of(good)), 1)

    def test_what_changed_since_the_preview_is_not_issued_unseen(self):
        line = self._create_due()
        run = self._create_run()
        line._bill_next_period()
        with self.assertRefused("has changed since the preview"):
            run.action_issue()

    def test_a_clerk_makes_a_run_from_the_form(self):
        self._create_due(2)
        with Form(self.env["isp.billing.run"]) as form:
            form.date = self.today + timedelta(days=3)
        self.assertEqual(form.record.line_count, 2)

    def test_a_look_ahead_is_not_issued(self):
        line = self._create_due()
        run = self._create_run(date=self.today + timedelta(days=40))
        self.assertEqual(run.line_ids.connection_id, line)
        with self.assertRefused("make a run until today"):
            run.action_issue()
        self.assertEqual(run.state, "preview")

    # === HOLD === #

    def test_with_asking_first_nothing_is_issued_before_a_person_says_so(self):
        self.company.isp_auto_billing = False
        one, other = self._create_due(2)
        self._run_cron()
        self.assertFalse(self._of(one + other))
        self.assertEqual(set((one + other).mapped("billing_hold")), {"asked"})
        run = self._create_run()
        run.line_ids.filtered(lambda r: r.connection_id == other).is_included = False
        run.action_issue()
        self._run_cron()
        self.assertEqual(self._of(one + other).connection_id, one)
        self.assertEqual(other.billing_hold, "asked")

    def test_a_run_issued_before_the_system_asked_is_issued_all_the_same(self):
        self.company.isp_auto_billing = False
        lines = self._create_due(2)
        run = self._create_run()
        run.action_issue()
        self._run_cron()
        self.assertEqual(run.state, "done")
        self.assertEqual(self._of(lines).connection_id, lines)
        self.assertFalse(any(lines.mapped("billing_hold")))

    def test_a_line_imported_with_an_old_date_waits_and_bills_nothing(self):
        line = self._create_due(billing_date=fields.Date.to_date("2023-01-01"))
        for _run in range(2):
            self._run_cron()
        self.assertFalse(self._of(line))
        self.assertEqual(line.billing_hold, "behind")
        held = self.env["isp.connection"].search([("billing_hold", "!=", False)])
        self.assertEqual(held, line)

    def test_billing_from_today_on_passes_over_what_lies_behind(self):
        line = self._create_due(billing_date=fields.Date.to_date("2023-01-01"))
        self._run_cron()
        line.action_bill_from_today()
        self._run_cron()
        self.assertEqual(self._of(line).mapped("date_start"), [self.today])
        self.assertFalse(line.billing_hold)

    def test_a_released_line_bills_from_where_it_stands(self):
        start = self.today - timedelta(days=40)
        line = self._create_due(billing_date=start)
        self.env["isp.extension"].create(
            {
                "connection_id": line.id,
                "kind": "migrated",
                "date_from": self._soon(days=-200),
            }
        )
        self._run_cron()
        self.assertEqual(line.billing_hold, "behind")
        line.with_env(self.env).action_release_hold()
        self._run_cron()
        self.assertIn(start, self._of(line).mapped("date_start"))
        self.assertFalse(line.billing_hold)

    def _bill_last_month(self, count):
        lines = self._create_due(count)
        lines._bill_next_period()
        self.env.flush_all()
        before = self.today.replace(day=1) - timedelta(days=3)
        self.env.cr.execute(
            "UPDATE isp_billing SET create_date = %s WHERE id = ANY(%s)",
            [before, self._of(lines).ids],
        )
        return lines

    def test_a_run_far_beyond_last_month_waits_but_what_is_usual_goes_out(self):
        self.company.isp_run_limit_count = 1
        self._bill_last_month(5)
        lines = self._create_due(9)
        self._run_cron()
        # 120 % of 5.
        self.assertEqual(len(self._of(lines)), 6)
        held = lines.filtered(lambda c: c.billing_hold == "spike")
        self.assertEqual(len(held), 3)
        held.action_release_hold()
        self._run_cron()
        self.assertEqual(len(self._of(lines)), 9)

    def test_a_small_provider_may_grow_without_being_asked(self):
        self._bill_last_month(2)
        lines = self._create_due(9)
        self._run_cron()
        self.assertEqual(len(self._of(lines)), 9)

    def test_a_fresh_database_issues_all_its_first_invoices(self):
        lines = self._create_due(30)
        self._run_cron()
        self.assertEqual(len(self._of(lines)), 30)

    # === ONE INVOICE FOR ALL LINES === #

    def _create_grouped(self, count):
        contract = self.env["isp.contract"].create(
            {"partner_id": self.client.id, "is_grouped": True}
        )
        lines = self.engine
        for _number in range(count):
            lines |= self._create_due(contract_id=contract.id)
        return lines

    def test_all_lines_of_a_contract_share_an_invoice(self):
        lines = self._create_grouped(3)
        alone = self._create_due()
        self._run_cron()
        invoice = self._of(lines).invoice_id
        self.assertEqual(len(invoice), 1)
        self.assertEqual(len(self._of(lines)), 3)
        self.assertEqual(invoice.payment_reference, lines.contract_id.account_no)
        self.assertNotEqual(self._of(alone).invoice_id, invoice)
        self.assertLedger(lines.contract_id)

    def test_lines_that_share_an_invoice_are_not_torn_apart_by_a_batch(self):
        lines = self._create_grouped(8)
        with patch(
            "odoo.addons.mybizna_isp.models.isp_connection_billing_run.SIP_SIZE", 3
        ):
            self._run_cron()
        self.assertEqual(len(self._of(lines).invoice_id), 1)
