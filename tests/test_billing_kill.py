import os
import signal
import subprocess
import sys

from odoo.tests import tagged
from odoo.tools import config

from .parallel import ParallelCase

LINES = 9
# A process of its own, which dies around its n-th commit as by a power cut.
SCRIPT = """
import os, signal, sys
from unittest.mock import patch
from odoo import SUPERUSER_ID, api
from odoo.tools import config

database, company, point, nth = sys.argv[1:5]
config.parse_config(sys.argv[5:])

from odoo.modules.registry import Registry

registry = Registry(database)
from odoo.addons.base.models.ir_cron import IrCron
from odoo.addons.mybizna_isp.models import isp_connection_billing_run as run

run.SIP_SIZE = run.BATCH_SIZE = 2
commit, count = IrCron._commit_progress, [0]


def commit_or_die(self, *args, **kwargs):
    count[0] += 1
    if count[0] == int(nth) and point == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = commit(self, *args, **kwargs)
    if count[0] == int(nth) and point == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return result


with registry.cursor() as cr, patch.object(IrCron, "_commit_progress", commit_or_die):
    context = {"allowed_company_ids": [int(company)]}
    env = api.Environment(cr, SUPERUSER_ID, context)
    with patch.object(
        type(env["isp.connection"]), "_is_urgent_work_waiting", lambda self: False
    ):
        env["isp.connection"]._cron_bill(worker=int(nth) % 2)
"""


@tagged("post_install", "-at_install")
class TestBillingKill(ParallelCase):
    """The billing run dies, or works beside another, and bills each period once."""

    def setUp(self):
        super().setUp()
        self.line_ids = self._do(self._create_lines)

    @staticmethod
    def _create_lines(env):
        package = env["isp.package"].create(
            {
                "name": f"Killed {os.getpid()} {id(env)}",
                "amount": 1000,
                "access_kind": "none",
                "billing_cycle_id": env.ref("mybizna_isp.isp_billing_cycle_monthly").id,
            }
        )
        today = env.company._isp_today()
        lines = env["isp.connection"].create(
            [
                {
                    "package_id": package.id,
                    "partner_id": env["res.partner"].create({"name": "P"}).id,
                }
                for _number in range(LINES)
            ]
        )
        lines.write(
            {
                "state": "active",
                "is_setup": True,
                "anchor_date": today,
                "billing_date": today,
            }
        )
        return lines.ids

    def _start(self, point, nth):
        options = [
            f"--{name.replace('_', '-') if name == 'data_dir' else name}={config[name]}"
            for name in ("db_host", "db_port", "db_user", "db_password", "data_dir")
            if config[name]
        ]
        paths = config["addons_path"]
        paths = paths if isinstance(paths, str) else ",".join(paths)
        arguments = [self.registry.db_name, str(self.company_id), point, str(nth)]
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                SCRIPT,
                *arguments,
                *options,
                f"--addons-path={paths}",
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _run(self, point, nth):
        process = self._start(point, nth)
        output, _none = process.communicate(timeout=120)
        return process.returncode, output

    def _read(self, env):
        """What stands of our lines: billed periods, invoices, and the ledger."""
        lines = env["isp.connection"].browse(self.line_ids)
        billings = lines.billing_ids.filtered(lambda b: b.kind == "period")
        invoices = billings.invoice_id
        numbers = sorted(invoices.mapped("sequence_number"))
        return {
            "billed": len(billings),
            "lines": len(billings.connection_id),
            "posted": len(invoices.filtered(lambda m: m.state == "posted")),
            "drafts": env["account.move"].search_count(
                [("company_id", "=", self.company_id), ("state", "=", "draft")]
            ),
            "gaps": [
                number
                for number in range(numbers[0], numbers[-1] + 1)
                if number not in numbers
            ]
            if numbers
            else [],
            "owed": -sum(lines.contract_id.mapped("balance")),
            "residual": sum(invoices.mapped("amount_residual")),
            "following": len(
                lines.filtered(lambda c: c.billing_date > c.company_id._isp_today())
            ),
        }

    def _assert_each_once(self):
        state = self._do(self._read)
        self.assertEqual(state["billed"], LINES, state)
        self.assertEqual(state["lines"], LINES, state)
        self.assertEqual(state["posted"], LINES, state)
        self.assertEqual(state["following"], LINES, state)
        self.assertEqual((state["drafts"], state["gaps"]), (0, []), state)
        self.assertEqual(state["owed"], state["residual"], state)
        self.assertGreaterEqual(state["owed"], 1000 * LINES)

    def test_killed_around_any_commit_the_next_run_goes_on_exactly_there(self):
        billed = []
        for nth, point in enumerate(("before", "after", "before", "after"), start=1):
            code, output = self._run(point, (nth + 1) // 2)
            self.assertEqual(code, -signal.SIGKILL, output)
            state = self._do(self._read)
            self.assertEqual(state["billed"], state["posted"], state)
            self.assertEqual(state["billed"], state["following"], state)
            self.assertEqual(state["owed"], state["residual"], state)
            billed.append(state["billed"])
        # What was committed stays, what was not is as if it had never begun.
        self.assertEqual(billed, sorted(billed))
        self.assertEqual(billed[0], 0)
        self.assertGreater(billed[-1], 0)
        code, output = self._run("never", 0)
        self.assertEqual(code, 0, output)
        self._assert_each_once()

    def test_two_workers_at_once_bill_each_line_once(self):
        processes = [self._start("never", worker) for worker in (0, 1)]
        for process in processes:
            output, _none = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, output)
        # One may have passed over what the other held at that moment.
        code, output = self._run("never", 0)
        self.assertEqual(code, 0, output)
        self._assert_each_once()
