from odoo.tests import HttpCase, tagged

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestOperationBrowser(IspCommon, HttpCase):
    """Adding an operation with real clicks in Chromium."""

    def test_a_clerk_sees_the_balance_before_a_charge_is_added(self):
        self._create_user("tour_cashier", "mybizna_isp.isp_group_clerk")
        self.env["product.product"].create(
            {"name": "Tour Router", "type": "service", "taxes_id": False}
        )
        connection = self._create_connection(username="tour.operation")
        self._pay(connection.contract_id, 200.0)
        self.start_tour(
            "/odoo/isp-operations", "isp_add_operation", login="tour_cashier"
        )
        self.assertEqual(connection.contract_id.balance, -1300.0)
        operation = connection.contract_id.operation_ids[:1]
        self.assertEqual((operation.kind, operation.amount), ("charge", -1500.0))
        self.assertEqual(operation.connection_id, connection)
