from contextlib import nullcontext
from datetime import timedelta
from itertools import count

from odoo import fields
from odoo.tests import HttpCase

from .common import IspCommon

CRON = "mybizna_isp.isp_sms_inbox_cron_process"
_codes = count(1)


class MoneyCommon(IspCommon):
    """A Kenyan provider with a paybill; messages in the networks' own wording."""

    country_code = "KE"
    chart_template = "generic_coa"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.paybill = cls._create_collection("Paybill 123456")
        cls.env["ir.config_parameter"].set_param("web.base.url", "https://isp.example")

    @classmethod
    def _create_collection(cls, name, company=None, **values):
        company = company or cls.company
        return (
            cls.env["isp.collection"]
            .with_company(company)
            .create(
                {
                    "name": name,
                    "company_id": company.id,
                    "provider": "mpesa_ke",
                    "country_id": cls.env.ref("base.ke").id,
                    **values,
                }
            )
        )

    @classmethod
    def _code(cls):
        return f"UKM{next(_codes):07d}"

    @classmethod
    def _sms(cls, amount, ref, code=None, phone="254700111222", at=None):
        """A paybill confirmation as Safaricom words it."""
        at = at or cls.company._isp_to_local(fields.Datetime.now())
        stamp = f"{at.day}/{at.month}/{at:%y} at {at:%I}:{at:%M} {at:%p}"
        return (
            f"{code or cls._code()} Confirmed. on {stamp} Ksh{amount:,.2f} received "
            f"from JOHN OTIENO {phone}.  Account Number {ref} New Utility balance is "
            "Ksh99,000.00"
        )

    @classmethod
    def _reversal(cls, code, amount=None, own_code=None):
        own_code = own_code or cls._code()
        if amount is None:
            return cls._reversal_short(code, own_code)
        at = cls.company._isp_to_local(fields.Datetime.now())
        stamp = f"{at.day}/{at.month}/{at:%y} at {at:%I}:{at:%M} {at:%p}"
        return (
            f"{own_code} confirmed. Reversal of transaction {code} has been "
            f"successfully reversed on {stamp} and Ksh{amount:,.2f} is debited from "
            "your M-PESA account. New M-PESA account balance is Ksh5.00."
        )

    @staticmethod
    def _reversal_short(code, own_code):
        """A reversal that names neither amount nor time."""
        return (
            f"{own_code} Confirmed. Transaction {code} has been reversed. Your account "
            "balance is now Ksh5.00."
        )

    @classmethod
    def _arrive(cls, *texts, collection=None, **values):
        """Messages that wait for the cron."""
        collection = collection or cls.paybill
        # Rows are written by code only, never by a person.
        return (
            cls.env["isp.sms.inbox"]
            .sudo()
            .create(
                [
                    {
                        "collection_id": collection.id,
                        "text": text,
                        "sender": "",
                        **values,
                    }
                    for text in texts
                ]
            )
        )

    def _run_cron(self):
        is_http = isinstance(self, HttpCase)
        with nullcontext() if is_http else self.enter_registry_test_mode():
            self.env.ref(CRON).method_direct_trigger()
        self.env.invalidate_all()

    def _read(self, *texts, **values):
        """Let messages arrive, run the cron, return the messages."""
        messages = self._arrive(*texts, **values)
        self._run_cron()
        return messages

    def _receipt(self, code):
        return self.env["isp.money.receipt"].sudo().search([("code", "=", code)])

    @classmethod
    def _days_ago(cls, days):
        return cls.company._isp_to_local(fields.Datetime.now()) - timedelta(days=days)
