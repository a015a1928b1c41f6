from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_date

from ..models.isp_contract_documents import Details

KINDS = [
    ("payment", "Top-up"),
    ("charge", "One-off charge"),
    ("event", "Event without an amount"),
    ("discount", "Discount on a charge"),
    ("goodwill", "Goodwill"),
    ("transfer", "Transfer to another contract"),
    ("deposit", "Deposit taken"),
    ("deposit_return", "Deposit returned"),
    ("refund", "Refund to the client"),
    ("write_off", "Write-off"),
    ("opening", "Opening balance"),
    ("adjustment", "Adjustment"),
]
CLERK_KINDS = ("payment", "charge", "event")
# What takes money off the client's account; for two kinds a person says it.
DEBITS = ("charge", "transfer", "deposit", "refund")
EITHER_WAY = ("opening", "adjustment")
ACCOUNTANT = "mybizna_isp.isp_group_accountant"


class IspOperationAdd(models.TransientModel):
    """One row is an operation that a person enters; posting alone makes it count."""

    _name = "isp.operation.add"
    _description = "Add Operation"

    kind = fields.Selection(
        lambda self: self._get_kinds(), required=True, default="payment"
    )
    contract_id = fields.Many2one(
        "isp.contract",
        required=True,
        compute="_compute_contract_id",
        store=True,
        readonly=False,
    )
    connection_id = fields.Many2one(
        "isp.connection",
        domain="[('contract_id', '=?', contract_id)]",
        help="The line it is about, if any: its debt is paid first.",
    )
    contract_to_id = fields.Many2one("isp.contract", string="To Contract")
    company_id = fields.Many2one(related="contract_id.company_id")
    currency_id = fields.Many2one(related="contract_id.currency_id")
    balance = fields.Monetary(related="contract_id.balance")
    deposit_held = fields.Monetary(related="contract_id.deposit_held")
    amount = fields.Monetary(help="Always above zero; taxes are included.")
    direction = fields.Selection(
        [("add", "The client has it with us"), ("take", "The client owes it")],
        default="take",
    )
    date = fields.Date(
        string="Document Date",
        required=True,
        default=lambda self: self.env.company._isp_today(),
    )
    period_id = fields.Many2one(
        "isp.period",
        string="Reporting Period",
        domain="[('company_id', '=', company_id), ('state', '=', 'open')]",
        help="Empty: the document date's, or the oldest open one if that is closed.",
    )
    note = fields.Char(string="Description")
    reference = fields.Char(
        string="External Reference",
        help="The number it has elsewhere: a cheque, a slip.",
    )
    product_id = fields.Many2one(
        "product.product",
        domain="[('sale_ok', '=', True)]",
        help="Gives the account and the taxes.",
    )
    journal_id = fields.Many2one(
        "account.journal",
        compute="_compute_journal_id",
        store=True,
        readonly=False,
        domain="[('company_id', '=', company_id), "
        "('type', 'in', ('cash', 'bank', 'credit'))]",
    )
    method_id = fields.Many2one(
        "account.payment.method.line",
        domain="[('journal_id', '=', journal_id)]",
    )
    invoice_id = fields.Many2one(
        "account.move",
        string="Charge",
        domain="[('isp_contract_id', '=', contract_id), ('isp_kind', '=', 'charge'), "
        "('state', '=', 'posted'), ('isp_revoked_by_id', '=', False)]",
    )
    invoice_ids = fields.Many2many(
        "account.move",
        string="Charges Given Up",
        domain="[('isp_contract_id', '=', contract_id), ('isp_kind', '=', 'charge'), "
        "('state', '=', 'posted'), ('amount_residual', '>', 0)]",
        help="Empty: the oldest.",
    )
    preview = fields.Char(compute="_compute_preview")

    # === COMPUTE === #

    @api.model
    def _get_kinds(self):
        return KINDS if self._is_accountant() else KINDS[: len(CLERK_KINDS)]

    @api.model
    def _is_accountant(self):
        return self.env.su or self.env.user.has_group(ACCOUNTANT)

    @api.depends("connection_id")
    def _compute_contract_id(self):
        for add in self:
            add.contract_id = add.connection_id.contract_id or add.contract_id

    @api.depends("company_id", "kind")
    def _compute_journal_id(self):
        for add in self:
            if add.kind not in ("payment", "refund"):
                add.journal_id = False
            elif add.journal_id.company_id != add.company_id:
                add.journal_id = self.env["account.journal"].search(
                    [
                        ("company_id", "=", add.company_id.id),
                        ("type", "in", ("cash", "bank")),
                    ],
                    order="type desc, sequence, id",
                    limit=1,
                )

    @api.depends("kind", "amount", "direction", "contract_id", "contract_to_id")
    def _compute_preview(self):
        for add in self:
            changes = add._get_changes() if add.contract_id else []
            add.preview = "; ".join(
                add._describe_change(contract, change, len(changes) > 1)
                for contract, change in changes
            )

    def _get_changes(self):
        """Return (contract, change of its balance) for each contract it touches."""
        if self.kind == "event":
            return [(self.contract_id, 0.0)]
        takes = self.kind in DEBITS or (
            self.kind in EITHER_WAY and self.direction == "take"
        )
        changes = [(self.contract_id, -self.amount if takes else self.amount)]
        if self.kind == "transfer" and self.contract_to_id:
            changes.append((self.contract_to_id, self.amount))
        return changes

    def _describe_change(self, contract, change, is_named):
        money = contract.currency_id.format
        values = {
            "contract": contract.name,
            "before": money(contract.balance),
            "after": money(contract.balance + change),
        }
        if is_named:
            return self.env._("%(contract)s: balance %(before)s → %(after)s", **values)
        return self.env._("Balance %(before)s → %(after)s", **values)

    @api.onchange("contract_id")
    def _onchange_contract_id(self):
        """Clear what belongs to another contract."""
        if self.connection_id.contract_id != self.contract_id:
            self.connection_id = False
        if self.invoice_id.isp_contract_id != self.contract_id:
            self.invoice_id = False
        if self.invoice_ids.isp_contract_id - self.contract_id:
            self.invoice_ids = False

    # === ADDING === #

    def action_add(self):
        """Book it, say what came of it, and close the dialog."""
        self.ensure_one()
        self._add()
        # Of a charge the preview is known before: taxes are inside the amount.
        self.contract_id.invalidate_recordset(["balance"])
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "Booked on %(contract)s. Its balance is %(balance)s.",
                    contract=self.contract_id.display_name,
                    balance=self.currency_id.format(self.contract_id.balance),
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _add(self):
        """Book the operation.

        :return: the posted account.move or account.payment, or the event
        """
        self.ensure_one()
        self._check_rights()
        self._check_entered()
        # Both balances are locked before either is read.
        (self.contract_id | self.contract_to_id)._lock_for_posting()
        contract = self.contract_id.sudo().with_company(self.company_id)
        return getattr(self.sudo(), f"_add_{self.kind}")(
            contract, self.sudo()._get_details()
        )

    @api.model
    def _add_many(self, vals_list):
        """Book several operations, in their order, for programs."""
        return [add._add() for add in self.create(vals_list)]

    def _check_rights(self):
        """The person must be allowed the kind, and to see all that is named."""
        if not self.env.user.has_group("mybizna_isp.isp_group_clerk"):
            raise AccessError(self.env._("Only back-office staff adds operations."))
        if self.kind not in CLERK_KINDS and not self._is_accountant():
            raise AccessError(
                self.env._(
                    "Only accountants add this kind of operation. You may add top-ups, "
                    "one-off charges and events."
                )
            )
        for record in (
            self.contract_id,
            self.contract_to_id,
            self.connection_id,
            self.invoice_id,
            self.invoice_ids,
        ):
            record.check_access("read")
        if self.company_id not in self.env.companies:
            raise AccessError(
                self.env._(
                    "%(contract)s belongs to %(company)s. Switch to that company "
                    "first.",
                    contract=self.contract_id.display_name,
                    company=self.company_id.name,
                )
            )

    def _check_entered(self):
        positive = self.currency_id.compare_amounts(self.amount, 0) > 0
        if self.kind != "event" and not positive:
            self._refuse(
                self.env._(
                    "The amount must be above zero; the kind says which way it goes."
                )
            )
        if self.date > self.company_id._isp_today():
            self._refuse(
                self.env._(
                    "The document date %(day)s lies in the future. Enter it on that "
                    "day, or date it today.",
                    day=format_date(self.env, self.date),
                )
            )
        if self.period_id and self.period_id.state != "open":
            self._refuse(
                self.env._(
                    "Period %(period)s is closed. Choose an open one.",
                    period=self.period_id.name,
                )
            )
        if self.connection_id.contract_id not in (
            self.contract_id,
            self.env["isp.contract"],
        ):
            self._refuse(
                self.env._(
                    "%(connection)s is a connection of another contract. Choose one of "
                    "%(contract)s.",
                    connection=self.connection_id.display_name,
                    contract=self.contract_id.name,
                )
            )

    def _refuse(self, sentence):
        raise UserError(sentence)

    def _get_details(self):
        return Details(
            day=self.date,
            connection=self.connection_id,
            note=self.note or "",
            reference=self.reference or "",
            period=self.period_id,
        )

    def _add_payment(self, contract, details):
        if not self.journal_id:
            self._refuse(self.env._("Choose the journal that the money came into."))
        return contract._book_money(
            self.amount, self.journal_id, details, method=self.method_id
        )

    def _add_refund(self, contract, details):
        if not self.journal_id:
            self._refuse(self.env._("Choose the journal that the money is paid from."))
        return contract._book_money(
            self.amount, self.journal_id, details, "outbound", self.method_id
        )

    def _add_charge(self, contract, details):
        if not self.product_id:
            self._refuse(
                self.env._(
                    "Choose what is charged: the product gives account and taxes."
                )
            )
        return contract._book_charge(self.product_id, self.amount, details)

    def _add_goodwill(self, contract, details):
        return contract._book_goodwill(self.product_id, self.amount, details)

    def _add_discount(self, contract, details):
        if not self.invoice_id:
            self._refuse(
                self.env._(
                    "A discount refers to a charge: choose its invoice. Without one it "
                    "is goodwill."
                )
            )
        return contract._book_discount(self.invoice_id, self.amount, details)

    def _add_transfer(self, contract, details):
        if not self.contract_to_id:
            self._refuse(self.env._("Choose the contract that the money goes to."))
        target = self.contract_to_id.with_company(self.company_id)
        return contract._book_transfer(target, self.amount, details)

    def _add_write_off(self, contract, details):
        return contract._book_write_off(self.invoice_ids, self.amount, details)

    def _add_opening(self, contract, details):
        return self._add_entry(contract, details)

    def _add_adjustment(self, contract, details):
        return self._add_entry(contract, details)

    def _add_deposit(self, contract, details):
        return self._add_entry(contract, details)

    def _add_deposit_return(self, contract, details):
        return self._add_entry(contract, details)

    def _add_entry(self, contract, details):
        [(_contract, change)] = self._get_changes()
        return contract._book_entry(self.kind, change, details)

    def _add_event(self, contract, details):
        if not details.note:
            self._refuse(self.env._("Say what happened: an event has no amount."))
        return self.env["isp.operation"]._log_event(
            contract, details.note, details.connection, details.day
        )
