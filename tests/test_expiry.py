from datetime import date, datetime

from freezegun import freeze_time
from psycopg2.errors import ForeignKeyViolation

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestExpiry(IspCommon):
    def test_expiry_is_the_end_of_the_last_paid_period_plus_grace(self):
        self.package.grace_hours = 6
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            self.assertFalse(connection.expiry_at)
            self._pay_all(connection)
        # The local midnight of 10 February is 21:00 UTC of the 9th.
        self.assertEqual(connection.paid_until_at, datetime(2026, 2, 9, 21, 0))
        self.assertEqual(connection.expiry_at, datetime(2026, 2, 10, 3, 0))
        self.assertEqual(connection.expiry_date, date(2026, 2, 10))

    def test_unreconciling_takes_expiry_and_access_back_and_redoing_gives_it_once(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            payment = self._pay(connection.contract_id, 1725.0, connection)
            expiry = connection.expiry_at
            self.assertEqual(connection.access, "on")
            lines = payment.move_id.line_ids.filtered("isp_contract_id")
            lines.remove_move_reconcile()
            self.assertFalse(connection.expiry_at)
            self.assertEqual(connection.access, "off")
            payment._isp_reconcile()
            self.assertEqual(connection.expiry_at, expiry)
            self.assertLedger(connection.contract_id)

    def test_each_kind_of_extension_opens_and_ends_by_the_clock(self):
        for kind in ("promise", "free", "outage", "holiday", "migrated", "held"):
            with freeze_time("2026-01-10 09:00:00"):
                connection = self._create_active()
                self.env["isp.extension"].create(
                    {
                        "connection_id": connection.id,
                        "kind": kind,
                        "date_to": "2026-01-12 09:00:00",
                    }
                )
                self.assertEqual(connection.access, "on")
                self.assertEqual(connection.expiry_at, datetime(2026, 1, 12, 9, 0))
            with freeze_time("2026-01-12 09:00:01"):
                self.env.invalidate_all()
                self.assertEqual(connection.access, "off")
                self.assertEqual(self._owed(connection), 1725.0)

    def test_a_payment_lifts_no_suspension_by_hand(self):
        connection = self._create_active()
        self.env["isp.suspension"].create({"connection_id": connection.id})
        self._pay_all(connection)
        self.assertEqual(connection.access, "off")
        connection.suspension_ids.action_end()
        self.assertEqual(connection.access, "on")

    def test_what_the_search_finds_on_is_what_the_function_says(self):
        lines = [
            self._create_active(partner_id=self._create_client().id) for _i in range(4)
        ]
        self._pay_all(lines[0])
        self._pay_all(lines[1])
        self.env["isp.suspension"].create({"connection_id": lines[1].id})
        self.env["isp.extension"].create(
            {"connection_id": lines[2].id, "date_to": self._soon(days=1)}
        )
        everything = self.env["isp.connection"].search([])
        for level in ("on", "off", "limited"):
            found = everything.search([("access", "=", level)])
            self.assertEqual(
                found, everything.filtered(lambda c, a=level: c.access == a), level
            )

    def test_an_expired_line_falls_back_to_the_slower_package_where_so_set(self):
        slow = self._create_package("Slow", 0.0, speed_download=1, speed_upload=1)
        self.package.write({"on_expiry": "fallback", "fallback_package_id": slow.id})
        connection = self._create_active()
        desired = connection._get_desired_access()[connection.id]
        self.assertEqual(connection.access, "limited")
        self.assertTrue(desired["on"])
        self.assertEqual(desired["rate_down"], 1_000_000)
        self._pay_all(connection)
        desired = connection._get_desired_access()[connection.id]
        self.assertEqual(desired["rate_down"], 10_000_000)
        self.assertEqual(desired["rate_up"], 5_000_000)

    def test_a_missing_fallback_package_is_refused_and_an_archived_one_goes_on(self):
        """F12: nobody surfs for nothing at full speed because a package has gone."""
        with self.assertRaises(ValidationError):
            self.package.on_expiry = "fallback"
        slow = self._create_package("Slow", 0.0, speed_download=1, speed_upload=1)
        self.package.write({"on_expiry": "fallback", "fallback_package_id": slow.id})
        connection = self._create_active()
        with mute_logger("odoo.sql_db"), self.assertRaises(ForeignKeyViolation):
            slow.unlink()
        slow.active = False
        desired = connection._get_desired_access()[connection.id]
        self.assertEqual(desired["rate_down"], 1_000_000)

    def test_the_expiry_run_wakes_the_workers_for_what_is_open_beyond_its_time(self):
        with freeze_time("2026-01-10 09:00:00"):
            connection = self._create_active()
            self._pay_all(connection)
            gateway = self.env["isp.gateway"].create(
                {"name": "Tower", "type": "freeradius", "ip_address": "127.0.0.1"}
            )
            connection.gateway_id = gateway
            self.env["isp.access"].sudo().create(
                {
                    "connection_id": connection.id,
                    "gateway_id": gateway.id,
                    "applied_on": True,
                    "state": "applied",
                }
            )
        Dirty = self.env["isp.access.dirty"].sudo()
        for day, woken in (("2026-02-09", False), ("2026-02-10", True)):
            with freeze_time(f"{day} 09:00:00"), self.enter_registry_test_mode():
                self.env.cr.flush()
                Dirty.search([]).unlink()
                self.env.invalidate_all()
                self.env.ref(
                    "mybizna_isp.isp_connection_cron_expire"
                ).method_direct_trigger()
                found = Dirty.search([("connection_id", "=", connection.id)])
                self.assertEqual(bool(found), woken, day)
