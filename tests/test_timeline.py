from datetime import timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.tests import tagged

from .money_common import MoneyCommon
from .session_common import SessionCommon


@tagged("post_install", "-at_install")
class TestTimeline(SessionCommon, MoneyCommon):
    """One list tells a line's story, from the SMS to the session."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clerk = cls._create_user("story_clerk", "mybizna_isp.isp_group_clerk")
        cls.technician = cls._create_user(
            "story_network", "mybizna_isp.isp_group_network"
        )

    def _read_timeline(self, line, user=None):
        self.env.invalidate_all()
        Timeline = self.env["isp.timeline"].with_user(user or self.clerk)
        return Timeline._read_of(line)

    def _play(self):
        """Bill a line, pay it by SMS, let it on, and end its session."""
        line = self._create_active(username="story", partner_id=self.client.id)
        self._read(self._sms(self._owed(line), line.account_no))
        self._converge()
        self._account("Start", "story", Framed_IP_Address="10.0.0.7")
        self._account(
            "Stop",
            "story",
            Acct_Output_Octets=5_000_000,
            Acct_Terminate_Cause="User-Request",
            Framed_IP_Address="10.0.0.7",
        )
        self._read_sessions()
        return line

    def test_one_list_tells_the_story_from_the_message_to_the_session(self):
        line = self._play()
        rows = self._read_timeline(line)
        self.assertEqual(rows.mapped("at"), sorted(rows.mapped("at"), reverse=True))
        said = {row.source: row for row in rows}
        self.assertEqual(
            set(said),
            {
                "billing",
                "message",
                "receipt",
                "payment",
                "reconciliation",
                "exchange",
                "session",
                "session_end",
            },
        )
        receipt = line.receipt_ids
        self.assertEqual(said["message"].detail, receipt.inbox_ids.text)
        self.assertEqual(
            said["receipt"].name,
            f"Receipt {receipt.code}, customer found by: Account number",
        )
        payment = receipt.payment_id
        self.assertEqual(said["payment"].name, f"Payment {payment.name} booked")
        self.assertEqual(said["payment"].amount, payment.amount)
        self.assertEqual(
            said["reconciliation"].name,
            f"{payment.move_id.name} pays {line.invoice_id.name}",
        )
        self.assertEqual(said["exchange"].name, "Tower 1: Done and read back")
        self.assertIn("story", said["exchange"].detail)
        self.assertIn("10.0.0.7", said["session"].name)
        self.assertEqual(
            said["session_end"].name,
            "Session ended: User-Request, 5.0 MB down, 0.0 MB up",
        )

    def test_reasons_begin_and_end_in_the_list(self):
        line = self._create_line("story")
        now = fields.Datetime.now()
        self.env["isp.suspension"].create(
            {
                "connection_id": line.id,
                "reason": "manual",
                "note": "moves house",
                "date_from": now - timedelta(minutes=5),
                "date_to": now - timedelta(minutes=1),
            }
        )
        self._open(line)
        rows = self._read_timeline(line)
        self.assertEqual(
            rows.mapped("source"), ["extension", "suspension_end", "suspension"]
        )
        self.assertRegex(rows[0].name, "^On without money: Free days, until .*, by ")
        self.assertEqual(rows[1].name, "No longer off: Switched off by hand")
        self.assertRegex(rows[2].name, "^Off: Switched off by hand, moves house, until")
        with freeze_time(now + timedelta(days=2)):
            last = self._read_timeline(line)[0].name
        self.assertEqual(last, "No longer on without money: Free days")

    def test_a_change_and_what_routers_are_to_know_since_then_are_told(self):
        line = self._create_line("story")
        self._open(line)
        self._converge()
        line.package_id = self._create_package("Home 20M", 2500.0, speed_download=20)
        line.gateway_id = self.gateway
        self._converge()
        [wish] = self._read_timeline(line).filtered(lambda row: row.source == "wish")
        self.assertEqual(
            wish.name,
            "Tower 1 is to know since then: On, login story, 20 / 5 Mbit/s down / up",
        )

    def test_an_attempt_to_log_in_stands_in_the_list(self):
        line = self._create_line("story")
        self.radius.auth("story", "wrong")
        line.action_ask_attempts()
        self._work()
        [row] = self._read_timeline(line)
        self.assertRegex(row.name, "^story was refused: There is no login story here")

    def test_money_that_names_no_line_is_each_lines_of_its_contract(self):
        line = self._create_active(username="story", partner_id=self.client.id)
        other = self._create_active(contract_id=line.contract_id.id)
        self._pay(line.contract_id, 100.0)
        stranger = self._create_active(
            username="far", partner_id=self._create_client("Far").id
        )
        for near in (line, other):
            self.assertIn("payment", self._read_timeline(near).mapped("source"))
        self.assertNotIn("payment", self._read_timeline(stranger).mapped("source"))

    # === RIGHTS === #

    def test_a_technician_sees_that_money_came_and_no_amount(self):
        line = self._play()
        amount = line.receipt_ids.amount
        rows = self._read_timeline(line, self.technician)
        self.assertEqual(len(rows), len(self._read_timeline(line)))
        self.assertNotIn("amount", rows.fields_get())
        words = "\n".join(
            f"{row.name} {row.detail or ''}"
            for row in self._read_timeline(line, self.technician)
        )
        for form in (f"{amount:.2f}", f"{amount:,.2f}", f"{amount:.0f}"):
            self.assertNotIn(form, words)
        self.assertIn("Payment", words)

    def test_a_company_sees_nothing_of_anothers_line(self):
        line = self._play()
        company = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self._create_user(
            "story_far",
            "mybizna_isp.isp_group_manager",
            company_id=company.id,
            company_ids=company.ids,
        )
        self.assertFalse(self._read_timeline(line, stranger))

    def test_no_secret_stands_in_the_list(self):
        line = self._play()
        for user in (self.clerk, self.technician):
            for row in self._read_timeline(line, user):
                self.assertNotIn("secret", f"{row.name} {row.detail}")

    def test_a_row_opens_what_it_tells_of(self):
        line = self._play()
        for row in self._read_timeline(line):
            action = row.action_open()
            record = self.env[action["res_model"]].browse(action["res_id"])
            self.assertTrue(record.exists())

    def test_without_a_line_the_list_is_empty(self):
        self._play()
        self.assertFalse(self.env["isp.timeline"].search([]))

    def test_kinds_filter_the_list(self):
        line = self._play()
        action = line.action_view_timeline()
        Timeline = self.env["isp.timeline"].with_context(**action["context"])
        rows = Timeline.search([*action["domain"], ("kind", "=", "session")])
        self.assertEqual(set(rows.mapped("source")), {"session", "session_end"})
        groups = Timeline.formatted_read_group(action["domain"], ["kind"], ["__count"])
        self.assertGreaterEqual(len(groups), 5)

    def test_a_long_history_costs_the_same_queries(self):
        line = self._play()
        counts = []
        for size in (10, 300):
            self.env["isp.session"].sudo().create(
                [
                    {
                        "gateway_id": self.gateway.id,
                        "company_id": self.company.id,
                        "connection_id": line.id,
                        "login": "story",
                        "unique_id": f"{size}-{number}",
                        "started_at": "2026-01-01 10:00:00",
                        "stopped_at": "2026-01-01 11:00:00",
                    }
                    for number in range(size)
                ]
            )
            self.env.flush_all()
            self._read_timeline(line)
            before = self.cr.sql_log_count
            rows = self._read_timeline(line)
            rows.mapped("name")
            counts.append(self.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0] + 2)
