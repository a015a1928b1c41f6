from datetime import date

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from .period_common import PeriodCommon


@tagged("post_install", "-at_install")
class TestDocumentDates(PeriodCommon):
    """Three dates: of the paper, of its making, and in an open period."""

    def _june_and_july(self):
        with self._at("2015-06-15"):
            self._open()
        with self._at("2015-07-01"):
            return self._open()

    def test_a_paper_of_january_2014_made_in_july_2015_counts_in_june(self):
        """S3-30: document January 2014, created 2 July 2015, period June 2015."""
        june, july = self._june_and_july()
        with self._at("2015-07-02"):
            invoice = self._invoice(invoice_date="2014-01-15", create_date="2015-07-02")
            self._invoice(7)
        self.assertEqual(invoice.isp_document_date, date(2014, 1, 15))
        self.assertEqual(invoice.invoice_date, date(2014, 1, 15))
        self.assertEqual(invoice.isp_operation_ids.time.date(), date(2015, 7, 2))
        self.assertEqual(invoice.isp_period_id, june)
        self.assertTrue(june.date_start <= invoice.date <= june.date_end)
        operations = self.env["isp.operation"]
        turnover = operations._read_group(
            [("contract_id", "=", self.contract.id)], ["period_id"], ["amount:sum"]
        )
        self.assertEqual(dict(turnover), {june: -100, july: -7})
        with Form(invoice) as form:
            self.assertEqual(form.isp_period_id, june)
            self.assertEqual(form.invoice_date, "2014-01-15")
        self.assertLedger(self.contract)

    def test_a_document_counts_in_the_period_of_its_own_date_while_that_is_open(self):
        june, july = self._june_and_july()
        with self._at("2015-07-02"):
            for day, period in ((date(2015, 6, 29), june), (date(2015, 7, 1), july)):
                payment = self._pay(self.contract, 10, date=day)
                invoice = self._invoice(invoice_date=day)
                for document in (payment, payment.move_id, invoice):
                    self.assertEqual(document.date, day)
                    self.assertEqual(document.isp_document_date, day)
                    self.assertEqual(document.isp_period_id, period)

    def test_late_money_keeps_the_banks_date_and_counts_in_the_oldest_open_period(self):
        june, july = self._june_and_july()
        with self._at("2015-07-02"):
            june._close()
            payment = self._pay(self.contract, 10, date=date(2015, 6, 29))
        for document in (payment, payment.move_id):
            self.assertEqual(document.date, date(2015, 7, 1))
            self.assertEqual(document.isp_document_date, date(2015, 6, 29))
            self.assertEqual(document.isp_period_id, july)
        self.assertEqual(
            set(payment.move_id.line_ids.mapped("date")), {date(2015, 7, 1)}
        )
        self.assertEqual(payment.state, "paid")
        self.assertLedger(self.contract)

    def test_money_finds_a_day_behind_odoos_lock_dates(self):
        june, july = self._june_and_july()
        with self._at("2015-07-20"):
            for lock, day, period in (
                ("2015-06-10", date(2015, 6, 11), june),
                ("2015-06-30", date(2015, 7, 1), july),
                ("2015-07-05", date(2015, 7, 6), july),
            ):
                self.company.fiscalyear_lock_date = lock
                payment = self._pay(self.contract, 10, date=date(2015, 6, 2))
                self.assertEqual((payment.date, payment.move_id.date), (day, day))
                self.assertEqual(payment.isp_period_id, period)
                self.assertEqual(payment.isp_document_date, date(2015, 6, 2))

    def test_register_payment_with_a_day_of_a_closed_month_is_booked(self):
        june, july = self._june_and_july()
        with self._at("2015-07-02"):
            june._close()
            invoice = self._invoice(115)
            wizard = self.env["account.payment.register"].with_context(
                active_model="account.move", active_ids=invoice.ids
            )
            payment = wizard.create(
                {"journal_id": self.wallet.id, "payment_date": "2015-06-29"}
            )._create_payments()
        self.assertEqual(payment.isp_document_date, date(2015, 6, 29))
        self.assertEqual(payment.date, date(2015, 7, 1))
        self.assertEqual(invoice.payment_state, "paid")

    def test_an_accounting_date_that_is_given_is_kept_or_refused(self):
        june, july = self._june_and_july()
        with self._at("2015-07-02"):
            invoice = self._invoice(invoice_date="2015-07-02", date="2015-06-30")
            self.assertEqual(
                (invoice.date, invoice.isp_period_id), (june.date_end, june)
            )
            june._close()
            for make in (
                lambda: self._invoice(invoice_date="2015-07-02", date="2015-06-30"),
                lambda: self._entry(date="2015-06-30"),
                lambda: self._entry(date="2015-06-30", isp_document_date="2015-06-29"),
            ):
                with self.assertRefused("2015-06, which is closed"):
                    make()
            with self.assertRefused("lies in no reporting period"):
                self._entry(date="2015-05-30")

    def test_an_entry_with_a_document_date_goes_by_the_rule(self):
        june, july = self._june_and_july()
        with self._at("2015-07-02"):
            entry = self._entry(isp_document_date="2015-06-12")
            self.assertEqual(
                (entry.date, entry.isp_period_id), (date(2015, 6, 12), june)
            )
            june._close()
            entry = self._entry(isp_document_date="2015-06-12", date="2015-06-12")
        self.assertEqual((entry.date, entry.isp_period_id), (july.date_start, july))
        self.assertEqual(entry.isp_document_date, date(2015, 6, 12))

    def test_an_entry_without_a_document_date_gets_its_accounting_date(self):
        self._june_and_july()
        with self._at("2015-07-02"):
            entry = self._entry(date="2015-06-20")
        self.assertEqual(entry.isp_document_date, date(2015, 6, 20))

    def test_an_accountant_chooses_among_the_open_periods(self):
        june, july = self._june_and_july()
        with self._at("2015-07-02"):
            for make, day in (
                (lambda **values: self._invoice(post=False, **values), june.date_end),
                (lambda **values: self._entry(post=False, **values), june.date_end),
            ):
                move = make()
                with self.assertRaises(AccessError):
                    move.with_user(self.users["clerk"]).isp_period_id = june
                move.with_user(self.users["accountant"]).isp_period_id = june
                move.with_user(self.users["accountant"]).action_post()
                self.assertEqual((move.date, move.isp_period_id), (day, june))
                self.assertEqual(move.isp_document_date, date(2015, 7, 2))
            with self.assertRaises(AccessError):
                self._payment_draft("clerk", june)
            payment = self._payment_draft("accountant", june)
            payment.action_post()
            self.assertEqual(payment.date, june.date_end)
            self.assertEqual(payment.move_id.isp_period_id, june)
            self.assertEqual(payment.isp_document_date, date(2015, 7, 2))
            draft = self._invoice(post=False)
            draft.isp_period_id = june
            draft.invoice_date = "2015-07-01"
            june.sudo()._close(is_automatic=True)
            with self.assertRefused("can't be posted into period 2015-06"):
                draft.action_post()
            draft.isp_period_id = july
            draft.action_post()
        self.assertEqual(draft.isp_period_id, july)

    def _payment_draft(self, user, period):
        return (
            self.env["account.payment"]
            .with_user(self.users[user])
            .create(
                {
                    "payment_type": "inbound",
                    "partner_type": "customer",
                    "partner_id": self.client.id,
                    "isp_contract_id": self.contract.id,
                    "amount": 5,
                    "date": "2015-07-02",
                    "journal_id": self.wallet.id,
                    "isp_period_id": period.id,
                }
            )
        )

    def test_the_period_is_chosen_on_the_form(self):
        june, july = self._june_and_july()
        with self._at("2015-07-02"):
            draft = self._invoice(post=False)
            with Form(draft.with_user(self.users["accountant"])) as form:
                form.isp_period_id = june
            self.assertEqual(draft.date, june.date_end)
            # Odoo derives the accounting date from this one again.
            draft.invoice_date = "2015-07-01"
            draft.action_post()
        self.assertEqual((draft.date, draft.isp_period_id), (june.date_end, june))
        self.assertEqual(draft.isp_document_date, date(2015, 7, 1))

    def test_a_document_of_the_future_is_refused(self):
        self._june_and_july()
        with self._at("2015-07-02"):
            for make in (
                lambda: self._invoice(invoice_date="2015-07-03"),
                lambda: self._invoice(invoice_date="2015-07-03", date="2015-07-02"),
                lambda: self._entry(isp_document_date="2015-07-03", date="2015-07-02"),
                lambda: self._pay(self.contract, 10, date=date(2015, 8, 3)),
            ):
                with self.assertRefused("lies in the future"):
                    make()

    def test_the_dates_of_a_posted_document_stay(self):
        june, july = self._june_and_july()
        with self._at("2015-07-02"):
            payment = self._pay(self.contract, 10)
            for document in (self._invoice(), payment):
                for vals in (
                    {"isp_document_date": "2015-06-30"},
                    {"isp_period_id": june.id},
                    {"date": "2015-06-30"},
                ):
                    with self.assertRefused("counter-entry"):
                        document.write(vals)

    def test_a_date_that_no_open_period_has_is_refused_in_words(self):
        self._june_and_july()
        self.company.sale_lock_date = "2015-07-31"
        with self._at("2015-07-02"), self.assertRefused("lies before a lock date"):
            self._invoice()

    # === THE BALANCE AT ANY MOMENT === #

    def test_the_balance_at_a_moment_is_the_sum_up_to_it(self):
        moments = {}
        for day, amount in (("2026-03-01", 100), ("2026-03-05", 50.25)):
            with self._at(day):
                self._pay(self.contract, amount)
        with self._at("2026-04-02"):
            self._invoice(400)
        for day in ("2026-02-28", "2026-03-01", "2026-03-04", "2026-03-05"):
            moments[day] = self.contract._get_balance_at(f"{day} 09:00:00")
        moments["now"] = self.contract._get_balance_at(fields.Datetime.now())
        self.assertEqual(list(moments.values()), [0, 100, 100, 150.25, -249.75])
        self.assertEqual(moments["now"], self.contract.balance)
