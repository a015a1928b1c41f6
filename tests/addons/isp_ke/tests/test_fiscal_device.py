from datetime import datetime

from psycopg2.errors import CheckViolation

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.account.tests.common import AccountTestInvoicingCommon


@tagged("post_install", "-at_install")
class TestFiscalDevice(AccountTestInvoicingCommon):
    """Kenya's control unit signs invoices that are posted already."""

    @classmethod
    @AccountTestInvoicingCommon.setup_country("ke")
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids |= cls.env.ref("mybizna_isp.isp_group_manager")
        cls.contract = cls.env["isp.contract"].create({"partner_id": cls.partner_a.id})
        cls.invoice = cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": cls.partner_a.id,
                "isp_contract_id": cls.contract.id,
                "invoice_date": fields.Date.today(),
                "invoice_line_ids": [
                    Command.create({"name": "x", "price_unit": 1000, "tax_ids": []})
                ],
            }
        )
        cls.invoice.action_post()

    def _sign(self):
        """Hand in what the device answers, as the browser does."""
        self.invoice.l10n_ke_cu_responses(
            [
                {
                    "move_id": str(self.invoice.id),
                    "serial_number": "KRAMW004202207000001",
                    "replies": [
                        "0040720000000012;https://example/1",
                        "14-03-2026 08:27",
                    ],
                }
            ]
        )
        self.env.flush_all()
        self.env.invalidate_all()

    def test_what_the_device_answers_is_stored_on_a_posted_invoice(self):
        self._sign()
        self.assertEqual(self.invoice.l10n_ke_cu_serial_number, "KRAMW004202207000001")
        self.assertEqual(self.invoice.l10n_ke_cu_invoice_number, "0040720000000012")
        self.assertEqual(self.invoice.l10n_ke_cu_qrcode, "https://example/1")
        self.assertEqual(self.invoice.l10n_ke_cu_datetime, datetime(2026, 3, 14, 8, 27))

    def test_a_signed_invoice_is_guarded_like_any_other(self):
        self._sign()
        with self.assertRaises(UserError):
            self.invoice.button_draft()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(CheckViolation),
            self.cr.savepoint(),
        ):
            self.cr.execute(
                "UPDATE account_move_line SET balance = balance + 1 WHERE move_id = %s",
                [self.invoice.id],
            )
