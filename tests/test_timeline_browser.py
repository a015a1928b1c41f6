from odoo import fields
from odoo.tests import HttpCase, tagged

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestTimelineBrowser(IspCommon, HttpCase):
    """A line's story and its usage, looked at in Chromium."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._create_user("tour_office", "mybizna_isp.isp_group_clerk")
        cls.gateway = cls.env["isp.gateway"].create(
            {"name": "Tower 1", "ip_address": "127.0.0.1"}
        )
        cls.line = cls._create_active(username="tour.story", gateway_id=cls.gateway.id)
        cls._pay(cls.line.contract_id, 100.0, cls.line)
        now = fields.Datetime.now()
        values = {"gateway_id": cls.gateway.id, "company_id": cls.company.id}
        values["connection_id"] = cls.line.id
        # Rows are the worker's to write.
        cls.env["isp.session"].sudo().create(
            {
                **values,
                "login": "tour.story",
                "unique_id": "1",
                "address": "10.0.0.7",
                "started_at": now,
                "updated_at": now,
            }
        )
        cls.env["isp.usage.day"].sudo().create(
            {**values, "day": now.date(), "download": 2e9, "upload": 1e9, "sessions": 1}
        )
        cls.path = f"/odoo/isp-connections/{cls.line.id}"

    def test_the_back_office_reads_the_story_of_a_line(self):
        self.start_tour(self.path, "isp_timeline", login="tour_office")

    def test_usage_is_drawn_by_day(self):
        self.start_tour(self.path, "isp_usage", login="tour_office")
