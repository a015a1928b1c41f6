from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools import account_number


class IspContract(models.Model):
    """One row is a customer account: who holds it, who pays, and its balance."""

    _name = "isp.contract"
    _description = "Contract"
    _inherit = ["mail.thread", "mail.activity.mixin", "isp.system.fields.mixin"]
    _system_fields = frozenset({"balance", "version"})
    _order = "id desc"
    _check_company_auto = True
    _rec_names_search = ["name", "account_no", "partner_id.name", "alias_ids.name"]

    # === FIELDS === #

    name = fields.Char(
        string="Contract", required=True, readonly=True, copy=False, default="/"
    )
    account_no = fields.Char(
        string="Account Number",
        readonly=True,
        copy=False,
        help="What the client types when paying. Its last digit is a check digit, so "
        "that a slip of the finger names nobody else.",
    )
    alias_ids = fields.One2many("isp.account.alias", "contract_id")
    partner_id = fields.Many2one(
        "res.partner",
        string="Client",
        required=True,
        index=True,
        ondelete="restrict",
        tracking=True,
    )
    payer_id = fields.Many2one(
        "res.partner",
        index="btree_not_null",
        ondelete="restrict",
        help="Who gets the invoices, where that is not the client.",
    )
    type_id = fields.Many2one(
        "isp.contract.type",
        required=True,
        index=True,
        ondelete="restrict",
        default=lambda self: self.env.ref(
            "mybizna_isp.isp_contract_type_standard", raise_if_not_found=False
        ),
        tracking=True,
    )
    attributes = fields.Properties(definition="type_id.attribute_definition")
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(
        related="company_id.currency_id", store=True, precompute=True
    )
    state = fields.Selection(
        [("active", "Active"), ("closed", "Closed")],
        required=True,
        default="active",
        index=True,
        tracking=True,
    )
    date_start = fields.Date(
        required=True, default=lambda self: self.env.company._isp_today()
    )
    date_end = fields.Date(help="Empty means until further notice.")
    pricelist_id = fields.Many2one("product.pricelist", check_company=True)
    fiscal_position_id = fields.Many2one("account.fiscal.position", check_company=True)
    has_credit_limit = fields.Boolean(tracking=True)
    credit_limit = fields.Monetary(
        tracking=True,
        help="How far below zero the balance may go. Without a limit, the contract "
        "type decides.",
    )
    billing_day = fields.Integer(
        help="The day of the month its periods begin, 31 for the last one; 0 takes the "
        "company's setting.",
    )
    is_grouped = fields.Boolean(
        string="One Invoice for All Lines",
        help="Lines that are due on the same day share an invoice. Each part is paid "
        "and served for itself.",
    )
    credit_due = fields.Date(help="By when credit has to be paid back.")
    balance = fields.Monetary(
        readonly=True,
        copy=False,
        help="The client's money with us; below zero, what the client owes.",
    )
    version = fields.Integer(
        readonly=True,
        copy=False,
        default=0,
        help="Counts postings. Every posting raises it before it reads a sum, so "
        "that two at once can't both pass a check.",
    )
    site_ids = fields.One2many("isp.site", "contract_id")
    connection_ids = fields.One2many("isp.connection", "contract_id")
    operation_ids = fields.One2many("isp.operation", "contract_id")
    connection_count = fields.Integer(compute="_compute_connection_count")
    note = fields.Html()

    _name_company_uniq = models.UniqueIndex(
        "(company_id, name) WHERE name <> '/'", "This contract number is taken."
    )
    _account_no_uniq = models.UniqueIndex(
        "(account_no)", "This account number is taken."
    )
    _credit_limit_positive = models.Constraint(
        "CHECK (credit_limit >= 0)", "A credit limit can't be negative."
    )
    _billing_day_valid = models.Constraint(
        "CHECK (billing_day BETWEEN 0 AND 31)",
        "The billing day lies between 1 and 31; 0 takes the company's.",
    )
    _dates = models.Constraint(
        "CHECK (date_end IS NULL OR date_end >= date_start)",
        "A contract can't end before it starts.",
    )

    # === COMPUTE === #

    @api.depends("name", "partner_id.name")
    def _compute_display_name(self):
        for contract in self:
            parts = (contract.name, contract.partner_id.name)
            contract.display_name = " ".join(part for part in parts if part)

    def _compute_connection_count(self):
        groups = self.env["isp.connection"]._read_group(
            [("contract_id", "in", self.ids)], ["contract_id"], ["__count"]
        )
        counts = {contract.id: count for contract, count in groups}
        for contract in self:
            contract.connection_count = counts.get(contract.id, 0)

    # === CONSTRAINTS === #

    @api.constrains("company_id", "currency_id")
    def _check_company_unchanged(self):
        for contract in self:
            if contract.operation_ids[:1].company_id not in (
                contract.company_id,
                self.env["res.company"],
            ):
                raise ValidationError(
                    self.env._(
                        "Contract %(contract)s has operations: its company can't "
                        "change any more. Open a contract in the other company.",
                        contract=contract.name,
                    )
                )

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._refuse_balance(vals)
            if vals.get("name", "/") == "/":
                vals["name"] = self.env["ir.sequence"].next_by_code("isp.contract")
            vals["account_no"] = vals.get("account_no") or self._next_account_no()
        return super().create(vals_list)

    def write(self, vals):
        self._refuse_balance(vals)
        self._refuse_numbers(vals)
        return super().write(vals)

    def _refuse_numbers(self, vals):
        """Money finds its contract by these: they are given once, at creation."""
        for name in {"name", "account_no"} & vals.keys():
            if changed := self.filtered(lambda c, n=name: c[n] != (vals[n] or False)):
                raise UserError(
                    self.env._(
                        "The numbers of contract %(contract)s are given once and can't "
                        "change: payments find it by them. Another number that the "
                        "client types goes to the other numbers.",
                        contract=changed[0].display_name,
                    )
                )

    def _refuse_balance(self, vals):
        if vals.keys() & {"balance", "version"}:
            raise UserError(
                self.env._(
                    "A balance is the sum of its operations and can't be set. Register "
                    "a payment, an invoice or a counter-entry instead."
                )
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_operations(self):
        if used := self.filtered("operation_ids"):
            raise UserError(
                self.env._(
                    "%(contracts)s can't be deleted: money was booked on it. Close it "
                    "instead.",
                    contracts=", ".join(used.mapped("name")),
                )
            )

    @api.model
    def _next_account_no(self):
        # One sequence for contracts and connections: one namespace.
        number = self.env["ir.sequence"].sudo().next_by_code("isp.account.number")
        return account_number.issue(int(number))

    # === ACTIONS === #

    def action_close(self):
        """Close contracts and their connections from today on."""
        for contract in self.filtered(lambda c: c.state == "active"):
            contract.connection_ids.filtered(
                lambda c: c.state != "closed"
            ).action_close()
            contract.write(
                {"state": "closed", "date_end": contract.company_id._isp_today()}
            )

    def action_reopen(self):
        self.filtered(lambda c: c.state == "closed").write(
            {"state": "active", "date_end": False}
        )

    def action_view_connections(self):
        return self._get_related_action("mybizna_isp.isp_connection_action")

    def action_view_operations(self):
        return self._get_related_action("mybizna_isp.isp_operation_action")

    def action_view_invoices(self):
        action = self._get_related_action(
            "account.action_move_out_invoice_type", "isp_contract_id"
        )
        action["domain"] += [("move_type", "in", ("out_invoice", "out_refund"))]
        action["context"]["default_move_type"] = "out_invoice"
        return action

    def action_view_payments(self):
        return self._get_related_action(
            "account.action_account_payments", "isp_contract_id"
        )

    def _get_related_action(self, xmlid, field="contract_id"):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(xmlid)
        action["domain"] = [(field, "=", self.id)]
        action["context"] = {f"default_{field}": self.id}
        return action

    # === POSTING === #

    def _lock_for_posting(self):
        """Raise the counter of each contract, first of all, in a fixed order.

        Under REPEATABLE READ only an UPDATE makes the second of two transactions
        fail (and start again) instead of reading a sum that is out of date. The key
        stays free: rows that name the contract were made before, by both of them.
        """
        if self:
            self.env.cr.execute(
                SQL(
                    "UPDATE isp_contract SET version = version + 1 WHERE id IN ("
                    "SELECT id FROM isp_contract WHERE id IN %s "
                    "ORDER BY id FOR NO KEY UPDATE)",
                    tuple(self.ids),
                )
            )
            self.invalidate_recordset(["version", "balance"], flush=False)

    def _add_to_balance(self, deltas, charged_ids):
        """Add to balances; refuse charges that pass a credit limit.

        :param dict deltas: contract id → signed amount in the contract's currency
        :param set charged_ids: contracts whose limit counts; those that only get a
            counter-entry may pass it
        """
        rows = self.env.execute_query(
            SQL(
                "UPDATE isp_contract contract "
                "SET balance = COALESCE(contract.balance, 0) + delta.amount "
                "FROM unnest(%s, %s::numeric[]) AS delta (id, amount) "
                "WHERE contract.id = delta.id RETURNING contract.id, contract.balance",
                self.ids,
                # Sums of floats: a column of exact numbers would drift with them.
                [c.currency_id.round(deltas[c.id]) for c in self],
            )
        )
        self.invalidate_recordset(["balance"], flush=False)
        for contract_id, balance in rows:
            contract = self.browse(contract_id)
            lowered = contract.currency_id.compare_amounts(deltas[contract_id], 0) < 0
            if lowered and contract_id in charged_ids:
                contract._check_credit_due(float(balance) - deltas[contract_id])
                contract._check_credit_limit(float(balance))

    def _check_credit_limit(self, balance):
        limit = self._get_credit_limit()
        if limit is None:
            return
        if self.currency_id.compare_amounts(balance, -limit) < 0:
            raise UserError(
                self.env._(
                    "Contract %(contract)s may go down to %(limit)s, this would take "
                    "its balance to %(balance)s. Take a payment first or raise the "
                    "limit.",
                    contract=self.display_name,
                    limit=self.currency_id.format(-limit),
                    balance=self.currency_id.format(balance),
                )
            )

    def _get_credit_limit(self):
        """Return how far below zero the balance may go; ``None`` is not limited."""
        self.ensure_one()
        if self.type_id.credit_policy == "prepaid":
            return 0.0
        return self.credit_limit if self.has_credit_limit else None

    # === MONEY IN === #

    def _get_open_lines_domain(self, sign):
        """Domain of unreconciled posted receivable lines of these contracts.

        :param str sign: ``">"`` for what is owed, ``"<"`` for credit in hand
        """
        return (
            Domain("isp_contract_id", "in", self.ids)
            & Domain("parent_state", "=", "posted")
            & Domain("account_type", "=", "asset_receivable")
            & Domain("reconciled", "=", False)
            & Domain("amount_residual", sign, 0)
        )

    @api.model
    def _create_payments(self, vals_list):
        """Book money in: create and post payments, which matches them, in one batch.

        The named connection's debt is paid first, then the oldest due of the contract;
        what is left stays as the contract's credit.

        :param list vals_list: dicts of ``contract_id``, ``connection_id`` (or False),
            ``amount``, ``currency_id``, ``journal_id``, ``date``, ``memo``,
            ``receipt_id`` (or False), and, where they differ from money in by the
            journal's first method, ``payment_type``, ``payment_method_line_id``,
            ``payment_reference`` and ``isp_period_id``
        :return: the posted account.payment records, in the same order
        """
        contracts = self.browse(sorted({vals["contract_id"] for vals in vals_list}))
        contracts._lock_for_posting()
        # Whose receipt it is was decided by who calls; users can't set it by hand.
        payments = (
            self.env["account.payment"]
            .sudo()
            .create(
                [
                    self.browse(vals["contract_id"])._prepare_payment_vals(vals)
                    for vals in vals_list
                ]
            )
        )
        payments.with_context(isp_sequence_formats={}).action_post()
        return payments.with_env(self.env)

    def _prepare_payment_vals(self, vals):
        self.ensure_one()
        return {
            "payment_type": "inbound",
            "partner_type": "customer",
            "partner_id": (self.payer_id or self.partner_id).id,
            "company_id": self.company_id.id,
            "isp_contract_id": self.id,
            "isp_connection_id": vals.get("connection_id"),
            "isp_receipt_id": vals.get("receipt_id"),
            **{
                key: vals[key]
                for key in ("amount", "currency_id", "journal_id", "date", "memo")
            },
            **{
                key: vals[key]
                for key in (
                    "payment_type",
                    "payment_method_line_id",
                    "payment_reference",
                    "isp_period_id",
                )
                if vals.get(key)
            },
        }
