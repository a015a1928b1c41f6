from datetime import timedelta

from lxml import html

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..models.isp_timeline_print import MAX_ROWS, REPORT
from .money_common import MoneyCommon


@tagged("post_install", "-at_install")
class TestTimelinePrint(MoneyCommon):
    """The timeline on paper, for a client who disputes a cut."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clerk = cls._create_user("print_clerk", "mybizna_isp.isp_group_clerk")
        cls.gateway = cls.env["isp.gateway"].create(
            {"name": "Tower 1", "ip_address": "127.0.0.1"}
        )
        cls.line = cls._create_active(
            username="story", password="hush-hush", gateway_id=cls.gateway.id
        )

    def _print(self, line=None, user=None):
        """Return the page as an element tree."""
        self.env.flush_all()
        self.env.invalidate_all()
        report = self.env["ir.actions.report"].with_user(user or self.clerk)
        content, kind = report._render_qweb_html(REPORT, (line or self.line).ids)
        self.assertEqual(kind, "html")
        return html.fromstring(content)

    def _get_text(self, page):
        return " ".join(page.text_content().split())

    def _get_rows(self, page):
        """Return the cells of each row."""
        return [
            [" ".join(cell.text_content().split()) for cell in row.findall("td")]
            for row in page.findall(".//table[@class]/tbody/tr")
        ]

    def _play(self):
        """The line is billed, paid by SMS, let on, and switched off by hand."""
        self._read(self._sms(self._owed(self.line), self.line.account_no))
        self.env["isp.access.log"].sudo().create(
            {
                "connection_id": self.line.id,
                "gateway_id": self.gateway.id,
                "company_id": self.company.id,
                "at": fields.Datetime.now(),
                "commands": "UPDATE radcheck",
                "reply": "a reply for staff",
                "outcome": "applied",
            }
        )
        self.env["isp.suspension"].create(
            {"connection_id": self.line.id, "note": "moves house"}
        )

    def _create_sessions(self, count, **ago):
        moment = fields.Datetime.now() - timedelta(**ago)
        self.env["isp.session"].sudo().create(
            [
                {
                    "gateway_id": self.gateway.id,
                    "company_id": self.company.id,
                    "connection_id": self.line.id,
                    "login": "story",
                    "unique_id": f"{ago}-{number}",
                    "started_at": moment,
                }
                for number in range(count)
            ]
        )

    def test_the_page_has_the_rows_of_the_screen_in_their_words_and_order(self):
        self._play()
        page = self._print()
        shown = self.env["isp.timeline"].with_user(self.clerk)._read_of(self.line)
        rows = self._get_rows(page)
        self.assertEqual([row[2] for row in rows], shown.mapped("name"))
        kinds = dict(shown._fields["kind"]._description_selection(self.env))
        self.assertEqual([row[1] for row in rows], [kinds[r.kind] for r in shown])
        self.assertGreaterEqual(
            set(shown.mapped("source")),
            {"receipt", "payment", "billing", "exchange", "suspension"},
        )
        amounts = [row[3] for row in rows if row[2].startswith("Payment")]
        self.assertRegex(amounts[0], r"1,725\.00")

    def test_the_page_says_whose_line_it_is_and_why_it_is_off(self):
        self._play()
        page = self._print()
        [status] = page.find_class("o_isp_timeline_status")
        self.assertEqual(status.text_content(), "Off: Switched off by hand")
        text = self._get_text(page)
        for part in (
            self.company.name,
            self.client.name,
            self.line.account_no,
            "login story",
            self.package.name,
            "Africa/Nairobi",
        ):
            self.assertIn(part, text)

    def test_no_password_and_nothing_for_staff_stands_on_the_page(self):
        self._play()
        text = self._get_text(self._print())
        # The message tells what is in the wallet, and of whom.
        for part in ("hush-hush", "99,000", "JOHN OTIENO", "radcheck", "for staff"):
            self.assertNotIn(part, text)

    def test_times_are_those_of_the_clients_place_as_the_language_writes_them(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        lang = self.env["res.lang"]._lang_get("fr_FR")
        lang.write({"date_format": "%d/%m/%Y", "time_format": "%H:%M:%S"})
        self.client.lang = "fr_FR"
        self.clerk.tz = "America/New_York"
        moment = fields.Datetime.now().replace(microsecond=0) - timedelta(days=2)
        self._create_sessions(1, days=2)
        local = self._local(moment)
        rows = self._get_rows(self._print())
        [at] = [row[0] for row in rows if "Session" in row[2]]
        self.assertRegex(at, f"^{local:%d/%m/%Y} {local:%H:%M}:")

    def test_the_page_is_bounded_and_says_what_it_leaves_out(self):
        self._create_sessions(3, days=61)
        self._create_sessions(MAX_ROWS + 5, days=1)
        page = self._print()
        rows = self._get_rows(page)
        self.assertEqual(len(rows), MAX_ROWS)
        # One more row than sessions: the billing, which is newer.
        self.assertIn("Billed", rows[0][2])
        self.assertIn("6 earlier rows of this time are not shown", self._get_text(page))

    def test_a_short_story_leaves_nothing_out_and_an_empty_one_says_so(self):
        self.assertNotIn("earlier rows", self._get_text(self._print()))
        self._create_sessions(3, days=61)
        page = self._print(self._create_connection(username="quiet"))
        self.assertEqual(self._get_rows(page), [["Nothing happened in this time."]])

    def test_another_company_and_a_portal_user_are_refused(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self._create_user(
            "print_far",
            "mybizna_isp.isp_group_manager",
            company_id=company.id,
            company_ids=company.ids,
        )
        portal = self._create_user("print_portal", "base.group_portal")
        for user in (stranger, portal):
            with self.assertRaises(AccessError):
                self._print(user=user)

    def test_a_technician_prints_it_without_amounts(self):
        self._play()
        self._pay(self.line.contract_id, 4321.0)
        technician = self._create_user("print_tech", "mybizna_isp.isp_group_network")
        page = self._print(user=technician)
        self.assertEqual({len(row) for row in self._get_rows(page)}, {3})
        self.assertNotIn("4,321", self._get_text(page))

    def test_more_rows_cost_no_more_queries(self):
        counts = []
        for size in (5, 80):
            self._create_sessions(size, hours=size)
            self._print()
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self._print()
            counts.append(self.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0] + 1)

    def test_both_print_buttons_print_the_line_that_is_looked_at(self):
        line = self.line.with_user(self.clerk)
        context = line.action_view_timeline()["context"]
        Timeline = self.env["isp.timeline"].with_user(self.clerk)
        for action in (
            line.action_print_timeline(),
            Timeline.with_context(**context).action_print(),
        ):
            self.assertEqual(action["report_name"], "mybizna_isp.isp_timeline_page")
            self.assertEqual(action["context"]["active_ids"], line.ids)

    def test_the_pages_of_two_lines_are_their_own(self):
        self._play()
        other = self._create_active(
            username="other", partner_id=self._create_client("Peter").id
        )
        self.assertNotIn("Peter", self._get_text(self._print()))
        report = self.env["ir.actions.report"].with_user(self.clerk)
        content, _kind = report._render_qweb_html(REPORT, (self.line | other).ids)
        pages = content.decode().split("<!DOCTYPE html>")[1:]
        names = [("Mary Wanjiru" in page, "Peter" in page) for page in pages]
        self.assertEqual(names, [(True, False), (False, True)])
