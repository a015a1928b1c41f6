from odoo.tests import tagged

from .common import IspCommon

# Field of a connection → what somebody would like it to be.
WISHES = {
    "state": "active",
    "covered_until_at": "2099-01-01 00:00:00",
    "is_setup": True,
    "billing_date": "2099-01-01",
}


@tagged("post_install", "-at_install")
class TestDefaults(IspCommon):
    """A default, which anybody chooses over RPC or for himself, is nobody's way to
    what follows from documents."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clerk = cls._create_user("default_clerk", "mybizna_isp.isp_group_clerk")

    def _as_clerk(self, model, **defaults):
        context = {f"default_{name}": value for name, value in defaults.items()}
        return self.env[model].with_user(self.clerk).with_context(**context)

    def _prepare_line(self):
        return {
            "username": "mary",
            "package_id": self.package.id,
            "partner_id": self.client.id,
        }

    def assertUntouched(self, line):
        self.assertEqual(
            (line.state, line.is_setup, line.access), ("new", False, "off")
        )
        self.assertFalse(line.covered_until_at)
        self.assertFalse(line.billing_date)

    def test_a_context_puts_no_line_into_service(self):
        line = self._as_clerk("isp.connection", **WISHES).create(self._prepare_line())
        self.assertUntouched(line)

    def test_nor_does_a_default_of_ones_own(self):
        Default = self.env["ir.default"].with_user(self.clerk)
        for name, value in WISHES.items():
            Default.set("isp.connection", name, value, user_id=self.clerk.id)
        self.assertUntouched(
            self._as_clerk("isp.connection").create(self._prepare_line())
        )

    def test_a_contract_begins_without_money(self):
        contract = self._as_clerk("isp.contract", balance=1e6, version=7).create(
            {"partner_id": self.client.id}
        )
        self.assertEqual(contract.balance, 0)
        self.assertLedger(contract)

    def test_a_document_does_not_say_by_itself_what_it_is(self):
        names = {"isp_is_ledger": True, "isp_kind": "payment", "isp_hidden": True}
        move = self._as_clerk("account.move", **names).create(
            {"move_type": "out_invoice", "partner_id": self.client.id}
        )
        self.assertFalse(any(move[name] for name in names))

    def test_a_payment_is_not_cancelled_from_the_start(self):
        names = {"isp_revoked": True, "isp_moved_from_id": self._pay_first().id}
        payment = self._as_clerk("account.payment", **names).create(
            {"partner_id": self.client.id, "amount": 100.0}
        )
        self.assertFalse(any(payment[name] for name in names))

    def _pay_first(self):
        line = self._create_active()
        return self._pay(line.contract_id, 100.0, line)

    def test_a_pause_begins_and_a_charge_is_billed_by_the_engine_alone(self):
        line = self._create_active()
        billing = line.billing_ids[:1]
        self.assertTrue(billing)
        charge = self._as_clerk("isp.one.off", billing_id=billing.id).create(
            {"connection_id": line.id, "name": "Visit", "amount": 500.0}
        )
        self.assertFalse(charge.billing_id)
        manual = self._as_clerk("isp.suspension", pause_state="ended").create(
            {"connection_id": line.id}
        )
        self.assertFalse(manual.pause_state)

    def test_a_run_is_done_when_it_was_done(self):
        for values, defaults in (({}, {"state": "done"}), ({"state": "done"}, {})):
            run = self._as_clerk("isp.billing.run", **defaults).create(values)
            self.assertEqual(run.state, "preview")
