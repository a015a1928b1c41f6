from odoo.tests import HttpCase, tagged

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestBrowser(IspCommon, HttpCase):
    """Real clicks in Chromium; an error on the JavaScript console fails the test."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        package = cls._create_package("Tour Package", 1200.0)
        cls.env["isp.package.setup.item"].create(
            {"package_id": package.id, "name": "Router", "amount": 2500.0}
        )
        cls.seen = cls._create_connection(username="tour.seen")
        for login, group in (("tour_clerk", "clerk"), ("tour_network", "network")):
            cls._create_user(login, f"mybizna_isp.isp_group_{group}")

    def test_a_clerk_registers_a_line_and_invoices_it(self):
        self.start_tour("/odoo/isp", "isp_register_line", login="tour_clerk")
        connection = self.env["isp.connection"].search(
            [("username", "=", "tour.client")]
        )
        self.assertEqual(connection.partner_id.name, "Tour Client")
        self.assertEqual(connection.contract_id.partner_id, connection.partner_id)
        self.assertEqual(connection.site_id.contract_id, connection.contract_id)
        self.assertEqual(connection.setup_item_ids.mapped("amount"), [2500.0])
        self.assertEqual(connection.invoice_id.state, "posted")

    def test_a_technician_opens_the_access_list(self):
        self.start_tour("/odoo/isp", "isp_access_list", login="tour_network")
