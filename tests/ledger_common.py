from odoo import Command, fields

from .common import IspCommon


class LedgerCommon(IspCommon):
    """Two lines of one contract, and invoices over both."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line_a = cls._create_active(username="line-a")
        cls.line_b = cls._create_active(username="line-b")
        cls.contract = cls.line_a.contract_id

    def _create_invoice(self, amounts, contract=None, post=True, **values):
        """An invoice with one line a (connection, amount) pair."""
        contract = contract or self.contract
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": contract.partner_id.id,
                "isp_contract_id": contract.id,
                "invoice_date": fields.Date.today(),
                "invoice_date_due": fields.Date.today(),
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "x",
                            "quantity": 1,
                            "price_unit": amount,
                            "isp_connection_id": connection.id,
                            "tax_ids": values.pop("tax_ids", False),
                        }
                    )
                    for connection, amount in amounts
                ],
                **values,
            }
        )
        if post:
            invoice.action_post()
        return invoice

    def _receivables(self, move):
        return move.line_ids.filtered("isp_contract_id")
