from odoo.modules import Manifest
from odoo.tests import TransactionCase, tagged
from odoo.tools import convert_file

MODULE = "mybizna_isp"


@tagged("post_install", "-at_install")
class TestDemo(TransactionCase):
    """The demo provider loads on a database without a chart of accounts, too."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not cls.env.ref(f"{MODULE}.isp_gateway_demo", raise_if_not_found=False):
            for name in Manifest.for_addon(MODULE)["demo"]:
                convert_file(cls.env, MODULE, name, {}, mode="init", noupdate=True)

    def _get_line(self, name):
        return self.env.ref(f"{MODULE}.isp_connection_demo_{name}")

    def test_demo_shows_a_line_in_every_state(self):
        expected = {
            "achieng": ("active", "on", "On until "),
            "catherine": ("active", "off", "Off: unpaid since "),
            "david": ("active", "off", "Off: nothing paid yet, owes "),
            "esther": ("new", "off", "New: waiting for set-up and first period to be"),
            "faith": ("active", "on", "On until "),
            "george": ("active", "off", "Off until "),
            "halima": ("closed", "off", "Closed on "),
            "jane": ("new", "off", "New: set-up not invoiced yet"),
            "lucy": ("active", "off", "Off: Switched off by hand"),
            "nancy": ("active", "on", "On until "),
            "moses": ("active", "limited", "Limited: nothing paid yet, owes "),
        }
        for name, (state, access, sentence) in expected.items():
            line = self._get_line(name)
            with self.subTest(line=name):
                self.assertEqual((line.state, line.access), (state, access))
                self.assertTrue(line.status_text.startswith(sentence), line.status_text)

    def test_demo_has_a_line_paid_first_with_credit_shown_as_time(self):
        line = self._get_line("nancy")
        self.assertRegex(line.credit_text, "^Paid until .* in hand: to ")
        self.assertEqual(len(line._get_invoices()), 1)
        self.assertGreater(line.contract_id.balance, 300)

    def test_demo_money_follows_the_rules_of_the_ledger(self):
        contracts = self.env["isp.contract"].search(
            [("connection_ids", "in", self._get_all_lines().ids)]
        )
        self.assertGreater(len(contracts), 12)
        for contract in contracts:
            operations = sum(contract.operation_ids.mapped("amount"))
            with self.subTest(contract=contract.display_name):
                self.assertAlmostEqual(contract.balance, operations, 2)

    def _get_all_lines(self):
        data = self.env["ir.model.data"].search(
            [("module", "=", MODULE), ("model", "=", "isp.connection")]
        )
        return self.env["isp.connection"].browse(data.mapped("res_id"))

    def test_demo_messages_have_a_booked_an_unmatched_and_a_duplicate_one(self):
        states = {
            name: self.env.ref(f"{MODULE}.isp_sms_inbox_demo_{name}").state
            for name in ("achieng", "unmatched", "again", "advertisement", "question")
        }
        self.assertEqual(
            states,
            {
                "achieng": "booked",
                "unmatched": "booked",
                "again": "duplicate",
                "advertisement": "other",
                "question": "other",
            },
        )
        waiting = self.env.ref(f"{MODULE}.isp_sms_inbox_demo_unmatched").receipt_id
        self.assertEqual(waiting.state, "unmatched")

    def test_demo_shows_what_is_entered_by_hand(self):
        expected = {
            "george": ("transfer", -500),
            "moses": ("transfer", 500),
            "kamau_shop": ("deposit", -2000),
            "catherine": ("goodwill", 150),
            "halima": ("event", 0),
        }
        for name, (kind, amount) in expected.items():
            contract = self._get_line(name).contract_id
            found = {(o.kind, o.amount) for o in contract.operation_ids}
            with self.subTest(line=name):
                self.assertIn((kind, amount), found)
        self.assertEqual(self._get_line("kamau_shop").contract_id.deposit_held, 2000)

    def test_demo_gateway_is_only_watched(self):
        self.assertEqual(self.env.ref(f"{MODULE}.isp_gateway_demo").mode, "watching")
