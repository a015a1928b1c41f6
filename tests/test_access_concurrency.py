import contextlib
import threading
import time
import uuid
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, fields
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import mute_logger

from ..models import isp_access_worker
from .parallel import ParallelCase
from .radius_common import Mute, RadiusDatabase, get_server

LINES = 5


@tagged("post_install", "-at_install")
class TestAccessConcurrency(BaseCase):
    """Several real transactions at once; what is committed is taken back at the end."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry = Registry(get_db_name())
        cls.radius_db = cls.enterClassContext(RadiusDatabase(f"{get_db_name()}_radius"))

    def setUp(self):
        super().setUp()
        with self._transaction() as env:
            self._create_lines(env)
        self.addCleanup(self._take_back)

    @contextlib.contextmanager
    def _transaction(self):
        with self.registry.cursor() as cr:
            # What waits for another transaction here is a failure, not a pause.
            cr.execute("SET LOCAL lock_timeout = '5s'")
            yield api.Environment(cr, SUPERUSER_ID, {})

    def _create_lines(self, env):
        server = get_server()
        self.created = []
        gateway = env["isp.gateway"].create(
            {
                "name": "Concurrent",
                "ip_address": server["host"],
                "port": server["port"],
                "username": server["user"],
                "password": server["password"],
                "database": self.radius_db.name,
                "mode": "control",
            }
        )
        package = env["isp.package"].create(
            {
                "name": "Concurrent",
                "amount": 10,
                "billing_cycle_id": env.ref("mybizna_isp.isp_billing_cycle_monthly").id,
                "gateway_id": gateway.id,
            }
        )
        partner = env["res.partner"].create({"name": "Concurrent"})
        lines = env["isp.connection"].create(
            [
                {
                    "package_id": package.id,
                    "partner_id": partner.id,
                    "username": f"concurrent{index}",
                    "password": "secret",
                }
                for index in range(LINES)
            ]
        )
        lines.sudo().state = "active"
        self.gateway_id, self.line_ids = gateway.id, lines.ids
        self.created = [
            lines,
            lines.site_id,
            lines.contract_id,
            package,
            package.product_id.product_tmpl_id,
            partner,
            gateway,
        ]
        self.created = [(records._name, records.ids) for records in self.created]

    def _take_back(self):
        with self._transaction() as env:
            for table in ("isp_access_log", "isp_extension"):
                env.cr.execute(
                    f"DELETE FROM {table} WHERE connection_id = ANY(%s)",
                    [self.line_ids],
                )
            env["isp.connection"].browse(self.line_ids).sudo().state = "new"
            for model, ids in self.created:
                env[model].browse(ids).unlink()
            # What the taking back itself has woken.
            env.cr.flush()
            env.cr.execute(
                "DELETE FROM isp_access_dirty WHERE connection_id = ANY(%s)",
                [self.line_ids],
            )
            env.cr.execute(
                "DELETE FROM isp_access_log WHERE gateway_id IS NULL "
                "AND connection_id IS NULL"
            )
            cron = env.ref("mybizna_isp.isp_access_cron_converge")
            env.cr.execute("DELETE FROM ir_cron_trigger WHERE cron_id = %s", [cron.id])

    def _open(self, env, line_ids):
        """What a payment does to a line, and to the contract's counter."""
        now = fields.Datetime.now()
        env["isp.extension"].create(
            [
                {
                    "connection_id": line_id,
                    "kind": "free",
                    "date_from": now,
                    "date_to": fields.Datetime.add(now, days=1),
                }
                for line_id in line_ids
            ]
        )
        contracts = env["isp.connection"].browse(line_ids).contract_id
        env.flush_all()
        env.cr.execute(
            "UPDATE isp_contract SET version = COALESCE(version, 0) + 1 "
            "WHERE id = ANY(%s)",
            [contracts.ids],
        )

    @contextlib.contextmanager
    def _worker(self):
        """Run the job in a thread with a transaction of its own; join it at the end."""
        # The cursor is opened here: while tests run, only this thread may open one.
        with self.registry.cursor() as cr:
            job = api.Environment(cr, SUPERUSER_ID, {})["isp.access"]
            worker = threading.Thread(target=job._cron_converge)
            worker.backend_pid = cr._cnx.info.backend_pid
            worker.start()
            try:
                yield worker
            finally:
                worker.join(30)
            self.assertFalse(worker.is_alive())

    def _get_states(self):
        with self._transaction() as env:
            rows = env["isp.access"].search([("connection_id", "in", self.line_ids)])
            return rows.mapped(lambda row: (row.state, row.applied_on))

    @staticmethod
    def _wait_for(condition):
        limit = time.monotonic() + 20
        while not condition():
            if time.monotonic() > limit:
                raise AssertionError("What was waited for did not happen")
            time.sleep(0.02)

    def test_payments_commit_while_a_worker_holds_leases_and_its_device_hangs(self):
        """R2: the payments' snapshot is older than the lease, and than the result."""
        with Mute() as mute, patch.object(isp_access_worker, "EXCHANGE_SECONDS", 3.0):
            with self._transaction() as env:
                env["isp.gateway"].browse(self.gateway_id).port = mute.port
            with self._transaction() as env:
                # The snapshot is taken here, before the worker claims.
                env["isp.connection"].browse(self.line_ids).mapped("access")
                with self._worker() as worker:
                    self._wait_for(lambda: mute.calls)
                    self._open(env, self.line_ids[:3])
                    env.cr.commit()  # pylint: disable=invalid-commit
                    self.assertTrue(worker.is_alive(), "The device still hangs.")
                    env.cr.execute("SET LOCAL lock_timeout = '5s'")
                    env["isp.connection"].browse(self.line_ids).mapped("access")
                self._open(env, self.line_ids[3:])
                env.cr.commit()  # pylint: disable=invalid-commit
        states = self._get_states()
        self.assertEqual(len(states), LINES)
        self.assertEqual({state for state, _on in states}, {"pending"})
        self.assertEqual(len(mute.calls), 1)

    def test_a_worker_has_no_open_transaction_while_it_talks(self):
        with Mute() as mute, patch.object(isp_access_worker, "EXCHANGE_SECONDS", 2.0):
            with self._transaction() as env:
                env["isp.gateway"].browse(self.gateway_id).port = mute.port
            with self._worker() as worker:
                self._wait_for(lambda: mute.calls)
                pid = worker.backend_pid
                self._wait_for(lambda: self._get_backend_state(pid) == "idle")
                with self._transaction() as env:
                    gateway = env["isp.gateway"].browse(self.gateway_id)
                    self.assertEqual(gateway.state, "unknown", "Nothing written yet.")
                self.assertTrue(worker.is_alive())

    def _get_backend_state(self, pid):
        with self._transaction() as env:
            env.cr.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [pid])
            return env.cr.fetchone()[0]

    @mute_logger("odoo.sql_db")
    def test_two_workers_at_once_are_one_on_the_gateway(self):
        with self._transaction() as env:
            self._open(env, self.line_ids)
        with contextlib.ExitStack() as workers:
            for _index in range(4):
                workers.enter_context(self._worker())
        self.assertEqual(self._get_states(), [("applied", True)] * LINES)
        with self._transaction() as env:
            logs = env["isp.access.log"].search(
                [("connection_id", "in", self.line_ids)]
            )
            self.assertEqual(logs.mapped("outcome"), ["applied"] * LINES)

    def test_a_payment_during_a_hanging_exchange_opens_on_another_gateway(self):
        """U-24: one run serves what arrives while a device hangs."""
        with Mute() as mute, patch.object(isp_access_worker, "EXCHANGE_SECONDS", 4.0):
            with self._transaction() as env:
                other = (
                    env["isp.gateway"]
                    .browse(self.gateway_id)
                    .copy({"name": "Hanging", "port": mute.port, "mode": "control"})
                )
                self.created.append(("isp.gateway", other.ids))
                env["isp.connection"].browse(self.line_ids[0]).gateway_id = other
            with self._worker() as worker:
                self._wait_for(lambda: mute.calls)
                with self._transaction() as env:
                    self._open(env, self.line_ids[1:])
                self._wait_for(
                    lambda: self._get_states().count(("applied", True)) == LINES - 1
                )
                self.assertTrue(worker.is_alive())


@tagged("post_install", "-at_install")
class TestAccessAndPayments(ParallelCase):
    """R2 with money itself: posted, reconciled and committed."""

    @staticmethod
    def _create_company(env):
        company = env["res.company"].create(
            {"name": f"R2 {uuid.uuid4().hex}", "isp_tz": "Africa/Nairobi"}
        )
        env["account.chart.template"].try_loading(
            "generic_coa", company=company, install_demo=False
        )
        return company.id

    def _create_lines(self, env, port):
        gateway = env["isp.gateway"].create(
            {
                "name": "Hanging",
                "ip_address": "127.0.0.1",
                "port": port,
                "database": "radius",
                "username": "radius",
                "password": "x",
                "mode": "control",
                "company_id": self.company_id,
            }
        )
        package = env["isp.package"].create(
            {
                "name": "Behind a hanging gateway",
                "amount": 1000,
                "billing_cycle_id": env.ref("mybizna_isp.isp_billing_cycle_monthly").id,
                "gateway_id": gateway.id,
            }
        )
        package.product_id.taxes_id = False
        partners = env["res.partner"].create(
            [{"name": f"R2 {i}"} for i in range(LINES)]
        )
        lines = env["isp.connection"].create(
            [
                {
                    "package_id": package.id,
                    "partner_id": partner.id,
                    "username": f"r2-{partner.id}",
                    "password": "secret",
                }
                for partner in partners
            ]
        )
        lines.action_process_new()
        return gateway.id, lines.ids

    def _pay(self, env, line_ids):
        journal = env["account.journal"].search(
            [("type", "=", "bank"), ("company_id", "=", self.company_id)], limit=1
        )
        return env["isp.contract"]._create_payments(
            [
                {
                    "contract_id": line.contract_id.id,
                    "connection_id": line.id,
                    "amount": 1000,
                    "currency_id": line.currency_id.id,
                    "journal_id": journal.id,
                    "date": line.company_id._isp_today(),
                    "memo": "R2",
                    "receipt_id": False,
                }
                for line in env["isp.connection"].browse(line_ids)
            ]
        )

    def test_a_payment_batch_commits_while_a_worker_waits_for_a_hanging_device(self):
        with Mute() as mute, patch.object(isp_access_worker, "EXCHANGE_SECONDS", 4.0):
            gateway_id, line_ids = self._do(self._create_lines, mute.port)
            self.addCleanup(
                self._do,
                lambda env: (
                    env["isp.gateway"].browse(gateway_id).write({"active": False})
                ),
            )
            context = {"allowed_company_ids": [self.company_id]}
            with self.registry.cursor() as job_cr, self.registry.cursor() as cr:
                job = api.Environment(job_cr, SUPERUSER_ID, {})["isp.access"]
                env = api.Environment(cr, SUPERUSER_ID, context)
                # The snapshot is older than the claim; a conflict would be raised.
                cr.execute("SET LOCAL lock_timeout = '3s'")
                env["isp.connection"].browse(line_ids).mapped("access")
                worker = threading.Thread(target=job._cron_converge)
                worker.start()
                try:
                    TestAccessConcurrency._wait_for(lambda: mute.calls)
                    self._pay(env, line_ids)
                    cr.commit()  # pylint: disable=invalid-commit
                    lines = env["isp.connection"].browse(line_ids)
                    self.assertEqual(set(lines.mapped("access")), {"on"})
                    self.assertTrue(worker.is_alive(), "The device still hangs.")
                finally:
                    worker.join(30)
                self.assertFalse(worker.is_alive())
                self.assertEqual(set(lines.access_ids.mapped("state")), {"pending"})
