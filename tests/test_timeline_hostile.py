from datetime import timedelta

from odoo import Command, fields
from odoo.tests import tagged

from .money_common import MoneyCommon


@tagged("post_install", "-at_install")
class TestTimelineHostile(MoneyCommon):
    """What the timeline must not say, whatever happened to the money."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line = cls._create_active(username="story")
        cls.contract = cls.line.contract_id
        cls.clerk = cls._create_user("truth_clerk", "mybizna_isp.isp_group_clerk")

    def _tell(self, source=None, line=None):
        """Return the rows of a source, or all, as a clerk reads them."""
        self.env.flush_all()
        self.env.invalidate_all()
        rows = (
            self.env["isp.timeline"].with_user(self.clerk)._read_of(line or self.line)
        )
        return rows.filtered(lambda row: source in (None, row.source))

    def _suspend(self, start, end=None, reason="manual"):
        now = fields.Datetime.now()
        return self.env["isp.suspension"].create(
            {
                "connection_id": self.line.id,
                "reason": reason,
                "date_from": now + timedelta(hours=start),
                "date_to": end is not None and now + timedelta(hours=end),
            }
        )

    # === MONEY === #

    def test_a_draft_is_no_payment(self):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.client.id,
                "amount": 1725.0,
                "journal_id": self.wallet.id,
            }
        )
        self.assertEqual(payment.isp_contract_id, self.contract)
        self.assertFalse(self._tell("payment"))
        payment.action_post()
        self.assertEqual(
            self._tell("payment").mapped("name"), [f"Payment {payment.name} booked"]
        )

    def test_a_cancelled_payment_has_a_row_of_its_own_and_pays_nothing(self):
        payment = self._pay(self.contract, 500.0, self.line)
        payment._isp_revoke("bounced")
        cancelled = self._tell("payment_cancelled")
        self.assertEqual(cancelled.name, f"{payment.name} cancelled: bounced")
        self.assertEqual(cancelled.amount, -500.0)
        self.assertEqual(
            self._tell("payment").name,
            f"Payment {payment.name} booked, cancelled later",
        )
        [matched] = self._tell("reconciliation")
        mirror = payment.isp_revocation_move_id
        self.assertEqual(matched.name, f"{mirror.name} cancels {payment.move_id.name}")

    def test_a_cancelled_invoice_is_not_paid_by_its_counter_entry(self):
        invoice, billing = self.line.invoice_id, self.line.billing_ids
        mirror = invoice._isp_revoke("wrong package")
        [matched] = self._tell("reconciliation")
        self.assertEqual(matched.name, f"{mirror.name} cancels {invoice.name}")
        cancelled = self._tell("billing_cancelled")
        self.assertEqual(cancelled.name, f"{billing.name} cancelled: wrong package")

    def test_a_credit_note_lowers_and_does_not_pay(self):
        invoice = self.line.invoice_id
        note = self.env["account.move"].create(
            {
                "move_type": "out_refund",
                "partner_id": self.client.id,
                "isp_contract_id": self.contract.id,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Sorry",
                            "price_unit": 10.0,
                            "tax_ids": False,
                            "isp_connection_id": self.line.id,
                        }
                    )
                ],
            }
        )
        note.action_post()
        (note | invoice).line_ids.filtered(
            lambda ln: ln.account_id.account_type == "asset_receivable"
        ).reconcile()
        self.assertEqual(
            self._tell("reconciliation").mapped("name"),
            [f"{note.name} lowers {invoice.name}"],
        )

    def test_money_paid_back_is_no_payment(self):
        self._pay(self.contract, 5000.0)
        refund = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "customer",
                "partner_id": self.client.id,
                "isp_contract_id": self.contract.id,
                "amount": 100.0,
                "journal_id": self.wallet.id,
            }
        )
        refund.action_post()
        said = {row.res_id: row for row in self._tell("payment")}[refund.id]
        self.assertEqual(said.name, f"Paid back: {refund.name}")
        self.assertEqual(said.amount, -100.0)

    def test_money_taken_back_by_the_network_is_told_as_that(self):
        code = self._code()
        self._read(self._sms(1725.0, self.line.account_no, code=code))
        self._read(self._reversal(code, 1725.0))
        told = self._tell("message").sorted("res_id")
        self.assertEqual(told.mapped("amount"), [1725.0, -1725.0])
        self.assertRegex(told[1].name, "a payment is taken back$")
        self.assertEqual(self._tell("receipt").name, f"Receipt {code}: Cancelled")

    def test_a_message_that_comes_twice_is_not_told_as_two_payments(self):
        text = self._sms(1725.0, self.line.account_no)
        self._read(text)
        self._read(text)
        told = self._tell("message").sorted("res_id")
        self.assertEqual(
            told.mapped("name"),
            ["Message from the network", "Message from the network: told again"],
        )

    def test_a_message_that_came_late_says_when_was_paid(self):
        paid_at = self._days_ago(1)
        self._read(self._sms(1725.0, self.line.account_no, at=paid_at))
        receipt = self.line.receipt_ids
        moment = self.line._say_moment(receipt.paid_at)
        self.assertIn(f"{paid_at:%H:%M}", moment)
        self.assertTrue(self._tell("receipt").name.endswith(f"; paid on {moment}"))

    # === REASONS === #

    def test_the_end_of_what_is_paid_is_told(self):
        self.assertFalse(self._tell("paid_end"))
        self._pay_all(self.line)
        self.assertFalse(self._tell("paid_end"))
        end_at = fields.Datetime.now() - timedelta(hours=3)
        self.line.sudo().covered_until_at = end_at
        self.assertEqual(self._tell("paid_end").at, end_at)

    def test_what_is_planned_or_never_took_effect_did_not_happen(self):
        self._suspend(24, 48)
        planned = self._suspend(5, 6)
        planned.action_end()
        self.assertEqual(planned.date_from, planned.date_to)
        self.assertFalse(self._tell().filtered(lambda row: row.kind == "reason"))
        self._suspend(-1)
        self.assertEqual(len(self._tell("suspension")), 1)

    def test_in_the_same_second_what_ends_is_told_before_what_begins(self):
        later = self._suspend(-1, reason="quota")
        before = self._suspend(-2, -1)
        before.date_to = later.date_from
        reasons = self._tell().filtered(lambda row: row.kind == "reason")
        self.assertEqual(
            reasons.mapped("source"), ["suspension", "suspension_end", "suspension"]
        )
        self.assertEqual(reasons.mapped("res_id"), [later.id, before.id, before.id])

    def test_money_of_one_second_is_told_from_the_receipt_to_what_it_paid(self):
        # Receipts and payments are counted apart: their numbers say nothing.
        self.env.cr.execute(
            "SELECT count(nextval('isp_money_receipt_id_seq')) "
            "FROM generate_series(1, 10000)"
        )
        self._read(self._sms(self._owed(self.line), self.line.account_no))
        told = [row.source for row in reversed(self._tell())]
        self.assertEqual(
            [s for s in told if s in ("receipt", "payment", "reconciliation")],
            ["receipt", "payment", "reconciliation"],
        )

    def test_what_a_deleted_gateway_did_is_still_told(self):
        gateway = self.env["isp.gateway"].create(
            {"name": "Old tower", "ip_address": "127.0.0.1"}
        )
        self.env["isp.access.log"].sudo().create(
            {
                "connection_id": self.line.id,
                "gateway_id": gateway.id,
                "company_id": self.company.id,
                "at": fields.Datetime.now(),
                "outcome": "applied",
            }
        )
        gateway.unlink()
        self.assertEqual(self._tell("exchange").name, "–: Done and read back")

    def test_what_a_router_was_told_is_not_what_is_wished_by_now(self):
        gateway = self.env["isp.gateway"].create(
            {"name": "Tower 1", "ip_address": "127.0.0.1"}
        )
        self.line.gateway_id = gateway
        self._pay_all(self.line)
        row = (
            self.env["isp.access"]
            .sudo()
            .create(
                {
                    "connection_id": self.line.id,
                    "gateway_id": gateway.id,
                    "company_id": self.company.id,
                    "changed_at": fields.Datetime.now() - timedelta(days=3),
                }
            )
        )
        row.applied = row.desired
        self._suspend(-1)
        self.assertRegex(self._tell("wish").name, "since then: On, login story")
