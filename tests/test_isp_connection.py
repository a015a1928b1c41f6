from psycopg2.errors import CheckViolation, UniqueViolation

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestIspConnection(IspCommon):
    def test_registering_a_connection_of_a_new_client_makes_contract_and_site(self):
        connection = self._create_connection()
        self.assertEqual(connection.contract_id.partner_id, self.client)
        self.assertEqual(connection.site_id.contract_id, connection.contract_id)
        self.assertEqual(connection.partner_id, self.client)

    def test_a_second_connection_joins_the_only_contract(self):
        first, second = self._create_connection(), self._create_connection()
        self.assertEqual(first.contract_id, second.contract_id)
        self.assertEqual(first.site_id, second.site_id)

    def test_a_client_with_two_contracts_has_to_choose(self):
        for _index in range(2):
            self.env["isp.contract"].create({"partner_id": self.client.id})
        with self.assertRefused("2 contracts"):
            self._create_connection()

    def test_account_numbers_of_contracts_and_connections_never_meet(self):
        connections = [
            self._create_connection(partner_id=self._create_client().id)
            for _index in range(5)
        ]
        numbers = [c.account_no for c in connections]
        numbers += [c.contract_id.account_no for c in connections]
        self.assertEqual(len(set(numbers)), 10)
        self.assertTrue(all(n.isdigit() and len(n) <= 8 for n in numbers))

    def test_setup_items_are_copied_and_later_edits_change_nothing(self):
        self.package.setup_item_ids = [
            (0, 0, {"name": "Router", "amount": 3000}),
            (0, 0, {"name": "Old cable", "amount": 500, "active": False}),
        ]
        connection = self._create_connection()
        self.assertEqual(connection.setup_item_ids.mapped("name"), ["Router"])
        self.package.setup_item_ids.filtered(lambda i: i.name == "Router").amount = 9999
        self.assertEqual(connection.setup_item_ids.amount, 3000)

    def test_a_login_is_unique_on_its_gateway_whatever_its_case(self):
        gateway = self.env["isp.gateway"].create(
            {"name": "Tower", "type": "freeradius", "ip_address": "127.0.0.1"}
        )
        self._create_connection(username="mary", gateway_id=gateway.id)
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation):
            self._create_connection(username="Mary", gateway_id=gateway.id)

    def test_a_login_with_blanks_or_quotes_is_refused_with_a_sentence(self):
        for login in ("mary w", "o'hara", "x' OR '1'='1", "é", "a" * 65):
            with self.assertRaisesRegex(ValidationError, "1 to 64"):
                self._create_connection(username=login)

    def test_attributes_that_no_gateway_takes_are_refused_at_entry(self):
        for params in ("Framed-IP-Address", "Framed-IP-Address = x", "Foo = 1"):
            with self.subTest(params), self.assertRaises(ValidationError):
                self._create_connection(params=params)
        with self.assertRaisesRegex(ValidationError, "password") as caught:
            self._create_connection(password="hush\nhush")
        self.assertNotIn("hush", str(caught.exception))
        good = self._create_connection(params="Framed-IP-Address = 10.1.2.3")
        desired = good._get_desired_access()[good.id]
        self.assertEqual(desired["fixed_ip"], "10.1.2.3")

    def test_the_sites_gateway_goes_before_the_packages(self):
        Gateway = self.env["isp.gateway"]
        tower, core = Gateway.create(
            [
                {"name": name, "type": "freeradius", "ip_address": "127.0.0.1"}
                for name in ("Tower", "Core")
            ]
        )
        self.package.gateway_id = core
        self.assertEqual(self._create_connection().gateway_id, core)
        contract = self.env["isp.contract"].create(
            {"partner_id": self._create_client().id}
        )
        self.env["isp.site"].create(
            {"contract_id": contract.id, "gateway_id": tower.id}
        )
        connection = self._create_connection(contract_id=contract.id)
        self.assertEqual(connection.gateway_id, tower)

    def test_an_archived_package_keeps_its_connections(self):
        connection = self._create_active()
        self.package.active = False
        self._pay(connection.contract_id, self._owed(connection))
        self.assertEqual(connection.access, "on")

    def test_an_archived_package_cant_be_chosen_for_a_new_connection(self):
        self.package.active = False
        with self.assertRaisesRegex(ValidationError, "is archived"):
            self._create_connection()

    def test_an_archived_cycle_or_gateway_cant_be_chosen_and_old_users_keep_it(self):
        gateway = self.env["isp.gateway"].create(
            {"name": "Old", "type": "freeradius", "ip_address": "127.0.0.1"}
        )
        line = self._create_active(gateway_id=gateway.id)
        gateway.active = False
        self.monthly.active = False
        with self.assertRaisesRegex(ValidationError, "is archived"):
            self._create_connection(gateway_id=gateway.id)
        with self.assertRaisesRegex(ValidationError, "is archived"):
            self._create_package("New", 1.0)
        self._pay(line.contract_id, self._owed(line), line)
        line.action_generate_invoice()
        self.assertEqual(len(line.billing_ids), 2)

    def test_the_shipped_cycles_run_from_an_hour_to_a_year(self):
        lengths = {}
        for key in (
            "hourly",
            "daily",
            "weekly",
            "monthly",
            "quarterly",
            "biannually",
            "annually",
        ):
            cycle = self.env.ref(f"mybizna_isp.isp_billing_cycle_{key}")
            lengths[key] = (cycle.duration, cycle.duration_type)
        self.assertEqual(
            lengths,
            {
                "hourly": (1, "hours"),
                "daily": (1, "days"),
                "weekly": (1, "weeks"),
                "monthly": (1, "months"),
                "quarterly": (3, "months"),
                "biannually": (6, "months"),
                "annually": (12, "months"),
            },
        )

    def test_a_billed_connection_stays_on_its_contract(self):
        connection = self._create_active()
        other = self.env["isp.contract"].create({"partner_id": self.client.id})
        site = self.env["isp.site"].create({"contract_id": other.id})
        with self.assertRefused("stays there"):
            connection.write({"contract_id": other.id, "site_id": site.id})

    def test_a_billed_connection_is_closed_not_deleted(self):
        connection = self._create_active()
        with self.assertRefused("Close it"):
            connection.unlink()
        connection.action_close()
        self.assertEqual(connection.state, "closed")
        self.assertEqual(connection.access, "off")

    def test_the_password_is_for_network_staff_only(self):
        connection = self._create_connection()
        clerk = self.env["res.users"].create(
            {
                "name": "Clerk",
                "login": "clerk",
                "company_id": self.company.id,
                "company_ids": self.company.ids,
                "group_ids": self.env.ref("mybizna_isp.isp_group_clerk").ids,
            }
        )
        fields = connection.with_user(clerk).fields_get()
        self.assertNotIn("password", fields)
        technician = clerk.copy(
            {
                "login": "tech",
                "group_ids": self.env.ref("mybizna_isp.isp_group_network").ids,
            }
        )
        self.assertEqual(connection.with_user(technician).password, "secret")

    def test_the_price_of_a_package_is_its_products(self):
        self.package.amount = 1800
        self.assertEqual(self.package.product_id.lst_price, 1800)
        self.package.product_id.lst_price = 2000
        self.assertEqual(self.package.amount, 2000)

    def test_a_cycle_of_no_length_is_refused(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(CheckViolation):
            self.monthly.copy({"duration": 0})

    def test_a_contract_has_a_number_runs_until_further_notice_and_ends_after_it_begins(
        self,
    ):
        contract = self.env["isp.contract"].create(
            {"partner_id": self.client.id, "note": "Signed at the counter"}
        )
        other = self.env["isp.contract"].create({"partner_id": self.client.id})
        self.assertNotIn(contract.name, (False, "/", other.name))
        self.assertEqual(contract.date_start, self.company._isp_today())
        self.assertEqual((contract.date_end, contract.balance), (False, 0.0))
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(CheckViolation),
            self.cr.savepoint(),
        ):
            contract.date_end = "2000-01-01"
            contract.flush_recordset()
