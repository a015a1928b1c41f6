from psycopg2.errors import UniqueViolation

from odoo.exceptions import ValidationError
from odoo.modules.module import load_script
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools.misc import file_path

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestConnectionAddress(IspCommon):
    def test_a_mac_address_is_kept_in_one_way_however_it_is_typed(self):
        for typed in ("aa-bb-cc-00-11-22", "AABB.CC00.1122", " aa:bb:cc:00:11:22 "):
            line = self._create_connection(mac_address=typed)
            self.assertEqual(line.mac_address, "AA:BB:CC:00:11:22")

    def test_a_device_or_address_that_no_gateway_takes_is_refused_by_name(self):
        for name, value in (
            ("mac_address", "AA:BB:CC"),
            ("fixed_ip", "10.0.0"),
            ("ipv6_prefix", "2001:db8::/200"),
        ):
            with self.subTest(name), self.assertRaises(ValidationError) as caught:
                self._create_connection(username="mary", **{name: value})
            self.assertIn("mary", str(caught.exception))

    def test_a_fixed_address_belongs_to_one_line_of_a_gateway(self):
        gateway = self.env["isp.gateway"].create(
            {"name": "Tower", "ip_address": "127.0.0.1"}
        )
        other = gateway.copy({"name": "Other"})
        line = self._create_connection(gateway_id=gateway.id, fixed_ip="10.0.0.7 ")
        self._create_connection(gateway_id=other.id, fixed_ip="10.0.0.7")
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation):
            self._create_connection(gateway_id=gateway.id, fixed_ip=line.fixed_ip)

    def test_an_unpaid_line_may_reach_the_pay_page_where_its_package_says_so(self):
        self.package.on_expiry = "walled"
        line = self._create_active()
        desired = line._get_desired_access()[line.id]
        self.assertEqual(line.access, "limited")
        self.assertEqual((desired["on"], desired["walled"]), (False, True))
        self.assertEqual(desired["plan"], f"isp_plan_{self.package.id}")
        self.assertIn("Pay page only", line.status_text)
        self._pay_all(line)
        desired = line._get_desired_access()[line.id]
        self.assertEqual((desired["on"], desired["walled"]), (True, False))

    def test_a_line_whose_package_has_no_access_has_no_login_on_a_gateway(self):
        gateway = self.env["isp.gateway"].create(
            {"name": "Tower", "ip_address": "127.0.0.1"}
        )
        line = self._create_connection(gateway_id=gateway.id)
        self.assertTrue(line._get_desired_access()[line.id]["present"])
        self.package.access_kind = "none"
        self.assertFalse(line._get_desired_access()[line.id]["present"])

    def test_a_fallback_package_changes_speed_and_not_the_way_onto_the_net(self):
        slow = self._create_package("Slow", 0.0, speed_download=1, speed_upload=1)
        self.package.write(
            {
                "access_kind": "hotspot",
                "simultaneous_use": 2,
                "on_expiry": "fallback",
                "fallback_package_id": slow.id,
            }
        )
        line = self._create_active()
        desired = line._get_desired_access()[line.id]
        self.assertEqual(desired["plan"], f"isp_plan_{slow.id}")
        self.assertEqual((desired["service"], desired["simultaneous"]), ("hotspot", 2))

    def test_rows_on_a_device_are_marked_without_personal_data(self):
        line = self._create_connection()
        database = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        self.assertEqual(line._get_device_tag(), f"isp:{database[:8]}:{line.id}")

    def test_packages_with_a_login_are_pppoe_after_an_upgrade(self):
        self.env.flush_all()
        self.cr.execute(
            "UPDATE isp_package SET access_kind = 'login' WHERE id = %s",
            [self.package.id],
        )
        script = load_script(
            file_path("mybizna_isp/migrations/19.0.1.3.0/pre-migrate.py"), "isp_pre"
        )
        script.migrate(self.cr, "19.0.1.2.0")
        self.env.invalidate_all()
        self.assertEqual(self.package.access_kind, "pppoe")
