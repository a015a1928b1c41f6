import contextlib
import tempfile
from secrets import token_hex

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.tests import get_db_name

from .parallel import ParallelCase
from .radius_common import get_server
from .servers.freeradius import FreeRadius

FORGET = """
    UPDATE isp_package SET gateway_id = NULL WHERE gateway_id = %(gateway)s;
    DELETE FROM isp_access_log WHERE gateway_id = %(gateway)s;
    DELETE FROM isp_gateway WHERE id = %(gateway)s;
    DELETE FROM ir_cron_trigger WHERE cron_id = %(cron)s;
    DROP SCHEMA isp_radius CASCADE;
    DROP OWNED BY "%(role)s";
    DROP ROLE "%(role)s";
"""


class LocalRadiusCase(ParallelCase):
    """FreeRADIUS in Odoo's own database, which takes real commits.

    Documents, gateway, schema and role are taken away at the end.
    """

    @classmethod
    def setUpClass(cls):
        # Of the last cleanups: the lines have gone by then.
        cls.addClassCleanup(cls._remove_gateway)
        super().setUpClass()
        cls.gateway_id, cls.package_id, cls.login = cls._do(cls._create_provider)
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        server = get_server()
        cls.radius = cls.enterClassContext(
            FreeRadius(
                folder,
                host=server["host"],
                port=server["port"],
                dbname=get_db_name(),
                user=cls.login["role"],
                password=cls.login["password"],
                time_zone="UTC",
            )
        )

    @classmethod
    def _create_provider(cls, env):
        gateway = env["isp.gateway"].create(
            {
                "name": f"Local {cls.company_id}",
                "type": "radius_local",
                "mode": "control",
                "company_id": cls.company_id,
            }
        )
        package = env["isp.package"].create(
            {
                "name": "Local",
                "amount": 1000,
                "billing_cycle_id": env.ref("mybizna_isp.isp_billing_cycle_monthly").id,
                "gateway_id": gateway.id,
                "speed_download": 10,
                "speed_upload": 5,
                "access_kind": "pppoe",
            }
        )
        package.product_id.taxes_id = False
        return gateway.id, package.id, gateway._make_login()

    @classmethod
    def _remove_gateway(cls):
        with cls.registry.cursor() as cr:
            cr.execute(
                FORGET.replace("%(role)s", cls.login["role"]),
                {
                    "gateway": cls.gateway_id,
                    "cron": cls._get_cron_id(cr),
                },
            )

    @staticmethod
    def _get_cron_id(cr):
        cr.execute(
            "SELECT res_id FROM ir_model_data WHERE module = 'mybizna_isp' "
            "AND name = 'isp_access_cron_converge'"
        )
        return cr.fetchone()[0]

    def _create_lines(self, count=1):
        """Lines in service whose first period is invoiced; refused until paid."""

        def create(env):
            partners = env["res.partner"].create(
                [{"name": f"Local {index}"} for index in range(count)]
            )
            lines = env["isp.connection"].create(
                [
                    {
                        "package_id": self.package_id,
                        "partner_id": partner.id,
                        "username": f"local-{token_hex(4)}",
                        "password": "secret",
                    }
                    for partner in partners
                ]
            )
            lines.action_process_new()
            return lines.ids

        return self._do(create)

    def _pay(self, env, *line_ids, amount=1000):
        journal = env["account.journal"].search(
            [("type", "=", "bank"), ("company_id", "=", self.company_id)], limit=1
        )
        return env["isp.contract"]._create_payments(
            [
                {
                    "contract_id": line.contract_id.id,
                    "connection_id": line.id,
                    "amount": amount,
                    "currency_id": line.currency_id.id,
                    "journal_id": journal.id,
                    "date": line.company_id._isp_today(),
                    "memo": "local",
                    "receipt_id": False,
                }
                for line in env["isp.connection"].browse(line_ids)
            ]
        )

    def _converge(self):
        """Let the worker run, in a transaction of its own."""
        with self.registry.cursor() as cr:
            self._get_env(cr)["isp.access"]._cron_converge()

    def _get_env(self, cr):
        return api.Environment(cr, SUPERUSER_ID, {})

    def _query(self, query, *params):
        with contextlib.closing(
            psycopg2.connect(dbname=get_db_name(), **get_server())
        ) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(query, params)
                return cursor.fetchall() if cursor.description else None

    def _get_login(self, line_id):
        [[login]] = self._query(
            "SELECT username FROM isp_connection WHERE id = %s", line_id
        )
        return login

    def _is_accepted(self, line_id):
        return self.radius.auth(self._get_login(line_id), "secret").accepted

    def _get_rows(self, line_id):
        """Return all that FreeRADIUS finds of a line's login."""
        login = self._get_login(line_id)
        return self._query(
            "SELECT attribute, value FROM isp_radius.radcheck WHERE username = %s "
            "UNION ALL SELECT groupname, priority::text FROM isp_radius.radusergroup "
            "WHERE username = %s ORDER BY 1",
            login,
            login,
        )

    def _get_outcomes(self, line_id):
        """Return what the worker's exchanges about a line came to."""
        return [
            outcome
            for (outcome,) in self._query(
                "SELECT outcome FROM isp_access_log WHERE connection_id = %s "
                "ORDER BY id",
                line_id,
            )
        ]
