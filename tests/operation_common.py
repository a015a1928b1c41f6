from datetime import timedelta

from .hostile_common import HostileCommon


class OperationCommon(HostileCommon):
    """Contracts that operations are added to, by the wizard's own button."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.today = cls.company._isp_today()
        cls.friend = cls.other.contract_id
        cls.empty = cls.env["isp.contract"].create(
            {"partner_id": cls._create_client("New").id}
        )
        cls.router = cls.env["product.product"].create(
            {"name": "Router", "type": "service", "taxes_id": False}
        )
        # Each starts at 0: what the first periods cost is paid.
        cls.bank = cls._create_wallet_journal("BNKX")
        for line in cls.line | cls.other:
            cls._pay(line.contract_id, 1500.0, line, journal_id=cls.bank.id)

    def _wizard(self, kind, contract=None, amount=0.0, user="accountant", **values):
        return (
            self.env["isp.operation.add"]
            .with_user(self.users[user])
            .create(
                {
                    "kind": kind,
                    "contract_id": (contract or self.contract).id,
                    "amount": amount,
                    **values,
                }
            )
        )

    def _add(self, kind, amount=0.0, contract=None, **values):
        """Press the button; return the operations that came of it."""
        contract = contract or self.contract
        before = contract.operation_ids
        self._wizard(kind, contract, amount, **values).action_add()
        contract.invalidate_recordset()
        return contract.operation_ids - before

    def _account(self, name):
        return self.company._isp_get_ledger_account(f"isp_{name}_account_id")

    def _balances(self, move):
        """Return {account: sum of its lines} of a document."""
        sums = {}
        for line in move.line_ids:
            sums[line.account_id] = sums.get(line.account_id, 0.0) + line.balance
        return sums

    def _charge(self, amount, contract=None, **values):
        [operation] = self._add(
            "charge", amount, contract, product_id=self.router.id, **values
        )
        return operation.move_id

    def _days(self, days):
        return self.today + timedelta(days=days)
