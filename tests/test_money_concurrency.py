from itertools import count
from secrets import token_hex

from odoo import SUPERUSER_ID, api, fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models import isp_sms_inbox_process as process
from .money_common import MoneyCommon
from .parallel import ParallelCase

MUTED = ("odoo.sql_db", "odoo.service.model", process.__name__)
_codes = count(1)


@tagged("post_install", "-at_install")
class TestMoneyConcurrency(ParallelCase):
    """Messages read by several workers at once, in real transactions."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.collection_id, cls.contract_id = cls._do(cls._create_customer)

    @staticmethod
    def _create_company(env):
        kes = env.ref("base.KES")
        kes.active = True
        company = env["res.company"].create(
            {
                # Names are unique, and the archived company of an earlier run stays.
                "name": f"Parallel money {token_hex(4)}",
                "isp_tz": "Africa/Nairobi",
                "country_id": env.ref("base.ke").id,
            }
        )
        env["account.chart.template"].try_loading(
            "generic_coa", company=company, install_demo=False
        )
        company.currency_id = kes
        return company.id

    @classmethod
    def _create_customer(cls, env):
        collection = env["isp.collection"].create(
            {
                "name": "Parallel till",
                "provider": "mpesa_ke",
                "company_id": cls.company_id,
                "country_id": env.ref("base.ke").id,
            }
        )
        partner = env["res.partner"].create({"name": "Parallel payer"})
        contract = env["isp.contract"].create(
            {"partner_id": partner.id, "company_id": cls.company_id}
        )
        return collection.id, contract.id

    @classmethod
    def _remove_leftovers(cls):
        res = super()._remove_leftovers()
        cls._do(lambda env: env["isp.collection"].browse(cls.collection_id).unlink())
        return res

    def _arrive(self, *texts):
        def create(env):
            return (
                env["isp.sms.inbox"]
                .create(
                    [
                        {"collection_id": self.collection_id, "text": text}
                        for text in texts
                    ]
                )
                .ids
            )

        return self._do(create)

    def _sms(self, amount, code=None, ref=None):
        code = code or f"UKP{next(_codes):07d}"
        account_no = ref or self._do(
            lambda env: env["isp.contract"].browse(self.contract_id).account_no
        )
        at = self._do(
            lambda env: env.company._isp_to_local(fields.Datetime.now()),
        )
        stamp = f"{at.day}/{at.month}/{at:%y} at {at:%I}:{at:%M} {at:%p}"
        return (
            f"{code} Confirmed. on {stamp} Ksh{amount:,.2f} received from JOHN OTIENO "
            f"254700111222.  Account Number {account_no} New Utility balance is "
            "Ksh99,000.00"
        )

    def _read_alone(self, message_id):
        return lambda env: env["isp.sms.inbox"]._process_alone(message_id)

    def _get_states(self, ids):
        return self._do(
            lambda env: sorted(env["isp.sms.inbox"].browse(ids).mapped("state"))
        )

    def _get_receipt(self, code):
        def read(env):
            receipt = env["isp.money.receipt"].search([("code", "=", code)])
            live = receipt.payment_ids.filtered(lambda p: not p.isp_revoked)
            return receipt.mapped("state"), len(live)

        return self._do(read)

    @mute_logger(*MUTED)
    def test_one_code_by_two_routes_at_once_is_one_receipt_and_one_payment(self):
        """F21."""
        text = self._sms(100, code="UKP00TWICE")
        ids = self._arrive(text) + self._arrive(text) + self._arrive(text)
        results = self._side_by_side(*[self._read_alone(i) for i in ids])
        self.assertEqual(results, [None, None, None])
        self.assertEqual(self._get_states(ids), ["booked", "duplicate", "duplicate"])
        self.assertEqual(self._get_receipt("UKP00TWICE"), (["booked"], 1))

    @mute_logger(*MUTED)
    def test_a_payment_and_its_reversal_at_once_leave_no_live_payment(self):
        code = "UKP0GOBACK"
        ids = self._arrive(
            self._sms(100, code=code), MoneyCommon._reversal_short(code, "UKP0BACK01")
        )
        results = self._side_by_side(*[self._read_alone(i) for i in ids])
        self.assertEqual(results, [None, None])
        self.assertEqual(self._get_states(ids), ["booked", "booked"])
        self.assertEqual(self._get_receipt(code), (["revoked"], 0))

    @mute_logger(*MUTED)
    def test_two_workers_at_once_book_each_message_once(self):
        def balance(env):
            return env["isp.contract"].browse(self.contract_id).balance

        before = self._do(balance)
        ids = self._arrive(*[self._sms(10 + i) for i in range(6)])

        def run(env):
            env["isp.sms.inbox"]._cron_process()

        results = self._side_by_side(run, run)
        self.assertEqual(results, [None, None])
        # A worker leaves rows that another one holds to that one.
        self._do(run)
        self.assertEqual(self._get_states(ids), ["booked"] * 6)
        self.assertEqual(self._do(balance) - before, sum(10 + i for i in range(6)))

    def test_a_message_that_a_worker_holds_is_left_to_it(self):
        ids = self._arrive("no money", "no money either")
        with self.registry.cursor() as first, self.registry.cursor() as second:
            held, free = (
                api.Environment(cr, SUPERUSER_ID, {})["isp.sms.inbox"]._claim([])
                for cr in (first, second)
            )
        self.assertLessEqual(set(ids), set(held))
        self.assertFalse(free)

    @mute_logger(*MUTED)
    def test_two_clerks_assigning_at_once_book_the_money_once(self):
        code = "UKP0CLERKS"
        (message_id,) = self._arrive(self._sms(100, code=code, ref="nobody"))
        self._do(self._read_alone(message_id))
        self.assertEqual(self._get_receipt(code), (["unmatched"], 0))

        def assign(env):
            receipt = env["isp.money.receipt"].search([("code", "=", code)])
            contract = env["isp.contract"].browse(self.contract_id)
            receipt._assign(contract, env["isp.connection"])

        results = self._side_by_side(assign, assign)
        refused = [result for result in results if isinstance(result, UserError)]
        self.assertEqual(len(refused), 1, results)
        self.assertRegex(str(refused[0]), "booked (there )?already")
        self.assertEqual(self._get_receipt(code), (["booked"], 1))

    @mute_logger("odoo.sql_db")
    def test_messages_arriving_at_once_do_not_wait_for_each_other(self):
        """No row is written by every request: none is repeated."""
        token = self._do(
            lambda env: env["isp.collection"].browse(self.collection_id).token
        )
        calls = []

        def receive(env):
            calls.append(1)
            collection = env["isp.collection"]._find_by_token(token)
            return collection._receive({"message": "at once"}, "raw").id

        results = self._side_by_side(*[receive] * 6)
        self.assertEqual(len({r for r in results if isinstance(r, int)}), 6, results)
        self.assertEqual(len(calls), 6)
