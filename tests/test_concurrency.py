import threading
from unittest.mock import patch

from psycopg2.errors import DeadlockDetected

from odoo import SUPERUSER_ID, Command, api, fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .parallel import ParallelCase


@tagged("post_install", "-at_install")
class TestConcurrency(ParallelCase):
    def _create_line(self, **contract_values):
        def create(env):
            contract = env["isp.contract"].create(
                {
                    "partner_id": env["res.partner"].create({"name": "P"}).id,
                    **contract_values,
                }
            )
            package = env["isp.package"].create(
                {
                    "name": f"Package {contract.name}",
                    "amount": 1000,
                    "billing_cycle_id": env.ref(
                        "mybizna_isp.isp_billing_cycle_monthly"
                    ).id,
                }
            )
            package.product_id.taxes_id = False
            connection = env["isp.connection"].create(
                {
                    "contract_id": contract.id,
                    "package_id": package.id,
                    "username": f"p{contract.id}",
                }
            )
            return connection.id

        return self._do(create)

    def _charge(self, connection_id, amount, before_posting=None):
        def charge(env):
            connection = env["isp.connection"].browse(connection_id)
            move = env["account.move"].create(
                {
                    "move_type": "out_invoice",
                    "partner_id": connection.partner_id.id,
                    "isp_contract_id": connection.contract_id.id,
                    "invoice_date": fields.Date.today(),
                    "invoice_line_ids": [
                        Command.create(
                            {
                                "name": "x",
                                "price_unit": amount,
                                "tax_ids": False,
                                "isp_connection_id": connection.id,
                            }
                        )
                    ],
                }
            )
            if before_posting:
                before_posting(env)
            move.action_post()
            return move.id

        return charge

    def _read_ledger(self, connection_id):
        def read(env):
            contract = env["isp.connection"].browse(connection_id).contract_id
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

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_two_charges_at_once_cant_both_pass_a_credit_limit(self):
        line = self._create_line(has_credit_limit=True, credit_limit=1000)
        results = self._side_by_side(self._charge(line, 800), self._charge(line, 800))
        refused = [result for result in results if isinstance(result, UserError)]
        self.assertEqual(len(refused), 1, results)
        self.assertIn("may go down to", str(refused[0]))
        self.assertEqual(self._read_ledger(line), (-800, -800, -800))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_charges_at_once_all_reach_the_balance(self):
        line = self._create_line()
        results = self._side_by_side(*[self._charge(line, 100 + i) for i in range(4)])
        self.assertTrue(all(isinstance(result, int) for result in results), results)
        self.assertEqual(self._read_ledger(line), (-406, -406, -406))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_documents_made_at_once_are_posted_without_a_deadlock(self):
        line = self._create_line()
        barrier, deadlocks = threading.Barrier(2, timeout=30), []
        wanted = threading.local()

        def meet(env):
            # Both have named the contract in a row of theirs, neither has posted.
            env.flush_all()
            if not getattr(wanted, "has_met", False):
                wanted.has_met = True
                barrier.wait()

        def watch(charge):
            def watched(env):
                try:
                    return charge(env)
                except DeadlockDetected as error:
                    deadlocks.append(error)
                    raise

            return watched

        charges = [self._charge(line, 100 + i, meet) for i in range(2)]
        results = self._side_by_side(*map(watch, charges))
        self.assertTrue(all(isinstance(result, int) for result in results), results)
        self.assertFalse(deadlocks)
        self.assertEqual(self._read_ledger(line), (-201, -201, -201))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_two_clicks_at_once_bill_a_period_once(self):
        line = self._create_line()

        def click(env):
            env["isp.connection"].browse(line).action_process_new()

        self._side_by_side(click, click, click)

        def read(env):
            connection = env["isp.connection"].browse(line)
            return len(connection.billing_ids), len(connection._get_invoices())

        self.assertEqual(self._do(read), (1, 1))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_a_run_that_lost_a_race_bills_no_further_period(self):
        line = self._create_line()

        def put_into_service(env):
            today = env.company._isp_today()
            env["isp.connection"].browse(line).write(
                {
                    "state": "active",
                    "is_setup": True,
                    "anchor_date": today,
                    "billing_date": today,
                }
            )

        def click(env):
            env["isp.connection"].browse(line).action_generate_invoice()

        self._do(put_into_service)
        Model = self.registry["isp.connection"]
        find_batch = Model._find_batch
        lost = []

        def find_and_lose(model, *args):
            batch = find_batch(model, *args)
            if line in batch.ids and not lost:
                # The run has its snapshot; somebody else is first.
                lost.append(line)
                self._do(click)
            return batch

        with (
            patch.object(Model, "_find_batch", find_and_lose),
            patch.object(Model, "_is_urgent_work_waiting", return_value=False),
            self.registry.cursor() as cr,
        ):
            api.Environment(cr, SUPERUSER_ID, {})["isp.connection"]._cron_bill()
        self.assertTrue(lost)

        def count(env):
            return len(env["isp.connection"].browse(line).billing_ids)

        self.assertEqual(self._do(count), 1)

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_a_payment_and_an_invoice_at_once_keep_the_ledger_exact(self):
        line = self._create_line()

        def pay(env):
            connection = env["isp.connection"].browse(line)
            journal = env["account.journal"].search(
                [("type", "=", "bank"), ("company_id", "=", self.company_id)], limit=1
            )
            return (
                env["isp.contract"]
                ._create_payments(
                    [
                        {
                            "contract_id": connection.contract_id.id,
                            "connection_id": line,
                            "amount": 300,
                            "currency_id": connection.currency_id.id,
                            "journal_id": journal.id,
                            "date": fields.Date.today(),
                            "memo": "x",
                            "receipt_id": False,
                        }
                    ]
                )
                .id
            )

        results = self._side_by_side(
            self._charge(line, 100), pay, self._charge(line, 50)
        )
        self.assertTrue(all(isinstance(result, int) for result in results), results)
        self.assertEqual(self._read_ledger(line), (150, 150, 150))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_invoices_posted_at_once_are_numbered_without_a_gap(self):
        lines = [self._create_line() for _index in range(4)]
        results = self._side_by_side(*[self._charge(line, 10) for line in lines])
        self.assertTrue(all(isinstance(result, int) for result in results), results)

        def read(env):
            moves = env["account.move"].browse(results)
            return sorted(moves.mapped("sequence_number"))

        numbers = self._do(read)
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + 4)))
