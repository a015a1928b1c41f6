from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .parallel import ParallelCase


@tagged("post_install", "-at_install")
class TestOperationParallel(ParallelCase):
    """Two people press Add at the same moment, in transactions that commit."""

    def _create_contract(self, **values):
        def create(env):
            partner = env["res.partner"].create({"name": "P"})
            return env["isp.contract"].create({"partner_id": partner.id, **values}).id

        return self._do(create)

    def _prepare(self):
        """Make accounts and product beforehand: they are no part of the race."""

        def prepare(env):
            for name in ("opening", "deposit"):
                env.company._isp_get_ledger_account(f"isp_{name}_account_id")
            env.company._isp_get_ledger_journal()
            product = env["product.product"].create(
                {"name": "Router", "type": "service", "taxes_id": False}
            )
            return product.id

        return self._do(prepare)

    def _adding(self, kind, contract_id, amount, **values):
        def add(env):
            wizard = env["isp.operation.add"].create(
                {"kind": kind, "contract_id": contract_id, "amount": amount, **values}
            )
            wizard.action_add()
            return True

        return add

    def _read(self, contract_id):
        def read(env):
            contract = env["isp.contract"].browse(contract_id)
            lines = env["account.move.line"].search(
                [
                    ("isp_contract_id", "=", contract.id),
                    ("parent_state", "=", "posted"),
                ]
            )
            return (
                contract.balance,
                sum(contract.operation_ids.mapped("amount")),
                -sum(lines.mapped("balance")),
            )

        return self._do(read)

    def assertOneRefused(self, results, sentence):
        refused = [result for result in results if isinstance(result, UserError)]
        self.assertEqual(len(refused), 1, results)
        self.assertIn(sentence, str(refused[0]))
        self.assertEqual([r for r in results if r not in refused], [True])

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_two_charges_at_once_cant_both_pass_the_limit(self):
        product = self._prepare()
        contract = self._create_contract(has_credit_limit=True, credit_limit=1000)
        charge = self._adding("charge", contract, 800, product_id=product)
        self.assertOneRefused(self._side_by_side(charge, charge), "may go down to")
        self.assertEqual(self._read(contract), (-800, -800, -800))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_two_transfers_at_once_cant_both_take_the_last_money(self):
        self._prepare()
        source = self._create_contract(has_credit_limit=True, credit_limit=0)
        targets = [self._create_contract(), self._create_contract()]
        self._do(self._adding("opening", source, 1000, direction="add"))
        transfers = [
            self._adding("transfer", source, 800, contract_to_id=target)
            for target in targets
        ]
        self.assertOneRefused(self._side_by_side(*transfers), "may go down to")
        self.assertEqual(self._read(source), (200, 200, 200))
        received = sorted(self._read(target)[0] for target in targets)
        self.assertEqual(received, [0, 800])

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_transfers_to_and_fro_at_once_lose_nothing(self):
        self._prepare()
        one, other = self._create_contract(), self._create_contract()
        results = self._side_by_side(
            self._adding("transfer", one, 300, contract_to_id=other),
            self._adding("transfer", other, 100, contract_to_id=one),
        )
        self.assertEqual(results, [True, True])
        self.assertEqual(self._read(one), (-200, -200, -200))
        self.assertEqual(self._read(other), (200, 200, 200))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_a_deposit_comes_back_once(self):
        self._prepare()
        contract = self._create_contract()
        self._do(self._adding("deposit", contract, 500))
        give_back = self._adding("deposit_return", contract, 500)
        self.assertOneRefused(self._side_by_side(give_back, give_back), "less deposit")
        self.assertEqual(self._read(contract), (0, 0, 0))
