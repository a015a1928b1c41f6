from freezegun import freeze_time

from odoo import Command, fields

from .common import IspCommon


class PeriodCommon(IspCommon):
    """A provider in 2026: an accountant, a manager, a clerk, two contracts."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Period = cls.env["isp.period"]
        cls.package.product_id.taxes_id = False
        cls.line = cls._create_connection(username="period-a")
        cls.contract = cls.line.contract_id
        cls.other = cls._create_connection(
            username="period-b", partner_id=cls._create_client("Other").id
        ).contract_id
        cls.users = {
            name: cls._create_user(f"period_{name}", f"mybizna_isp.isp_group_{name}")
            for name in ("clerk", "accountant", "manager")
        }

    def _at(self, day):
        """The clock stands at nine in the morning, UTC, of this day."""
        return freeze_time(f"{day} 09:00:00")

    def _open(self):
        return self.Period._get_open(self.company)

    def _period(self, name):
        return self.Period.search(
            [("company_id", "=", self.company.id), ("name", "=", name)]
        )

    def _receivable_account(self):
        return self.company_data["default_account_receivable"]

    def _invoice(self, amount=100, contract=None, post=True, **values):
        contract = contract or self.contract
        line = self.line if contract == self.contract else self.env["isp.connection"]
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": contract.partner_id.id,
                "isp_contract_id": contract.id,
                "invoice_date": fields.Date.context_today(contract),
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "x",
                            "price_unit": amount,
                            "tax_ids": [],
                            "isp_connection_id": line.id,
                        }
                    )
                ],
                **values,
            }
        )
        if post:
            invoice.action_post()
        return invoice

    def _entry(self, amount=100, other=None, post=True, **values):
        """An entry that takes an amount from the contract, for another or as income."""
        counter = {"account_id": self.company_data["default_account_revenue"].id}
        if other:
            counter = {
                "account_id": self._receivable_account().id,
                "isp_contract_id": other.id,
                "partner_id": other.partner_id.id,
            }
        move = self.env["account.move"].create(
            {
                "move_type": "entry",
                "line_ids": [
                    Command.create(
                        {
                            "name": "x",
                            "account_id": self._receivable_account().id,
                            "isp_contract_id": self.contract.id,
                            "partner_id": self.contract.partner_id.id,
                            "debit": amount,
                        }
                    ),
                    Command.create({"name": "x", "credit": amount, **counter}),
                ],
                **values,
            }
        )
        if post:
            move.action_post()
        return move

    def _saldos(self, period):
        self.env.flush_all()
        return {
            saldo.contract_id: (
                saldo.opening,
                saldo.debit,
                saldo.credit,
                saldo.closing,
            )
            for saldo in self.env["isp.saldo"].search([("period_id", "=", period.id)])
        }
