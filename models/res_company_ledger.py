from odoo import fields, models
from odoo.exceptions import UserError

# Field → types it may have, a word that a chart's own account of the kind has in its
# name, and name and first code of the one that is made when the chart has none.
LEDGER_ACCOUNTS = {
    "isp_opening_account_id": (
        ("equity", "liability_current", "asset_current"),
        "opening balance",
        "Opening Balances",
        "399000",
    ),
    "isp_adjustment_account_id": (
        ("expense", "income_other", "income"),
        "customer adjustment",
        "Customer Adjustments",
        "699000",
    ),
    "isp_goodwill_account_id": (
        ("expense", "income", "income_other"),
        "goodwill given",
        "Goodwill Given to Customers",
        "699100",
    ),
    "isp_write_off_account_id": (
        ("expense",),
        "bad debt",
        "Bad Debts",
        "699200",
    ),
    "isp_deposit_account_id": (
        ("liability_current", "liability_non_current"),
        "customer deposit",
        "Customer Deposits",
        "219000",
    ),
}


def _account_field(string, types, help_text):
    return fields.Many2one(
        "account.account",
        string=string,
        check_company=True,
        domain=[("account_type", "in", types)],
        help=help_text,
    )


class ResCompany(models.Model):
    """The accounts that documents without an invoice are booked against."""

    _inherit = "res.company"

    isp_ledger_journal_id = fields.Many2one(
        "account.journal",
        string="Journal of Account Operations",
        check_company=True,
        domain=[("type", "=", "general")],
        help="Transfers, opening balances, adjustments, write-offs and deposits.",
    )
    isp_opening_account_id = _account_field(
        "Opening Balances",
        LEDGER_ACCOUNTS["isp_opening_account_id"][0],
        "Stands against balances brought along from another system.",
    )
    isp_adjustment_account_id = _account_field(
        "Adjustments",
        LEDGER_ACCOUNTS["isp_adjustment_account_id"][0],
        "Stands against corrections of a balance.",
    )
    isp_goodwill_account_id = _account_field(
        "Goodwill",
        LEDGER_ACCOUNTS["isp_goodwill_account_id"][0],
        "What goodwill costs, where no product says it.",
    )
    isp_write_off_account_id = _account_field(
        "Write-offs",
        LEDGER_ACCOUNTS["isp_write_off_account_id"][0],
        "Debts that are given up.",
    )
    isp_deposit_account_id = _account_field(
        "Deposits",
        LEDGER_ACCOUNTS["isp_deposit_account_id"][0],
        "A liability: the clients' deposits, which are to be given back.",
    )

    def _isp_get_ledger_account(self, name):
        """Return the account of a setting; the chart's own, or a new one at first use.

        :param str name: one of :data:`LEDGER_ACCOUNTS`
        """
        self.ensure_one()
        # Who books need not be allowed to change the chart or the company.
        company = self.sudo()
        if not company[name]:
            company[name] = company._isp_find_account(name) or company._isp_add_account(
                name
            )
        return company[name]

    def _isp_find_account(self, name):
        types, word, _title, _code = LEDGER_ACCOUNTS[name]
        return (
            self.env["account.account"]
            .with_company(self)
            .with_context(lang="en_US")
            .search(
                [
                    *self.env["account.account"]._check_company_domain(self),
                    ("account_type", "in", types),
                    ("name", "ilike", word),
                ],
                limit=1,
            )
        )

    def _isp_add_account(self, name):
        types, _word, title, code = LEDGER_ACCOUNTS[name]
        Account = self.env["account.account"].with_company(self)
        return Account.create(
            {
                "name": title,
                "code": Account._search_new_account_code(code, cache={}),
                "account_type": types[0],
                "company_ids": [fields.Command.set(self.ids)],
            }
        )

    def _isp_get_ledger_journal(self):
        """Return the journal of entries that are neither invoice nor payment."""
        self.ensure_one()
        company = self.sudo()
        if not company.isp_ledger_journal_id:
            others = (
                company.currency_exchange_journal_id | company.tax_cash_basis_journal_id
            )
            journal = self.env["account.journal"].search(
                [
                    ("company_id", "=", company.id),
                    ("type", "=", "general"),
                    ("id", "not in", others.ids),
                ],
                limit=1,
            )
            if not journal:
                raise UserError(
                    self.env._(
                        "%(company)s has no journal of the type Miscellaneous. Create "
                        "one under Invoicing, or choose it in the settings of ISP.",
                        company=company.name,
                    )
                )
            company.isp_ledger_journal_id = journal
        return company.isp_ledger_journal_id


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    isp_ledger_journal_id = fields.Many2one(
        related="company_id.isp_ledger_journal_id", readonly=False
    )
    isp_opening_account_id = fields.Many2one(
        related="company_id.isp_opening_account_id", readonly=False
    )
    isp_adjustment_account_id = fields.Many2one(
        related="company_id.isp_adjustment_account_id", readonly=False
    )
    isp_goodwill_account_id = fields.Many2one(
        related="company_id.isp_goodwill_account_id", readonly=False
    )
    isp_write_off_account_id = fields.Many2one(
        related="company_id.isp_write_off_account_id", readonly=False
    )
    isp_deposit_account_id = fields.Many2one(
        related="company_id.isp_deposit_account_id", readonly=False
    )
