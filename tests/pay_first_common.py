from freezegun import freeze_time

from .common import IspCommon


class PayFirstCommon(IspCommon):
    """A package that is paid first, without taxes: 1,500 a month."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.package.write({"billing_mode": "pay_first"})
        cls.package.product_id.taxes_id = False
        cls.env.ref("mybizna_isp.product_setup").taxes_id = False

    @classmethod
    def _create_served(cls, day="2026-01-10", **values):
        """A line that was paid for one month from a day on."""
        with freeze_time(f"{day} 09:00:00"):
            line = cls._create_connection(**values)
            cls._pay(line.contract_id, line.amount_due_first, line)
        return line
