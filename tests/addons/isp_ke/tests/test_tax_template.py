from odoo.tests import tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon


@tagged("post_install", "-at_install")
class TestTaxTemplate(AccountTestInvoicingCommon):
    """The Kenyan template of taxes by date on Kenya's own chart of accounts."""

    @classmethod
    @AccountTestInvoicingCommon.setup_country("ke")
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids |= cls.env.ref("mybizna_isp.isp_group_manager")
        cls.company = cls.company_data["company"]
        cls.package = cls.env["isp.package"].create(
            {
                "name": "Home 10M",
                "amount": 1500,
                "billing_cycle_id": cls.env.ref(
                    "mybizna_isp.isp_billing_cycle_monthly"
                ).id,
            }
        )
        cls.package.product_id.taxes_id = cls.company.account_sale_tax_id
        cls.excise_account = cls.env["account.account"].create(
            {
                "name": "Excise duty owed",
                "code": "220450",
                "account_type": "liability_current",
            }
        )

    def _activate(self, name, **values):
        wizard = self.env["isp.tax.activate"].create(
            {
                "schedule_id": self.env.ref(
                    f"mybizna_isp.isp_tax_schedule_ke_{name}"
                ).id,
                "package_ids": self.package.ids,
                "is_confirmed": True,
                **values,
            }
        )
        action = wizard.action_activate()
        return self.env["isp.tax.schedule"].browse(action["res_id"]).line_ids[-1].tax_id

    def test_vat_is_booked_and_reported_like_the_charts_own(self):
        known = self.company.account_sale_tax_id
        vat = self._activate("vat")
        self.assertEqual((known.amount, vat.amount), (16, 16))
        self.assertEqual(vat.country_id.code, "KE")
        self.assertEqual(vat.tax_group_id, known.tax_group_id)
        for own, chart in zip(
            vat.repartition_line_ids, known.repartition_line_ids, strict=True
        ):
            self.assertEqual(own.account_id, chart.account_id)
            self.assertEqual(own.tag_ids, chart.tag_ids)
        self.assertTrue(vat.repartition_line_ids.tag_ids)
        self.assertEqual(self.package.product_id.taxes_id, vat)

    def test_an_invoice_of_1500_has_excise_in_the_base_of_vat_and_totals_1500(self):
        vat = self._activate("vat")
        excise = self._activate("excise", account_id=self.excise_account.id)
        connection = self.env["isp.connection"].create(
            {
                "partner_id": self.partner_a.id,
                "package_id": self.package.id,
                "username": "mary",
                "password": "secret",
            }
        )
        connection.action_process_new()
        invoice = connection.invoice_id
        self.assertEqual(invoice.amount_total, 1500)
        taxes = invoice.line_ids.filtered("tax_line_id").grouped("tax_line_id")
        self.assertAlmostEqual(taxes[vat].balance, -206.90, 2)
        self.assertAlmostEqual(taxes[excise].balance, -168.67, 2)
        self.assertEqual(taxes[excise].account_id, self.excise_account)
        self.assertEqual(connection.contract_id.balance, -1500)
