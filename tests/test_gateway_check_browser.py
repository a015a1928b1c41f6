from odoo.tests import HttpCase, tagged

from .gateway_check_common import GatewayCheckCommon


@tagged("post_install", "-at_install")
class TestGatewayCheckBrowser(GatewayCheckCommon, HttpCase):
    """A technician, in Chromium."""

    def setUp(self):
        super().setUp()
        values = {"gateway_id": self.watched.id}
        self._create_line("tour.unpaid", **values)
        self._open(self._create_line("tour.paid", **values))
        self._make_foreign("tour.unpaid")
        self._make_foreign("tour.unknown")
        self._look(self.watched, "acceptance")
        self._look(self.watched, "dry_run")
        self._create_user("tour_network", "mybizna_isp.isp_group_network")

    def _work(self):
        """Override: a browser's test is in the registry's test mode already."""
        self.env.cr.flush()
        self.env.ref(
            "mybizna_isp.isp_gateway_job_cron_work"
        ).sudo().method_direct_trigger()
        self.env.invalidate_all()

    def test_a_technician_reads_who_is_cut_and_takes_control(self):
        """U-22."""
        self.start_tour("/odoo/isp-gateways", "isp_take_control", login="tour_network")
        self.assertEqual(self.watched.mode, "control")

    def test_a_technician_sees_what_leaks_and_ignores_one(self):
        self.start_tour("/odoo/isp", "isp_leaks", login="tour_network")
        self.assertEqual(self._find("tour.unknown", self.watched).state, "ignored")
