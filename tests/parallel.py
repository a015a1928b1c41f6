import threading
from secrets import token_hex
from unittest.mock import patch

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import DummyRLock, Registry
from odoo.service.model import retrying
from odoo.tests.common import BaseCase, get_db_name

# In an order that foreign keys allow; each has a company or hangs on one that has.
LEFTOVERS = (
    "DELETE FROM account_partial_reconcile WHERE company_id = %(company)s",
    "DELETE FROM isp_saldo WHERE company_id = %(company)s",
    "DELETE FROM isp_operation WHERE company_id = %(company)s",
    "DELETE FROM isp_billing WHERE company_id = %(company)s",
    "UPDATE isp_connection SET invoice_id = NULL WHERE company_id = %(company)s",
    "UPDATE isp_money_receipt SET payment_id = NULL WHERE company_id = %(company)s",
    "UPDATE account_move SET origin_payment_id = NULL, isp_revokes_id = NULL, "
    "isp_revoked_by_id = NULL, reversed_entry_id = NULL WHERE company_id = %(company)s",
    "DELETE FROM account_payment WHERE company_id = %(company)s",
    "DELETE FROM isp_sms_inbox WHERE company_id = %(company)s",
    "DELETE FROM isp_money_receipt WHERE company_id = %(company)s",
    "DELETE FROM account_move_line WHERE company_id = %(company)s",
    "DELETE FROM account_move WHERE company_id = %(company)s",
    "DELETE FROM isp_access_dirty WHERE connection_id IN "
    "(SELECT id FROM isp_connection WHERE company_id = %(company)s)",
    "DELETE FROM isp_connection WHERE company_id = %(company)s",
    "DELETE FROM isp_site WHERE company_id = %(company)s",
    "DELETE FROM isp_contract WHERE company_id = %(company)s",
    "DELETE FROM isp_period WHERE company_id = %(company)s",
    "UPDATE res_company SET active = FALSE WHERE id = %(company)s",
)


class ParallelCase(BaseCase):
    """Real transactions that commit, side by side, in a company of their own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry = Registry(get_db_name())
        # The runner's thread keeps the registry's lock while tests run.
        cls.startClassPatcher(patch.object(Registry, "_lock", DummyRLock()))
        cls.company_id = cls._do(cls._create_company)
        cls.addClassCleanup(cls._remove_leftovers)

    @classmethod
    def _do(cls, function, *args):
        """Call ``function(env, *args)`` in a transaction of its own, as a request
        would: committed, and repeated on a conflict."""
        with cls.registry.cursor() as cr:
            company = getattr(cls, "company_id", None)
            context = {"allowed_company_ids": [company]} if company else {}
            env = api.Environment(cr, SUPERUSER_ID, context)
            result = retrying(lambda: function(env, *args), env)
            cr.commit()  # pylint: disable=invalid-commit
        return result

    @staticmethod
    def _create_company(env):
        company = env["res.company"].create(
            {"name": f"Parallel {token_hex(4)}", "isp_tz": "Africa/Nairobi"}
        )
        env["account.chart.template"].try_loading(
            "generic_coa", company=company, install_demo=False
        )
        return company.id

    @classmethod
    def _remove_leftovers(cls):
        with cls.registry.cursor() as cr:
            # Posted documents go by the documented switch only.
            cr.execute("SET LOCAL isp.maintenance = 'on'")
            for query in LEFTOVERS:
                cr.execute(query, {"company": cls.company_id})
            cr.commit()  # pylint: disable=invalid-commit

    def _side_by_side(self, *functions):
        """Run functions of an environment at once, each having taken its snapshot
        before any goes on.

        :return: for each its result, or the exception it ended with
        """
        barrier = threading.Barrier(len(functions), timeout=30)
        results = [None] * len(functions)

        def run(index, function):
            first = [True]

            def step(env):
                env.cr.execute("SELECT 1")
                if first.pop() if first else False:
                    barrier.wait()
                return function(env)

            try:
                results[index] = self._do(step)
            except Exception as error:
                results[index] = error

        threads = [
            threading.Thread(target=run, args=(index, function))
            for index, function in enumerate(functions)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return results
