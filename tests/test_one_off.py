from freezegun import freeze_time

from odoo.tests import tagged

from .change_common import ChangeCommon


@tagged("post_install", "-at_install")
class TestOneOff(ChangeCommon):
    def _add(self, line, **values):
        return self.env["isp.one.off"].create(
            {
                "connection_id": line.id,
                "name": "Technician's visit",
                "amount": 400.0,
                "date": "2026-11-05",
                **values,
            }
        )

    def test_a_one_off_charge_goes_with_the_next_invoice_and_once(self):
        line = self._create_november()
        charge = self._add(line, quantity=2)
        for month, day in ((11, 27), (12, 28)):
            with freeze_time(f"2026-{month}-{day} 06:00:00"):
                self._run_cron()
                self._pay_all(line)
        december, january = line._get_period_billings().sorted("start_at")[1:]
        self.assertEqual(december.invoice_id.amount_untaxed, 2300.0)
        self.assertEqual(january.invoice_id.amount_untaxed, 1500.0)
        self.assertEqual(charge.billing_id, december)
        self.assertEqual(charge.state, "billed")
        self.assertLedger(line.contract_id)

    def test_it_waits_for_its_day(self):
        line = self._create_november()
        charge = self._add(line, date="2026-12-15")
        with freeze_time("2026-11-27 06:00:00"):
            self._run_cron()
        self.assertEqual(charge.state, "waiting")
        self.assertEqual(line.invoice_id.amount_untaxed, 1500.0)

    def test_charged_now_it_has_an_invoice_of_its_own_and_only_one(self):
        line = self._create_november()
        charge = self._add(line)
        with freeze_time("2026-11-10 06:00:00"):
            charge.action_charge_now()
            charge.action_charge_now()
            self.assertEqual(charge.invoice_id.amount_untaxed, 400.0)
            self.assertEqual(line.access, "on")
        self.assertEqual(charge.billing_id.kind, "one_off")
        with freeze_time("2026-11-27 06:00:00"):
            self._run_cron()
        self.assertEqual(line.invoice_id.amount_untaxed, 1500.0)

    def test_it_waits_again_when_its_invoice_is_cancelled(self):
        line = self._create_november()
        charge = self._add(line)
        with freeze_time("2026-11-10 06:00:00"):
            charge.action_charge_now()
            charge.invoice_id.action_isp_revoke()
            self.assertEqual(charge.state, "waiting")
        with freeze_time("2026-11-27 06:00:00"):
            self._run_cron()
        self.assertEqual(charge.state, "billed")
        self.assertEqual(line.invoice_id.amount_untaxed, 1900.0)

    def test_a_change_takes_nothing_of_a_one_off_charge_back(self):
        line = self._create_november()
        charge = self._add(line)
        with freeze_time("2026-11-27 06:00:00"):
            self._run_cron()
            self._change(line, self.big, self._day(1, 12))
        credits_ = line.billing_ids.filtered(lambda b: b.kind == "credit")
        self.assertEqual(credits_.amount, -1500.0)
        self.assertEqual(charge.state, "billed")
        self.assertEqual(line.contract_id.balance, -3335.0)

    def test_what_is_invoiced_is_not_changed_any_more(self):
        line = self._create_november()
        charge = self._add(line)
        with freeze_time("2026-11-10 06:00:00"):
            charge.action_charge_now()
        for values in ({"amount": 1.0}, {"billing_id": False}):
            with self.assertRefused("can't change any more"):
                charge.write(values)
        with self.assertRefused("can't change any more"):
            charge.unlink()
