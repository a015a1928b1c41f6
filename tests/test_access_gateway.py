from psycopg2.errors import CheckViolation, UniqueViolation

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .radius_common import RadiusCommon, talk


@tagged("post_install", "-at_install")
class TestAccessGateway(RadiusCommon):
    def test_a_new_gateway_only_watches_and_nothing_is_written(self):
        """U-22."""
        gateway = self._create_gateway("New")
        self.assertEqual(gateway.mode, "watching")
        line = self._create_line("mary", gateway_id=gateway.id)
        self._open(line)
        self._converge()
        row = self._get_row(line, gateway)
        self.assertEqual(row.state, "pending")
        self.assertIn("Watching only", row.error)
        self.assertFalse(self.radius_db.query("SELECT * FROM radcheck"))
        self.assertFalse(row.log_ids)

    def test_taking_control_writes_at_once_and_says_who_did_it(self):
        gateway = self._create_gateway("New")
        line = self._create_line("mary", gateway_id=gateway.id)
        self._open(line)
        self._converge()
        gateway._take_control()
        self._converge()
        self.assertTrue(self._is_accepted("mary"))
        self.assertEqual(self._get_row(line, gateway).state, "applied")
        self.assertIn(self.env.user.name, "".join(gateway.message_ids.mapped("body")))

    def test_giving_up_control_leaves_what_is_on_the_device(self):
        line = self._create_line("mary")
        extension = self._open(line)
        self._converge()
        self.gateway.action_watch_only()
        extension.unlink()
        self._converge()
        self.assertTrue(self._is_accepted("mary"))
        self.assertEqual(self._get_row(line).state, "pending")

    def test_a_copy_of_the_database_only_watches(self):
        line = self._create_line("mary")
        self._open(line)
        self.env["ir.config_parameter"].sudo().set_param("database.uuid", "a copy")
        self._converge()
        self.assertEqual(self.gateway.mode, "watching")
        self.assertFalse(self.radius_db.query("SELECT * FROM radcheck"))
        self.assertIn("copy", "".join(self.gateway.message_ids.mapped("body")))

    def test_an_archived_gateway_is_left_alone(self):
        line = self._create_line("mary")
        self.gateway.active = False
        self._converge()
        self.assertFalse(self.radius_db.query("SELECT * FROM radcheck"))
        self.assertIn("archived", self._get_row(line).error)

    def test_the_job_is_registered_and_effective(self):
        """F20."""
        self.assertTrue(self.cron.active)
        self.assertEqual(self.cron.model_id.model, "isp.access")
        self.assertEqual(self.cron.code.strip(), "model._cron_converge()")
        self._open(self._create_line("mary"))
        self._converge()
        self.assertTrue(self._is_accepted("mary"))

    def test_a_wakeup_triggers_the_job(self):
        triggers = self.env["ir.cron.trigger"].sudo()
        mine = [("cron_id", "=", self.cron.id)]
        before = triggers.search_count(mine)
        self._create_line("mary")
        self.env.cr.flush()
        self.assertEqual(triggers.search_count(mine), before + 1)

    def test_the_worker_writes_no_row_of_business(self):
        """R2: counted by PostgreSQL itself, whatever way it was written."""
        lines = [self._create_line(f"line{index}") for index in range(5)]
        for line in lines[:3]:
            self._open(line)
        self.env.cr.flush()
        before = self._count_writes()
        self._converge()
        after = self._count_writes()
        written = {table for table in after if after[table] != before.get(table, 0)}
        self.assertLessEqual(
            written,
            {
                "isp_access",
                "isp_access_dirty",
                "isp_access_log",
                "isp_gateway",
                "ir_cron",
                "ir_cron_progress",
                "ir_cron_trigger",
            },
        )
        self.assertIn("isp_access_log", written)

    def _count_writes(self):
        self.env.cr.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del "
            "FROM pg_stat_xact_user_tables"
        )
        return dict(self.env.cr.fetchall())

    def test_a_run_of_many_lines_asks_the_database_no_more_often(self):
        def count(prefix, number):
            for index in range(number):
                self._open(self._create_line(f"{prefix}{index}"))
            self.env.cr.flush()
            Access = self.env["isp.access"].with_user(self.env.ref("base.user_root"))
            before = self.env.cr.sql_log_count
            [task] = Access._claim()
            claimed = self.env.cr.sql_log_count
            Access._record(task, talk(task))
            return claimed - before, self.env.cr.sql_log_count - claimed

        count("warm", 2)
        self.assertEqual(count("few", 3), count("many", 30))

    # === FIELDS AND BUTTONS === #

    def test_an_address_is_an_ip_address_or_a_host_name(self):
        for address in ("10.1.2.3", "2001:db8::1", "radius.example.net", "radius"):
            self.gateway.ip_address = address
        for address in ("10.1.2", "10.1.2.300", "a b", "x;y", "http://x", "-a.b"):
            with self.assertRaisesRegex(ValidationError, "Tower 1"):
                self.gateway.ip_address = address

    @mute_logger("odoo.sql_db")
    def test_a_port_is_a_port(self):
        for port in (0, -1, 65536):
            with self.assertRaises(CheckViolation), self.cr.savepoint():
                self.gateway.port = port
                self.env.flush_all()

    @mute_logger("odoo.sql_db")
    def test_names_of_gateways_are_unique_within_a_company(self):
        with self.assertRaises(UniqueViolation), self.cr.savepoint():
            self._create_gateway("Tower 1")

    def test_secrets_are_read_by_network_staff_only(self):
        clerk = self._create_user("clerk", "mybizna_isp.isp_group_clerk")
        technician = self._create_user("tech", "mybizna_isp.isp_group_network")
        self.assertEqual(
            self.gateway.with_user(technician).password, self.gateway.password
        )
        with self.assertRaises(AccessError):
            self.gateway.with_user(clerk).read(["password"])
        self.assertEqual(self.gateway.with_user(clerk).name, "Tower 1")
        with self.assertRaises(AccessError):
            self.gateway.with_user(clerk)._take_control()
        self.assertFalse(self.gateway.copy({"name": "Copy"}).password)
        exportable = self.gateway.fields_get(["password"], ["exportable"])
        self.assertFalse(exportable["password"]["exportable"])

    def test_a_company_sees_its_own_gateways_and_rows_only(self):
        line = self._create_line("mary")
        self._converge()
        company = self.env["res.company"].create({"name": "Other"})
        stranger = self._create_user(
            "other",
            "mybizna_isp.isp_group_manager",
            company_id=company.id,
            company_ids=company.ids,
        )
        for model in ("isp.gateway", "isp.access", "isp.access.log"):
            self.assertTrue(self.env[model].search([]), model)
            found = self.env[model].with_user(stranger).search([])
            self.assertFalse(found & self.env[model].browse(line.access_ids.ids), model)
            self.assertNotIn(self.company, found.company_id, model)

    def test_nobody_changes_the_log(self):
        self._open(self._create_line("mary"))
        self._converge()
        log = self.env["isp.access.log"].search([], limit=1)
        for change in (lambda: log.write({"reply": "x"}), log.unlink):
            with self.assertRaises(UserError):
                change()

    def test_the_test_button_shows_what_the_worker_found(self):
        gateway = self._create_gateway("New")
        gateway.action_test_connection()
        self._work()
        self.assertEqual(gateway.state, "up")
        self.assertIn("server version", gateway.job_ids.summary)
        gateway.database = "no_database_of_this_name"
        gateway.action_test_connection()
        self._work()
        self.assertNotEqual(gateway.state, "up")
        self.assertEqual(gateway.job_ids[:1].summary, gateway.last_error)

    def test_a_gateway_with_logins_is_archived_not_deleted(self):
        self._create_line("mary")
        self._converge()
        with self.assertRaisesRegex(UserError, "Archive"):
            self.gateway.unlink()

    def test_the_words_on_the_screen_can_be_searched(self):
        step, wait = self._create_line("mary"), self._create_line("john")
        self._open(step, hours=1)
        self._converge()
        self._get_row(wait)
        watching = self._create_gateway("New")
        late = self._create_line("late", gateway_id=watching.id)
        self._converge()
        Access = self.env["isp.access"]
        rows = {
            status: Access.search([("status", "=", status)])
            for status in ("waiting", "in_step", "attention")
        }
        self.assertEqual(rows["waiting"].connection_id, late)
        self.assertEqual(rows["in_step"].connection_id, step | wait)
        self.assertFalse(rows["attention"])
