import base64
import os
import subprocess

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .radius_common import RadiusCommon, get_server
from .servers.postgres import find_binaries


@tagged("post_install", "-at_install")
class TestAccessFile(RadiusCommon):
    """S0-17: no connection is made; changes come out as an SQL file."""

    def setUp(self):
        super().setUp()
        self.gateway.by_sql_file = True
        self.line = self._create_line("mary")
        self._open(self.line)
        self._converge()

    def _run_file(self):
        """What the person does whom the file was given."""
        server = get_server()
        subprocess.run(
            [find_binaries() / "psql", "-Xq", "-d", self.radius_db.name],
            input=self._get_file(),
            env={
                **os.environ,
                "PGHOST": server["host"],
                "PGPORT": str(server["port"]),
                "PGUSER": server["user"],
                "PGPASSWORD": server["password"],
            },
            text=True,
            check=True,
            capture_output=True,
        )

    def test_a_wish_that_cannot_be_written_is_named_and_never_in_step(self):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE isp_connection SET username = 'a''b' WHERE id = %s", [self.line.id]
        )
        self.env.invalidate_all()
        other = self._create_line("john")
        self._open(other)
        self._converge()
        self.gateway.action_make_sql_file()
        self._run_file()
        self.gateway.action_mark_sql_file_applied()
        self.assertEqual(self._get_row(other).state, "applied")
        row = self._get_row(self.line)
        self.assertEqual(row.state, "error")
        self.assertIn("can't be used", row.error)

    def _get_file(self):
        return base64.b64decode(self.gateway.sudo().sql_file).decode()

    def test_no_connection_is_made_and_the_row_says_what_to_do(self):
        row = self._get_row(self.line)
        self.assertEqual(row.state, "pending")
        self.assertIn("SQL file", row.error)
        self.assertFalse(self.radius_db.query("SELECT * FROM radcheck"))
        self.assertEqual(self.gateway.state, "unknown")
        with self.assertRaisesRegex(UserError, "SQL file"):
            self.gateway.action_test_connection()

    def test_the_file_run_on_the_gateway_opens_the_line(self):
        self.gateway.action_make_sql_file()
        self.assertFalse(self._is_accepted("mary"), "Nobody has run it yet.")
        self._run_file()
        self.assertTrue(self._is_accepted("mary"))
        row = self._get_row(self.line)
        self.assertEqual(row.state, "pending", "Only a person knows that it was run.")
        self.gateway.action_mark_sql_file_applied()
        self.assertEqual((row.state, row.applied_on), ("applied", True))
        self.assertIn(self.env.user.name, row.log_ids.reply)
        with self.assertRaisesRegex(UserError, "nothing has changed"):
            self.gateway.action_make_sql_file()

    def test_a_wish_changed_after_the_file_goes_into_the_next(self):
        self.gateway.action_make_sql_file()
        self._run_file()
        self.env["isp.suspension"].create({"connection_id": self.line.id})
        self._converge()
        self.gateway.action_mark_sql_file_applied()
        row = self._get_row(self.line)
        self.assertEqual((row.state, row.applied_on), ("pending", True))
        self.gateway.action_make_sql_file()
        self._run_file()
        self.gateway.action_mark_sql_file_applied()
        self.assertEqual((row.state, row.applied_on), ("applied", False))
        self.assertFalse(self._is_accepted("mary"))

    def test_a_file_is_not_marked_in_place_of_a_newer_one(self):
        """A person ran the first; the second was made by another meanwhile."""
        self.gateway.action_make_sql_file()
        ran = self.gateway.sql_file_name
        self._run_file()
        with freeze_time(self._soon(seconds=5)):
            other = self._create_line("john")
            self._open(other)
            self._converge()
            self.gateway.action_make_sql_file()
        self.assertNotEqual(self.gateway.sql_file_name, ran)
        with self.assertRaisesRegex(UserError, "newer file"):
            self.gateway.with_context(
                isp_sql_file_name=ran
            ).action_mark_sql_file_applied()
        self.assertEqual(self._get_row(other).state, "pending")

    def test_the_file_holds_passwords_and_is_for_network_staff_only(self):
        self.gateway.action_make_sql_file()
        self.assertIn("secret", self._get_file())
        clerk = self._create_user("clerk", "mybizna_isp.isp_group_clerk")
        with self.assertRaises(AccessError):
            self.gateway.with_user(clerk).read(["sql_file"])
        attachment = self.env["ir.attachment"].search(
            [
                ("res_model", "=", "isp.gateway"),
                ("res_id", "=", self.gateway.id),
                ("res_field", "=", "sql_file"),
            ]
        )
        self.assertTrue(attachment)
        with self.assertRaises(AccessError):
            attachment.with_user(clerk).read(["datas"])
        with self.assertRaises(AccessError):
            self.gateway.with_user(clerk).action_make_sql_file()
