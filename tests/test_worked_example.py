from freezegun import freeze_time

from odoo.tests import tagged

from .change_common import ChangeCommon


@tagged("post_install", "-at_install")
class TestWorkedExample(ChangeCommon):
    """The figures of docs/worked_example.org."""

    def _get_postings(self, move):
        """Return what a document books as (kind of account, debit, credit)."""
        names = {
            "asset_receivable": "receivable",
            "asset_cash": "wallet",
            "income": "income",
            "liability_current": "tax",
        }
        return sorted(
            (names[line.account_id.account_type], line.debit, line.credit)
            for line in move.line_ids
        )

    def _get_saldo(self, line, month):
        saldo = self.env["isp.saldo"].search(
            [
                ("contract_id", "=", line.contract_id.id),
                ("period_id.date_start", "=", self._day(1, month)),
            ]
        )
        return (saldo.opening, saldo.debit, saldo.credit, saldo.closing)

    def test_a_change_in_mid_month_and_its_undoing_in_the_next_reporting_period(self):
        # 1 November: a month at 1,500.00 is invoiced, with 15 % on top, and paid.
        line = self._create_november()
        first = line.invoice_id
        self.assertEqual(
            self._get_postings(first),
            [
                ("income", 0.0, 1500.0),
                ("receivable", 1725.0, 0.0),
                ("tax", 0.0, 225.0),
            ],
        )
        payment = line._get_payments()
        self.assertEqual(
            self._get_postings(payment.move_id),
            [("receivable", 0.0, 1725.0), ("wallet", 1725.0, 0.0)],
        )

        # 14 November: 2,500.00 a month from today on.
        with freeze_time("2026-11-14 09:00:00"):
            change, preview = self._change(line, self.big)
        document = change.invoice_ids
        self.assertEqual((preview.credit, preview.charge), (-977.5, 1629.17))
        self.assertEqual(
            sorted(document.invoice_line_ids.mapped("price_subtotal")),
            [-850.0, 1416.67],
        )
        self.assertEqual(
            self._get_postings(document),
            [
                ("income", 0.0, 1416.67),
                ("income", 850.0, 0.0),
                ("receivable", 651.67, 0.0),
                ("tax", 0.0, 85.0),
            ],
        )
        self.assertEqual(document.invoice_date_due, self._day(19))
        self.assertEqual(line.contract_id.balance, -651.67)
        self.assertEqual(
            self._get_spans(line),
            [
                ("Home 10M", self._day(1), self._day(13)),
                ("Home 20M", self._day(14), self._day(30)),
            ],
        )

        # 5 December: November is closed; then the change turns out to be a mistake.
        with freeze_time("2026-12-05 09:00:00"):
            november, december = self.env["isp.period"]._get_open(self.company)[:2]
            november._close()
            self.assertEqual(self._get_saldo(line, 11), (0.0, 2376.67, 1725.0, -651.67))
            change.action_undo()
        mirror = document.isp_revoked_by_id
        self.assertEqual(document.isp_period_id, november)
        self.assertEqual(mirror.isp_period_id, december)
        self.assertEqual(mirror.date, self._day(5, 12))
        self.assertFalse(document.isp_hidden or mirror.isp_hidden)
        self.assertEqual(
            self._get_postings(mirror),
            [
                ("income", 0.0, 850.0),
                ("income", 1416.67, 0.0),
                ("receivable", 0.0, 651.67),
                ("tax", 85.0, 0.0),
            ],
        )
        self.assertEqual(line.contract_id.balance, 0.0)
        self.assertEqual(line.package_id, self.package)
        self.assertEqual(
            self._get_spans(line), [("Home 10M", self._day(1), self._day(30))]
        )
        self.assertEqual(line.billing_date, self._day(1, 12))
        self.assertLedger(line.contract_id)

        # December ends where it should: nothing is owed, nothing is in hand.
        with freeze_time("2027-01-04 09:00:00"):
            december._close()
        self.assertEqual(self._get_saldo(line, 12), (-651.67, 0.0, 651.67, 0.0))
