from odoo.tests import tagged

from .common import IspCommon


@tagged("post_install", "-at_install")
class TestStatus(IspCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("sw")
        module = cls.env["ir.module.module"].search([("name", "=", "mybizna_isp")])
        module._update_translations(["sw"])
        cls.env["isp.collection"].create(
            {
                "name": "Paybill",
                "journal_id": cls.wallet.id,
                "provider": "mpesa_ke",
                "short_code": "123456",
            }
        )
        cls.gateway = (
            cls.env["isp.gateway"]
            .sudo()
            .create(
                {
                    "name": "Tower Three on the northern hill",
                    "type": "freeradius",
                    "ip_address": "127.0.0.1",
                    "mode": "control",
                }
            )
        )

    def _create_scenes(self):
        """Return a line for each state and reason, by a key."""
        lines = {}

        def create(key, **values):
            client = self._create_client(key)
            package = values.get("package_id")
            lines[key] = self._create_connection(partner_id=client.id, **values)
            if package:
                lines[key].package_id = package
            return lines[key]

        create("new")
        self.package.setup_item_ids = [(0, 0, {"name": "Router", "amount": 3000})]
        create("new_invoiced").action_process_new()
        self.package.setup_item_ids = False
        for key in ("never", "covered", "closed", "suspended", "suspended_until"):
            create(key).action_process_new()
        for key in ("covered", "connecting", "failing"):
            if key not in lines:
                create(key, gateway_id=self.gateway.id).action_process_new()
            self._pay(lines[key].contract_id, self._owed(lines[key]), lines[key])
        lines["closed"].action_close()
        self.env["isp.suspension"].create(
            [
                {"connection_id": lines["suspended"].id},
                {
                    "connection_id": lines["suspended_until"].id,
                    "reason": "paused",
                    "date_to": self._soon(days=9),
                },
            ]
        )
        self.env["isp.access"].sudo().create(
            {
                "connection_id": lines["failing"].id,
                "gateway_id": self.gateway.id,
                "state": "error",
                "error": "The gateway does not answer at this address. " * 4,
            }
        )
        for kind in ("promise", "free", "outage", "holiday", "migrated", "held"):
            line = create(kind)
            line.action_process_new()
            self.env["isp.extension"].create(
                {
                    "connection_id": line.id,
                    "kind": kind,
                    "date_to": self._soon(days=1) if kind != "held" else False,
                }
            )
        slow = self._create_package("Slow but steady family package", 0.0)
        limited = self._create_package(
            "F", 99000.0, on_expiry="fallback", fallback_package_id=slow.id
        )
        endless = self._create_package("N", 99000.0, on_expiry="nothing")
        create("limited", package_id=limited.id).action_process_new()
        create("unlimited", package_id=endless.id).action_process_new()
        unpaid = create("unpaid")
        unpaid.action_process_new()
        payment = self._pay(unpaid.contract_id, self._owed(unpaid), unpaid)
        # What was paid is over, and the next period is not.
        unpaid.billing_ids.sudo().write(
            {"start_at": "2026-01-01 00:00:00", "end_at": "2026-02-01 00:00:00"}
        )
        self.assertTrue(payment)
        unpaid.action_generate_invoice()
        return lines

    def test_each_state_and_reason_has_a_sentence_that_fits_an_sms_in_two_languages(
        self,
    ):
        lines = self._create_scenes()
        said = {}
        for key, line in lines.items():
            english = line.status_text
            swahili = line.with_context(lang="sw").status_text
            with self.subTest(key):
                self.assertTrue(english)
                self.assertLessEqual(len(english), 120)
                self.assertLessEqual(len(swahili), 120)
                self.assertNotEqual(english, swahili)
            said[key] = english
        self.assertRegex(said["covered"], r"^On until \w{3} ")
        self.assertRegex(said["never"], r"^Off: nothing paid yet, owes .*1,725")
        self.assertIn(f"pay 123456 account {lines['never'].account_no}", said["never"])
        self.assertRegex(said["unpaid"], r"^Off: unpaid since \w{3} ")
        self.assertEqual(said["suspended"], "Off: Switched off by hand")
        self.assertRegex(said["promise"], r"^On until .*: Promise to pay$")
        self.assertRegex(said["connecting"], "^Paid, connecting: waiting for Tower")
        self.assertRegex(said["failing"], "^Paid, connecting: Tower.*does not answer")
        self.assertRegex(said["limited"], "^Limited")

    def test_the_colour_follows_the_access_and_waiting_is_yellow(self):
        lines = self._create_scenes()
        expected = {
            "new": "muted",
            "closed": "muted",
            "covered": "success",
            "promise": "success",
            "never": "danger",
            "suspended": "danger",
            "limited": "warning",
            "failing": "warning",
        }
        for key, color in expected.items():
            self.assertEqual(lines[key].status_color, color, key)

    def test_a_list_of_lines_costs_the_same_queries_however_long(self):
        counts = []
        for size in (5, 20):
            lines = self.env["isp.connection"].concat(
                *[
                    self._create_active(partner_id=self._create_client(f"C{i}").id)
                    for i in range(size)
                ]
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            lines.mapped("status_text")
            counts.append(self.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0] + 1)
