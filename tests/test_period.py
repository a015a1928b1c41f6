from datetime import date, timedelta

from freezegun import freeze_time
from psycopg2.errors import CheckViolation

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .period_common import PeriodCommon

CLOSING_LOG = "odoo.addons.mybizna_isp.models.isp_period_close"


@tagged("post_install", "-at_install")
class TestPeriod(PeriodCommon):
    """Reporting periods are one chain: opened by the clock, closed in order."""

    # === THE CHAIN === #

    def test_the_first_document_opens_the_current_month(self):
        with self._at("2026-03-10"):
            payment = self._pay(self.contract, 10, date=date(2014, 1, 15))
        period = payment.move_id.isp_period_id
        self.assertEqual(
            (period.date_start, period.date_end), (date(2026, 3, 1), date(2026, 3, 31))
        )
        self.assertEqual(self.Period._get_chain(self.company), period)

    def test_the_month_turns_by_itself_and_leaves_no_gap(self):
        with self._at("2026-03-10"):
            self._pay(self.contract, 10)
        with self._at("2026-06-01"):
            self._pay(self.contract, 20)
            opened = self._open()
        chain = self.Period._get_chain(self.company)
        self.assertEqual(
            chain.mapped("name"), ["2026-03", "2026-04", "2026-05", "2026-06"]
        )
        for before, after in zip(chain, chain[1:], strict=False):
            self.assertEqual(after.date_start - before.date_end, timedelta(days=1))
        self.assertEqual(opened.mapped("name"), ["2026-05", "2026-06"])
        self.assertIn("closed by the system", self._period("2026-03").message_ids.body)

    def test_a_new_year_begins_by_the_clock_of_the_company(self):
        with self._at("2026-12-31"):
            self._pay(self.contract, 10)
        with self._at("2026-12-31"):
            self.assertEqual(self._open().mapped("name"), ["2026-12"])
        # Nairobi is three hours ahead.
        self.env.invalidate_all()
        with freeze_time("2026-12-31 21:30:00"):
            self.assertEqual(self._open().mapped("name"), ["2026-12", "2027-01"])

    def test_the_cron_turns_the_month_ahead_of_the_first_document(self):
        with self._at("2026-03-10"):
            self._pay(self.contract, 10)
        with self._at("2026-05-01"), self.enter_registry_test_mode():
            self.env.ref("mybizna_isp.isp_period_cron_turn").method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(
            {p.name: p.state for p in self.Period._get_chain(self.company)},
            {"2026-03": "closed", "2026-04": "open", "2026-05": "open"},
        )

    def test_a_period_by_hand_must_touch_the_others(self):
        with self._at("2026-03-10"):
            self._open()
            for start, end in (
                ("2026-01-01", "2026-01-31"),
                ("2026-04-02", "2026-04-30"),
            ):
                with self.assertRefused("There would be a gap"):
                    self.Period.create(
                        {"name": "x", "date_start": start, "date_end": end}
                    )
            self.Period.create(
                {"name": "Feb", "date_start": "2026-02-01", "date_end": "2026-02-28"}
            )
            self.assertEqual(self._open().mapped("name"), ["Feb", "2026-03"])

    def test_a_third_open_period_is_refused_by_hand(self):
        with self._at("2026-03-31"):
            self._open()
            april = {"name": "4", "date_start": "2026-04-01", "date_end": "2026-04-30"}
            self.Period.create(april)
            may = {"name": "5", "date_start": "2026-05-01", "date_end": "2026-05-31"}
            with self.assertRefused("Only 2 periods may be open at once"):
                self.Period.create(may)
            self.company.isp_max_open_periods = 3
            self.Period.create(may)
            self.assertEqual(len(self._open()), 3)

    def test_no_open_period_comes_before_a_closed_one(self):
        with self._at("2026-03-10"):
            self._open()
        with self._at("2026-04-02"):
            self._period("2026-03")._close()
            with self.assertRefused("which is later, is closed"):
                self.Period.create(
                    {"name": "2", "date_start": "2026-02-01", "date_end": "2026-02-28"}
                )

    def test_half_a_month_by_hand_is_followed_by_the_other_half(self):
        with self._at("2026-03-10"):
            half = {"name": "h", "date_start": "2026-03-01", "date_end": "2026-03-15"}
            self.Period.create(half)
        with self._at("2026-03-16"):
            last = self._open()[-1]
        self.assertEqual(
            (last.date_start, last.date_end), (date(2026, 3, 16), date(2026, 3, 31))
        )

    def test_periods_cant_overlap(self):
        with self._at("2026-03-10"):
            self._open()
            with mute_logger("odoo.sql_db"), self.assertRaises(Exception) as caught:
                self.Period.create(
                    {"name": "b", "date_start": "2026-03-31", "date_end": "2026-04-30"}
                )
        self.assertIn("exclusion", type(caught.exception).__name__.lower())

    def test_dates_change_only_while_no_document_lies_within(self):
        with self._at("2026-03-10"):
            period = self._open()
            period.date_end = "2026-03-30"
            self._pay(self.contract, 10)
            for change in (
                {"date_end": "2026-03-31"},
                {"date_start": "2026-03-02"},
                {"company_id": self.setup_other_company()["company"].id},
            ):
                with self.assertRefused("Period 2026-03: Its dates are fixed"):
                    period.write(change)
            period.write({"date_end": "2026-03-30", "name": "March"})
        self.assertEqual(period.name, "March")

    def test_a_period_with_documents_or_between_two_others_is_not_deleted(self):
        self.company.isp_max_open_periods = 9
        with self._at("2026-03-10"):
            self._pay(self.contract, 10)
        with self._at("2026-05-10"):
            self._open()
            with self.assertRefused("Period 2026-03: It can't be deleted"):
                self._period("2026-03").unlink()
            with self.assertRefused("it would leave a gap"):
                self._period("2026-04").unlink()
            last = self._period("2026-05")
            last.unlink()
        self.assertFalse(last.exists())

    # === CLOSING === #

    def test_periods_are_closed_in_order_after_their_end_and_once(self):
        self.company.isp_max_open_periods = 3
        with self._at("2026-03-10"):
            self._open()
        with self._at("2026-05-31"):
            march, april, may = self._open()
            with self.assertRefused("close 2026-03 before 2026-04"):
                april._close()
            march._close()
            with self.assertRefused("closed already"):
                march._close()
            april._close()
            with self.assertRefused("lasts until 05/31/2026"):
                may._close()
        self.assertEqual(
            march.closed_at, fields.Datetime.to_datetime("2026-05-31 09:00")
        )
        self.assertIn("Closed by", march.message_ids[:1].body)

    def test_the_state_is_changed_by_the_buttons_alone(self):
        with self._at("2026-03-10"):
            self._open()
        with self._at("2026-04-10"):
            march = self._period("2026-03")
            for name in ("accountant", "manager"):
                with self.assertRefused("by its buttons alone"):
                    march.with_user(self.users[name]).state = "closed"
            with self.assertRefused("by its buttons alone"):
                self.Period.create(
                    {
                        "name": "x",
                        "date_start": "2026-05-01",
                        "date_end": "2026-05-31",
                        "state": "closed",
                    }
                )
            march.with_user(self.users["manager"]).closed_at = "2001-01-01"
            self.assertFalse(march.closed_at)
            with self.assertRaises(AccessError):
                march.with_user(self.users["clerk"]).action_close()
            march.with_user(self.users["accountant"]).action_close()
        self.assertEqual(march.state, "closed")

    def test_closing_writes_the_saldo_of_every_contract(self):
        """S3-17: closing = opening + credit − debit, the next opens with it."""
        idle = self._create_connection(
            partner_id=self._create_client("Idle").id
        ).contract_id
        with self._at("2026-03-10"):
            self._pay(self.contract, 300)
            self._invoice(120.5)
            self._pay(self.other, 40)
        with self._at("2026-04-10"):
            self._invoice(500)
            march, april = self._open()
            march._close()
        self.assertEqual(
            self._saldos(march),
            {self.contract: (0, 120.5, 300, 179.5), self.other: (0, 0, 40, 40)},
        )
        with self._at("2026-05-10"):
            april._close()
        self.assertEqual(
            self._saldos(april),
            {self.contract: (179.5, 500, 0, -320.5), self.other: (40, 0, 0, 40)},
        )
        self.assertFalse(idle.saldo_ids)
        self.assertLedger(self.contract)
        for act in (
            lambda: self.contract.saldo_ids.sudo().write({"closing": 0}),
            lambda: self.contract.saldo_ids.sudo().unlink(),
            lambda: self.env["isp.saldo"].sudo().create({}),
        ):
            with self.assertRefused("computed when its period is closed"):
                act()

    def test_closing_raises_lock_dates_and_never_lowers_them(self):
        self.company.sale_lock_date = "2026-12-31"
        with self._at("2026-03-10"):
            self._open()
        with self._at("2026-04-10"):
            self._period("2026-03")._close()
        self.assertEqual(self.company.sale_lock_date, date(2026, 12, 31))
        self.assertEqual(self.company.fiscalyear_lock_date, date(2026, 3, 31))

    def test_drafts_in_the_way_are_named_to_who_closes(self):
        with self._at("2026-03-10"):
            draft = self._invoice(post=False)
            payment = self.env["account.payment"].create(
                {
                    "payment_type": "inbound",
                    "partner_type": "customer",
                    "partner_id": self.client.id,
                    "isp_contract_id": self.contract.id,
                    "amount": 5,
                    "journal_id": self.wallet.id,
                }
            )
            self._open()
        with self._at("2026-04-10"):
            march = self._period("2026-03")
            with self.assertRefused("drafts lie in it: .*Draft Invoice.*Draft Payment"):
                march._close()
            payment.unlink()
            draft.unlink()
            march._close()
        self.assertEqual(march.state, "closed")

    def _unmatched_statement_line(self, day):
        self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.wallet.id,
                "date": day,
                "payment_ref": "x",
                "amount": 1500,
            }
        )

    def test_odoos_refusal_is_told_by_hand_and_logged_by_the_system(self):
        with self._at("2026-03-10"):
            self._open()
            self._unmatched_statement_line("2026-03-10")
        with self._at("2026-04-10"):
            march = self._period("2026-03")
            with self.assertRefused("2026-03 can't be closed: .*bank statement lines"):
                march._close()
            self.assertEqual(march.state, "open")
        with self._at("2026-05-10"), self.assertLogs(CLOSING_LOG, "WARNING") as log:
            self._pay(self.contract, 10)
        self.assertIn("bank statement lines", log.output[0])
        self.assertEqual(march.state, "closed")
        self.assertIn("bank statement lines", march.message_ids.body)
        self.assertFalse(self.company.fiscalyear_lock_date)

    # === REOPENING === #

    def _reopen(self, period, user, reason="a statement came late"):
        return (
            self.env["isp.period.reopen"]
            .with_user(self.users[user])
            .create({"period_id": period.id, "reason": reason})
            .action_reopen()
        )

    def _close_march(self):
        with self._at("2026-03-10"):
            self._pay(self.contract, 10)
        with self._at("2026-04-10"):
            self._open()
            self._period("2026-03")._close()
        return self._period("2026-03")

    def test_a_manager_reopens_the_last_closed_period_with_a_reason(self):
        self.company.sale_lock_date = "2026-01-31"
        march = self._close_march()
        with self._at("2026-04-11"):
            with self.assertRaises(AccessError):
                self._reopen(march, "accountant")
            with self.assertRefused("Say why"):
                self._reopen(march, "manager", reason="  ")
            self._reopen(march, "manager")
        self.assertEqual((march.state, march.closed_at), ("open", False))
        self.assertFalse(self._saldos(march))
        self.assertEqual(self.company.sale_lock_date, date(2026, 1, 31))
        self.assertFalse(self.company.fiscalyear_lock_date)
        self.assertIn("a statement came late", march.message_ids[:1].body)
        with self._at("2026-04-12"):
            late = self._pay(self.contract, 5, date=date(2026, 3, 31))
            march._close()
        self.assertEqual(late.date, date(2026, 3, 31))
        self.assertEqual(self._saldos(march), {self.contract: (0, 0, 15, 15)})

    def test_a_lock_date_that_somebody_moved_stays_at_reopening(self):
        march = self._close_march()
        self.company.sale_lock_date = "2026-04-05"
        with self._at("2026-04-11"):
            self._reopen(march, "manager")
        self.assertEqual(self.company.sale_lock_date, date(2026, 4, 5))
        self.assertFalse(self.company.fiscalyear_lock_date)

    def test_only_the_last_closed_period_is_reopened(self):
        march = self._close_march()
        with self._at("2026-05-10"):
            self._open()
            self._period("2026-04")._close()
            with self.assertRefused("closed last can be reopened: 2026-04"):
                self._reopen(march, "manager")

    def test_a_third_open_period_is_refused_at_reopening(self):
        march = self._close_march()
        with self._at("2026-05-10"):
            self._open()
            with self.assertRefused("Only 2 periods may be open at once"):
                self._reopen(march, "manager")
        self.assertEqual(march.state, "closed")

    def test_a_hard_lock_date_holds_a_period_closed(self):
        march = self._close_march()
        self.company.hard_lock_date = "2026-03-31"
        with self._at("2026-04-11"), self.assertRefused("hard lock date holds it"):
            self._reopen(march, "manager")

    # === NOTHING ENTERS A CLOSED PERIOD === #

    def test_an_exception_from_odoos_lock_dates_opens_no_closed_period(self):
        self._close_march()
        with self._at("2026-04-11"):
            self.env["account.lock_exception"].create(
                {
                    "company_id": self.company.id,
                    "user_id": self.env.user.id,
                    "fiscalyear_lock_date": False,
                    "end_datetime": "2027-01-01 00:00:00",
                }
            )
            with self.assertRefused("2026-03, which is closed"):
                self._entry(date="2026-03-20")

    def test_the_database_itself_posts_nothing_into_a_closed_period(self):
        march = self._close_march()
        with self._at("2026-04-11"):
            draft = self._invoice(post=False)
            self.env.flush_all()
            query = (
                "UPDATE account_move SET state = 'posted', isp_is_ledger = true, "
                "isp_period_id = %s, date = '2026-03-20' WHERE id = %s"
            )
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaisesRegex(CheckViolation, "closed reporting period"),
                self.cr.savepoint(),
            ):
                self.cr.execute(query, [march.id, draft.id])
            self.cr.execute(query.replace("03-20", "04-02"), [march.id, draft.id])
            self.assertEqual(self.cr.rowcount, 1)
