from contextlib import contextmanager
from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import new_test_user

from odoo.addons.account.tests.common import AccountTestInvoicingCommon


class IspCommon(AccountTestInvoicingCommon):
    """A small provider: one package, one client, a wallet's journal."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.company_data["company"]
        cls.company.isp_tz = "Africa/Nairobi"
        cls.env.user.group_ids |= cls.env.ref("mybizna_isp.isp_group_manager")
        cls.monthly = cls.env.ref("mybizna_isp.isp_billing_cycle_monthly")
        cls.daily = cls.env.ref("mybizna_isp.isp_billing_cycle_daily")
        cls.hourly = cls.env.ref("mybizna_isp.isp_billing_cycle_hourly")
        cls.package = cls._create_package("Home 10M", 1500.0)
        cls.wallet = cls._create_wallet_journal("MPESA")
        cls.client = cls.env["res.partner"].create({"name": "Mary Wanjiru"})

    @classmethod
    def _create_wallet_journal(cls, code):
        """A bank journal whose payments are the money itself: at once `paid`."""
        journal = cls.env["account.journal"].create(
            {"name": code, "code": code, "type": "bank", "company_id": cls.company.id}
        )
        journal.inbound_payment_method_line_ids.payment_account_id = (
            journal.default_account_id
        )
        return journal

    @classmethod
    def _create_package(cls, name, amount, **values):
        return cls.env["isp.package"].create(
            {
                "name": name,
                "amount": amount,
                "billing_cycle_id": cls.monthly.id,
                "speed_download": 10,
                "speed_upload": 5,
                "access_kind": "pppoe",
                **values,
            }
        )

    _logins = 0

    @classmethod
    def _create_connection(cls, **values):
        IspCommon._logins += 1
        values.setdefault("username", f"user{IspCommon._logins}")
        if "contract_id" not in values:
            values.setdefault("partner_id", cls.client.id)
        return cls.env["isp.connection"].create(
            {"package_id": cls.package.id, "password": "secret", **values}
        )

    @classmethod
    def _create_client(cls, name="Client", **values):
        return cls.env["res.partner"].create({"name": name, **values})

    @classmethod
    def _create_active(cls, **values):
        """A line in service whose first period is invoiced and not paid."""
        connection = cls._create_connection(**values)
        connection.action_process_new()
        return connection

    @classmethod
    def _pay(cls, contract, amount, connection=None, date=None, **values):
        return cls.env["isp.contract"]._create_payments(
            [
                {
                    "contract_id": contract.id,
                    "connection_id": connection.id if connection else False,
                    "amount": amount,
                    "currency_id": contract.currency_id.id,
                    "journal_id": cls.wallet.id,
                    "date": date or contract.company_id._isp_today(),
                    "memo": "test",
                    "receipt_id": False,
                    **values,
                }
            ]
        )

    @classmethod
    def _owed(cls, connection):
        """What is left to pay on a line's own receivables."""
        lines = cls.env["account.move.line"].search(
            [
                ("isp_connection_id", "=", connection.id),
                ("isp_contract_id", "!=", False),
                ("parent_state", "=", "posted"),
                ("amount_residual", ">", 0),
            ]
        )
        return sum(lines.mapped("amount_residual"))

    def _run_cron(self):
        """Run the billing cron as the scheduler does."""
        with self.enter_registry_test_mode():
            self.env.ref("mybizna_isp.isp_connection_cron_bill").method_direct_trigger()
        self.env.invalidate_all()

    def _pay_all(self, connection):
        """Pay all that a line owes."""
        self._pay(connection.contract_id, self._owed(connection), connection)

    @contextmanager
    def assertRefused(self, sentence):
        """The block raises a UserError whose text matches, and leaves nothing."""
        with self.assertRaisesRegex(UserError, sentence), self.cr.savepoint():
            yield

    def assertLedger(self, contract):
        """Σ operations = balance = −receivable, to the smallest coin."""
        contract.invalidate_recordset(["balance"])
        operations = sum(contract.operation_ids.mapped("amount"))
        lines = self.env["account.move.line"].search(
            [
                ("isp_contract_id", "=", contract.id),
                ("parent_state", "=", "posted"),
                ("account_id.account_type", "=", "asset_receivable"),
            ]
        )
        digits = contract.currency_id.decimal_places
        for expected in (
            operations,
            -sum(lines.mapped("balance")),
            -sum(lines.mapped("amount_residual")),
        ):
            self.assertAlmostEqual(contract.balance, expected, digits)

    @classmethod
    def _create_user(cls, login, groups, **values):
        """A user of the provider's company alone."""
        return new_test_user(
            cls.env,
            login,
            groups,
            **{
                "company_id": cls.company.id,
                "company_ids": cls.company.ids,
                **values,
            },
        )

    @classmethod
    def _local(cls, moment):
        return cls.company._isp_to_local(moment)

    @classmethod
    def _soon(cls, **delta):
        return fields.Datetime.now() + timedelta(**delta)
