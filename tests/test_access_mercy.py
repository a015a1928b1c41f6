from datetime import timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.tests import tagged

from .pay_first_common import PayFirstCommon
from .radius_common import RadiusCommon


@tagged("post_install", "-at_install")
class TestAccessMercy(RadiusCommon, PayFirstCommon):
    """U-18: what FreeRADIUS goes on doing while this system is down."""

    def _ago(self, **spans):
        return freeze_time(fields.Datetime.now() - timedelta(**spans))

    def _pay_months(self, login, months):
        """A line that was paid for the first time, for so many months at once."""
        client = self._create_client(login)
        line = self._create_connection(username=login, partner_id=client.id)
        price = line.package_id.product_id.list_price
        amount = line.amount_due_first + (months - 1) * price
        self._pay(line.contract_id, amount, line)
        return line

    def test_after_two_days_without_this_system_every_payer_is_still_let_in(self):
        with self._ago(hours=49):
            self._open(self._create_line("mary"), hours=1)
            self._converge()
            self.assertTrue(self._is_accepted("mary"))
        self.assertTrue(self._is_accepted("mary"))

    def test_who_is_unpaid_is_refused_when_the_slack_is_over(self):
        with self._ago(hours=74):
            self._open(self._create_line("mary"), hours=1)
            self._converge()
        self.assertFalse(self._is_accepted("mary"))

    def test_credit_in_hand_keeps_a_line_on_beyond_what_it_bought_so_far(self):
        with self._ago(days=40):
            rich = self._pay_months("rich", 2)
            poor = self._pay_months("poor", 1)
            self._converge()
        self.assertEqual(rich.expiry_at, poor.expiry_at)
        self.assertTrue(self._is_accepted("rich"))
        self.assertFalse(self._is_accepted("poor"))

    def test_credit_that_was_taken_back_is_no_mercy(self):
        with self._ago(days=40):
            line = self._pay_months("mary", 1)
            more = self._pay(line.contract_id, line.package_id.product_id.list_price)
            self.assertTrue(line.credit_until_at)
            more._isp_revoke("bounced")
            self.assertFalse(line.credit_until_at)
            self._converge()
        self.assertFalse(self._is_accepted("mary"))

    def test_the_end_of_what_is_paid_is_still_an_end_by_the_clock(self):
        """Credit that was not spent is no reason to wait, nor to ask."""
        self.company.isp_settle_minutes = 15
        with self._ago(days=40):
            line = self._pay_months("mary", 2)
            self._converge()
            self.assertTrue(self._get_row(line).applied_on)
        # No billing run renews it in between.
        self._converge()
        row = self._get_row(line)
        self.assertFalse(row.applied_on)
        self.assertFalse(row.held)
