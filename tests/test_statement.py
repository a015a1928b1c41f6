import io
import random
import xml.etree.ElementTree as ET
from datetime import date
from unittest.mock import patch
from zipfile import ZipFile

from openpyxl import load_workbook
from pypdf import PdfReader

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged

from ..models.isp_contract_documents import Details
from ..tools import statement_sheet
from ..tools.intervals import preset_interval
from .statement_common import StatementCommon


@tagged("post_install", "-at_install")
class TestStatement(StatementCommon):
    def _ask(self, **values):
        values.setdefault("date_from", self.month)
        values.setdefault("date_to", self.last)
        return self.env["isp.statement"].create({"preset": False, **values})

    # === ARITHMETIC === #

    def test_opening_and_rows_make_the_closing(self):
        self._charge(1000.0, self.before)
        self._take(400.0, self._day(3))
        self._charge(1500.0, self._day(5))
        self._take(25.5, self._day(9))
        statement = self.contract._get_statement(self.month, self.last)
        self.assertEqual(statement["opening"], -1000.0)
        self.assertEqual(
            self._get_rows(statement),
            [
                (self._day(3), 400.0),
                (self._day(5), -1500.0),
                (self._day(9), 25.5),
            ],
        )
        self.assertEqual(
            [row["balance"] for row in statement["rows"]], [-600.0, -2100.0, -2074.5]
        )
        self.assertEqual((statement["debit"], statement["credit"]), (1500.0, 425.5))
        self.assertEqual(statement["closing"], -2074.5)

    def test_a_statement_of_everything_ends_at_the_balance(self):
        seed = random.Random(7)
        for _number in range(12):
            amount = seed.randrange(1, 90000) / 100
            day = self._day(seed.randrange(1, 27))
            if seed.random() < 0.5:
                self._charge(amount, day)
            else:
                self._take(amount, day)
        self.assertLedger(self.contract)
        statement = self.contract._get_statement()
        self.assertEqual(statement["opening"], 0.0)
        self.assertEqual(len(statement["rows"]), 12)
        self.assertAlmostEqual(statement["closing"], self.contract.balance, 2)
        self.assertEqual(statement["rows"][-1]["balance"], statement["closing"])

    def test_any_cut_of_time_gives_the_same_balance(self):
        self._charge(700.1, self._day(4))
        self._take(500.0, self._day(8))
        self._charge(0.3, self._day(8))
        self._take(33.33, self._day(20))
        whole = self.contract._get_statement(self.month, self.last)
        for cut in (3, 4, 7, 8, 19, 20, 21):
            head = self.contract._get_statement(self.month, self._day(cut))
            tail = self.contract._get_statement(self._day(cut + 1), self.last)
            with self.subTest(cut=cut):
                self.assertEqual(head["closing"], tail["opening"])
                self.assertEqual(tail["closing"], whole["closing"])
                self.assertEqual(
                    self._get_rows(head) + self._get_rows(tail), self._get_rows(whole)
                )

    def test_both_days_of_the_interval_are_in_it(self):
        self._charge(1.0, self._day(4))
        self._charge(2.0, self._day(5))
        self._charge(4.0, self._day(9))
        self._charge(8.0, self._day(10))
        statement = self.contract._get_statement(self._day(5), self._day(9))
        self.assertEqual(statement["opening"], -1.0)
        self.assertEqual(statement["debit"], 6.0)
        self.assertEqual(statement["closing"], -7.0)
        one_day = self.contract._get_statement(self._day(9), self._day(9))
        self.assertEqual(self._get_rows(one_day), [(self._day(9), -4.0)])

    def test_presets_are_whole_months_and_years(self):
        leap = date(2028, 2, 29)
        self.assertEqual(preset_interval("this_month", leap), (date(2028, 2, 1), leap))
        self.assertEqual(
            preset_interval("last_month", date(2027, 1, 31)),
            (date(2026, 12, 1), date(2026, 12, 31)),
        )
        self.assertEqual(
            preset_interval("this_year", leap), (date(2028, 1, 1), date(2028, 12, 31))
        )
        self.assertEqual(preset_interval("all", leap), (None, None))

    # === WHAT A ROW TELLS === #

    def test_a_row_names_document_service_and_what_is_still_open(self):
        invoice = self._charge(1500.0, self._day(5), name="Fibre October")
        self._take(600.0, self._day(6))
        row, payment = self.contract._get_statement(self.month)["rows"]
        self.assertEqual(row["document"], invoice.name)
        self.assertEqual(row["document_date"], self._day(5))
        self.assertEqual(row["description"], "Fibre October")
        self.assertEqual(row["service"], self.line.package_id.service_type_id.name)
        self.assertIn("statement.line", row["connection"])
        self.assertEqual((row["open"], row["kind"]), (900.0, "charge"))
        self.assertEqual((payment["open"], payment["kind"]), (0.0, "payment"))

    def test_a_late_document_stands_at_its_accounting_date(self):
        self._charge(70.0, self.before, date=self._day(2))
        statement = self.contract._get_statement(self.month, self.last)
        self.assertEqual(statement["opening"], 0.0)
        [row] = statement["rows"]
        self.assertEqual(
            (row["date"], row["document_date"]), (self._day(2), self.before)
        )

    def test_each_of_the_nine_ways_of_money_has_its_line(self):
        """S3-1 to S3-9, as far as they move a balance."""
        charge = self._charge(1000.0, self._day(2))
        self._take(300.0, self._day(3))
        self.contract._book_discount(charge, 100.0, self._note(4))
        self.contract._book_transfer(self.other, 50.0, self._note(5))
        self.contract._book_entry("opening", 200.0, self._note(1))
        statement = self.contract._get_statement(self.month, self.last)
        self.assertEqual(
            [(row["kind"], row["amount"]) for row in statement["rows"]],
            [
                ("opening", 200.0),
                ("charge", -1000.0),
                ("payment", 300.0),
                ("discount", 100.0),
                ("transfer", -50.0),
            ],
        )
        labels = [row["kind_label"] for row in statement["rows"]]
        self.assertEqual(labels[0], "Opening Balance")
        invoiced = statement["rows"][1]
        self.assertEqual(invoiced["document"], charge.name)
        self.assertEqual(invoiced["open"], charge.amount_residual)
        self.assertEqual(statement["closing"], self.contract.balance)

    def _note(self, number, text=""):
        """When a document is booked, and what staff noted on it."""
        return Details(day=self._day(number), connection=self.line, note=text)

    # === PAIRS THAT CANCEL OUT === #

    def _create_pair(self):
        """A charge and its mirror in one reporting period: the current month."""
        today = self.company._isp_today()
        wrong = self._charge(999.0, today, name="typed wrongly")
        mirror = wrong._isp_revoke("typed wrongly")
        self.assertTrue(wrong.isp_hidden and mirror.isp_hidden)
        return wrong, mirror

    def test_a_pair_of_one_period_is_left_out_and_changes_no_sum(self):
        self._charge(10.0, self._day(2))
        wrong, mirror = self._create_pair()
        shown = self.contract._get_statement(self.month, None, hidden=True)
        plain = self.contract._get_statement(self.month, None)
        self.assertEqual(
            {row["document"] for row in shown["rows"]}
            - {row["document"] for row in plain["rows"]},
            {wrong.name, mirror.name},
        )
        self.assertEqual(len(plain["rows"]), 1)
        for name in ("opening", "closing"):
            self.assertEqual(shown[name], plain[name])
        self.assertEqual(plain["closing"], self.contract.balance)

    def test_half_a_pair_stays_where_the_interval_holds_no_more_of_it(self):
        today = self.company._isp_today()
        wrong = self._charge(999.0, today, name="typed wrongly")
        mirror = wrong._isp_revoke("typed wrongly")
        # The mirror's day is today's; an interval that ends between them needs a day
        # between them, so one half is moved by the maintenance switch.
        earlier = today.replace(day=1)
        self.env.flush_all()
        self.env.cr.execute("SET LOCAL isp.maintenance = 'on'")
        for table, key in (("account_move", "id"), ("isp_operation", "move_id")):
            self.env.cr.execute(
                f"UPDATE {table} SET date = date - 40 WHERE {key} = %s", [wrong.id]
            )
        self.env.cr.execute("SET LOCAL isp.maintenance = 'off'")
        self.env.invalidate_all()
        statement = self.contract._get_statement(earlier, None)
        self.assertEqual(statement["opening"], -999.0)
        self.assertEqual([row["document"] for row in statement["rows"]], [mirror.name])
        self.assertEqual(statement["closing"], 0.0)
        whole = self.contract._get_statement()
        self.assertFalse(whole["rows"])

    # === A CLIENT WITH TWO CONTRACTS === #

    def test_a_client_gets_a_section_for_each_contract_and_their_sum(self):
        self._charge(100.0, self._day(2))
        self._take(250.0, self._day(3), self.other)
        self._charge(40.0, self._day(4), self.other_line)
        wizard = self._ask(partner_id=self.client.id)
        values = wizard._get_values()
        first, second = values["sections"]
        self.assertEqual(first["contract"], self.contract)
        self.assertEqual(self._get_rows(first), [(self._day(2), -100.0)])
        self.assertEqual(second["contract"], self.other)
        self.assertEqual(second["closing"], 210.0)
        [total] = values["totals"]
        self.assertEqual(total["currency"], self.company.currency_id)
        self.assertEqual(
            (total["debit"], total["credit"], total["closing"]), (140.0, 250.0, 110.0)
        )

    def test_the_number_of_queries_does_not_grow_with_rows_or_contracts(self):
        self._charge(1.0, self._day(2))
        self._take(1.0, self._day(3))
        few = self._count_queries(self.contract)
        for number in range(4, 16):
            self._charge(1.0, self._day(number))
            self._take(1.0, self._day(number), self.other)
        many = self._count_queries(self.contract)
        self.assertEqual(many, few)
        self.assertEqual(self._count_queries(self.contract | self.other), few)
        self.assertLessEqual(few, 8)

    def _count_queries(self, contracts):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        contracts._get_statements(self.month, self.last)
        return self.env.cr.sql_log_count - before

    # === THE DIALOG === #

    def test_the_dialog_fills_in_the_days_and_shows_the_statement(self):
        invoice = self._charge(1234.5, self._day(5))
        form = Form(
            self.env["isp.statement"].with_context(default_contract_id=self.contract.id)
        )
        form.preset = "last_month"
        self.assertEqual((form.date_from, form.date_to), (self.month, self.last))
        self.assertEqual(form.partner_id, self.client)
        self.assertIn(invoice.name, form.content)
        self.assertIn("1,234.50", form.content)
        form.date_to = self._day(4)
        self.assertNotIn(invoice.name, form.content)

    def test_the_screen_shows_the_latest_rows_and_says_how_many_it_leaves_out(self):
        self._charge(1.0, self._day(2), name="the first of many")
        self._charge(1.0, self._day(3), name="the last of many")
        Statement = type(self.env["isp.statement"])
        self.assertGreater(Statement._max_on_screen, 100)
        with patch.object(Statement, "_max_on_screen", 1):
            content = self._ask(contract_id=self.contract.id).content
        self.assertNotIn("the first of many", content)
        self.assertIn("the last of many", content)
        self.assertIn("earlier rows", content)
        self.assertIn("2.00", content)

    def test_what_cant_be_answered_is_refused_with_a_way_out(self):
        with self.assertRefused("Choose the contract"):
            self._ask().action_print()
        turned = self._ask(
            contract_id=self.contract.id, date_from=self.last, date_to=self.month
        )
        self.assertFalse(turned.content)
        with self.assertRefused("Exchange the two days"):
            turned.action_export()

    def test_the_buttons_ask_for_the_right_statement(self):
        self._charge(5.0, self._day(2))
        operation = self.contract.operation_ids
        for action, expected in (
            (self.contract.action_open_statement(), {"contract_id": self.contract.id}),
            (
                self.client.action_isp_open_statement(),
                {"partner_id": self.client.id},
            ),
            (operation.action_open_statement(), {"contract_id": self.contract.id}),
        ):
            wizard = self.env["isp.statement"].with_context(**action["context"])
            defaults = wizard.default_get(["contract_id", "partner_id"])
            self.assertEqual(defaults, expected)

    def test_who_reads_no_contract_gets_no_statement(self):
        self._charge(5.0, self._day(2))
        stranger = new_test_user(self.env, login="statement_stranger")
        with self.assertRaises(AccessError):
            self.contract.with_user(stranger)._get_statement()

    # === AS THE CLIENT WILL SEE IT === #

    def test_the_client_reads_own_words_and_how_to_pay(self):
        self.env["isp.collection"].create(
            {
                "name": "M-Pesa",
                "provider": "mpesa_ke",
                "country_id": self.env.ref("base.ke").id,
                "short_code": "123456",
            }
        )
        self._charge(1500.0, self._day(5), name="Fibre October")
        nothing = self.env["product.product"]
        self.contract._book_goodwill(nothing, 70.0, self._note(6, "he shouted"))
        self._take(30.0, self._day(7), memo="UKL1234567")
        self.contract._book_transfer(self.other, 5.0, self._note(8, "as he asked"))
        self._create_pair()
        wizard = self._ask(
            contract_id=self.contract.id, for_customer=True, date_to=False
        )
        content = wizard.content
        self.assertIn("Fibre October", content)
        self.assertIn("Credit from us", content)
        self.assertIn("UKL1234567", content)
        for note in ("he shouted", "as he asked", "typed wrongly", "Manual Payment"):
            self.assertNotIn(note, content)
        self.assertNotIn(self.other.name, content)
        self.assertIn(
            f"M-Pesa: pay to 123456, account number {self.contract.account_no}", content
        )
        self.assertIn("To pay today", content)
        self.assertIn("1,405.00", content)
        self.assertIn("nothing paid yet", content)

    def test_the_client_reads_it_in_the_clients_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.client.lang = "fr_FR"
        view = self.env.ref("mybizna_isp.isp_statement_body")
        view.update_field_translations(
            "arch_db", {"fr_FR": {"Closing balance": "Solde de clôture"}}
        )
        self._charge(1.0, self._day(5))
        mine = self._ask(contract_id=self.contract.id)
        theirs = self._ask(contract_id=self.contract.id, for_customer=True)
        self.assertIn("Closing balance", mine.content)
        self.assertIn("Solde de clôture", theirs.content)
        self.assertIn(self._day(5).strftime("%d/%m/%Y"), theirs.content)

    # === PAPER AND SHEET === #

    def test_the_pdf_holds_the_closing_balance(self):
        invoice = self._charge(7654.25, self._day(5))
        self._take(1000.0, self._day(6))
        wizard = self._ask(contract_id=self.contract.id)
        action = wizard.action_print()
        self.assertEqual(action["report_type"], "qweb-pdf")
        report = self.env["ir.actions.report"].with_context(force_report_rendering=True)
        content, kind = report._render_qweb_pdf(action["report_name"], wizard.ids)
        self.assertEqual(kind, "pdf")
        pages = PdfReader(io.BytesIO(content)).pages
        words = " ".join(page.extract_text() for page in pages).split()
        text = " ".join(words)
        self.assertIn("Statement of Account", text)
        self.assertIn(invoice.name, text)
        self.assertIn("6,654.25", text.rpartition("Closing balance")[2])

    def test_without_wkhtmltopdf_a_sentence_names_it(self):
        wizard = self._ask(contract_id=self.contract.id)
        Report = type(self.env["ir.actions.report"])
        with (
            patch.object(Report, "get_wkhtmltopdf_state", lambda self: "install"),
            self.assertRefused("wkhtmltopdf is missing"),
        ):
            wizard.action_print()

    def test_the_spreadsheet_holds_numbers_and_dates(self):
        self._charge(1000.0, self.before)
        self._charge(1500.25, self._day(5), name='=HYPERLINK("http://x","y")')
        self._take(600.0, self._day(6))
        wizard = self._ask(contract_id=self.contract.id)
        content = wizard._export_sheet()
        [sheet] = load_workbook(io.BytesIO(content)).worksheets
        names = [name for name, _width, _holds in statement_sheet.COLUMNS]
        rows = [
            dict(zip(names, (cell.value for cell in cells), strict=True))
            for cells in sheet.iter_rows(min_row=3)
        ]
        opening, charge, payment, total, closing = rows
        self.assertEqual(sheet.freeze_panes, "A3")
        self.assertEqual(opening["balance"], -1000.0)
        self.assertEqual(charge["date"].date(), self._day(5))
        self.assertEqual(charge["debit"], 1500.25)
        self.assertEqual(payment["credit"], 600.0)
        self.assertEqual((total["debit"], total["credit"]), (1500.25, 600.0))
        self.assertEqual(closing["balance"], self.contract.balance)
        self.assertEqual(charge["description"], '=HYPERLINK("http://x","y")')
        with ZipFile(io.BytesIO(content)) as book:
            tree = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
        self.assertFalse([node for node in tree.iter() if node.tag.endswith("}f")])

    def test_the_spreadsheet_has_a_sheet_for_each_contract(self):
        self._charge(10.0, self._day(5))
        self._charge(20.0, self._day(5), self.other_line)
        content = self._ask(partner_id=self.client.id)._export_sheet()
        sheets = load_workbook(io.BytesIO(content)).worksheets
        self.assertEqual(len(sheets), 2)
        for sheet, contract in zip(sheets, (self.contract, self.other), strict=True):
            self.assertIn(contract.name, sheet["A1"].value)

    def test_too_long_for_paper_is_said_before_it_is_tried(self):
        self._charge(10.0, self._day(5))
        wizard = self._ask(contract_id=self.contract.id)
        with (
            patch.object(type(wizard), "_max_on_paper", 0),
            self.assertRaisesRegex(UserError, "shorter interval"),
        ):
            wizard.action_print()
