from datetime import date

from freezegun import freeze_time

from .common import IspCommon


class ChangeCommon(IspCommon):
    """A line whose period is November 2026, and packages to change to."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.isp_one_document = True
        cls.big = cls._create_package("Home 20M", 2500.0)
        cls.small = cls._create_package("Home 5M", 900.0)
        cls.weekly_cycle = cls.env["isp.billing.cycle"].create(
            {"name": "Weekly", "duration": 1, "duration_type": "weeks"}
        )
        cls.weekly = cls._create_package(
            "Week 10M", 420.0, billing_cycle_id=cls.weekly_cycle.id
        )
        cls.accountant = cls.env.ref("mybizna_isp.isp_group_accountant")
        cls.env.user.group_ids |= cls.accountant

    @classmethod
    def _create_connection(cls, **values):
        return super()._create_connection(**{"date_start": "2026-11-01", **values})

    def _create_november(self, paid=True, **values):
        with freeze_time("2026-11-01 06:00:00"):
            line = self._create_active(**values)
            if paid:
                self._pay_all(line)
        return line

    def _run_cron(self):
        """Run the billing cron as often as it asks for: it makes way to access."""
        cron = self.env.ref("mybizna_isp.isp_connection_cron_bill")
        asked = self.env["ir.cron.trigger"].sudo()
        for _run in range(5):
            asked.search([("cron_id", "=", cron.id)]).unlink()
            res = super()._run_cron()
            if not asked.search_count([("cron_id", "=", cron.id)]):
                break
        # Numbers were drawn by the scheduler's own cursor.
        self.env["account.move"]._get_sequence_cache().clear()
        return res

    def _change(self, line, package, day=None, quantity=None):
        """Change as the wizard does; the preview is that of the same moment."""
        preview = line.sudo()._preview_change(
            package, quantity or line.quantity, day or self.company._isp_today()
        )
        change = line.sudo()._change_package(package, quantity, day)
        return change, preview

    def _get_spans(self, line):
        """Return the live periods as (package, first day, last day)."""
        rows = line._get_period_billings().sorted("start_at")
        return [(b.package_id.name, b.date_start, b.date_end) for b in rows]

    def _day(self, day, month=11):
        return date(2026, month, day)

    def assertUsedIsCharged(self, line):
        """What is charged, less what is taken back, is what each day used costs."""
        items = line.billing_ids.item_ids
        for charge in items.filtered(lambda i: i.kind == "charge"):
            billing = charge.billing_id
            back = items.filtered(lambda i, c=charge: i.origin_item_id == c)
            left = charge.total + sum(back.filtered(self._still_counts).mapped("total"))
            used = 0.0
            if billing.state != "revoked":
                used = line._get_share(
                    charge.full_amount,
                    (billing.cycle_start, billing.cycle_end),
                    (billing.date_start, billing.date_end),
                )
            elif billing.invoice_id.isp_revoked_by_id:
                continue
            digits = line.currency_id.decimal_places
            self.assertAlmostEqual(left, used, digits, billing.name)

    @staticmethod
    def _still_counts(item):
        return item.kind == "credit" and item.billing_id.state != "revoked"
