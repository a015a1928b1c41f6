import os
import subprocess
import sys
import tempfile

import psycopg2

from odoo import fields
from odoo.tests import get_db_name, tagged
from odoo.tools import config
from odoo.tools.misc import exec_pg_environ, find_pg_tool

from .parallel import ParallelCase
from .radius_common import RadiusDatabase, administration, get_server

LINES = 5
# The scheduled action in a process of its own, as on another host.
SCRIPT = """
import sys
from odoo import SUPERUSER_ID, api
from odoo.tools import config

config.parse_config(sys.argv[2:])

from odoo.modules.registry import Registry

with Registry(sys.argv[1]).cursor() as cr:
    api.Environment(cr, SUPERUSER_ID, {})["isp.access"]._cron_converge()
"""


@tagged("post_install", "-at_install")
class TestAccessGuardsRestore(ParallelCase):
    """Workers in processes of their own, on what is really committed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.radius_db = cls.enterClassContext(RadiusDatabase(f"{get_db_name()}_radius"))
        cls.radius_db.count_writes()

    def setUp(self):
        super().setUp()
        self.radius_db.clear()
        self.radius_db.clear_mark()
        self.gateway_id, self.line_ids = self._do(self._create_lines)
        self.addCleanup(self._do, self._take_back)

    def _create_lines(self, env):
        server = get_server()
        gateway = env["isp.gateway"].create(
            {
                "name": self._testMethodName,
                "ip_address": server["host"],
                "port": server["port"],
                "username": server["user"],
                "password": server["password"],
                "database": self.radius_db.name,
                "mode": "control",
                "company_id": self.company_id,
            }
        )
        package = env["isp.package"].create(
            {
                "name": self._testMethodName,
                "amount": 10,
                "billing_cycle_id": env.ref("mybizna_isp.isp_billing_cycle_monthly").id,
                "gateway_id": gateway.id,
            }
        )
        partner = env["res.partner"].create({"name": "Restored"})
        lines = env["isp.connection"].create(
            [
                {
                    "package_id": package.id,
                    "partner_id": partner.id,
                    "username": f"{self._testMethodName[-20:]}{index}",
                    "password": "secret",
                }
                for index in range(LINES)
            ]
        )
        lines.sudo().state = "active"
        return gateway.id, lines.ids

    def _take_back(self, env):
        # The next test's gateway is another device.
        env["isp.gateway"].browse(self.gateway_id).write(
            {"active": False, "database": "gone"}
        )
        for table in ("isp_access_log", "isp_extension", "isp_access"):
            env.cr.execute(
                f"DELETE FROM {table} WHERE connection_id = ANY(%s)", [self.line_ids]
            )

    def _open(self, env, index, hours=24):
        now = fields.Datetime.now()
        env["isp.extension"].create(
            {
                "connection_id": self.line_ids[index % LINES],
                "kind": "free",
                "date_from": now,
                "date_to": fields.Datetime.add(now, hours=hours),
            }
        )

    def _converge(self, env):
        env["isp.access"]._cron_converge()

    def _start(self, database):
        """Start a worker's process on a database."""
        options = [
            f"--{name.replace('_', '-') if name == 'data_dir' else name}={config[name]}"
            for name in ("db_host", "db_port", "db_user", "db_password", "data_dir")
            if config[name]
        ]
        paths = config["addons_path"]
        paths = paths if isinstance(paths, str) else ",".join(paths)
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                SCRIPT,
                database,
                *options,
                f"--addons-path={paths}",
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _finish(self, process):
        output, _none = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, output)
        return output

    @staticmethod
    def _pg(tool, *arguments):
        subprocess.run(
            [find_pg_tool(tool), *arguments],
            env=exec_pg_environ(),
            check=True,
            capture_output=True,
        )

    @staticmethod
    def _query(database, query, *params):
        connection = psycopg2.connect(dbname=database, **get_server())
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(query, params)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def _drop(self, database):
        with administration() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def test_a_dump_put_back_writes_nothing_to_the_devices(self):
        """U-21: dump at 02:00, a hundred payments and their runs, restore."""
        for index in range(LINES):
            self._do(self._open, index)
        self._do(self._converge)
        copy = f"{get_db_name()}_restored"
        with tempfile.TemporaryDirectory() as folder:
            dump = os.path.join(folder, "night.dump")
            self._pg("pg_dump", "-Fc", "-f", dump, get_db_name())
            for index in range(100):
                self._do(self._open, index, 48 + index)
                if index % 10 == 9:
                    self._do(self._converge)
            self._drop(copy)
            self.addCleanup(self._drop, copy)
            with administration() as cursor:
                cursor.execute(f'CREATE DATABASE "{copy}"')
            self._pg("pg_restore", "--no-owner", "-d", copy, dump)
        # Somebody at once presses the button that repairs.
        self._query(
            copy,
            "INSERT INTO isp_access_dirty (connection_id, is_forced) "
            "SELECT unnest(%s), TRUE",
            self.line_ids,
        )
        self.radius_db.take_writes()
        for _run in range(2):
            self._finish(self._start(copy))
        self.assertEqual(self.radius_db.take_writes(), [])
        state = self._query(
            copy, "SELECT state, mode FROM isp_gateway WHERE id = %s", self.gateway_id
        )
        self.assertEqual(state, [("identity_error", "control")])
        # The books in use go on.
        self._do(self._open, 0, 24 * 30)
        self._do(self._converge)
        state = self._do(lambda env: env["isp.gateway"].browse(self.gateway_id).state)
        self.assertEqual(state, "up")
        self.assertTrue(self.radius_db.take_writes())

    def test_two_hosts_at_once_are_one_on_the_gateway(self):
        for index in range(LINES):
            self._do(self._open, index)
        self.radius_db.take_writes()
        for process in [self._start(get_db_name()) for _host in range(2)]:
            self._finish(process)
        outcomes = self._do(
            lambda env: (
                env["isp.access.log"]
                .search([("connection_id", "in", self.line_ids)])
                .mapped("outcome")
            )
        )
        self.assertEqual(outcomes, ["applied"] * LINES)
        self.assertEqual(self.radius_db.take_writes().count("isp_mark"), 1)
