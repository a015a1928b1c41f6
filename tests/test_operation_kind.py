from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.account_move_kind import KIND_SIGNS, MOVE_KINDS
from .operation_common import OperationCommon


@tagged("post_install", "-at_install")
class TestOperationKind(OperationCommon):
    """What a document is, and an operation with it, is said once and stays."""

    @mute_logger("odoo.sql_db")
    def test_the_database_takes_no_operation_without_a_posted_line(self):
        values = {
            "contract_id": self.contract.id,
            "company_id": self.company.id,
            "currency_id": self.contract.currency_id.id,
            "date": self.today,
        }
        for kind, amount in (("event", 5), ("payment", 5), ("adjustment", 0)):
            with (
                self.subTest(kind),
                self.assertRaisesRegex(Exception, "isp_operation_event_or_line"),
                self.cr.savepoint(),
            ):
                self.env["isp.operation"].sudo().create(
                    {**values, "kind": kind, "amount": amount}
                )

    @mute_logger("odoo.sql_db")
    def test_the_sign_of_an_amount_fits_its_kind(self):
        draft = self._document([(self.line, 10)])
        values = {
            "contract_id": self.contract.id,
            "company_id": self.company.id,
            "currency_id": self.contract.currency_id.id,
            "date": self.today,
            "line_id": self._receivables(draft).id,
        }
        self.assertGreater(len(KIND_SIGNS), 8)
        for kind, sign in KIND_SIGNS.items():
            with (
                self.subTest(kind),
                self.assertRaisesRegex(Exception, "isp_operation_kind_sign"),
                self.cr.savepoint(),
            ):
                self.env["isp.operation"].sudo().create(
                    {**values, "kind": kind, "amount": -sign}
                )

    def test_a_part_that_goes_the_other_way_says_so(self):
        second = self._create_connection(contract_id=self.contract.id)
        invoice = self._document([(self.line, 1000), (second, -200)])
        invoice.action_post()
        kinds = {o.connection_id: (o.kind, o.amount) for o in invoice.isp_operation_ids}
        self.assertEqual(
            kinds, {self.line: ("charge", -1000.0), second: ("credit_note", 200.0)}
        )

    def test_the_kind_of_a_posted_document_is_fixed(self):
        charge = self._charge(100.0)
        for name in ("clerk", "accountant"):
            with self.assertRefused("set by posting alone"):
                self._as(name, charge).write({"isp_kind": "opening"})
        with self.assertRefused("can't be changed"):
            charge.sudo().write({"isp_kind": "opening"})
        self._assert_database_refuses(
            "UPDATE account_move SET isp_kind = 'opening' WHERE id = %s", charge.id
        )

    def test_a_draft_gets_no_kind_by_hand(self):
        draft = self._document([(self.line, 10)])
        with self.assertRefused("set by posting alone"):
            self._as("clerk", draft).isp_kind = "opening"
        with self.assertRefused("set by posting alone"):
            self.env["account.move"].with_user(self.users["clerk"]).create(
                {"move_type": "out_invoice", "isp_kind": "opening"}
            )

    def test_documents_of_other_buttons_get_their_kind_at_posting(self):
        invoice = self._document([(self.line, 10)])
        invoice.action_post()
        payment = self._pay(self.contract, 10.0)
        note = self._document([(self.line, 4)], move_type="out_refund")
        note.action_post()
        kinds = (invoice | payment.move_id | note).mapped("isp_kind")
        self.assertEqual(kinds, ["charge", "payment", "credit_note"])
        mirror = self._reverse(invoice)
        mirror.action_post()
        self.assertEqual(mirror.isp_kind, "reversal")
        self.assertEqual(set(mirror.isp_operation_ids.mapped("kind")), {"reversal"})

    def test_every_kind_of_document_can_be_cancelled_whole(self):
        self._pay(self.contract, 5000.0)
        charge = self._charge(1000.0)
        debt = self._charge(1000.0, self.empty)
        start = {c: c.balance for c in self.contract | self.friend | self.empty}
        added = self.env["isp.operation"]
        for kind, values in {
            "payment": {"journal_id": self.wallet.id},
            "charge": {"product_id": self.router.id},
            "discount": {"invoice_id": charge.id},
            "goodwill": {},
            "transfer": {"contract_to_id": self.friend.id},
            "deposit": {},
            "deposit_return": {},
            "refund": {"journal_id": self.wallet.id},
            "opening": {},
            "adjustment": {},
        }.items():
            added |= self._add(kind, 100.0, **values)
        added |= self._add("write_off", 100.0, self.empty)
        for operation in added[::-1]:
            with self.subTest(operation.kind):
                operation.move_id._isp_revoke("wrong")
        for contract, balance in start.items():
            contract.invalidate_recordset()
            self.assertEqual(contract.balance, balance)
            self.assertLedger(contract)
        self.assertEqual(debt.amount_residual, 1000.0)
        kinds = {kind for kind, _label in MOVE_KINDS}
        self.assertEqual(kinds - set(added.mapped("kind")), {"credit_note", "reversal"})
