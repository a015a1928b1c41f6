from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestNeutralize(IspCommon):
    def test_a_neutralized_copy_controls_no_gateway_and_knows_no_token(self):
        gateway = (
            self.env["isp.gateway"]
            .sudo()
            .create(
                {
                    "name": "Tower",
                    "type": "freeradius",
                    "ip_address": "127.0.0.1",
                    "password": "hush",
                    "mode": "control",
                }
            )
        )
        collection = self.env["isp.collection"].create(
            {"name": "Paybill", "journal_id": self.wallet.id, "provider": "mpesa_ke"}
        )
        token = collection.token
        self.env.flush_all()
        for query in get_neutralization_queries(["mybizna_isp"]):
            self.cr.execute(query)
        self.env.invalidate_all()
        self.assertEqual(gateway.mode, "watching")
        self.assertFalse(gateway.password)
        self.assertNotEqual(collection.token, token)
        self.assertFalse(self.env["isp.collection"]._find_by_token(token))
