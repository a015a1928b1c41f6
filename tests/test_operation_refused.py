from datetime import date

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .operation_common import OperationCommon


@tagged("post_install", "-at_install")
class TestOperationRefused(OperationCommon):
    """What can't be added says why, and leaves nothing behind."""

    # === what is entered === #

    def test_an_amount_of_zero_or_less_is_refused(self):
        for amount in (0.0, -5.0, 0.001):
            for kind in ("payment", "adjustment", "charge"):
                with self.assertRefused("must be above zero"):
                    self._add(kind, amount, product_id=self.router.id)

    def test_a_document_date_in_the_future_is_refused(self):
        with self.assertRefused("lies in the future"):
            self._add("adjustment", 5.0, date=self._days(1))
        with self.assertRefused("lies in the future"):
            self._add("event", note="x", date=self._days(1))

    def test_odoos_own_form_takes_no_future_date_on_a_contract_either(self):
        invoice = self._document([(self.line, 5)])
        invoice.invoice_date = self._days(1)
        with self.assertRefused("lies in the future"):
            invoice.action_post()
        payment = self._plain_payment()
        payment.write({"isp_contract_id": self.contract.id, "date": self._days(1)})
        with self.assertRefused("lies in the future"):
            payment.action_post()

    def test_a_closed_period_takes_nothing(self):
        period = self.line.billing_ids.invoice_id.isp_period_id
        wizard = self._wizard("adjustment", amount=5.0, period_id=period.id)
        self._close_all_periods()
        with self.assertRefused("is closed"):
            wizard.action_add()
        with self.assertRefused("closed|open"):
            self._add("adjustment", 5.0)
        self.assertEqual(self.contract.balance, 0)

    def _close_all_periods(self):
        periods = self.env["isp.period"].search([("company_id", "=", self.company.id)])
        self.env.flush_all()
        self.cr.execute(
            "UPDATE isp_period SET state = 'closed' WHERE id IN %s",
            [tuple(periods.ids)],
        )
        self.env.invalidate_all()

    def test_a_connection_of_another_contract_is_refused(self):
        wizard = self._wizard("charge", amount=5.0, product_id=self.router.id)
        wizard.write({"connection_id": self.other.id, "contract_id": self.contract.id})
        with self.assertRefused("of another contract"):
            wizard.action_add()

    def test_what_a_kind_needs_is_asked_for(self):
        for kind, sentence in (
            ("charge", "Choose what is charged"),
            ("discount", "choose its invoice"),
            ("transfer", "Choose the contract"),
            ("event", "Say what happened"),
        ):
            with self.assertRefused(sentence):
                self._add(kind, 5.0)

    def test_who_has_no_part_in_the_back_office_adds_nothing(self):
        wizard = self._wizard("event", note="x")
        with self.assertRaisesRegex(Exception, "back-office|not allowed"):
            wizard.with_user(self.users["invoicer"]).action_add()

    def test_no_other_door_leads_a_clerk_to_what_accountants_add(self):
        self._pay(self.contract, 100.0)
        draft = self._plain_payment()
        draft.write(
            {
                "payment_type": "outbound",
                "isp_contract_id": self.contract.id,
                "amount": 10,
            }
        )
        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "line_ids": [
                    Command.create(
                        {
                            "account_id": account.id,
                            "isp_contract_id": contract,
                            "balance": amount,
                        }
                    )
                    for account, contract, amount in (
                        (self._receivable_account(), self.contract.id, -10),
                        (self._account("adjustment"), False, 10),
                    )
                ],
            }
        )
        for record in (draft, entry):
            for name in ("clerk", "invoicer"):
                with (
                    self.assertRaisesRegex(AccessError, "only accountants"),
                    self.cr.savepoint(),
                ):
                    self._as(name, record).action_post()
            self._as("accountant", record).action_post()
        self.assertEqual(self.contract.balance, 100.0)
        self.assertLedger(self.contract)

    # === limits === #

    def test_nothing_but_counter_entries_goes_above_the_credit_limit(self):
        self.contract.write({"has_credit_limit": True, "credit_limit": 100})
        for kind, values in (
            ("charge", {"product_id": self.router.id}),
            ("transfer", {"contract_to_id": self.friend.id}),
            ("deposit", {}),
            ("adjustment", {"direction": "take"}),
        ):
            with self.assertRefused("may go down to"):
                self._add(kind, 100.01, **values)
        payment = self._pay(self.contract, 500.0)
        self._add("transfer", 600.0, contract_to_id=self.friend.id)
        self.assertEqual((self.contract.balance, self.friend.balance), (-100.0, 600.0))
        payment._isp_revoke("bounced")
        self.assertEqual(self.contract.balance, -600.0)

    def test_after_the_day_credit_was_due_nothing_is_charged(self):
        self._charge(100.0)
        self.contract.credit_due = self._days(-1)
        for kind, values in (
            ("charge", {"product_id": self.router.id}),
            ("adjustment", {"direction": "take"}),
            ("transfer", {"contract_to_id": self.friend.id}),
        ):
            with self.assertRefused("had to be paid back by"):
                self._add(kind, 1.0, **values)
        payment = self._pay(self.contract, 40.0)
        payment._isp_revoke("bounced")
        self._pay(self.contract, 100.0)
        self._charge(10.0)
        self.assertEqual(self.contract.balance, -10.0)
        self.assertLedger(self.contract)

    def test_on_the_day_itself_credit_is_not_overdue(self):
        self._charge(100.0)
        self.contract.credit_due = self.today
        self._charge(1.0)
        self.assertFalse(self.contract.is_credit_overdue)

    def test_overdue_contracts_are_found(self):
        Contract = self.env["isp.contract"]
        self._charge(100.0)
        (self.contract | self.friend).credit_due = self._days(-1)
        domain = [("id", "in", (self.contract | self.friend | self.empty).ids)]
        overdue = Contract.search([*domain, ("is_credit_overdue", "=", True)])
        self.assertEqual(overdue, self.contract)
        others = Contract.search([*domain, ("is_credit_overdue", "=", False)])
        self.assertEqual(others, self.friend | self.empty)
        self.assertTrue(self.contract.is_credit_overdue)
        self.assertFalse(self.friend.is_credit_overdue)

    @mute_logger("odoo.addons.mybizna_isp.models.isp_connection_billing_run")
    def test_the_billing_run_leaves_an_overdue_contract_to_a_person(self):
        self._charge(100.0)
        self.contract.credit_due = self._days(-1)
        line = self._create_connection(contract_id=self.contract.id)
        self._run_cron_bill()
        self.assertIn("had to be paid back by", line.needs_attention or "")
        self.assertFalse(line.billing_ids)
        self.assertEqual(self.contract.balance, -100.0)

    def _run_cron_bill(self):
        with self.enter_registry_test_mode():
            self.env.ref("mybizna_isp.isp_connection_cron_bill").method_direct_trigger()
        self.env.invalidate_all()

    # === bounds of a kind === #

    def test_no_more_is_refunded_than_is_in_hand(self):
        self._pay(self.contract, 100.0)
        with self.assertRefused("doesn't have that much"):
            self._add("refund", 100.01, journal_id=self.wallet.id)
        payment = self._plain_payment()
        payment.write({"payment_type": "outbound", "isp_contract_id": self.contract.id})
        with self.assertRefused("doesn't have that much"):
            payment.action_post()

    def test_no_more_is_written_off_than_is_owed(self):
        with self.assertRefused("doesn't owe that much"):
            self._add("write_off", 0.01)
        charge = self._charge(100.0)
        self._charge(100.0)
        with self.assertRefused("Write off that at most"):
            self._add("write_off", 150.0, invoice_ids=[Command.set(charge.ids)])
        self._add("write_off", 200.0)
        self.assertEqual(self.contract.balance, 0)

    def test_no_more_deposit_is_returned_than_is_held(self):
        self._pay(self.contract, 100.0)
        [taken] = self._add("deposit", 100.0)
        with self.assertRefused("less deposit"):
            self._add("deposit_return", 100.01)
        self._add("deposit_return", 60.0)
        with self.assertRefused("less deposit"):
            taken.move_id._isp_revoke("never taken")
        self.assertEqual(self.contract.deposit_held, 40.0)

    def test_no_more_is_discounted_than_was_charged(self):
        charge = self._charge(100.0)
        self._add("discount", 60.0, invoice_id=charge.id)
        with self.assertRefused("more would be taken back"):
            self._add("discount", 40.01, invoice_id=charge.id)
        self._add("discount", 40.0, invoice_id=charge.id)
        self.assertEqual(self.contract.balance, 0)
        self.assertFalse(charge.isp_revoked_by_id)

    def test_a_discount_refers_to_a_live_charge_of_its_own_contract(self):
        foreign = self.other.billing_ids.invoice_id
        cancelled = self._charge(100.0)
        cancelled._isp_revoke("wrong")
        for invoice in (foreign, cancelled):
            with self.assertRefused("same contract that is not cancelled"):
                self._add("discount", 1.0, invoice_id=invoice.id)

    def test_a_transfer_leads_to_another_contract_of_the_company(self):
        self._pay(self.contract, 100.0)
        with self.assertRefused("to another contract"):
            self._add("transfer", 10.0, contract_to_id=self.contract.id)
        company = self.setup_other_company()["company"]
        foreign = self.env["isp.contract"].create(
            {"partner_id": self._create_client("Abroad").id, "company_id": company.id}
        )
        wizard = self._wizard("transfer", amount=10.0)
        wizard.sudo().contract_to_id = foreign
        with self.assertRaisesRegex(Exception, "different companies|not allowed"):
            wizard.sudo().action_add()
        self.assertEqual(self.contract.balance, 100.0)

    def test_a_document_of_last_year_counts_in_the_period_that_is_open(self):
        """S3-29: the document's date stays beside the day it counts."""
        [operation] = self._add("adjustment", 5.0, date=date(2014, 1, 15))
        move = operation.move_id
        self.assertEqual(move.isp_document_date, date(2014, 1, 15))
        self.assertGreater(move.date, date(2014, 12, 31))
        self.assertEqual(operation.period_id, move.isp_period_id)
        self.assertLedger(self.contract)
