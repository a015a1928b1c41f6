from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestReasons(IspCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line = cls._create_connection()
        cls.clerk = cls._create_user("reason.clerk", "mybizna_isp.isp_group_clerk")

    def _give(self, user=None, **values):
        return (
            self.env["isp.extension"]
            .with_user(user or self.clerk)
            .create({"connection_id": self.line.id, **values})
        )

    def _last_line(self):
        return self.line.message_ids[0].body

    def test_a_reason_is_signed_by_who_gives_it(self):
        admin = self.env.ref("base.user_admin")
        extension = self._give(user_id=admin.id)
        self.assertEqual(extension.user_id, self.clerk)
        self.line.with_user(self.clerk).write(
            {
                "suspension_ids": [
                    Command.create({"reason": "paused", "user_id": admin.id})
                ]
            }
        )
        self.assertEqual(self.line.suspension_ids.user_id, self.clerk)
        with self.assertRefused("Who gave a reason stays"):
            extension.user_id = admin

    def test_the_system_may_sign_for_somebody(self):
        extension = self.env["isp.extension"].sudo()
        extension = extension.create(
            {"connection_id": self.line.id, "user_id": self.clerk.id}
        )
        self.assertEqual(extension.user_id, self.clerk)

    def test_back_dating_is_recorded(self):
        self._give()
        self.assertNotIn("back-dated", self._last_line())
        extension = self._give(kind="free", date_from=self._soon(days=-3))
        self.assertIn("Free days", self._last_line())
        self.assertIn("added, back-dated", self._last_line())
        before = extension._describe()
        extension.date_from = self._soon(days=-30)
        self.assertIn(extension._describe(), self._last_line())
        self.assertIn(f"was: {before}", self._last_line())

    def test_who_is_no_manager_ends_a_reason_and_deletes_none(self):
        extension = self._give()
        technician = self._create_user("reason.tech", "mybizna_isp.isp_group_network")
        accountant = self._create_user(
            "reason.accountant", "mybizna_isp.isp_group_accountant"
        )
        for user in (self.clerk, technician, accountant):
            with self.assertRaises(AccessError):
                extension.with_user(user).unlink()
        extension.action_end()
        self.assertTrue(extension.date_to)

    def test_a_reason_that_is_deleted_leaves_a_line(self):
        manager = self._create_user("reason.boss", "mybizna_isp.isp_group_manager")
        extension = self._give(note="call of 3 May")
        extension.with_user(manager).unlink()
        self.assertIn("call of 3 May deleted", self._last_line())
        self.assertEqual(self.line.message_ids[0].author_id, manager.partner_id)
