import contextlib
import threading

import psycopg2

from odoo import fields
from odoo.tests import get_db_name, tagged

from ..tools.radius_pg import _RUN_LOCK
from .radius_common import get_server
from .radius_local_common import LocalRadiusCase


@tagged("post_install", "-at_install")
class TestRadiusLocal(LocalRadiusCase):
    """A real FreeRADIUS reads its tables in Odoo's database, by a role of its own."""

    # === up at once === #

    def test_a_commit_lets_in_who_paid_and_no_worker_ran(self):
        [line_id] = self._create_lines()
        self.assertFalse(self._is_accepted(line_id))
        self._do(self._pay, line_id)
        answer = self.radius.auth(self._get_login(line_id), "secret")
        self.assertTrue(answer.accepted)
        self.assertEqual(answer.attributes["Mikrotik-Rate-Limit"], ["5M/10M"])
        self.assertEqual(self._get_outcomes(line_id), [])

    def test_the_worker_proves_what_the_payment_wrote_and_writes_nothing(self):
        [line_id] = self._create_lines()
        self._converge()
        self.assertIn(("isp_disabled", "0"), self._get_rows(line_id))
        self._do(self._pay, line_id)
        rows = self._get_rows(line_id)
        self.assertNotIn(("isp_disabled", "0"), rows)
        self._converge()
        self.assertEqual(self._get_rows(line_id), rows)
        self.assertEqual(self._get_outcomes(line_id), ["applied", "unchanged"])
        [[state, on]] = self._query(
            "SELECT state, applied_on FROM isp_access WHERE connection_id = %s", line_id
        )
        self.assertEqual((state, on), ("applied", True))

    def test_a_rolled_back_payment_leaves_the_line_refused(self):
        [line_id] = self._create_lines()
        with self.registry.cursor() as cr:
            env = self._get_env(cr)(context={"allowed_company_ids": [self.company_id]})
            self._pay(env, line_id)
            env.cr.flush()
            cr.execute(
                "SELECT count(*) FROM isp_radius.radcheck r JOIN isp_connection c "
                "USING (username) WHERE c.id = %s",
                [line_id],
            )
            self.assertEqual(cr.fetchone()[0], 2, "written, and not committed")
            cr.rollback()
        self.assertEqual(self._get_rows(line_id), [])
        self.assertFalse(self._is_accepted(line_id))

    def test_a_second_month_puts_the_dead_man_off_at_commit(self):
        [line_id] = self._create_lines()
        self._do(self._pay, line_id)
        before = dict(self._get_rows(line_id))["Expiration"]
        self._do(lambda env: env["isp.connection"].browse(line_id)._bill_next_period())
        self._do(self._pay, line_id)
        after = dict(self._get_rows(line_id))["Expiration"]
        self.assertNotEqual(before, after)
        self.assertEqual(self._get_outcomes(line_id), [])

    # === down slowly === #

    def test_a_loss_waits_for_the_worker(self):
        [line_id] = self._create_lines()
        self._do(self._pay, line_id)
        self._do(
            lambda env: env["isp.suspension"].create(
                {
                    "connection_id": line_id,
                    "reason": "manual",
                    "date_from": fields.Datetime.now(),
                }
            )
        )
        self.assertTrue(self._is_accepted(line_id))
        self._converge()
        self.assertFalse(self._is_accepted(line_id))

    def test_a_payment_taken_back_before_the_worker_came_lets_nobody_in(self):
        [line_id] = self._create_lines()
        self._converge()
        self.assertFalse(self._is_accepted(line_id))

        def extend(env):
            return (
                env["isp.extension"]
                .create(
                    {
                        "connection_id": line_id,
                        "kind": "free",
                        "date_from": fields.Datetime.now(),
                        "date_to": fields.Datetime.add(fields.Datetime.now(), days=9),
                    }
                )
                .id
            )

        extension_id = self._do(extend)
        self.assertTrue(self._is_accepted(line_id))
        self._do(lambda env: env["isp.extension"].browse(extension_id).unlink())
        self._converge()
        self.assertFalse(self._is_accepted(line_id))

    # === a failing write === #

    def test_a_write_that_fails_stops_no_payment_and_the_worker_repairs(self):
        [line_id] = self._create_lines()
        self._query(
            "CREATE FUNCTION isp_radius.refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RAISE EXCEPTION ''no''; END'; "
            "CREATE TRIGGER refuse BEFORE INSERT ON isp_radius.radcheck "
            "FOR EACH ROW EXECUTE FUNCTION isp_radius.refuse()"
        )
        try:
            payment = self._do(lambda env: self._pay(env, line_id).ids)
        finally:
            self._query("DROP FUNCTION isp_radius.refuse CASCADE")
        [[state]] = self._query(
            "SELECT state FROM account_payment WHERE id = ANY(%s)", payment
        )
        self.assertIn(state, ("in_process", "paid"))
        self.assertEqual(self._get_rows(line_id), [], "all or nothing")
        self.assertFalse(self._is_accepted(line_id))
        self._converge()
        self.assertTrue(self._is_accepted(line_id))

    def test_a_payment_does_not_wait_for_the_end_of_a_lock_on_the_login(self):
        [line_id] = self._create_lines()
        self._converge()
        login = self._get_login(line_id)
        with self._locked(
            "SELECT FROM isp_radius.radusergroup WHERE username = %s FOR UPDATE", login
        ):
            payment = threading.Thread(target=self._do, args=[self._pay, line_id])
            payment.start()
            payment.join(10)
            self.assertFalse(payment.is_alive(), "it waits for the lock's end")
            self.assertIn(("isp_disabled", "0"), self._get_rows(line_id))
        self._converge()
        self.assertTrue(self._is_accepted(line_id))

    def test_a_payment_does_not_wait_for_a_workers_turn(self):
        [line_id] = self._create_lines()
        with self._locked("SELECT pg_advisory_xact_lock(%s)", _RUN_LOCK):
            self._do(self._pay, line_id)
            self.assertTrue(self._is_accepted(line_id))

    def test_the_search_path_of_a_payments_transaction_is_as_before(self):
        [line_id] = self._create_lines()
        with self.registry.cursor() as cr:
            cr.execute("SHOW search_path")
            before = cr.fetchone()
            env = self._get_env(cr)(context={"allowed_company_ids": [self.company_id]})
            self._pay(env, line_id)
            cr.flush()
            cr.execute("SHOW search_path")
            self.assertEqual(cr.fetchone(), before)
            cr.rollback()

    def test_two_payments_at_once_are_both_let_in(self):
        first, second = self._create_lines(2)
        # The plan's group is new to both, and neither sees the other's.
        self._query(
            "DELETE FROM isp_radius.radgroupreply WHERE groupname <> 'isp_mark'"
        )
        results = self._side_by_side(
            lambda env: self._pay(env, first).ids,
            lambda env: self._pay(env, second).ids,
        )
        self.assertFalse([r for r in results if isinstance(r, Exception)])
        self.assertTrue(self._is_accepted(first) and self._is_accepted(second))
        self._converge()
        rows = self._query(
            "SELECT groupname, attribute, value FROM isp_radius.radgroupreply "
            "WHERE groupname <> 'isp_mark'"
        )
        self.assertEqual(len(rows), len(set(rows)), "what stood double is single")
        self.assertTrue(self._is_accepted(first) and self._is_accepted(second))

    # === U-19: what Odoo does to its own tables === #

    def test_logins_go_on_while_an_upgrade_locks_and_alters_odoos_tables(self):
        """U-19. The lock is held by another transaction, as an upgrade's is."""
        [line_id] = self._create_lines()
        self._do(self._pay, line_id)
        login = self._get_login(line_id)
        with self._locked(
            "LOCK res_partner, isp_connection, isp_gateway IN ACCESS EXCLUSIVE MODE; "
            "ALTER TABLE isp_connection ALTER COLUMN username TYPE text; "
            "ALTER TABLE res_partner ALTER COLUMN ref TYPE text"
        ):
            answers = [self.radius.auth(login, "secret") for _index in range(10)]
            session = self.radius.acct_start(login, "during-upgrade")
        self.assertTrue(all(answer.accepted for answer in answers))
        self.assertTrue(session.accepted)

    def test_nothing_of_the_schema_hangs_on_a_table_of_odoos(self):
        """U-19: a view or foreign key would stop an upgrade, or wait for it."""
        found = self._query(
            """
            SELECT d.classid::regclass, d.objid, d.refobjid::regclass
              FROM pg_depend d
              JOIN pg_class c ON c.oid = d.refobjid
             WHERE d.refclassid = 'pg_class'::regclass
               AND c.relnamespace = 'isp_radius'::regnamespace
               AND d.classid IN ('pg_rewrite'::regclass, 'pg_constraint'::regclass)
               AND EXISTS (
                    SELECT FROM pg_depend o JOIN pg_class t ON t.oid = o.refobjid
                     WHERE o.classid = d.classid AND o.objid = d.objid
                       AND t.relnamespace <> 'isp_radius'::regnamespace)
            """
        )
        self.assertEqual(found, [])

    def test_an_upgrade_of_this_addon_locks_none_of_freeradius_tables(self):
        """What puts the schema back looks first: a lock would be held to the end."""
        with self.registry.cursor() as cr:
            self._get_env(cr)["isp.gateway"].init()
            cr.execute(
                "SELECT relation::regclass, mode FROM pg_locks l "
                "JOIN pg_class c ON c.oid = l.relation WHERE l.pid = pg_backend_pid() "
                "AND c.relnamespace = 'isp_radius'::regnamespace"
            )
            self.assertEqual(cr.fetchall(), [])

    def test_an_upgrade_puts_back_a_table_that_was_dropped(self):
        self._query(
            "DROP TABLE isp_radius.nasreload; DROP INDEX isp_radius.nas_nasname"
        )
        self._do(lambda env: env["isp.gateway"].init())
        [found] = self._query(
            "SELECT to_regclass('isp_radius.nasreload') IS NOT NULL, "
            "to_regclass('isp_radius.nas_nasname') IS NOT NULL"
        )
        self.assertEqual(found, (True, True))

    # === the role === #

    def test_the_role_sees_its_own_tables_and_nothing_else(self):
        role, password = self.login["role"], self.login["password"]
        self.assertEqual(self.login["visible"], [])
        with self._as_role() as cursor:
            cursor.execute("SHOW search_path")
            self.assertEqual(cursor.fetchone(), ("isp_radius",))
            cursor.execute("SELECT count(*) FROM radcheck")
            for query in (
                "SELECT name FROM public.res_partner",
                "SELECT password FROM public.isp_connection",
                "SELECT value FROM public.ir_config_parameter",
                "SELECT id FROM public.account_move",
                "UPDATE radcheck SET value = 'x'",
                "INSERT INTO radusergroup (username, groupname) VALUES ('x', 'x')",
                "DELETE FROM radacct",
                "CREATE TABLE isp_radius.mine (id int)",
                f'ALTER ROLE "{role}" CREATEROLE',
            ):
                with self.subTest(query), self.assertRaises(psycopg2.Error) as caught:
                    cursor.execute(query)
                self.assertEqual(caught.exception.pgcode, "42501", query)
        [[text]] = self._query(
            "SELECT rolpassword FROM pg_authid WHERE rolname = %s", role
        )
        self.assertTrue(text.startswith("SCRAM-SHA-256$"))
        self.assertNotIn(password, text)

    def test_what_somebody_opened_to_everybody_is_named(self):
        self._query("GRANT SELECT ON res_country TO PUBLIC")
        try:
            with self.registry.cursor() as cr:
                gateway = self._get_env(cr)["isp.gateway"]
                visible = gateway._get_visible(self.login["role"])
        finally:
            self._query("REVOKE SELECT ON res_country FROM PUBLIC")
        self.assertEqual(visible, ["public.res_country"])

    # === helpers === #

    @contextlib.contextmanager
    def _locked(self, statements, *params):
        """Hold what statements lock, from another connection; undo them after."""
        with contextlib.closing(
            psycopg2.connect(dbname=get_db_name(), **get_server())
        ) as connection:
            with connection.cursor() as cursor:
                cursor.execute(statements, params)
            try:
                yield
            finally:
                connection.rollback()

    @contextlib.contextmanager
    def _as_role(self):
        values = {
            **get_server(),
            "user": self.login["role"],
            "password": self.login["password"],
        }
        with contextlib.closing(
            psycopg2.connect(dbname=get_db_name(), **values)
        ) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
