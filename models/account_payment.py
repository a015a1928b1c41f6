from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

POSTED_STATES = ("in_process", "paid")
GUARDED_FIELDS = {
    "amount",
    "date",
    "currency_id",
    "journal_id",
    "partner_id",
    "partner_type",
    "payment_type",
    "isp_contract_id",
    "isp_connection_id",
    "isp_receipt_id",
    "isp_document_date",
    "isp_period_id",
}
# Follow from the entry, and from the message that told of the money.
SYSTEM_FIELDS = {
    "isp_receipt_id",
    "isp_revoked",
    "isp_revocation_move_id",
    "isp_moved_from_id",
}


class AccountPayment(models.Model):
    _name = "account.payment"
    _inherit = ["account.payment", "isp.system.fields.mixin"]
    _system_fields = frozenset(SYSTEM_FIELDS)

    isp_contract_id = fields.Many2one(
        "isp.contract",
        string="Contract",
        compute="_compute_isp_contract_id",
        store=True,
        readonly=False,
        precompute=True,
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        help="Whose money it is. The client's only contract is filled in.",
    )
    isp_connection_id = fields.Many2one(
        "isp.connection",
        string="Connection",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        help="The line the payer named: its debt is paid first.",
    )
    isp_receipt_id = fields.Many2one(
        "isp.money.receipt",
        string="Receipt",
        readonly=True,
        copy=False,
        ondelete="restrict",
    )
    isp_revoked = fields.Boolean(
        string="Cancelled by counter-entry",
        compute="_compute_isp_revoked",
        store=True,
        copy=False,
        help="Its entry has a counter-entry, whichever button made that.",
    )
    isp_revocation_move_id = fields.Many2one(
        related="move_id.isp_revoked_by_id", string="Counter-entry"
    )

    _isp_immutable = models.Constraint(
        "CHECK (TRUE)",
        "A posted payment of a contract can't be changed or deleted. Cancel it by a "
        "counter-entry, then enter the right one.",
    )
    # A receipt code pays once at a time, by whatever route it came.
    _isp_receipt_live_uniq = models.UniqueIndex(
        "(isp_receipt_id) WHERE isp_receipt_id IS NOT NULL AND isp_revoked IS NOT TRUE",
        "This receipt has been booked already.",
    )

    @api.depends("partner_id", "company_id", "partner_type", "invoice_ids")
    def _compute_isp_contract_id(self):
        todo = self.filtered(lambda p: p.state in (False, "draft"))
        # A payment made for invoices (online, say) belongs where they belong.
        for payment in todo.filtered("invoice_ids"):
            contracts = payment.invoice_ids.isp_contract_id
            payment.isp_contract_id = contracts if len(contracts) == 1 else False
            todo -= payment
        groups = self.env["isp.contract"]._read_group(
            [("partner_id", "in", todo.partner_id.ids), ("state", "=", "active")],
            ["partner_id", "company_id"],
            ["id:recordset"],
        )
        contracts = {(partner, company): found for partner, company, found in groups}
        for payment in todo:
            found = contracts.get((payment.partner_id, payment.company_id))
            is_certain = payment.partner_type == "customer" and found
            payment.isp_contract_id = found if is_certain and len(found) == 1 else False

    @api.depends("move_id.isp_revoked_by_id")
    def _compute_isp_revoked(self):
        for payment in self:
            payment.isp_revoked = bool(payment.move_id.isp_revoked_by_id)

    # === CONSTRAINTS === #

    @api.constrains("isp_contract_id", "isp_connection_id", "partner_type")
    def _check_isp_contract(self):
        for payment in self:
            # Who registers a payment need not be allowed to read connections.
            owner = payment.isp_connection_id.sudo().contract_id
            if owner and owner != payment.isp_contract_id:
                raise ValidationError(
                    self.env._(
                        "%(connection)s is a connection of another contract than the "
                        "payment's. Choose one of its own.",
                        connection=payment.isp_connection_id.sudo().display_name,
                    )
                )
            if payment.isp_contract_id and payment.partner_type != "customer":
                raise ValidationError(
                    self.env._(
                        "A supplier's payment can't stand on a customer's contract. "
                        "Take the contract off, or make it a customer's payment."
                    )
                )

    @api.constrains("state", "move_id", "isp_contract_id")
    def _check_isp_entry(self):
        """Money of a contract is in the books at once, not with the bank statement."""
        for payment in self._isp_get_guarded().filtered(lambda p: not p.move_id):
            raise ValidationError(
                self.env._(
                    "Journal %(journal)s books payments only when the bank statement "
                    "comes. Give its payment method an outstanding account, so that "
                    "money of a contract counts at once.",
                    journal=payment.journal_id.display_name,
                )
            )

    # === POSTING === #

    def action_post(self):
        """Override of `account`: money of a contract pays its debts at once, unless
        the person who registers it has chosen what it pays."""
        res = super().action_post()
        if not self.env.context.get("isp_match_chosen"):
            self._isp_get_guarded()._isp_reconcile()
        return res

    def _generate_move_vals(
        self, write_off_line_vals=None, force_balance=None, line_ids=None
    ):
        """Override of `account` to put the contract on the entry."""
        vals = super()._generate_move_vals(write_off_line_vals, force_balance, line_ids)
        if self.isp_contract_id:
            vals["isp_contract_id"] = self.isp_contract_id.id
        return vals

    def _isp_get_kind(self):
        """Return what the entry of this payment is."""
        return "payment" if self.payment_type == "inbound" else "refund"

    def _prepare_move_line_default_vals(
        self, write_off_line_vals=None, force_balance=None
    ):
        """Override of `account` to put contract and line on the receivable."""
        vals_list = super()._prepare_move_line_default_vals(
            write_off_line_vals, force_balance
        )
        if self.isp_contract_id:
            for vals in vals_list:
                if vals["account_id"] == self.destination_account_id.id:
                    vals["isp_contract_id"] = self.isp_contract_id.id
                    vals["isp_connection_id"] = self.isp_connection_id.id
        return vals_list

    def _isp_reconcile(self):
        """Match payments with what is open on their contract.

        Money in pays the named line's debt first, then the oldest due, and stays as
        credit. Money given back is taken from the oldest credit.
        """
        Line = self.env["account.move.line"]
        plan = []
        for payment in self:
            is_inbound = payment.payment_type == "inbound"
            own = payment.move_id._isp_get_receivables()
            found = Line.search(
                payment.isp_contract_id._get_open_lines_domain(
                    ">" if is_inbound else "<"
                )
            )
            # Lines of two receivable accounts can't be matched: those stay open.
            found = found.filtered(lambda ln, o=own: ln.account_id in o.account_id)
            named = payment.isp_connection_id if is_inbound else None
            plan += [own + line for line in found._isp_sorted(named)]
        # Pair by pair, in this order: a plan of its own would sort by due date. Those
        # pairs that find nothing left to match are passed over.
        if plan:
            Line._reconcile_plan(plan)

    # === GUARDS === #

    def _isp_get_guarded(self):
        return self.filtered(
            lambda payment: payment.isp_contract_id and payment.state in POSTED_STATES
        )

    def _isp_refuse(self):
        raise UserError(
            self.env._(
                "%(payments)s is booked on a contract and can't be changed or deleted. "
                "Use 'Cancel by counter-entry', then enter the right payment.",
                payments=", ".join(self.mapped("display_name")),
            )
        )

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su and any(
            vals.get(name) for vals in vals_list for name in SYSTEM_FIELDS
        ):
            self._isp_refuse_system_fields()
        return super().create(vals_list)

    @api.model
    def _isp_refuse_system_fields(self):
        raise UserError(
            self.env._(
                "The receipt of a payment, and whether it is cancelled, aren't set by "
                "hand. Assign the receipt, or use 'Cancel by counter-entry'."
            )
        )

    def write(self, vals):
        system = SYSTEM_FIELDS & vals.keys()
        if system and not self.env.su:
            self._isp_refuse_system_fields()
        names = GUARDED_FIELDS & vals.keys()
        bad_state = "state" in vals and vals["state"] not in POSTED_STATES
        for payment in self._isp_get_guarded() if names or bad_state else ():
            if bad_state or any(
                payment._fields[name].convert_to_write(payment[name], payment)
                != vals[name]
                for name in names
            ):
                payment._isp_refuse()
        if "isp_contract_id" in vals and self.filtered(
            lambda p: (
                p.state in POSTED_STATES
                and p.isp_contract_id.id != (vals["isp_contract_id"] or False)
            )
        ):
            self.move_id._isp_refuse_owner()
        return super().write(vals)

    def action_draft(self):
        if guarded := self._isp_get_guarded():
            guarded._isp_refuse()
        return super().action_draft()

    def action_cancel(self):
        if guarded := self._isp_get_guarded():
            guarded._isp_refuse()
        return super().action_cancel()

    def action_reject(self):
        if guarded := self._isp_get_guarded():
            guarded._isp_refuse()
        return super().action_reject()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_on_contract(self):
        if guarded := self._isp_get_guarded():
            guarded._isp_refuse()

    # === CANCEL BY COUNTER-ENTRY === #

    def action_isp_revoke(self):
        self.move_id._isp_require_accountant()
        for payment in self:
            payment._isp_revoke(self.env._("Cancelled by %s", self.env.user.name))

    def _isp_revoke(self, reason):
        """Cancel posted payments by a mirror entry; what they paid is open again.

        :param str reason: stands on the mirror entry
        """
        for payment in self:
            if not payment._isp_get_guarded() or payment.isp_revoked:
                raise UserError(
                    self.env._(
                        "Payment %(payment)s can't be cancelled by a counter-entry: it "
                        "is not posted on a contract, or has one already.",
                        payment=payment.display_name,
                    )
                )
            payment.move_id._isp_revoke(reason)

    def _isp_after_revoked(self, reason):
        """Free the receipt, for the unique index too; the contract tells of it."""
        self.flush_recordset(["isp_revoked"])
        # Whoever cancels it need not be allowed to write on contracts.
        self.isp_contract_id.sudo().message_post(
            body=self.env._(
                "Payment %(payment)s cancelled by counter-entry: %(reason)s",
                payment=self.name,
                reason=reason or "",
            )
        )
