from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from .operation_common import OperationCommon


@tagged("post_install", "-at_install")
class TestOperationAdd(OperationCommon):
    """Each kind: its accounts, its operation, its balance."""

    def assertOperation(self, operation, kind, amount):
        self.assertEqual(operation.kind, kind)
        self.assertEqual(operation.amount, amount)
        self.assertEqual(operation.move_id.isp_kind, kind)
        self.assertTrue(operation.time)
        self.assertLedger(operation.contract_id)

    # === money === #

    def test_a_top_up_is_a_posted_payment_of_its_journal_and_date(self):
        [operation] = self._add(
            "payment",
            700.0,
            journal_id=self.wallet.id,
            connection_id=self.line.id,
            date=self._days(-1),
            note="Cash, receipt 118",
            reference="118",
        )
        self.assertOperation(operation, "payment", 700.0)
        payment = operation.move_id.origin_payment_id
        self.assertEqual(payment.state, "paid")
        self.assertEqual(payment.payment_reference, "118")
        self.assertEqual(payment.isp_document_date, self._days(-1))
        self.assertEqual(operation.connection_id, self.line)
        self.assertEqual(self.contract.balance, 700.0)

    def test_a_refund_pays_out_the_credit_in_hand(self):
        self._pay(self.contract, 500.0)
        [operation] = self._add("refund", 500.0, journal_id=self.wallet.id)
        self.assertOperation(operation, "refund", -500.0)
        payment = operation.move_id.origin_payment_id
        self.assertEqual(payment.payment_type, "outbound")
        self.assertTrue(self._receivables(payment.move_id).reconciled)
        self.assertEqual(self.contract.balance, 0)

    # === charges and what is given back of them === #

    def test_a_one_off_charge_costs_the_amount_with_the_products_taxes_in_it(self):
        self.router.taxes_id = self.tax_sale_a
        move = self._charge(1150.0, connection_id=self.line.id, note="Router swap")
        self.assertEqual(move.move_type, "out_invoice")
        self.assertEqual(
            (move.amount_untaxed, move.amount_tax, move.amount_total), (1000, 150, 1150)
        )
        operation = move.isp_operation_ids
        self.assertOperation(operation, "charge", -1150.0)
        self.assertEqual(operation.description, "Router swap")
        self.assertEqual(operation.connection_id, self.line)
        self.assertEqual(self.contract.balance, -1150.0)

    def test_every_amount_can_be_charged_to_the_cent_whatever_the_tax(self):
        percents = {"excluded": 16.0, "included": 16.0}
        for name, percent in percents.items():
            tax = self.env["account.tax"].create(
                {
                    "name": f"VAT {name}",
                    "amount": percent,
                    "price_include_override": f"tax_{name}",
                }
            )
            self.router.taxes_id = tax
            for cents in (1, 7, 29, 99, 1003, 9998, 123457):
                move = self._charge(cents / 100)
                with self.subTest(tax=name, cents=cents):
                    self.assertAlmostEqual(move.amount_total, cents / 100, 2)
        self.assertLedger(self.contract)

    def test_a_discount_takes_back_a_part_of_its_charge_with_its_taxes(self):
        self.router.taxes_id = self.tax_sale_a
        charge = self._charge(1150.0)
        [operation] = self._add("discount", 230.0, invoice_id=charge.id)
        self.assertOperation(operation, "discount", 230.0)
        note = operation.move_id
        self.assertEqual(note.reversed_entry_id, charge)
        self.assertEqual((note.amount_untaxed, note.amount_tax), (200, 30))
        self.assertEqual(
            note.invoice_line_ids.account_id, charge.invoice_line_ids.account_id
        )
        self.assertEqual(charge.amount_residual, 920.0)
        self.assertEqual(self.contract.balance, -920.0)

    def test_a_discount_over_the_whole_charge_leaves_its_period_billed(self):
        billing = self.line.billing_ids
        self._add("discount", 1500.0, invoice_id=billing.invoice_id.id)
        self.assertEqual(billing.state, "billed")
        self.assertFalse(billing.invoice_id.isp_revoked_by_id)
        self.assertEqual(self.line.access, "on")

    def test_a_discount_is_shared_among_the_lines_of_its_charge(self):
        second = self._create_connection(contract_id=self.contract.id)
        charge = self._document([(self.line, 1000), (second, 500)])
        charge.action_post()
        operations = self._add("discount", 300.0, invoice_id=charge.id)
        parts = {o.connection_id: o.amount for o in operations}
        self.assertEqual(parts, {self.line: 200.0, second: 100.0})
        [alone] = self._add(
            "discount", 100.0, invoice_id=charge.id, connection_id=second.id
        )
        self.assertEqual((alone.connection_id, alone.amount), (second, 100.0))
        self.assertLedger(self.contract)

    def test_goodwill_is_a_credit_note_that_pays_the_oldest_debt(self):
        charge = self._charge(1000.0)
        [operation] = self._add("goodwill", 300.0, note="Two days of no service")
        self.assertOperation(operation, "goodwill", 300.0)
        note = operation.move_id
        self.assertEqual(note.move_type, "out_refund")
        self.assertFalse(note.reversed_entry_id)
        self.assertEqual(self._balances(note)[self._account("goodwill")], 300.0)
        self.assertEqual(charge.amount_residual, 700.0)

    # === entries === #

    def test_a_transfer_is_one_document_with_a_leg_on_each_contract(self):
        self._pay(self.contract, 800.0)
        debt = self._charge(500.0, self.friend)
        before = self.friend.operation_ids
        [out] = self._add("transfer", 600.0, contract_to_id=self.friend.id)
        self.assertOperation(out, "transfer", -600.0)
        [into] = self.friend.operation_ids - before
        self.assertOperation(into, "transfer", 600.0)
        self.assertEqual(out.move_id, into.move_id)
        self.assertEqual(len(out.move_id.line_ids), 2)
        self.assertEqual(debt.payment_state, "paid")
        self.assertEqual((self.contract.balance, self.friend.balance), (200.0, 100.0))

    def test_a_cancelled_transfer_takes_back_both_legs(self):
        self._pay(self.contract, 800.0)
        [out] = self._add("transfer", 600.0, contract_to_id=self.friend.id)
        out.move_id._isp_revoke("wrong neighbour")
        self.assertEqual((self.contract.balance, self.friend.balance), (800.0, 0.0))
        mirror = out.move_id.isp_revoked_by_id
        self.assertEqual(mirror.isp_kind, "reversal")
        self.assertEqual(
            sorted(mirror.isp_operation_ids.mapped("amount")), [-600.0, 600.0]
        )
        self.assertLedger(self.contract)
        self.assertLedger(self.friend)

    def test_an_opening_balance_goes_either_way_and_asks_no_limit(self):
        self.empty.write({"has_credit_limit": True, "credit_limit": 0})
        for direction, amount, total in (("take", -900, -900), ("add", 400, -500)):
            [operation] = self._add(
                "opening", abs(amount), self.empty, direction=direction
            )
            self.assertOperation(operation, "opening", amount)
            self.assertEqual(
                self._balances(operation.move_id)[self._account("opening")], amount
            )
            self.assertEqual(self.empty.balance, total)
        self.assertEqual(self._account("opening").account_type, "equity")

    def test_an_adjustment_goes_either_way(self):
        for direction, amount in (("add", 50.0), ("take", -20.0)):
            [operation] = self._add("adjustment", abs(amount), direction=direction)
            self.assertOperation(operation, "adjustment", amount)
            self.assertEqual(
                self._balances(operation.move_id)[self._account("adjustment")], amount
            )
        self.assertEqual(self.contract.balance, 30.0)

    def test_a_write_off_settles_the_oldest_charge_against_bad_debts(self):
        old = self._charge(100.0, date=self._days(-2))
        new = self._charge(100.0)
        [operation] = self._add("write_off", 150.0)
        self.assertOperation(operation, "write_off", 150.0)
        account = self._account("write_off")
        self.assertEqual(self._balances(operation.move_id)[account], 150.0)
        self.assertEqual(account.account_type, "expense")
        self.assertEqual((old.amount_residual, new.amount_residual), (0, 50.0))

    def test_a_write_off_settles_the_charge_that_was_chosen(self):
        old = self._charge(100.0, date=self._days(-2))
        new = self._charge(100.0)
        self._add("write_off", 100.0, invoice_ids=[Command.set(new.ids)])
        self.assertEqual((old.amount_residual, new.amount_residual), (100.0, 0))

    def test_a_deposit_is_a_liability_and_comes_back(self):
        self._pay(self.contract, 2000.0)
        [taken] = self._add("deposit", 2000.0)
        self.assertOperation(taken, "deposit", -2000.0)
        account = self._account("deposit")
        self.assertEqual(account.account_type, "liability_current")
        self.assertEqual(self._balances(taken.move_id)[account], -2000.0)
        self.assertEqual((self.contract.deposit_held, self.contract.balance), (2000, 0))
        [back] = self._add("deposit_return", 1500.0)
        self.assertOperation(back, "deposit_return", 1500.0)
        self.assertEqual(self.contract.deposit_held, 500.0)
        taken.move_id.isp_operation_ids.invalidate_recordset()
        back.move_id._isp_revoke("not yet")
        self.contract.invalidate_recordset()
        self.assertEqual((self.contract.deposit_held, self.contract.balance), (2000, 0))

    def test_a_deposit_that_is_given_back_pays_what_is_owed(self):
        self._pay(self.contract, 1000.0)
        self._add("deposit", 1000.0)
        debt = self._charge(400.0)
        self._add("deposit_return", 1000.0)
        self.assertEqual(debt.payment_state, "paid")
        self.assertEqual(self.contract.balance, 600.0)

    # === events === #

    def test_an_event_has_a_client_and_a_time_and_no_amount(self):
        self._pay(self.contract, 10.0)
        service = self.env["isp.service.type"].search([], limit=1)
        self.package.service_type_id = service
        [event] = self._add(
            "event", connection_id=self.line.id, note="Visited, cable replaced"
        )
        self.assertEqual((event.kind, event.amount), ("event", 0))
        self.assertFalse(event.move_id)
        self.assertFalse(event.line_id)
        self.assertEqual(event.connection_id, self.line)
        self.assertEqual(event.service_type_id, service)
        self.assertEqual(event.partner_id, self.client)
        self.assertTrue(event.time)
        self.assertEqual(self.contract.balance, 10.0)

    def test_programs_log_events_too(self):
        event = self.env["isp.operation"]._log_event(self.contract, "Moved house")
        self.assertEqual(event.contract_id, self.contract)
        self.assertEqual(event.date, self.today)
        with self.assertRefused("can't be changed"):
            event.sudo().write({"description": "x"})

    # === the form === #

    def test_the_form_tells_the_balance_that_comes_of_it(self):
        self._pay(self.contract, 200.0)
        money = self.contract.currency_id.format
        form = Form(self.env["isp.operation.add"].with_user(self.users["accountant"]))
        form.connection_id = self.line
        self.assertEqual(form.contract_id, self.contract)
        form.kind = "charge"
        form.product_id = self.router
        form.amount = 1500.0
        self.assertIn(f"{money(200)} → {money(-1300)}", form.preview)
        form.kind = "goodwill"
        self.assertIn(f"{money(200)} → {money(1700)}", form.preview)
        form.kind = "transfer"
        form.contract_to_id = self.friend
        self.assertIn(f"{money(0)} → {money(1500)}", form.preview)
        form.kind = "charge"
        form.save().action_add()
        self.assertEqual(self.contract.balance, -1300.0)

    def test_a_clerk_adds_top_ups_charges_and_events_and_no_more(self):
        clerk = {"user": "clerk"}
        self._add("payment", 100.0, journal_id=self.wallet.id, **clerk)
        self._add("charge", 40.0, product_id=self.router.id, **clerk)
        self._add("event", note="Called", **clerk)
        self.assertEqual(self.contract.balance, 60.0)
        for kind in ("goodwill", "refund", "adjustment", "transfer", "write_off"):
            with (
                self.subTest(kind),
                self.assertRaisesRegex(AccessError, "Only accountants"),
                self.cr.savepoint(),
            ):
                self._add(kind, 10.0, **clerk)
        self.assertEqual(self.contract.balance, 60.0)
        fields = self.env["isp.operation.add"].with_user(self.users["clerk"])
        offered = fields.fields_get(["kind"])["kind"]["selection"]
        self.assertEqual(
            [kind for kind, _label in offered], ["payment", "charge", "event"]
        )

    def test_the_note_and_the_reference_stand_on_document_and_operation(self):
        [operation] = self._add("adjustment", 5.0, note="Rounding", reference="M-7")
        self.assertEqual(operation.description, "Rounding")
        self.assertEqual(operation.move_id.ref, "M-7")
        self.assertEqual(operation.move_id.create_uid, self.users["accountant"])

    # === the settings === #

    def test_a_chart_with_its_own_account_for_bad_debts_keeps_it(self):
        own = self.env["account.account"].create(
            {"name": "Bad debts written off", "code": "5136", "account_type": "expense"}
        )
        self.company.isp_write_off_account_id = False
        self.assertEqual(self._account("write_off"), own)

    def test_the_settings_choose_the_account(self):
        own = self.env["account.account"].create(
            {"name": "Migration", "code": "398765", "account_type": "equity"}
        )
        settings = self.env["res.config.settings"].create(
            {"company_id": self.company.id}
        )
        settings.isp_opening_account_id = own
        [operation] = self._add("opening", 10.0)
        self.assertIn(own, operation.move_id.line_ids.account_id)
