from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo.fields import Command

from .common import IspCommon


class StatementCommon(IspCommon):
    """A client with two contracts, documents in the last month and before."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.isp_max_open_periods = 12
        today = cls.company._isp_today()
        # Days of the last month: (first, …); documents never lie in the future.
        cls.month = today.replace(day=1) - relativedelta(months=1)
        cls.before = cls.month - relativedelta(months=1)
        cls.last = cls.month + relativedelta(day=31)
        cls.env["isp.period"].create(
            {
                "name": "First",
                "company_id": cls.company.id,
                "date_start": cls.before,
                "date_end": cls.before + relativedelta(day=31),
            }
        )
        cls.line = cls._create_connection(username="statement.line")
        cls.contract = cls.line.contract_id
        cls.other_line = cls._create_connection(
            username="statement.other",
            contract_id=cls.env["isp.contract"]
            .create({"partner_id": cls.client.id})
            .id,
        )
        cls.other = cls.other_line.contract_id

    @classmethod
    def _day(cls, number):
        """The day of the last month with this number, counted from 1."""
        return cls.month + timedelta(days=number - 1)

    @classmethod
    def _charge(cls, amount, day, line=None, name="Fibre 10M", **values):
        """A posted invoice of a line without tax."""
        line = line or cls.line
        invoice = cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": line.contract_id.partner_id.id,
                "isp_contract_id": line.contract_id.id,
                "invoice_date": day,
                "date": day,
                "invoice_date_due": day,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": name,
                            "quantity": 1,
                            "price_unit": amount,
                            "isp_connection_id": line.id,
                            "tax_ids": False,
                        }
                    )
                ],
                **values,
            }
        )
        invoice.action_post()
        return invoice

    @classmethod
    def _take(cls, amount, day, contract=None, **values):
        """A posted payment."""
        return cls._pay(contract or cls.contract, amount, date=day, **values)

    @classmethod
    def _get_rows(cls, statement):
        return [(row["date"], row["amount"]) for row in statement["rows"]]
