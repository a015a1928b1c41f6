import os
import random
from datetime import date, timedelta

from freezegun import freeze_time

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from ..tools import proration
from .change_common import ChangeCommon

STEPS = 16
# Each of these broke something once.
FOUND_WITH_TWO = "1,5"
FOUND_SOMETHING = "43,54,108,111,149,291"
# What people and machines do, and how often beside the others.
DEEDS = {
    "pay": 2,
    "pay_part": 1,
    "change": 2,
    "plan": 1,
    "set_quantity": 1,
    "pause": 1,
    "pause_later": 1,
    "resume": 1,
    "cancel_document": 1.5,
    "cancel_payment": 1,
    "undo_change": 1,
    "cancel_plan": 0.5,
    "bill_by_hand": 1,
    "charge_once": 1,
    "discount": 1,
    "run": 3,
}
MODES = ("invoice_first", "invoice_first", "pay_first", "arrears")


@tagged("post_install", "-at_install")
class TestRandomHistories(ChangeCommon):
    """Whatever people do, in whatever order, the books and the line agree.

    Each number is a history, always the same one. ``ISP_HISTORIES=1-80 make test
    TAGS=/mybizna_isp:TestRandomHistories`` goes through 80 of them.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.packages = cls.package | cls.big | cls.small | cls.weekly
        products = cls.packages.product_id | cls.env.ref("mybizna_isp.product_setup")
        products.taxes_id = False

    def test_books_coverage_and_balance_agree_after_every_step(self):
        self._live_all(FOUND_SOMETHING, count=1)

    def test_lines_that_share_money_agree_with_the_books_after_every_step(self):
        self._live_all(FOUND_WITH_TWO, count=2)

    def _live_all(self, numbers, count):
        for number in self._get_numbers(numbers):
            with self.subTest(history=number), self.env.cr.savepoint() as savepoint:
                try:
                    self._live(random.Random(number), count)
                finally:
                    savepoint.rollback()

    def _get_numbers(self, numbers):
        for part in os.environ.get("ISP_HISTORIES", numbers).split(","):
            first, _dash, last = part.partition("-")
            yield from range(int(first), int(last or first) + 1)

    def _live(self, chance, count):
        told = self._begin(chance, count)
        for step in range(STEPS):
            self.day += timedelta(chance.choice([0, 1, 2, 4, 7, 12]))
            with freeze_time(f"{self.day} 07:{step:02}:00"):
                self.env.invalidate_all()
                if count > 1:
                    self.line = chance.choice(self.lines)
                self._take_step(chance, told)
                self._check("\n".join(told))
        audit = self.env["isp.ledger.audit"]._audit(self.company)
        self.assertFalse(audit.differences, "\n".join(told))

    def _begin(self, chance, count):
        """Set a provider up, and lines of one client."""
        mode = chance.choice(MODES)
        self.has_discounts = chance.random() < 0.5
        settings = {
            "isp_one_document": chance.random() < 0.5,
            "isp_late_payment": chance.choice(["due", "payment"]),
            "isp_billing_day": chance.choice([0, 0, 1]),
        }
        if self.has_discounts:
            # A period that moves with the payment may fall into another discount.
            settings["isp_late_payment"] = "due"
        self.company.write(settings)
        in_arrears = mode == "arrears"
        self.packages.write(
            {
                "billing_mode": "invoice_first" if in_arrears else mode,
                "billing_timing": "arrears" if in_arrears else "advance",
            }
        )
        self.day = date(2026, 9, 3)
        with freeze_time(f"{self.day} 07:00:00"):
            client = self._create_client("Random")
            contract = self.env["isp.contract"].create({"partner_id": client.id})
            if count > 1:
                contract.is_grouped = chance.random() < 0.5
            self.lines = self.env["isp.connection"]
            for _number in range(count):
                self.line = self._create_connection(
                    date_start=str(self.day), contract_id=contract.id
                )
                self.lines |= self.line
                if mode == "pay_first":
                    self._pay(contract, self.line.amount_due_first, self.line)
                if self.line.state == "new":
                    self.line.action_process_new()
        return [f"{mode} {settings} discounts: {self.has_discounts}"]

    def _take_step(self, chance, told):
        [deed] = chance.choices(list(DEEDS), DEEDS.values())
        try:
            with self.cr.savepoint():
                getattr(self, f"_do_{deed}")(chance)
                self.env.flush_all()
        except (UserError, ValidationError) as error:
            self.env.invalidate_all()
            told.append(f"{self.day} {deed}: refused: {error}")
            return
        except Exception as error:
            history = "\n".join(told)
            raise AssertionError(f"{history}\n{self.day} {deed}: {error}") from error
        line = self.line
        spans = [f"{p} {a:%m-%d}/{b:%m-%d}" for p, a, b in self._get_spans(line)]
        told.append(
            f"{self.day} {line.account_no} {deed}: {line.contract_id.balance} "
            f"{line.access} {spans} next {line.billing_date}"
        )

    # === WHAT MAY HAPPEN === #

    def _do_pay(self, chance):
        owed = -self.line.contract_id.balance
        if self.line._is_pay_first():
            owed = self.line._get_amount_to_renew()
        if owed > 0:
            self._pay(self.line.contract_id, round(owed, 2), self.line)

    def _do_pay_part(self, chance):
        self._pay(self.line.contract_id, chance.choice([200.0, 700.0]), self.line)

    def _choose_package(self, chance):
        monthly = self.package, self.big, self.small
        return chance.choice(
            [*monthly, self.weekly] if chance.random() < 0.3 else monthly
        )

    def _do_change(self, chance):
        self._change(self.line, self._choose_package(chance))

    def _do_plan(self, chance):
        day = self.day + timedelta(chance.randint(1, 40))
        self._change(self.line, self._choose_package(chance), day)

    def _do_set_quantity(self, chance):
        self._change(self.line, self.line.package_id, None, chance.randint(1, 3))

    def _do_pause(self, chance):
        self.line._pause(self.day)

    def _do_pause_later(self, chance):
        day = self.day + timedelta(chance.randint(0, 6))
        self.line._pause(day, day + timedelta(chance.randint(0, 9)))

    def _do_resume(self, chance):
        self.line.action_resume()

    def _do_cancel_document(self, chance):
        documents = self.env["account.move"].search(
            [
                ("isp_contract_id", "=", self.line.contract_id.id),
                ("move_type", "in", ("out_invoice", "out_refund")),
                ("state", "=", "posted"),
                ("isp_revoked_by_id", "=", False),
                ("isp_revokes_id", "=", False),
            ],
            order="id",
        )
        if documents:
            chance.choice(documents).action_isp_revoke()

    def _get_payments(self):
        return self.env["account.payment"].search(
            [
                ("isp_contract_id", "=", self.line.contract_id.id),
                ("isp_revoked", "=", False),
                ("state", "in", ("paid", "in_process")),
            ],
            order="id",
        )

    def _do_cancel_payment(self, chance):
        if payments := self._get_payments():
            chance.choice(payments)._isp_revoke("Taken back")

    def _do_undo_change(self, chance):
        self.line.change_ids.filtered(lambda c: c.state == "done").sorted("id")[
            -1:
        ].action_undo()

    def _do_cancel_plan(self, chance):
        self.line.change_ids.filtered(lambda c: c.state == "planned").action_cancel()

    def _do_bill_by_hand(self, chance):
        self.line.action_generate_invoice()

    def _do_charge_once(self, chance):
        self.env["isp.one.off"].create(
            {
                "name": "Visit",
                "connection_id": self.line.id,
                "amount": 100.0,
                "date": self.day,
            }
        )

    def _do_discount(self, chance):
        if self.has_discounts:
            self.env["isp.discount"].create(
                {
                    "name": "Friend",
                    "connection_id": self.line.id,
                    "percent": chance.choice([10, 50, 100]),
                    "date_from": self.day,
                    "date_to": self.day + timedelta(chance.randint(0, 40)),
                }
            )

    def _do_run(self, chance):
        self._run_cron()

    # === WHAT ALWAYS HOLDS === #

    def _check(self, told):
        contract = self.lines.contract_id
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertLedger(contract)
        paid = sum(self._get_payments().mapped("amount"))
        billed = self.lines.billing_ids.filtered(
            lambda b: b.kind == "period" and b.state != "revoked" and b.invoice_id
        )
        used = sum(self._get_cost(row) for row in billed)
        once = sum(self.lines.one_off_ids.filtered("billing_id").mapped("total"))
        self.assertAlmostEqual(
            paid - contract.balance, used + once, delta=0.03, msg=f"Charged\n{told}"
        )
        covered = billed.filtered(self._is_covered)
        need = sum(self._get_cost(row) for row in covered)
        # Of each document a little may be missing.
        most = paid + self.company.isp_tolerance * len(covered) + 0.01
        self.assertLessEqual(need, most, f"Covered\n{told}")
        if contract.balance >= 0:
            unpaid = billed.filtered(lambda b: not b.is_paid)
            self.assertFalse(unpaid.mapped("name"), f"Unpaid with credit\n{told}")

    def _is_covered(self, row):
        line = row.connection_id
        until = line.state == "active" and line.paid_until_at
        return until and row.end_at <= until and not line._is_in_arrears()

    def _get_cost(self, row):
        """Return what the days cost that are left of a period."""
        cost = 0.0
        for item in row.item_ids.filtered(lambda i: i.kind in ("charge", "discount")):
            part = (item.date_start, item.date_end)
            days = proration.overlap(part, (row.date_start, row.date_end))
            if days:
                whole = (row.cycle_start, row.cycle_end)
                cost += row.connection_id._get_share(item.full_amount, whole, days)
        return cost
