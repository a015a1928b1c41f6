"""A million operations: does the list, a filter, a statement, a balance stay quick?

20,000 contracts get 100,000 operations, then 1,000,000, by SQL of sets: the same
rows that posting writes, without the documents behind them. Those would take most of
the time, and no question here reads more of them than a page or a statement shows.
Foreign keys are not checked while filling (the measurement's own database is dropped
at the end), so that the numbers of lines are only numbers. Cancelled pairs do have
documents, because the list looks for those that are hidden.

An operation a fortnight and contract is what an invoice and a payment a month make, so
that ten times the rows are ten times the months: 1,000,000 rows are two years of
20,000 customers. The same questions are asked at both sizes, by the list's own methods
and as a clerk; a question's time is the best of many turns. Numbers of operations are
never given again and end at 2,147,483,647.
"""

import contextlib
import time
from copy import copy
from datetime import timedelta

from _common import database, environment, run
from _provider import make_company

from dev import postgres

CONTRACTS = 20_000
SMALL = 100_000
LARGE = 1_000_000
TURNS = 9
PAGE = 80
# The web client counts no further than this.
COUNT_LIMIT = 10_001
# What a first page shows, as the list asks for it.
COLUMNS = {
    "id": {},
    "time": {},
    "partner_id": {"fields": {"display_name": {}}},
    "kind": {},
    "service_type_id": {"fields": {"display_name": {}}},
    "connection_id": {"fields": {"display_name": {}}},
    "description": {},
    "currency_id": {"fields": {"display_name": {}}},
    "amount": {},
    "isp_hidden": {},
}
SHOWN = ("isp_hidden", "=", False)

# A row of a table again and again, each time with other values in some columns.
CLONE = """
INSERT INTO {table} SELECT made.* FROM {table} AS model
CROSS JOIN generate_series(%(first)s, %(last)s) AS n
CROSS JOIN LATERAL jsonb_populate_record(
    NULL::{table}, to_jsonb(model) || {changed}) AS made
WHERE model.id = %(id)s
"""
# Every second one is a payment; one document in a thousand was cancelled at once.
FILL = """
INSERT INTO isp_operation (contract_id, company_id, currency_id, service_type_id, kind,
    amount, description, time, date, period_id, move_id, line_id)
SELECT %(contract)s + n %% %(contracts)s, %(company)s, %(currency)s,
    CASE WHEN n %% 2 = 0 THEN %(service)s END,
    CASE WHEN n %% 5000 = 7 THEN 'goodwill' WHEN n %% 2 = 0 THEN 'charge'
         ELSE 'payment' END,
    CASE WHEN n %% 2 = 0 THEN -1 ELSE 1 END * (1000 + n %% 900 + (n %% 100) / 100.0
         + CASE WHEN n %% 10007 = 0 THEN 90000 ELSE 0 END),
    CASE WHEN n %% 2 = 0 THEN 'Home 10M for invoice ' || n
         ELSE 'M-Pesa ' || upper(substr(md5(n::text), 1, 10)) END,
    %(start)s::timestamp + n * (%(fortnight)s / %(contracts)s),
    (%(start)s::timestamp + n * (%(fortnight)s / %(contracts)s))::date,
    period.id, CASE WHEN n %% 1000 < 2 THEN -n END, n
FROM generate_series(%(first)s, %(last)s) AS n
LEFT JOIN isp_period AS period ON period.company_id = %(company)s
    AND (%(start)s::timestamp + n * (%(fortnight)s / %(contracts)s))::date
        BETWEEN period.date_start AND period.date_end
"""


class Ledger:
    """The database being filled, and the questions asked of it."""

    def __init__(self, env):
        self.env = env
        self.company = make_company(env)
        today = self.company._isp_today()
        # The last of a million operations is of yesterday.
        self.span = timedelta(days=14) * (LARGE // CONTRACTS)
        self.start = today - self.span - timedelta(days=1)
        self.rows = 0
        self.contract = self._make_contracts()
        self._make_periods(today)
        self.service = self.env["isp.service.type"].search([], limit=1)
        self.document = self._make_document()
        self.clerk = self._make_clerk()

    def bound_to(self, env):
        """Return the same with its records in another environment."""
        other = copy(self)
        for name, value in vars(self).items():
            if hasattr(value, "with_env"):
                setattr(other, name, value.with_env(env))
        other.env = env
        return other

    # === FILLING === #

    def _sql(self, text, **values):
        self.env.cr.execute("SET LOCAL isp.maintenance = 'on'")
        # Guards and foreign keys of rows that are numbers only.
        self.env.cr.execute("SET LOCAL session_replication_role = replica")
        self.env.cr.execute(text, values)
        self.env.cr.execute("SET LOCAL session_replication_role = origin")
        self.env.cr.execute("SET LOCAL isp.maintenance = 'off'")

    def _clone(self, record, changed, first, last):
        table = record._table
        self.env.flush_all()
        self._sql(
            CLONE.format(table=table, changed=changed),
            id=record.id,
            first=first,
            last=last,
        )
        self.env.cr.execute(
            f"SELECT setval('{table}_id_seq', GREATEST(max(id), 1)) FROM {table}"
        )

    def _make_contracts(self):
        """Make clients with a contract each; return the first contract."""
        client = self.env["res.partner"].create({"name": "Client 0"})
        first = self.env["isp.contract"].create({"partner_id": client.id})
        shift = f"'id', {client.id} + n, 'name', 'Client ' || n, "
        shift += (
            f"'complete_name', 'Client ' || n, 'commercial_partner_id', {client.id} + n"
        )
        self._clone(client, f"jsonb_build_object({shift})", 1, CONTRACTS - 1)
        shift = f"'id', {first.id} + n, 'partner_id', {client.id} + n, "
        shift += "'name', 'B' || n, 'account_no', 'B' || n"
        self._clone(first, f"jsonb_build_object({shift})", 1, CONTRACTS - 1)
        self.env.cr.commit()
        return first

    def _make_periods(self, today):
        self._sql(
            """
            INSERT INTO isp_period (name, company_id, date_start, date_end, state)
            SELECT to_char(day, 'YYYY-MM'), %(company)s, day::date,
                (day + interval '1 month - 1 day')::date, 'open'
            FROM generate_series(date_trunc('month', %(start)s::timestamp),
                %(today)s::timestamp, interval '1 month') AS day
            """,
            company=self.company.id,
            start=self.start,
            today=today,
        )
        self.env.cr.commit()

    def _make_document(self):
        """Return a draft whose copies become the documents that were cancelled."""
        journal = self.env["account.journal"].search(
            [("type", "=", "general")], limit=1
        )
        return self.env["account.move"].create({"journal_id": journal.id})

    def _make_clerk(self):
        group = self.env.ref("mybizna_isp.isp_group_clerk")
        return self.env["res.users"].create(
            {
                "name": "Clerk",
                "login": "clerk",
                "group_ids": [(4, group.id)],
                "company_id": self.company.id,
                "company_ids": [(6, 0, self.company.ids)],
            }
        )

    def _drop_indexes(self):
        """Drop the table's indexes; return how to make the same ones again.

        Built at once they cost a tenth of what they cost row by row.
        """
        self.env.cr.execute(
            "SELECT indexname, indexdef FROM pg_indexes "
            "WHERE tablename = 'isp_operation' AND indexname <> 'isp_operation_pkey'"
        )
        indexes = self.env.cr.fetchall()
        for name, _definition in indexes:
            self.env.cr.execute(f'DROP INDEX "{name}"')
        self.env.cr.execute("SET LOCAL maintenance_work_mem = '512MB'")
        return [definition for _name, definition in indexes]

    def fill(self, upto):
        """Add operations until there are so many; return the seconds it took."""
        began = time.monotonic()
        indexes = self._drop_indexes()
        self._sql(
            FILL,
            contract=self.contract.id,
            contracts=CONTRACTS,
            company=self.company.id,
            currency=self.company.currency_id.id,
            service=self.service.id,
            start=self.start,
            fortnight=timedelta(days=14),
            first=self.rows + 1,
            last=upto,
        )
        for definition in indexes:
            self.env.cr.execute(definition)
        # Both halves of a pair have numbers below zero; each is a document.
        changed = (
            "jsonb_build_object('id', -n * 1000 - 1, 'isp_hidden', true, 'name', n)"
        )
        self._clone(self.document, changed, self.rows // 1000, upto // 1000 - 1)
        changed = "jsonb_build_object('id', -n * 1000, 'isp_hidden', true, 'name', n)"
        self._clone(self.document, changed, self.rows // 1000 + 1, upto // 1000)
        self._sql(
            "UPDATE isp_contract SET balance = total.amount FROM (SELECT contract_id, "
            "SUM(amount) AS amount FROM isp_operation GROUP BY contract_id) AS total "
            "WHERE isp_contract.id = total.contract_id"
        )
        self.env.cr.commit()
        # What autovacuum would have done by then, within the measured time of nothing.
        self.env.cr._cnx.autocommit = True
        for table in ("isp_operation", "isp_contract", "account_move", "res_partner"):
            self.env.cr.execute(f"VACUUM ANALYZE {table}")
        self.env.cr._cnx.autocommit = False
        self.rows = upto
        return time.monotonic() - began

    # === QUESTIONS === #

    def questions(self):
        """Return name → what is asked, in the words of the list's own methods."""
        operations = self.env["isp.operation"].with_user(self.clerk)
        contract = self.contract.with_user(self.clerk)
        contract = contract.browse(self.contract.id + 123)
        # The first weeks: present at both sizes, and at the far end of the large one.
        early = (self.start + timedelta(days=7), self.start + timedelta(days=37))
        day = str(early[0] + timedelta(days=3))
        filters = {
            "no filter": [],
            "number": [("id", "=", 4321)],
            "client": [("partner_id", "=", contract.partner_id.id)],
            "client by name": [("partner_id", "ilike", "Client 12345")],
            "contract": [("contract_id", "=", contract.id)],
            "kind, frequent": [("kind", "=", "payment")],
            "kind, rare": [("kind", "=", "goodwill")],
            "service": [("service_type_id", "=", self.service.id)],
            "description contains": [("description", "ilike", "invoice 54320")],
            "entered on a day": [("day", ">=", day), ("day", "<=", day)],
            "entered in a month": [
                ("day", ">=", str(early[0])),
                ("day", "<=", str(early[1])),
            ],
            "accounting month": [
                ("date", ">=", str(early[0])),
                ("date", "<=", str(early[1])),
            ],
            "change between bounds": [("amount", ">=", 1503), ("amount", "<=", 1504)],
            "change, rare": [("amount", "<=", -80000)],
        }
        asked = {
            f"first page: {name}": self._page(operations, domain)
            for name, domain in filters.items()
        }
        asked["count, as the list counts"] = lambda: operations.search_count(
            [SHOWN], limit=COUNT_LIMIT
        )
        asked["statement of a month"] = lambda: contract._get_statement(*early)
        asked["balance of a contract"] = lambda: contract.read(["balance"])
        asked["balances of all contracts"] = lambda: contract.search_fetch(
            [], ["balance"]
        ).mapped("balance")
        asked["contracts that owe, first page"] = lambda: contract.search_fetch(
            [("balance", "<", 0)], ["name", "balance"], limit=PAGE
        )
        return asked

    def _page(self, operations, domain):
        return lambda: operations.web_search_read(
            [*domain, SHOWN], COLUMNS, limit=PAGE, count_limit=COUNT_LIMIT
        )

    def ask(self, question):
        """Return the milliseconds and the queries of asking once."""
        self.env.invalidate_all()
        queries, began = self.env.cr.sql_log_count, time.perf_counter()
        question()
        milliseconds = 1000 * (time.perf_counter() - began)
        return milliseconds, self.env.cr.sql_log_count - queries

    def sum_all(self):
        """Return the seconds of adding up every contract anew, as the audit does."""
        began = time.perf_counter()
        self.env.cr.execute(
            "SELECT count(*) FROM (SELECT contract_id, SUM(amount) AS total "
            "FROM isp_operation GROUP BY contract_id) AS sums JOIN isp_contract "
            "ON isp_contract.id = contract_id WHERE balance <> total"
        )
        wrong = self.env.cr.fetchone()[0]
        return time.perf_counter() - began, wrong

    def read_in_sequence(self):
        """Return how many operations were read one after the other, by no index."""
        self.env.cr.commit()
        self.env.cr.execute("SELECT pg_stat_force_next_flush()")
        self.env.cr.commit()
        self.env.cr.execute(
            "SELECT seq_tup_read FROM pg_stat_user_tables "
            "WHERE relname = 'isp_operation'"
        )
        return self.env.cr.fetchone()[0]


def ask_all(report, ledgers):
    """Ask both sizes every question, in turns, so that a busy machine hits both.

    :param list ledgers: the small one and the large one
    :return: name → answers (best milliseconds, queries) in the same order; and what
        read most: (operations read by no index in one turn, the question)
    """
    answers, reads = {}, []
    asked = [ledger.questions() for ledger in ledgers]
    large = ledgers[-1]
    for name in asked[0]:
        pairs = [(ledger, q[name]) for ledger, q in zip(ledgers, asked, strict=True)]
        for _ledger, question in pairs:
            question()
        before = large.read_in_sequence()
        turns = [[ledger.ask(q) for ledger, q in pairs] for _turn in range(TURNS)]
        reads.append(((large.read_in_sequence() - before) // TURNS, name))
        answers[name] = [min(turn[n] for turn in turns) for n in range(len(pairs))]
        report.figure(
            name,
            [{"ms": round(ms, 2), "queries": count} for ms, count in answers[name]],
        )
    return answers, max(reads)


def compare(report, answers):
    """Set the targets: at ten times the rows, the same questions cost the same."""
    for name, (small, large) in answers.items():
        growth = round(large[0] / small[0], 2)
        report.at_most(f"{name}: 1,000,000 / 100,000", limit_of(name), growth)
    report.at_most("queries of a statement", 8, answers["statement of a month"][1][1])
    # A filter that hits nothing yet names nothing: two more are no growth.
    report.equals(
        "questions whose queries grow with the rows",
        [],
        [name for name, (few, many) in answers.items() if many[1] > few[1] + 2],
    )


def limit_of(name):
    """A first page and a statement stay as they are; ten times the hits cost some.

    A part of a description is looked for in lists of its letters, which grow.
    """
    if name == "first page: description contains":
        return 6.0
    return 1.5 if name.startswith(("first page: no", "statement", "balance")) else 2.5


def measure(report):
    with database("ledger") as name:
        with environment(name) as env:
            ledger = Ledger(env)
            report.figure("seconds_to_fill_100000", round(ledger.fill(SMALL), 1))
        small = f"{name}_small"
        postgres.copy(name, small)
        try:
            with environment(name) as env:
                ledger = ledger.bound_to(env)
                seconds = ledger.fill(LARGE)
                report.figure("seconds_to_fill_1000000", round(seconds, 1))
                with second_environment(small) as other:
                    ask_both(report, [ledger.bound_to(other), ledger])
        finally:
            postgres.drop(small)


@contextlib.contextmanager
def second_environment(name):
    """Give the environment of another database beside one that is open already."""
    from odoo.api import SUPERUSER_ID, Environment
    from odoo.modules.registry import Registry

    with Registry(name).cursor() as cr:
        yield Environment(cr, SUPERUSER_ID, {"lang": "en_US"})


def ask_both(report, ledgers):
    answers, reads = ask_all(report, ledgers)
    compare(report, answers)
    report.figure("most operations read by no index", reads)
    report.at_most(
        "most operations read by no index, for one question", LARGE // 20, reads[0]
    )
    (few, wrong), (many, also_wrong) = (ledger.sum_all() for ledger in ledgers)
    report.figure("all sums anew, seconds", [round(few, 2), round(many, 2)])
    report.at_most(
        "all sums anew, for each operation: 1,000,000 / 100,000",
        1.5,
        round(many / few / (LARGE / SMALL), 2),
    )
    report.equals("contracts whose balance is not the sum", 0, wrong + also_wrong)


if __name__ == "__main__":
    run("ledger", measure)
