from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .change_common import ChangeCommon


@tagged("post_install", "-at_install")
class TestChangeUndo(ChangeCommon):
    def _get_facts(self, line):
        return {
            "spans": self._get_spans(line),
            "package": line.package_id,
            "quantity": line.quantity,
            "billing_date": line.billing_date,
            "anchor": line.anchor_date,
            "paid_until": line.paid_until_at,
            "balance": line.contract_id.balance,
        }

    def test_undoing_a_change_gives_days_package_and_money_back(self):
        for one_document in (True, False):
            for day, package in (
                ("14", self.big),
                ("01", self.small),
                ("09", self.weekly),
            ):
                self.company.isp_one_document = one_document
                line = self._create_november(partner_id=self._create_client(day).id)
                before = self._get_facts(line)
                with freeze_time(f"2026-11-{day} 09:00:00"):
                    change, _preview = self._change(line, package)
                    self.assertNotEqual(self._get_facts(line), before)
                    change.action_undo()
                case = f"{package.name}, one document: {one_document}"
                self.assertEqual(self._get_facts(line), before, case)
                self.assertEqual(change.state, "undone")
                self.assertTrue(all(change.invoice_ids.mapped("isp_revoked_by_id")))
                self.assertEqual(line.access, "on")
                self.assertLedger(line.contract_id)

    def test_cancelling_the_document_of_a_change_undoes_the_change(self):
        self.company.isp_one_document = False
        for move_type in ("out_invoice", "out_refund"):
            line = self._create_november(partner_id=self._create_client(move_type).id)
            before = self._get_facts(line)
            with freeze_time("2026-11-14 09:00:00"):
                change, _preview = self._change(line, self.big)
                change.invoice_ids.filtered(
                    lambda m, t=move_type: m.move_type == t
                ).action_isp_revoke()
            self.assertEqual(self._get_facts(line), before)
            self.assertEqual(change.state, "undone")
            self.assertTrue(all(change.invoice_ids.mapped("isp_revoked_by_id")))

    def test_changes_are_undone_in_reverse_order_only(self):
        for one_document in (True, False):
            self.company.isp_one_document = one_document
            line = self._create_november(partner_id=self._create_client("Stacked").id)
            before = self._get_facts(line)
            with freeze_time("2026-11-14 09:00:00"):
                first, _preview = self._change(line, self.big)
            with freeze_time("2026-11-20 09:00:00"):
                second, _preview = self._change(line, self.small)
                with self.assertRefused("Undo that first"):
                    first.action_undo()
                with self.assertRefused("Undo that first|Cancel that first"):
                    first.invoice_ids[0].action_isp_revoke()
                second.action_undo()
                self.assertEqual(line.package_id, self.big)
                first.action_undo()
            self.assertEqual(self._get_facts(line), before)
            self.assertLedger(line.contract_id)

    def test_the_charge_that_a_change_lowered_is_not_cancelled_before_it(self):
        for one_document in (True, False):
            self.company.isp_one_document = one_document
            line = self._create_november(partner_id=self._create_client("Charge").id)
            original = line.invoice_id
            with freeze_time("2026-11-14 09:00:00"):
                change, _preview = self._change(line, self.big)
                with self.assertRefused("Undo that first|Cancel that first"):
                    original.action_isp_revoke()
                change.action_undo()
                original.action_isp_revoke()
            self.assertTrue(original.isp_revoked_by_id)

    def test_a_change_that_more_was_billed_on_is_not_undone_before_that_is(self):
        line = self._create_november()
        with freeze_time("2026-11-14 09:00:00"):
            change, _preview = self._change(line, self.big)
            self._pay_all(line)
        with freeze_time("2026-11-28 09:00:00"):
            self._run_cron()
            december = line.invoice_id
            with self.assertRefused("was billed since"):
                change.action_undo()
            december.action_isp_revoke()
            change.action_undo()
            self.assertEqual(line.billing_date, self._day(1, 12))
            self._run_cron()
        self.assertEqual(self._get_spans(line)[-1][0], "Home 10M")

    def test_the_days_on_until_the_difference_is_due_end_with_the_change(self):
        line = self._create_november()
        with freeze_time("2026-11-14 09:00:00"):
            change, _preview = self._change(line, self.big)
            self.assertTrue(change.extension_id.is_open)
            change.action_undo()
            self.env.invalidate_all()
            self.assertFalse(change.extension_id.is_open)

    def test_only_accountants_undo_a_change(self):
        line = self._create_november()
        clerk = self._create_user("undo_clerk", "mybizna_isp.isp_group_clerk")
        with freeze_time("2026-11-14 09:00:00"):
            change, _preview = self._change(line, self.big)
            with self.assertRaises(AccessError):
                change.with_user(clerk).action_undo()
        self.assertEqual(change.state, "done")

    def test_no_context_cancels_a_document_without_its_change(self):
        self.company.isp_one_document = False
        line = self._create_november()
        with freeze_time("2026-11-14 09:00:00"):
            change, _preview = self._change(line, self.big)
            self.assertEqual(len(change.invoice_ids), 2)
            invoice = change.invoice_ids.filtered(
                lambda move: move.move_type == "out_invoice"
            )
            by_hand = invoice.sudo(False).with_context(isp_undo_change=True)
            by_hand.action_isp_revoke()
        self.assertEqual(line.package_id, self.package)
        self.assertTrue(all(change.invoice_ids.mapped("isp_revoked_by_id")))

    def test_what_a_change_is_undone_for_can_be_changed_again(self):
        line = self._create_november()
        with freeze_time("2026-11-14 09:00:00"):
            change, _preview = self._change(line, self.big)
            change.action_undo()
            again, _preview = self._change(line, self.big)
        self.assertEqual(again.state, "done")
        self.assertEqual(self._get_spans(line)[-1][0], "Home 20M")
        self.assertEqual(again.invoice_ids.amount_total, 651.67)
        self.assertLedger(line.contract_id)
