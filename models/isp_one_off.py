from odoo import api, fields, models
from odoo.exceptions import UserError


class IspOneOff(models.Model):
    """One row is something charged once: with the next invoice, or at once."""

    _name = "isp.one.off"
    _description = "One-off Charge"
    _inherit = ["mail.thread", "isp.system.fields.mixin"]
    _system_fields = frozenset({"billing_id"})
    _order = "date desc, id desc"
    _check_company_auto = True

    name = fields.Char(required=True, help="Stands on the invoice.")
    connection_id = fields.Many2one(
        "isp.connection",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    contract_id = fields.Many2one(
        related="connection_id.contract_id", store=True, index=True
    )
    partner_id = fields.Many2one(
        related="connection_id.partner_id", string="Client", store=True
    )
    company_id = fields.Many2one(
        related="connection_id.company_id", store=True, index=True, precompute=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    product_id = fields.Many2one(
        "product.product",
        required=True,
        ondelete="restrict",
        default=lambda self: self.env.ref(
            "mybizna_isp.product_setup", raise_if_not_found=False
        ),
        help="Gives taxes and the income account.",
    )
    quantity = fields.Float(default=1.0, required=True)
    amount = fields.Monetary(string="Unit Price", required=True)
    total = fields.Monetary(
        string="Total (untaxed)", compute="_compute_total", store=True
    )
    date = fields.Date(
        required=True,
        default=lambda self: self.env.company._isp_today(),
        help="Not invoiced before this day.",
    )
    billing_id = fields.Many2one(
        "isp.billing",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    invoice_id = fields.Many2one(related="billing_id.invoice_id", string="Invoice")
    state = fields.Selection(
        [("waiting", "Waiting"), ("billed", "Invoiced")],
        compute="_compute_state",
        store=True,
    )

    _positive = models.Constraint(
        "CHECK (amount > 0 AND quantity > 0)",
        "A one-off charge has a price and a quantity above 0. To give money back, add "
        "an operation.",
    )
    _waiting_idx = models.Index("(connection_id, date) WHERE billing_id IS NULL")

    @api.depends("amount", "quantity")
    def _compute_total(self):
        for one_off in self:
            one_off.total = one_off.amount * one_off.quantity

    @api.depends("billing_id")
    def _compute_state(self):
        for one_off in self:
            one_off.state = "billed" if one_off.billing_id else "waiting"

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            for vals in vals_list:
                vals.pop("billing_id", None)
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            self._refuse_if_billed()
            if "billing_id" in vals:
                raise UserError(
                    self.env._("The invoice of a one-off charge follows from billing.")
                )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billed(self):
        self._refuse_if_billed()

    def _refuse_if_billed(self):
        if billed := self.sudo().filtered("billing_id"):
            raise UserError(
                self.env._(
                    "%(charges)s is on invoice %(invoice)s and can't change any more. "
                    "Cancel the invoice first.",
                    charges=", ".join(billed.mapped("name")),
                    invoice=billed.invoice_id[:1].name,
                )
            )

    # === ACTIONS === #

    def action_charge_now(self):
        """Put charges on an invoice of their own, at once."""
        self.connection_id._get_engine()
        self.sudo()._charge_now()

    def action_view_invoice(self):
        self.ensure_one()
        return self.invoice_id._get_records_action(name=self.env._("Invoice"))

    # === BUSINESS === #

    def _charge_now(self):
        waiting = self.filtered(lambda o: not o.billing_id)
        waiting.connection_id.contract_id._lock_for_posting()
        billings = self.env["isp.billing"].create(
            [
                {
                    "name": one_off.name,
                    "kind": "one_off",
                    "connection_id": one_off.connection_id.id,
                    "package_id": one_off.connection_id.package_id.id,
                    "date_start": one_off.company_id._isp_today(),
                    "item_ids": [fields.Command.create(one_off._prepare_item_vals())],
                }
                for one_off in waiting
            ]
        )
        return billings._issue_invoices()

    def _prepare_item_vals(self):
        self.ensure_one()
        return {
            "kind": "one_off",
            "sequence": 20,
            "name": self.name,
            "product_id": self.product_id.id,
            "quantity": self.quantity,
            "amount": self.amount,
            "one_off_id": self.id,
        }


class IspConnection(models.Model):
    _inherit = "isp.connection"

    one_off_ids = fields.One2many("isp.one.off", "connection_id", copy=False)

    def _prepare_extra_items(self, period):
        """Override: what waits for the next invoice goes with it."""
        today = self.company_id._isp_today()
        waiting = self.sudo().one_off_ids.filtered(
            lambda o: not o.billing_id and o.date <= today
        )
        return super()._prepare_extra_items(period) + [
            one_off._prepare_item_vals() for one_off in waiting.sorted("id")
        ]

    def action_one_off(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("One-off Charge"),
            "res_model": "isp.one.off",
            "view_mode": "form",
            "target": "new",
            "context": {"default_connection_id": self.id, "isp_dialog": True},
        }


class IspBilling(models.Model):
    _inherit = "isp.billing"

    one_off_ids = fields.One2many("isp.one.off", "billing_id")

    def _revoke(self):
        """Override: what was charged once waits for the next invoice again."""
        self.filtered(
            lambda b: b.state != "revoked"
        ).sudo().one_off_ids.billing_id = False
        return super()._revoke()


class IspBillingItem(models.Model):
    _inherit = "isp.billing.item"

    one_off_id = fields.Many2one(
        "isp.one.off", readonly=True, index="btree_not_null", ondelete="set null"
    )

    @api.model_create_multi
    def create(self, vals_list):
        """Override: who charges something once marks it, in the same transaction."""
        items = super().create(vals_list)
        for item, vals in zip(items, vals_list, strict=True):
            if vals.get("one_off_id"):
                item.one_off_id.sudo().billing_id = item.billing_id
        return items
