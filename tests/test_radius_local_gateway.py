from datetime import timedelta
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..hooks import _drop_empty_radius_schema
from ..models import isp_gateway_local
from .common import IspCommon


@tagged("post_install", "-at_install")
class TestRadiusLocalGateway(IspCommon):
    """When something is written in the transaction that pays, and when not."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Gateway = cls.env["isp.gateway"].sudo()
        cls.gateway = Gateway.create(
            {"name": "Here", "type": "radius_local", "mode": "control"}
        ).sudo(False)
        cls.package.gateway_id = cls.gateway

    def _rows(self, login, table="radusergroup"):
        self.env.cr.flush()
        column = "groupname" if table == "radusergroup" else "value"
        self.cr.execute(
            f"SELECT {column} FROM isp_radius.{table} WHERE username = %s ORDER BY 1",
            [login],
        )
        return [value for (value,) in self.cr.fetchall()]

    def _open(self, line, **span):
        return self.env["isp.extension"].create(
            {
                "connection_id": line.id,
                "kind": "free",
                "date_from": fields.Datetime.now(),
                "date_to": self._soon(**(span or {"hours": 24})),
            }
        )

    def _line(self, login, **values):
        line = self._create_connection(username=login, **values)
        line.sudo().state = "active"
        self.env.cr.flush()
        return line

    # === what is written === #

    def test_what_opens_is_written_with_the_transaction(self):
        line = self._line("opens")
        self.assertEqual(self._rows("opens"), [])
        self._open(line)
        self.assertEqual(self._rows("opens"), [f"isp_plan_{self.package.id}"])
        self.assertIn("secret", self._rows("opens", "radcheck"))

    def test_a_line_that_only_loses_is_left_to_the_worker(self):
        line = self._line("loses")
        extension = self._open(line, hours=48)
        before = self._rows("loses", "radcheck")
        extension.date_to = self._soon(hours=24)
        self.assertEqual(self._rows("loses", "radcheck"), before)
        extension.date_to = self._soon(hours=72)
        self.assertNotEqual(self._rows("loses", "radcheck"), before)

    def test_a_login_others_made_is_left_to_the_worker(self):
        self.cr.execute(
            "INSERT INTO isp_radius.radcheck (username, attribute, op, value) "
            "VALUES ('theirs', 'Cleartext-Password', ':=', 'old'), "
            "('theirs', 'Expiration', ':=', '01 Jan 2020 00:00:00')"
        )
        self._open(self._line("theirs"))
        self.assertEqual(self._rows("theirs"), [])
        self.assertIn("old", self._rows("theirs", "radcheck"))

    def test_a_plan_whose_speed_changes_is_left_to_the_worker(self):
        self._open(self._line("first"))
        self.assertTrue(self._rows("first"))
        self.package.speed_download = 50
        self._open(self._line("second"))
        self.assertEqual(self._rows("second"), [])

    def test_a_bulk_is_left_to_the_worker(self):
        lines = self._line("bulk1") | self._line("bulk2")
        with patch.object(isp_gateway_local, "LINES_AT_ONCE", 1):
            for line in lines:
                self._open(line)
            self.env.cr.flush()
        self.assertEqual(self._rows("bulk1") + self._rows("bulk2"), [])

    def test_nothing_of_the_workers_is_written(self):
        line = self._line("queued")
        self.cr.execute("DELETE FROM isp_access_dirty")
        self._open(line)
        self.env.cr.flush()
        self.assertFalse(line.access_ids)
        self.cr.execute("SELECT connection_id FROM isp_access_dirty")
        self.assertIn((line.id,), self.cr.fetchall())

    # === guards === #

    def _assertNothingWritten(self, login):
        self._open(self._line(login))
        self.assertEqual(self._rows(login), [])

    def test_a_watched_gateway_is_not_written(self):
        self.gateway.mode = "watching"
        self._assertNothingWritten("watched")

    def test_a_copy_of_the_database_writes_nothing(self):
        """Before any worker has noticed that it is one."""
        self.env["ir.config_parameter"].sudo().set_param("database.uuid", "a-copy")
        self._assertNothingWritten("copy")

    def test_a_gateway_that_waits_for_its_next_try_is_not_written(self):
        self.cr.execute(
            "UPDATE isp_gateway SET state = 'down', next_try = %s WHERE id = %s",
            [fields.Datetime.now() + timedelta(minutes=5), self.gateway.id],
        )
        self.gateway.invalidate_recordset()
        self._assertNothingWritten("waits")

    def test_an_archived_gateway_is_not_written(self):
        line = self._line("archived")
        self.gateway.active = False
        self._open(line)
        self.assertEqual(self._rows("archived"), [])

    def test_a_line_on_another_gateway_is_not_written(self):
        Gateway = self.env["isp.gateway"].sudo()
        other = Gateway.create({"name": "Far", "mode": "control"})
        line = self._line("far")
        line.gateway_id = other
        self._open(line)
        self.assertEqual(self._rows("far"), [])

    def test_the_tables_of_this_database_need_no_file(self):
        with self.assertRaises(ValidationError):
            self.gateway.by_sql_file = True

    @mute_logger("odoo.sql_db")
    def test_a_second_gateway_on_the_same_tables_is_refused(self):
        with self.assertRaises(IntegrityError), self.cr.savepoint():
            self.env["isp.gateway"].create({"name": "Two", "type": "radius_local"})

    def test_the_screen_offers_this_database_first_and_once(self):
        Gateway = self.env["isp.gateway"].with_context(isp_offer_local=True)
        self.assertEqual(Gateway.default_get(["type"])["type"], "freeradius")
        self.gateway.type = "freeradius"
        self.assertEqual(Gateway.default_get(["type"])["type"], "radius_local")

    # === sessions === #

    def test_a_session_between_payment_and_worker_is_not_dropped(self):
        """It began by what was written with the payment, and would be dialled anew."""
        line = self._line("session")
        access = (
            self.env["isp.access"]
            .sudo()
            .create({"connection_id": line.id, "gateway_id": self.gateway.id})
        )
        access.applied = access.desired
        self._open(line)
        line.invalidate_recordset()
        access.invalidate_recordset(["desired"])
        now = fields.Datetime.now()
        self.assertFalse(access._get_changed_at(access.desired, now))
        faster = {**access.desired, "rate_down": 1}
        self.assertEqual(access._get_changed_at(faster, now), now)

    # === role === #

    def _as_network(self):
        user = self._create_user("net", "mybizna_isp.isp_group_network")
        return self.gateway.with_user(user)

    @staticmethod
    def _get_password(action):
        settings = action["context"]["default_settings"]
        return settings.split('password = "')[1].split('"')[0]

    def test_the_button_shows_the_password_once_and_stores_it_nowhere(self):
        action = self._as_network().action_make_radius_role()
        settings = action["context"]["default_settings"]
        password = self._get_password(action)
        self.assertGreaterEqual(len(password), 24)
        self.assertFalse(action["context"]["default_statements"])
        Login = self.env["isp.gateway.role"].with_context(**action["context"])
        self.assertEqual(Login.new({}).settings, settings)
        saved = Login.create({})
        self.env.flush_all()
        saved.invalidate_recordset()
        self.cr.execute("SELECT * FROM isp_gateway_role WHERE id = %s", [saved.id])
        self.assertNotIn(password, str(self.cr.fetchall()))
        bodies = str(self.gateway.message_ids.mapped("body"))
        self.assertIn(action["context"]["default_role"], bodies)
        self.assertNotIn(password, bodies)

    def test_a_clerk_cant_make_the_role(self):
        user = self._create_user("clerk", "mybizna_isp.isp_group_clerk")
        with self.assertRaises(AccessError):
            self.gateway.with_user(user).action_make_radius_role()

    def test_where_odoo_may_not_make_roles_it_says_what_to_run(self):
        self.cr.execute(
            "CREATE ROLE isp_test_weak; GRANT odoo TO isp_test_weak; "
            "SET LOCAL ROLE isp_test_weak"
        )
        action = self.gateway.action_make_radius_role()
        statements = action["context"]["default_statements"]
        role = action["context"]["default_role"]
        password = self._get_password(action)
        self.assertNotIn(password, statements, "a log of statements would have it")
        self.cr.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", [role])
        self.assertEqual(self.cr.fetchone()[0], 0)
        self.cr.execute("RESET ROLE")
        self.cr.execute(statements)
        self.cr.execute(
            "SELECT has_table_privilege(%s, 'isp_radius.radcheck', 'SELECT')", [role]
        )
        self.assertTrue(self.cr.fetchone()[0])

    def test_where_odoo_may_not_make_the_schema_it_says_what_to_run(self):
        self.gateway.type = "freeradius"
        self.cr.execute(
            "DROP SCHEMA isp_radius CASCADE; CREATE ROLE isp_test_weak; "
            "GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO isp_test_weak; "
            "GRANT INSERT ON ALL TABLES IN SCHEMA public TO isp_test_weak; "
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO isp_test_weak; "
            "SET LOCAL ROLE isp_test_weak"
        )
        with self.assertRefused("GRANT CREATE ON DATABASE"):
            self.gateway.type = "radius_local"
        self.cr.execute("RESET ROLE")

    # === uninstall === #

    def test_uninstalling_leaves_the_logins_that_are_there(self):
        self._open(self._line("stays"))
        self.assertTrue(self._rows("stays"))
        _drop_empty_radius_schema(self.env)
        self.assertTrue(self._rows("stays"))

    def test_uninstalling_takes_an_empty_schema_away(self):
        _drop_empty_radius_schema(self.env)
        self.cr.execute("SELECT to_regnamespace('isp_radius')")
        self.assertFalse(self.cr.fetchone()[0])
