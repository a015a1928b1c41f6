from datetime import date, datetime

from freezegun import freeze_time

from odoo.modules.module import load_script
from odoo.tests import tagged
from odoo.tools.misc import file_path

from .period_common import PeriodCommon

SCRIPTS = "mybizna_isp/migrations/19.0.1.2.0/%s-migrate.py"
# What version 19.0.1.0.0 had not: as its rows look when the columns are new.
BEFORE = """
    UPDATE isp_billing SET cycle_start = NULL, cycle_end = NULL, package_id = NULL,
        is_served = NULL, is_to_reissue = NULL;
    UPDATE isp_billing_item SET kind = 'charge', full_amount = NULL, tax_date = NULL,
        date_start = NULL, date_end = NULL;
    UPDATE account_move SET isp_kind = NULL, isp_document_date = NULL,
        isp_hidden = NULL WHERE isp_is_ledger;
    UPDATE account_payment SET isp_document_date = NULL, isp_period_id = NULL
        WHERE isp_contract_id IS NOT NULL;
    UPDATE isp_suspension SET pause_state = NULL;
    DELETE FROM isp_saldo;
"""


@tagged("post_install", "-at_install")
class TestUpgrade(PeriodCommon):
    """What was entered under 19.0.1.0.0 follows the rules of today."""

    def _put_back(self, query=BEFORE, *params):
        self.env.flush_all()
        self.cr.execute("SET LOCAL isp.maintenance = 'on'")
        self.cr.execute(query, params)
        self.cr.execute("SET LOCAL isp.maintenance = 'off'")
        self.env.invalidate_all()

    def _upgrade(self):
        self.env.flush_all()
        for stage in ("pre", "post"):
            script = load_script(file_path(SCRIPTS % stage), f"isp_{stage}_migrate")
            script.migrate(self.cr, "19.0.1.0.0")
        self.env.invalidate_all()

    def _create_line(self, months=2, **values):
        """A line in service from 1 August 2026, paid for some months."""
        with self._at("2026-08-01"):
            line = self._create_connection(date_start="2026-08-01", **values)
            line.action_process_new()
            self._pay_all(line)
        for month in range(9, 8 + months):
            with self._at(f"2026-{month:02}-01"):
                line.sudo()._bill_next_period()
                self._pay_all(line)
        return line

    def _get_rows(self, line):
        return line.billing_ids.sorted("date_start")

    def _assertExact(self):
        audit = self.env["isp.ledger.audit"]._audit(self.company)
        self.assertEqual((audit.state, audit.differences), ("exact", False))

    # === billed periods === #

    def test_billed_periods_keep_the_package_they_were_sold_with(self):
        line = self._create_line()
        dear = self._create_package("Home 20M", 3000.0)
        line.package_id = dear
        with self._at("2026-10-01"):
            line.sudo()._bill_next_period()
        self._put_back()
        self._upgrade()
        rows = self._get_rows(line)
        self.assertEqual(
            rows.mapped("package_id.name"), ["Home 10M", "Home 20M"], "each once"
        )
        self.assertEqual(
            [row.package_id for row in rows], [self.package, self.package, dear]
        )
        for row in rows:
            days = (row.date_start, row.date_end)
            item = row.item_ids
            self.assertEqual((row.cycle_start, row.cycle_end), days)
            self.assertEqual((item.date_start, item.date_end), days)
            self.assertEqual(
                (row.quantity, item.kind, item.full_amount), (1, "charge", row.amount)
            )

    def test_items_have_the_taxes_of_the_day_that_was_charged_first(self):
        line = self._create_line(months=1)
        with self._at("2026-08-27"):
            line.sudo()._bill_next_period()
        with self._at("2026-10-20"):
            self._pay_all(line)
        row = self._get_rows(line)[-1]
        self.assertEqual(row.date_start, date(2026, 10, 20), "paid late, moved")
        self._put_back()
        self._upgrade()
        self.assertEqual(row.item_ids.tax_date, date(2026, 9, 1))

    def test_set_up_has_the_taxes_of_the_day_it_was_invoiced(self):
        self.company.isp_first_sum = False
        setup = [(0, 0, {"name": "Installation", "amount": 500})]
        package = self._create_package("Home 3M", 900.0, setup_item_ids=setup)
        with self._at("2026-08-03"):
            line = self._create_connection(package_id=package.id)
            line.action_process_new()
        self._put_back()
        self._upgrade()
        item = line.billing_ids.item_ids
        self.assertEqual((item.kind, item.tax_date), ("setup", date(2026, 8, 3)))

    # === documents === #

    def test_documents_and_payments_learn_their_kind_and_dates(self):
        line = self._create_line(months=1)
        payment = self.env["account.payment"].search(
            [("isp_contract_id", "=", line.contract_id.id)]
        )
        self._put_back()
        self._upgrade()
        day = date(2026, 8, 1)
        for move, kind in (
            (line.invoice_id, "charge"),
            (payment.move_id, "payment"),
        ):
            self.assertEqual((move.isp_kind, move.isp_document_date), (kind, day))
        self.assertEqual(payment.isp_document_date, day)
        self.assertEqual(payment.isp_period_id, payment.move_id.isp_period_id)

    def test_a_pair_within_one_period_is_hidden_unless_it_was_sent(self):
        with self._at("2026-03-10"):
            kept, sent = self._invoice(10), self._invoice(20)
            sent.is_move_sent = True
            mirrors = [move._isp_revoke("typo") for move in (kept, sent)]
        self._put_back()
        self._upgrade()
        self.assertEqual(
            [move.isp_hidden for move in (kept, mirrors[0], sent, mirrors[1])],
            [True, True, False, False],
        )

    def test_a_part_that_goes_the_other_way_is_an_operation_of_that_kind(self):
        with self._at("2026-03-10"):
            invoice = self._invoice(100)
        operation = self.env["isp.operation"].search([("move_id", "=", invoice.id)])
        self.cr.execute(
            "ALTER TABLE isp_operation DROP CONSTRAINT isp_operation_kind_sign"
        )
        self._put_back(
            "UPDATE isp_operation SET amount = 100 WHERE id = %s", operation.id
        )
        self._put_back()
        self._upgrade()
        self.assertEqual((operation.kind, invoice.isp_kind), ("credit_note", "charge"))

    # === pauses, and what waits to be billed again === #

    def test_a_pause_of_before_ends_by_the_new_rules(self):
        line = self._create_line()
        spans = [
            self.env["isp.suspension"].create(
                {
                    "connection_id": line.id,
                    "reason": "manual",
                    "date_from": begin,
                    "date_to": end,
                }
            )
            for begin, end in (
                (datetime(2026, 8, 5), datetime(2026, 8, 9)),
                (datetime(2026, 9, 5), False),
                (datetime(2199, 1, 1), False),
            )
        ]
        self._put_back(
            "UPDATE isp_suspension SET reason = 'paused' WHERE connection_id = %s",
            line.id,
        )
        self._put_back()
        self._upgrade()
        self.assertEqual(
            [span.pause_state for span in spans], ["ended", "begun", "waiting"]
        )
        with freeze_time("2026-11-20 09:00:00"):
            spans[1].action_end()
        self.assertEqual(line.billing_date, date(2026, 11, 20))

    def test_a_cancelled_period_before_others_waits_apart(self):
        line = self._create_line(months=3)
        with self._at("2026-10-20"):
            self._get_rows(line)[1].invoice_id._isp_revoke("Wrong address")
        self._put_back()
        # The older version sent the line's next period back.
        self._put_back(
            "UPDATE isp_connection SET billing_date = '2026-09-01', "
            "reissue_date = NULL, next_invoice_date = '2026-08-27' WHERE id = %s",
            line.id,
        )
        self._upgrade()
        self.assertEqual(
            (line.billing_date, line.reissue_date, line.next_invoice_date),
            (date(2026, 11, 1), date(2026, 9, 1), date(2026, 8, 27)),
        )
        dear = self._create_package("Home 20M", 3000.0)
        with self._at("2026-10-21"):
            line.sudo()._change_package(dear)
            line.sudo()._bill_next_period()
        again = line.billing_ids.sorted("id")[-1]
        self.assertEqual(
            (again.date_start, again.date_end, again.package_id),
            (date(2026, 9, 1), date(2026, 9, 30), self.package),
        )
        self.assertEqual(
            (line.billing_date, line.reissue_date), (date(2026, 11, 1), False)
        )

    # === reporting periods === #

    def _set_periods(self, **states):
        """Leave these months only, each in its state: ``m03="open"``."""
        for period in self.Period._get_chain(self.company):
            month = f"m{period.date_start:%m}"
            if month in states:
                self._put_back(
                    "UPDATE isp_period SET state = %s WHERE id = %s",
                    states[month],
                    period.id,
                )
            else:
                self._put_back("DELETE FROM isp_period WHERE id = %s", period.id)

    def _post_in(self, *months):
        self.company.isp_max_open_periods = 12
        for month in months:
            with self._at(f"2026-{month:02}-10"):
                self._invoice(100 * month)
                self._pay(self.contract, 10 * month)

    def _get_states(self):
        return [
            (period.name, period.state)
            for period in self.Period._get_chain(self.company)
        ]

    def test_months_closed_in_any_order_become_a_chain_with_its_balances(self):
        self._post_in(3, 5, 6, 7, 8)
        self._put_back()
        self._set_periods(
            m03="closed", m05="open", m06="closed", m07="open", m08="open"
        )
        self._upgrade()
        self.assertEqual(
            self._get_states(),
            [(f"2026-0{n}", "closed") for n in (3, 4, 5, 6)]
            + [("2026-07", "open"), ("2026-08", "open")],
        )
        self.assertEqual(
            [
                self._saldos(period).get(self.contract)
                for period in self.Period._get_chain(self.company)
            ],
            [
                (0, 300, 30, -270),
                (-270, 0, 0, -270),
                (-270, 500, 50, -720),
                (-720, 600, 60, -1260),
                None,
                None,
            ],
        )
        self._assertExact()
        with self._at("2026-09-05"):
            self.Period._get_chain(self.company, "open")[0]._close()
        self._assertExact()

    def test_what_a_person_left_open_is_not_closed_by_an_upgrade(self):
        self._post_in(3, 5, 8)
        self._put_back()
        self._set_periods(m03="open", m05="open", m08="open")
        self.company.isp_max_open_periods = 2
        self._upgrade()
        states = [(f"2026-0{n}", "open") for n in range(3, 9)]
        self.assertEqual(self._get_states(), states)
        with self._at("2026-08-20"):
            self.Period._turn(self.company)
        self.assertEqual(self._get_states(), states)
        self._assertExact()

    def test_a_gap_within_a_month_is_filled_with_a_part_of_it(self):
        self._post_in(3, 5)
        self._put_back()
        self._set_periods(m03="open", m05="open")
        self._put_back(
            "UPDATE isp_period SET date_start = '2026-05-08' "
            "WHERE name = '2026-05' AND company_id = %s",
            self.company.id,
        )
        self._upgrade()
        self.assertEqual(
            [name for name, _state in self._get_states()],
            ["2026-03", "2026-04", "2026-05-01 – 2026-05-07", "2026-05"],
        )
        self._assertExact()

    def test_what_the_new_version_made_is_not_touched(self):
        line = self._create_line()
        with self._at("2026-09-10"):
            line.sudo()._change_package(self._create_package("Home 20M", 3000.0))
        names = ("kind", "full_amount", "tax_date", "date_start", "date_end")
        items = line.billing_ids.item_ids.sorted("id")
        before = items.read(names)
        self._upgrade()
        self.assertEqual(items.read(names), before)
