from freezegun import freeze_time

from .money_common import MoneyCommon

# 16:00 on the 14th in Nairobi, 02:00 on the 15th in Auckland.
MOMENT = "2026-11-14 13:00:00"


class CompaniesCommon(MoneyCommon):
    """A Kenyan and a New Zealand provider in one database, with one client."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.isp_billing_day = 1
        cls.kiwi = cls.setup_other_company(
            name="Kiwi ISP",
            country_id=cls.env.ref("base.nz").id,
            currency_id=cls.env.ref("base.NZD").id,
        )["company"]
        cls.kiwi.write(
            {
                "isp_tz": "Pacific/Auckland",
                "isp_billing_day": 15,
                "isp_billing_lead_days": 10,
            }
        )
        cls.till = cls._create_collection("Till", company=cls.kiwi)
        # Who has the second company only, and who works in the first of both.
        cls.there = cls._get_env(cls.kiwi)
        cls.both = cls._get_env(cls.company | cls.kiwi)
        cls.kiwi_package = cls.there["isp.package"].create(
            {
                "name": "Home 10M",
                "amount": 89.9,
                "billing_cycle_id": cls.monthly.id,
                "access_kind": "pppoe",
            }
        )

    @classmethod
    def _get_env(cls, companies):
        return cls.env(
            context={**cls.env.context, "allowed_company_ids": companies.ids}
        )

    @classmethod
    def _create_pair(cls, **values):
        """A line of the same client with the same login in each company."""
        values |= {"username": "mary.home", "password": "secret"}
        far = cls.there["isp.connection"].create(
            {
                "partner_id": cls.client.id,
                "package_id": cls.kiwi_package.id,
                **values,
            }
        )
        return cls._create_connection(**values), far.with_env(cls.env)

    def _bill(self, moment=MOMENT):
        """One run of the billing cron, for the whole database."""
        with freeze_time(moment), self.enter_registry_test_mode():
            cron = self.env.ref("mybizna_isp.isp_connection_cron_bill")
            cron.method_direct_trigger()
        self.env.invalidate_all()
        # Numbers were drawn by the scheduler's own cursor.
        self.env["account.move"]._get_sequence_cache().clear()

    def _pay_far(self, line, amount, env=None):
        """Pay a line of the second company."""
        return self._pay(
            line.contract_id.with_env(env or self.both),
            amount,
            line,
            journal_id=self.till.journal_id.id,
        )

    def assertOwn(self, move, company):
        """A document is of one company in all its parts."""
        self.assertEqual(move.company_id, company)
        self.assertEqual(move.journal_id.company_id, company)
        self.assertEqual(move.currency_id, company.currency_id)
        self.assertEqual(move.line_ids.account_id.company_ids, company)
        self.assertLessEqual(move.line_ids.tax_ids.company_id, company)
        self.assertEqual(move.isp_period_id.company_id, company)
        self.assertEqual(move.state, "posted")
