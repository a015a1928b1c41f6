from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import tagged

from .pay_first_common import PayFirstCommon
from .radius_common import RadiusCommon


@tagged("post_install", "-at_install")
class TestNotices(RadiusCommon, PayFirstCommon):
    """F5: a mail server that hangs keeps nobody off the net."""

    def setUp(self):
        super().setUp()
        self.clerk = self._create_user(
            "clerk", "mybizna_isp.isp_group_network", notification_type="email"
        )
        self.clerk.email = "clerk@example.com"
        self.company.isp_attention_user_id = self.clerk
        # What would wait for the mail server.
        self.sent = self.startPatcher(
            patch.object(type(self.env["mail.mail"]), "send", autospec=True)
        )

    def _get_waiting_mails(self):
        return self.env["mail.mail"].search(
            [
                ("state", "=", "outgoing"),
                ("recipient_ids", "in", self.clerk.partner_id.ids),
            ]
        )

    def test_who_is_told_of_a_renewal_in_trouble_is_told_by_the_mail_queue(self):
        with freeze_time("2026-01-10 09:00:00"):
            line = self._create_connection()
            self._pay(line.contract_id, line.amount_due_first + 1500, line)
        Model = type(self.env["isp.connection"])
        trouble = patch.object(
            Model, "_prepare_billing_vals", side_effect=UserError("No such price")
        )
        with freeze_time("2026-02-10 09:00:00"), trouble:
            self._run_cron()
        self.assertEqual(line.needs_attention, "No such price")
        self.assertEqual(len(self._get_waiting_mails()), 1)
        self.sent.assert_not_called()

    def test_who_is_asked_about_many_cuts_is_asked_by_the_mail_queue(self):
        self.gateway.sudo().write({"max_cut_count": 1, "max_cut_percent": 0})
        lines = [self._create_line(f"line{number}") for number in range(4)]
        extensions = [self._open(line) for line in lines]
        self._converge()
        for extension in extensions[1:]:
            extension.action_end()
        self._converge()
        self.assertEqual(self.gateway.held_count, 3)
        self.assertEqual(len(self._get_waiting_mails()), 1)
        self.sent.assert_not_called()
