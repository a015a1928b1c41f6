import io
import json
from unittest.mock import patch

from openpyxl import load_workbook

from odoo.tests import HttpCase, tagged

from .statement_common import StatementCommon


@tagged("post_install", "-at_install")
class TestStatementPortal(StatementCommon, HttpCase):
    """Over HTTP, with the sessions of a client, of another one, and of staff."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.invoice = cls._charge(4321.5, cls._day(5), name="Fibre October")
        cls._charge(77.0, cls._day(6), cls.other_line, name="Second house")
        stranger = cls._create_client("Stranger")
        cls.foreign = cls._create_connection(
            username="statement.foreign", partner_id=stranger.id
        ).contract_id
        cls._charge(
            55555.0,
            cls._day(5),
            cls.foreign.connection_ids,
            name="Secret of the stranger",
        )
        cls.clerk = cls._create_user("statement_clerk", "mybizna_isp.isp_group_clerk")
        cls.colleague = cls._create_user(
            "statement_colleague", "mybizna_isp.isp_group_clerk"
        )
        cls.portal = cls._create_user(
            "statement_portal", "base.group_portal", partner_id=cls.client.id
        )

    def _get(self, path, **kwargs):
        return self.url_open(path, allow_redirects=False, **kwargs)

    def test_a_client_reads_the_own_statement(self):
        self.authenticate("statement_portal", "statement_portal")
        page = self._get("/my/statement?interval=last_month")
        self.assertEqual(page.status_code, 200)
        for text in ("Fibre October", "4,321.50", "Second house", "4,398.50"):
            self.assertIn(text, page.text)
        self.assertNotIn("Secret of the stranger", page.text)
        one = self._get(f"/my/statement/{self.contract.id}?interval=last_month")
        self.assertIn("Fibre October", one.text)
        self.assertNotIn("Second house", one.text)

    def test_the_own_page_leads_to_the_statement(self):
        self.authenticate("statement_portal", "statement_portal")
        self.assertIn("/my/statement", self._get("/my").text)
        answer = self.url_open(
            "/my/counters",
            data=json.dumps({"params": {"counters": ["isp_contract_count"]}}),
            headers={"Content-Type": "application/json"},
        )
        self.assertEqual(answer.json()["result"], {"isp_contract_count": 2})

    def test_anothers_contract_and_none_at_all_lead_to_the_same_place(self):
        self.authenticate("statement_portal", "statement_portal")
        answers = [
            self._get(f"/my/statement/{number}?interval=all{more}")
            for number in (self.foreign.id, 2**31 - 1)
            for more in ("", "&as_pdf=1", "&contract_id=1&partner_id=1")
        ]
        for answer in answers:
            self.assertEqual(answer.status_code, 303)
            self.assertTrue(answer.headers["Location"].endswith("/my"))
            self.assertNotIn("Secret", answer.text)

    def test_a_client_gets_nothing_by_the_ways_of_staff(self):
        wizard = self.env["isp.statement"].create({"contract_id": self.foreign.id})
        self.authenticate("statement_portal", "statement_portal")
        options = json.dumps(
            {"contract_ids": self.foreign.ids, "date_from": None, "date_to": None}
        )
        for path in (
            f"/isp/statement/{wizard.id}/xlsx",
            f"/report/html/mybizna_isp.isp_statement_page/{wizard.id}",
            "/report/html/mybizna_isp.isp_statement_page",
        ):
            with self.subTest(path=path), self._quiet():
                answer = self._get(f"{path}?options={options}")
                self.assertGreaterEqual(answer.status_code, 400)
                self.assertNotIn("Secret of the stranger", answer.text)

    def _quiet(self):
        return patch("odoo.http._logger.warning")

    def test_without_a_login_there_is_no_statement(self):
        answer = self._get(f"/my/statement/{self.contract.id}")
        self.assertEqual(answer.status_code, 303)
        self.assertIn("/web/login", answer.headers["Location"])

    def test_bad_parameters_show_this_month(self):
        self.authenticate("statement_portal", "statement_portal")
        page = self._get("/my/statement?interval=%27%3B--&date_from=x")
        self.assertEqual(page.status_code, 200)
        self.assertNotIn("Fibre October", page.text)
        self.assertIn("4,398.50", page.text)
        self.assertIn("This month", page.text)

    def test_a_client_takes_the_pdf_along(self):
        self.authenticate("statement_portal", "statement_portal")
        # Within a test Odoo renders the page that wkhtmltopdf would print.
        answer = self._get("/my/statement?interval=last_month&as_pdf=1")
        self.assertEqual(answer.status_code, 200)
        self.assertIn(".pdf", answer.headers["Content-Disposition"])
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertIn("Fibre October", answer.text)
        self.assertNotIn("Secret of the stranger", answer.text)

    def test_a_server_without_wkhtmltopdf_says_so_on_the_page(self):
        self.authenticate("statement_portal", "statement_portal")
        Report = type(self.env["ir.actions.report"])
        with patch.object(Report, "get_wkhtmltopdf_state", lambda self: "install"):
            page = self._get("/my/statement?interval=last_month&as_pdf=1")
        self.assertIn("wkhtmltopdf is missing", page.text)
        self.assertIn("Fibre October", page.text)

    def test_staff_downloads_the_spreadsheet_of_the_own_question_only(self):
        wizard = (
            self.env["isp.statement"]
            .with_user(self.clerk)
            .create({"contract_id": self.contract.id, "preset": "last_month"})
        )
        url = wizard.action_export()["url"]
        self.authenticate("statement_clerk", "statement_clerk")
        answer = self._get(url)
        self.assertEqual(answer.status_code, 200)
        [sheet] = load_workbook(io.BytesIO(answer.content)).worksheets
        values = [cell.value for row in sheet.iter_rows() for cell in row]
        self.assertIn(4321.5, values)
        self.authenticate("statement_colleague", "statement_colleague")
        with self._quiet():
            self.assertEqual(self._get(url).status_code, 403)
