from psycopg2.errors import CheckViolation

from odoo import Command, fields
from odoo.tools import mute_logger

from .money_common import MoneyCommon


class HostileCommon(MoneyCommon):
    """One contract, another one's, and people who may post, but not more."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.package.product_id.taxes_id = False
        cls.wallet.outbound_payment_method_line_ids.payment_account_id = (
            cls.wallet.default_account_id
        )
        groups = {
            "invoicer": "base.group_user,account.group_account_invoice",
            "clerk": "mybizna_isp.isp_group_clerk",
            "accountant": "mybizna_isp.isp_group_accountant",
        }
        cls.users = {
            name: cls._create_user(f"hostile_{name}", group)
            for name, group in groups.items()
        }
        cls.line = cls._create_active(username="hostile-a")
        cls.contract = cls.line.contract_id
        cls.other = cls._create_active(
            username="hostile-b", partner_id=cls._create_client("Friend").id
        )

    def _document(self, amounts, contract=None, move_type="out_invoice", **values):
        contract = contract or self.contract
        return self.env["account.move"].create(
            {
                "move_type": move_type,
                "partner_id": contract.partner_id.id,
                "isp_contract_id": contract.id,
                "invoice_date": fields.Date.today(),
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "x",
                            "price_unit": amount,
                            "tax_ids": [],
                            "isp_connection_id": connection.id,
                        }
                    )
                    for connection, amount in amounts
                ],
                **values,
            }
        )

    def _entry(self, lines):
        """Post an entry of (account, contract, signed amount) triples."""
        move = self.env["account.move"].create(
            {
                "move_type": "entry",
                "line_ids": [
                    Command.create(
                        {
                            "name": "x",
                            "account_id": account.id,
                            "isp_contract_id": contract and contract.id,
                            "partner_id": self.client.id,
                            "balance": amount,
                        }
                    )
                    for account, contract, amount in lines
                ],
            }
        )
        move.action_post()
        return move

    def _plain_payment(self):
        return self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.client.id,
                "isp_contract_id": False,
                "amount": 1500,
                "journal_id": self.wallet.id,
            }
        )

    def _receivable_account(self):
        return self.client.with_company(self.company).property_account_receivable_id

    def _receivables(self, move):
        return move.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )

    def _reverse(self, move, **values):
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({"journal_id": move.journal_id.id, "reason": "x", **values})
        )
        wizard.refund_moves()
        return wizard.new_move_ids

    def _credit(self, invoice, parts):
        """Post a credit note of an invoice over (connection, amount) pairs."""
        note = self._document(parts, move_type="out_refund")
        note.reversed_entry_id = invoice
        note.action_post()
        return note

    def _booked_receipt(self, line=None):
        code = self._code()
        self._read(self._sms(1500, (line or self.line).account_no, code))
        return self._receipt(code)

    def _as(self, name, record):
        """The record as this user sees it, nothing read beforehand."""
        self.env.flush_all()
        self.env.invalidate_all()
        return record.with_user(self.users[name])

    def _assert_database_refuses(self, query, *params):
        self.env.flush_all()
        with (
            self.subTest(query),
            mute_logger("odoo.sql_db"),
            self.assertRaises(CheckViolation),
            self.cr.savepoint(),
        ):
            self.cr.execute(query, params)
