from lxml import etree

from odoo.exceptions import AccessError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools.safe_eval import safe_eval

from .common import IspCommon

MODULE = "mybizna_isp"
GROUPS = (
    "isp_group_user",
    "isp_group_clerk",
    "isp_group_network",
    "isp_group_accountant",
    "isp_group_manager",
)
SECRETS = {"password", "token", "previous_token", "lease_token", "webhook_url"}
TOP_MENUS = [
    "Home",
    "Clients",
    "Services",
    "Operations",
    "Connections",
    "Payments",
    "Network",
    "Configuration",
]


@tagged("post_install", "-at_install")
class TestScreens(IspCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            group: cls._create_user(f"screens_{group}", f"{MODULE}.{group}")
            for group in GROUPS
        }
        cls.connection = cls._create_active(username="screens.line")
        cls.payment = cls._pay(cls.connection.contract_id, 100.0, cls.connection)
        cls.actions = cls._get_own_records("ir.actions.act_window")

    @classmethod
    def _get_own_records(cls, model):
        data = cls.env["ir.model.data"].search(
            [("module", "=", MODULE), ("model", "=", model)]
        )
        return cls.env[model].browse(data.mapped("res_id")).exists()

    def _get_arch(self, model, view_type, user, view_id=False):
        view = self.env[model].with_user(user).get_view(view_id, view_type)
        return etree.fromstring(view["arch"])

    # === MENUS AND ACTIONS === #

    def test_menus_stand_in_the_order_staff_know(self):
        menus = self.env.ref(f"{MODULE}.isp_menu").child_id.sorted("sequence")
        self.assertEqual(menus.mapped("name"), TOP_MENUS)

    def test_each_group_sees_its_own_menus(self):
        expected = {
            "isp_group_user": TOP_MENUS[:5],
            "isp_group_network": [*TOP_MENUS[:5], "Network"],
            "isp_group_clerk": TOP_MENUS[:6],
            "isp_group_accountant": [*TOP_MENUS[:6], "Configuration"],
            "isp_group_manager": TOP_MENUS,
        }
        top = self.env.ref(f"{MODULE}.isp_menu").child_id.sorted("sequence")
        for group, names in expected.items():
            visible = self.env["ir.ui.menu"].with_user(self.users[group])
            ids = visible._visible_menu_ids()
            seen = top.filtered(lambda menu, ids=ids: menu.id in ids)
            self.assertEqual(seen.mapped("name"), names, group)

    def test_every_action_has_an_address_and_says_what_to_do_first(self):
        self.assertGreater(len(self.actions), 15)
        for action in self.actions:
            with self.subTest(action=action.xml_id):
                self.assertTrue(action.path)
                self.assertIn("o_view_nocontent", action.help or "")

    def test_every_menu_opens_for_every_group_that_sees_it(self):
        menus = self._get_own_records("ir.ui.menu")
        opened = 0
        for group, user in self.users.items():
            ids = self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()
            for menu in menus.filtered(lambda m, ids=ids: m.id in ids and m.action):
                if menu.action._name != "ir.actions.act_window":
                    continue
                with self.subTest(group=group, menu=menu.complete_name):
                    self._open(menu.action, user)
                    opened += 1
        self.assertGreater(opened, 60)

    def _open(self, action, user):
        """Do what the web client does: load the views, then read the rows."""
        model = self.env[action.res_model].with_user(user)
        views = [*action.views, (action.search_view_id.id, "search")]
        loaded = model.get_views(views, {"action_id": action.id, "toolbar": True})
        if "list" not in loaded["views"]:
            return
        arch = etree.fromstring(loaded["views"]["list"]["arch"])
        fields = loaded["models"][action.res_model]["fields"]
        names = {node.get("name") for node in arch.xpath("//list/field")}
        specification = {
            name: {"fields": {"display_name": {}}}
            if fields[name]["type"] in ("many2one", "many2many", "one2many")
            else {}
            for name in names
        }
        domain = safe_eval(action.domain or "[]", {"uid": user.id})
        model.web_search_read(domain, specification, limit=80)

    def test_every_filter_and_group_of_ours_can_be_used(self):
        used = 0
        views = self._get_own_records("ir.ui.view").filtered(
            lambda view: view.type == "search"
        )
        names = {"uid": self.env.uid, "self": "a"}
        for view in views:
            model = self.env[view.model]
            arch = etree.fromstring(view.arch)
            for node in arch.xpath("//filter[@domain]|//field[@filter_domain]"):
                expression = node.get("filter_domain") or node.get("domain")
                with self.subTest(view=view.name, node=node.get("name")):
                    model.search_count(safe_eval(expression, names))
                    used += 1
            for node in arch.xpath("//filter[contains(@context, 'group_by')]"):
                group = safe_eval(node.get("context"), names)["group_by"]
                with self.subTest(view=view.name, group=group):
                    model.formatted_read_group([], [group], ["__count"])
                    used += 1
        self.assertGreater(used, 100)

    def test_every_button_has_its_method(self):
        buttons = 0
        for view in self._get_own_records("ir.ui.view"):
            for node in etree.fromstring(view.arch).xpath("//button[@type='object']"):
                if node.xpath("ancestor::list/parent::field|ancestor::field[@name]"):
                    continue
                model = self.env[view.model]
                with self.subTest(view=view.name, button=node.get("name")):
                    self.assertTrue(callable(getattr(model, node.get("name"), None)))
                    buttons += 1
        self.assertGreater(buttons, 30)

    # === WHO SEES WHAT === #

    def test_no_list_or_card_shows_a_secret(self):
        manager = self.users["isp_group_manager"]
        for action in self.actions:
            for _view_id, view_type in action.views:
                if view_type not in ("list", "kanban", "pivot", "graph"):
                    continue
                arch = self._get_arch(action.res_model, view_type, manager)
                shown = {node.get("name") for node in arch.xpath("//field")}
                with self.subTest(model=action.res_model, view=view_type):
                    self.assertFalse(shown & SECRETS)

    def test_secrets_on_forms_are_dots_and_for_the_network_group_only(self):
        for model in ("isp.connection", "isp.gateway"):
            own = self._get_arch(model, "form", self.users["isp_group_network"])
            node = own.xpath("//field[@name='password']")
            self.assertTrue(node and node[0].get("password"), model)
            for group in ("isp_group_user", "isp_group_clerk", "isp_group_accountant"):
                arch = self._get_arch(model, "form", self.users[group])
                self.assertFalse(arch.xpath("//field[@name='password']"), group)

    def test_every_model_of_a_company_has_a_company_rule(self):
        models = self.env["ir.model"].search(
            [("model", "=like", "isp.%"), ("transient", "=", False)]
        )
        checked = 0
        for model in models:
            if self.env[model.model]._abstract or (
                "company_id" not in self.env[model.model]._fields
            ):
                continue
            rules = self.env["ir.rule"].search(
                [("model_id", "=", model.id), ("groups", "=", False)]
            )
            with self.subTest(model=model.model):
                self.assertIn("company_id", " ".join(rules.mapped("domain_force")))
                checked += 1
        self.assertGreater(checked, 12)

    # === HOME === #

    def test_each_counter_of_home_opens_the_rows_it_counted(self):
        self._create_connection(username="screens.new")
        self.connection.sudo().needs_attention = "No tax on the product"
        Home = self.env["isp.home"].with_user(self.users["isp_group_manager"])
        counters = {c["key"]: c["count"] for c in Home.get_home()["counters"]}
        for key, count in counters.items():
            action = Home.action_open(key)
            rows = self.env[action["res_model"]].with_user(Home.env.user)
            with self.subTest(counter=key):
                self.assertEqual(rows.search_count(action["domain"]), count)
        self.assertEqual(counters["new"], 1)
        self.assertEqual(counters["attention"], 1)

    def test_home_counts_a_line_that_expires_in_two_days(self):
        Home = self.env["isp.home"]
        before = self._count("expiring")
        self.env["isp.extension"].create(
            {
                "connection_id": self.connection.id,
                "kind": "promise",
                "date_to": self._soon(days=2),
            }
        )
        self.assertEqual(self._count("expiring"), before + 1)
        self.connection.extension_ids.date_to = self._soon(days=5)
        self.assertEqual(self._count("expiring"), before)
        self.assertTrue(Home.get_home()["tasks"])

    def _count(self, key):
        counters = self.env["isp.home"].get_home()["counters"]
        return next(c["count"] for c in counters if c["key"] == key)

    def test_home_shows_todays_takings_beside_last_weeks(self):
        contract = self.connection.contract_id
        today = self.company._isp_today()
        self._pay(contract, 250.0)
        self._pay(contract, 80.0, date=self._local(self._soon(days=-7)).date())
        revoked = self._pay(contract, 999.0)
        revoked._isp_revoke("typed twice")
        takings = self.env["isp.home"].get_home()["takings"]
        currency = self.company.currency_id
        self.assertEqual(takings["today"], currency.format(350.0))
        self.assertEqual(takings["last_week"], currency.format(80.0))
        self.assertEqual(takings["days"][-1]["key"], str(today))
        self.assertEqual(takings["days"][-1]["height"], 100)

    def test_home_shows_no_money_to_a_technician(self):
        Home = self.env["isp.home"].with_user(self.users["isp_group_network"])
        home = Home.get_home()
        self.assertFalse(home["takings"])
        keys = {entry["key"] for entry in home["counters"] + home["tasks"]}
        self.assertIn("task_router", keys)
        self.assertFalse(keys & {"unmatched", "messages", "task_money"})
        with self.assertRaises(AccessError):
            Home.action_open("unmatched")

    def test_home_is_closed_to_who_has_no_isp_group(self):
        stranger = new_test_user(self.env, login="screens_stranger")
        with self.assertRaises(AccessError):
            self.env["isp.home"].with_user(stranger).get_home()

    # === REGISTERING AND THE WAY BETWEEN DOCUMENTS === #

    def test_a_clerk_registers_a_line_without_touching_contract_and_site(self):
        clerk = self.users["isp_group_clerk"]
        self.env["isp.package.setup.item"].create(
            {"package_id": self.package.id, "name": "Router", "amount": 2500.0}
        )
        client = self._create_client("Amina Yusuf")
        form = Form(self.env["isp.connection"].with_user(clerk))
        form.partner_id = client
        form.package_id = self.package
        form.username = "amina"
        connection = form.save()
        self.assertEqual(connection.contract_id.partner_id, client)
        self.assertEqual(connection.site_id.contract_id, connection.contract_id)
        self.assertEqual(connection.setup_item_ids.mapped("name"), ["Router"])
        self.assertFalse(connection.show_place)
        connection.action_generate_invoice()
        self.assertEqual(connection.invoice_count, 1)

    def test_an_admin_of_the_back_office_makes_and_reprices_a_package(self):
        manager = self.users["isp_group_manager"]
        form = Form(self.env["isp.package"].with_user(manager))
        form.name = "Weekend 3M"
        form.billing_cycle_id = self.daily
        form.amount = 90.0
        package = form.save()
        self.assertEqual(package.product_id.name, "Weekend 3M")
        with Form(package) as form:
            form.amount = 95.0
        self.assertEqual(package.product_id.lst_price, 95.0)

    def test_contract_and_site_appear_from_the_second_line_on(self):
        second = self._create_connection(
            username="screens.second", contract_id=self.connection.contract_id.id
        )
        self.assertTrue(second.show_place)
        self.assertTrue(self.connection.show_place)

    def test_a_client_registered_under_clients_has_an_account_number(self):
        action = self.env.ref(f"{MODULE}.isp_client_action")
        context = safe_eval(action.context)
        Partner = self.env["res.partner"].with_user(self.users["isp_group_clerk"])
        client = Partner.with_context(**context).create({"name": "Omar Said"})
        self.assertTrue(client.isp_contract_ids.account_no)
        self.assertIn(client, Partner.search(safe_eval(action.domain)))

    def test_smart_buttons_lead_there_and_back(self):
        connection, contract = self.connection, self.connection.contract_id
        invoice = connection.invoice_id
        for start, name, expected in (
            (connection, "action_view_invoices", invoice),
            (connection, "action_view_payments", self.payment),
            (connection, "action_view_billings", connection.billing_ids),
            (connection, "action_view_access", connection.access_ids),
            (connection, "action_view_contract", contract),
            (invoice, "action_isp_view_connections", connection),
            (self.payment, "action_isp_view_connections", connection),
            (contract, "action_view_connections", connection),
            (contract, "action_view_invoices", invoice),
            (contract, "action_view_payments", self.payment),
            (contract, "action_view_operations", contract.operation_ids),
            (self.client, "action_isp_view_connections", connection),
            (self.client, "action_isp_view_contracts", contract),
        ):
            action = getattr(start, name)()
            model = self.env[action["res_model"]]
            rows = model.browse(action.get("res_id"))
            rows = rows or model.search(action.get("domain") or [])
            with self.subTest(start=start._name, button=name):
                self.assertEqual(rows, expected)

    def test_a_payment_at_the_desk_pays_what_the_line_owes(self):
        action = self.connection.action_register_payment()
        wizard = (
            self.env["account.payment.register"]
            .with_context(**action["context"])
            .create({"journal_id": self.wallet.id})
        )
        owed = self._owed(self.connection)
        self.assertGreater(owed, 0)
        self.assertAlmostEqual(wizard.amount, owed, 2)
        wizard._create_payments()
        self.assertEqual(self.connection.access, "on")

    def test_suspend_and_resume_buttons_switch_off_and_on(self):
        self._pay(self.connection.contract_id, 5000.0, self.connection)
        self.assertEqual(self.connection.access, "on")
        action = self.connection.action_suspend()
        context = action["context"]
        Form(self.env[action["res_model"]].with_context(**context)).save()
        self.assertTrue(self.connection.is_suspended)
        self.assertEqual(self.connection.access, "off")
        self.connection.action_resume()
        self.assertEqual(self.connection.access, "on")

    def test_free_days_come_after_what_is_paid(self):
        self._pay(self.connection.contract_id, 5000.0, self.connection)
        paid_until = self.connection.expiry_at
        action = self.connection.action_give_days()
        Form(self.env["isp.extension"].with_context(**action["context"])).save()
        self.assertEqual((self.connection.expiry_at - paid_until).days, 1)

    def test_posted_documents_of_a_contract_offer_no_reset(self):
        for record, button in (
            (self.connection.invoice_id, "button_draft"),
            (self.payment, "action_draft"),
            (self.payment, "action_cancel"),
        ):
            arch = self._get_arch(record._name, "form", self.env.user)
            node = arch.xpath(f"//button[@name='{button}']")[0]
            names = {
                name: record[name]
                for name in record._fields
                if name in node.get("invisible")
            }
            with self.subTest(button=button):
                self.assertTrue(safe_eval(node.get("invisible"), names))
