from datetime import datetime, timedelta

from lxml import etree

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import SQL
from odoo.tools.safe_eval import safe_eval

from ..models.isp_contract_documents import Details
from .statement_common import StatementCommon


@tagged("post_install", "-at_install")
class TestOperationList(StatementCommon):
    """What a clerk finds through the list's own search view."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.phones = cls.env["isp.service.type"].create(
            {"name": "Telephone", "code": "phone_test"}
        )
        package = cls._create_package("Voice", 300.0, service_type_id=cls.phones.id)
        cls.voice = cls._create_connection(
            username="list.voice", contract_id=cls.other.id, package_id=package.id
        )
        cls.charge = cls._charge(1000.0, cls._day(2), name="Fibre October")
        cls.call = cls._charge(40.0, cls._day(9), cls.voice, name="Calls of October")
        cls.payment = cls._take(700.0, cls._day(5))
        details = Details(day=cls._day(6), connection=cls.line)
        cls.discount = cls.contract._book_discount(cls.charge, 100.0, details)
        cls.transfer = cls.contract._book_transfer(cls.other, 25.0, details)
        cls.event = cls.env["isp.operation"]._log_event(
            cls.contract, "Service connected", cls.line, cls._day(3)
        )
        cls.wrong = cls._charge(999.0, cls.company._isp_today(), name="typed wrongly")
        cls.wrong._isp_revoke("typed wrongly")
        cls.ours = cls.contract.operation_ids | cls.other.operation_ids
        view = cls.env.ref("mybizna_isp.isp_operation_view_search")
        cls.arch = etree.fromstring(view.arch)

    def _search(self, domain):
        return self.env["isp.operation"].search(
            [*domain, ("id", "in", self.ours.ids)], order="id"
        )

    def _type(self, label, value):
        """What the search bar looks for when a person types into one of its fields."""
        [node] = [
            node for node in self.arch.xpath("//field") if self._label(node) == label
        ]
        name = node.get("name")
        kind = self.env["isp.operation"]._fields[name].type
        operator = "ilike" if kind in ("char", "many2one") else "="
        return self._search([(name, node.get("operator") or operator, value)])

    def _label(self, node):
        field = self.env["isp.operation"]._fields[node.get("name")]
        return node.get("string") or field._description_string(self.env)

    def _press(self, name):
        """What a named filter of the search view finds."""
        [node] = self.arch.xpath(f"//filter[@name='{name}']")
        return self._search(safe_eval(node.get("domain")))

    def _of(self, *documents):
        rows = self.ours.filtered(
            lambda operation: any(
                operation.move_id in (document, document.move_id)
                if document._name == "account.payment"
                else operation.move_id == document
                for document in documents
            )
        )
        return rows.sorted("id")

    # === FILTERS ON EVERY FIELD === #

    def test_by_number_client_contract_and_connection(self):
        [row] = self._of(self.call)
        stranger = self._create_connection(
            partner_id=self._create_client("Ann Otieno").id
        )
        self._charge(5.0, self._day(2), stranger)
        self.assertEqual(self._type("No.", row.id), row)
        self.assertEqual(self._type("Client", "wanjiru"), self.ours.sorted("id"))
        self.assertFalse(self._type("Client", "Otieno"))
        self.assertEqual(
            self._type("Client No.", self.client.id), self.ours.sorted("id")
        )
        self.assertFalse(self._type("Client No.", stranger.partner_id.id))
        self.assertEqual(
            self._type("Contract", self.other.name),
            self.other.operation_ids.sorted("id"),
        )
        self.assertEqual(self._type("Connection", "list.voice"), row)

    def test_by_kind_service_and_a_part_of_the_description(self):
        self.assertEqual(self._type("Service", "Telephone"), self._of(self.call))
        self.assertEqual(self._type("Kind", "discount"), self._of(self.discount))
        self.assertEqual(self._type("Description", "of octo"), self._of(self.call))

    def test_each_named_kind_finds_its_rows_and_together_they_find_all(self):
        expected = {
            "payments": self._of(self.payment),
            "credits": self._of(self.discount),
            "transfers": self._of(self.transfer),
            "corrections": self._of(self.wrong.isp_revoked_by_id),
            "events": self.event,
            "charges": self._of(self.charge, self.call, self.wrong),
        }
        for name, rows in expected.items():
            with self.subTest(filter=name):
                self.assertEqual(self._press(name), rows)
        found = self.env["isp.operation"].union(*expected.values())
        self.assertEqual(found, self.ours)
        kinds = dict(self.env["isp.operation"]._fields["kind"].selection)
        named = set()
        for name in (*expected, "deposits"):
            [node] = self.arch.xpath(f"//filter[@name='{name}']")
            [(_field, _operator, value)] = safe_eval(node.get("domain"))
            named |= {value} if isinstance(value, str) else set(value)
        self.assertEqual(named, set(kinds))

    def test_an_amount_between_two_bounds(self):
        least = self._type("Change at least", -100.0)
        most = self._type("Change at most", 100.0)
        self.assertEqual(
            sorted((least & most).mapped("amount")), [-40.0, -25.0, 0.0, 25.0, 100.0]
        )
        self.assertEqual(self._type("Change", 700.0), self._of(self.payment))
        self.assertEqual(
            self._press("up") | self._press("down"), self.ours - self.event
        )
        self.assertTrue(all(row.amount > 0 for row in self._press("up")))

    def test_days_are_the_companys_and_both_ends_inclusive(self):
        first, last = self._of(self.charge), self._of(self.payment)
        # 23:30 on 3 March in Nairobi, three hours before UTC's midnight.
        self._stamp(first, datetime(2026, 3, 3, 20, 30))
        # A minute past midnight on 6 March.
        self._stamp(last, datetime(2026, 3, 5, 21, 1))
        rest = datetime(2026, 4, 1, 12)
        self._stamp(self.ours - first - last, rest)
        for start, end, rows in (
            ("2026-03-03", "2026-03-03", first),
            ("2026-03-04", "2026-03-05", self.env["isp.operation"]),
            ("2026-03-06", "2026-03-06", last),
            ("2026-03-03", "2026-03-06", first | last),
        ):
            with self.subTest(start=start, end=end):
                found = self._type("From day", start) & self._type("To day", end)
                self.assertEqual(found, rows)
        self.assertEqual(str(first.day), "2026-03-03")
        self.assertEqual(str(last.day), "2026-03-06")

    def _stamp(self, operations, moment):
        """Move the moment of entry, which the clock alone sets, by maintenance."""
        self.env.cr.execute("SET LOCAL isp.maintenance = 'on'")
        self.env.cr.execute(
            "UPDATE isp_operation SET time = %s WHERE id IN %s",
            [moment, tuple(operations.ids)],
        )
        self.env.cr.execute("SET LOCAL isp.maintenance = 'off'")
        operations.invalidate_recordset(["time", "day"])

    def test_cancelled_pairs_are_left_out_at_first(self):
        action = self.env.ref("mybizna_isp.isp_operation_action")
        self.assertEqual(safe_eval(action.context), {"search_default_shown": 1})
        pair = self._of(self.wrong, self.wrong.isp_revoked_by_id)
        self.assertEqual(len(pair), 2)
        self.assertEqual(self._press("shown"), (self.ours - pair).sorted("id"))
        self.assertEqual(sum(self._press("shown").mapped("amount")), self._balance())

    def _balance(self):
        return sum((self.contract | self.other).mapped("balance"))

    def test_turnover_by_kind_and_month(self):
        groups = self.env["isp.operation"].formatted_read_group(
            [("id", "in", self.ours.ids), ("kind", "=", "charge")],
            ["kind", "date:month"],
            ["amount:sum"],
        )
        self.assertEqual([g["amount:sum"] for g in groups], [-1040.0, -999.0])
        arch = etree.fromstring(
            self.env["isp.operation"].get_view(view_type="pivot")["arch"]
        )
        self.assertEqual(
            [(n.get("name"), n.get("type")) for n in arch.xpath("//field")],
            [("kind", "row"), ("date", "col"), ("amount", "measure")],
        )

    # === FROM A ROW TO CLIENT AND SERVICE === #

    def test_a_row_leads_to_its_client_and_its_service(self):
        [row] = self._of(self.call)
        client, service = row.action_open_client(), row.action_open_service()
        self.assertEqual(
            (client["res_model"], client["res_id"]), ("res.partner", self.client.id)
        )
        self.assertEqual(
            (service["res_model"], service["res_id"]),
            ("isp.package", self.voice.package_id.id),
        )
        receipt = self._of(self.payment)
        with self.assertRaisesRegex(UserError, "contract as a whole"):
            receipt.action_open_service()

    def test_the_list_shows_every_column_that_staff_asked_for(self):
        arch = etree.fromstring(
            self.env["isp.operation"].get_view(view_type="list")["arch"]
        )
        names = [node.get("name") for node in arch.xpath("//list/field")]
        wanted = [
            "id",
            "partner_no",
            "partner_id",
            "kind",
            "service_type_id",
            "description",
            "time",
            "amount",
        ]
        self.assertFalse(set(wanted) - set(names))
        # The web client shows the buttons of one header only.
        [header] = arch.xpath("//list/header")
        buttons = [node.get("string") for node in header]
        self.assertEqual(buttons, ["Statement", "Add Operation"])

    # === INDEXES === #

    def _fill(self):
        """Give the planner something to choose for: many events of one contract.

        An event is the only operation that stands for no document.
        """
        self.env.flush_all()
        owner = self._create_client("Ballast").id
        ballast = self.env["isp.contract"].create(
            [{"partner_id": owner} for _number in range(100)]
        )
        self.env.cr.execute(
            """
            INSERT INTO isp_operation (contract_id, company_id, currency_id, kind,
                amount, description, time, date)
            SELECT %s + n %% 100, %s, %s, 'event', 0, 'ballast ' || n,
                timestamp '2020-01-01' + n * interval '1 hour',
                date '2020-01-01' + n / 24
            FROM generate_series(1, 20000) AS n
            """,
            [min(ballast.ids), self.company.id, self.company.currency_id.id],
        )
        self.env.cr.execute("ANALYZE isp_operation, isp_contract")

    def _explain(self, query):
        self.env.flush_all()
        return "\n".join(t for (t,) in self.env.execute_query(SQL("EXPLAIN %s", query)))

    def test_each_filter_reads_its_first_page_by_an_index(self):
        self._fill()
        model = self.env["isp.operation"]
        month = [("date", ">=", "2021-03-01"), ("date", "<=", "2021-03-31")]
        days = [("day", ">=", "2021-03-01"), ("day", "<=", "2021-03-31")]
        for domain, index in (
            ([], "pkey"),
            ([("contract_id", "=", self.contract.id)], "contract_idx"),
            ([("connection_id", "=", self.line.id)], "connection_id_index"),
            ([("service_type_id", "=", self.phones.id)], "service_idx"),
            ([("kind", "=", "payment")], "kind_idx"),
            ([("kind", "in", ("discount", "write_off"))], "kind_idx"),
            ([("amount", "<=", -500.0)], "amount_idx"),
            (month, "date_idx"),
            (days, "time_idx"),
            ([("period_id", "=", self.ours.period_id[0].id)], "period_idx"),
            ([("isp_hidden", "=", False)], "pkey"),
        ):
            query = model._search(domain, limit=80, order=model._order)
            plan = self._explain(query.select())
            with self.subTest(domain=domain):
                self.assertIn(f"isp_operation_{index}", plan.replace("__", "_"))
                self.assertNotIn("Seq Scan on isp_operation", plan)

    def test_a_part_of_a_description_is_found_by_an_index(self):
        self._fill()
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        domain = [("description", "ilike", "calls of")]
        plan = self._explain(self.env["isp.operation"]._search(domain).select())
        self.assertIn("Bitmap Index Scan on isp_operation__description_index", plan)

    def test_a_statement_reads_its_interval_by_the_contracts_index(self):
        self._fill()
        last = self.month + timedelta(days=6)
        for query in (
            self.contract._get_openings_sql(self.month),
            self.contract._get_statement_sql(self.month, last, False),
        ):
            plan = self._explain(query)
            self.assertIn("isp_operation_contract_idx", plan)
            self.assertRegex(plan, r"Index Cond: .*contract_id.*date")

    def test_rows_of_an_interval_come_in_its_order(self):
        model = self.env["isp.operation"]
        ours = [("contract_id", "in", (self.contract | self.other).ids)]
        by_date = model.search([*ours, ("date", ">=", str(self.month))])
        self.assertEqual(
            by_date.ids, by_date.sorted(lambda o: (o.date, o.id), reverse=True).ids
        )
        self.assertNotEqual(by_date.ids, by_date.sorted("id", reverse=True).ids)
        large = model.search([*ours, ("amount", ">=", 10.0)])
        self.assertEqual(
            large.mapped("amount"), sorted(large.mapped("amount"), reverse=True)
        )
        up = model.search([*ours, ("amount", ">", 0.0)])
        self.assertEqual(up.ids, sorted(up.ids, reverse=True))
        named = model.search([*ours, ("date", ">=", str(self.month))], order="amount")
        self.assertEqual(named.mapped("amount"), sorted(named.mapped("amount")))
