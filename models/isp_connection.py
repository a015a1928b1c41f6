from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

# What follows from documents and from the engine's work: not for a person's hand.
ENGINE_FIELDS = {
    "account_no",
    "anchor_date",
    "billing_hold",
    "billing_released",
    "billing_retry_at",
    "covered_until_at",
    "credit_until_at",
    "date_end",
    "expiry_at",
    "invoice_id",
    "is_setup",
    "needs_attention",
    "next_invoice_date",
    "noticed_at",
    "noticed_for",
    "paid_until_at",
    "reissue_date",
    "state",
}


class IspConnection(models.Model):
    """One row is a contract line: one package at one site, with its login."""

    _name = "isp.connection"
    _description = "Connection"
    _inherit = ["mail.thread", "mail.activity.mixin", "isp.system.fields.mixin"]
    _system_fields = frozenset(ENGINE_FIELDS | {"billing_date"})
    _order = "id desc"
    _check_company_auto = True
    _rec_names_search = ["username", "account_no", "partner_id.name"]

    # === FIELDS === #

    account_no = fields.Char(
        string="Account Number",
        readonly=True,
        copy=False,
        help="Money paid to this number goes to this line first.",
    )
    username = fields.Char(
        string="Login",
        copy=False,
        tracking=True,
        help="PPPoE or hotspot user name. Letters, digits and @ . _ : / - only.",
    )
    password = fields.Char(
        copy=False,
        groups="mybizna_isp.isp_group_network",
        help="The line's own password, shown to network staff only.",
    )
    package_id = fields.Many2one(
        "isp.package",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
        tracking=True,
    )
    contract_id = fields.Many2one(
        "isp.contract",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
        help="Left empty for a new client, one is opened.",
    )
    site_id = fields.Many2one(
        "isp.site",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
        domain="[('contract_id', '=', contract_id)]",
        help="Where it is installed. Left empty, the contract's first site.",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Client",
        compute="_compute_partner_id",
        store=True,
        readonly=False,
        precompute=True,
        index=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    gateway_id = fields.Many2one(
        "isp.gateway",
        compute="_compute_gateway_id",
        store=True,
        readonly=False,
        precompute=True,
        index=True,
        ondelete="restrict",
        check_company=True,
        tracking=True,
        help="Where the login lives: the site's gateway, else the package's default.",
    )
    state = fields.Selection(
        [
            ("new", "New"),
            ("ready", "Ready"),
            ("active", "Active"),
            ("closed", "Closed"),
        ],
        required=True,
        default="new",
        index=True,
        copy=False,
        tracking=True,
    )
    date_start = fields.Date(
        default=lambda self: self.env.company._isp_today(),
        required=True,
        help="Nothing is invoiced before this day.",
    )
    date_end = fields.Date(copy=False, readonly=True)
    params = fields.Text(
        help="Further reply attributes, one 'Attribute = value' a line, for example "
        "Framed-IP-Address = 10.1.2.3."
    )
    sequence = fields.Integer(
        string="Order",
        default=10,
        help="When money doesn't cover all lines of the contract, it pays the debts of "
        "one day in this order.",
    )
    quantity = fields.Integer(
        required=True,
        default=1,
        tracking=True,
        help="How many times the package is charged, for example fixed addresses.",
    )
    setup_item_ids = fields.One2many(
        "isp.connection.setup.item", "connection_id", copy=True
    )
    alias_ids = fields.One2many("isp.account.alias", "connection_id")

    _username_gateway_uniq = models.UniqueIndex(
        "(gateway_id, lower(username)) "
        "WHERE username IS NOT NULL AND state <> 'closed'",
        "Another connection of this gateway has this login already.",
    )
    _account_no_uniq = models.UniqueIndex(
        "(account_no)", "This account number is taken."
    )
    _quantity_positive = models.Constraint(
        "CHECK (quantity > 0)", "A connection takes its package at least once."
    )
    # Payments look a login up whatever its case.
    _username_lower_idx = models.Index(
        "(company_id, lower(username)) WHERE username IS NOT NULL"
    )

    # === COMPUTE === #

    @api.depends("username", "account_no", "package_id.name")
    def _compute_display_name(self):
        for connection in self:
            login = connection.username or connection.package_id.name or ""
            connection.display_name = f"{login} ({connection.account_no or '…'})"

    @api.depends("contract_id.partner_id")
    def _compute_partner_id(self):
        for connection in self:
            if connection.contract_id:
                connection.partner_id = connection.contract_id.partner_id

    @api.depends("site_id.gateway_id", "package_id.gateway_id")
    def _compute_gateway_id(self):
        for connection in self:
            if connection.gateway_id and connection._origin.gateway_id:
                # A line stays where it is until a person moves it.
                continue
            package = connection.package_id
            if package.access_kind == "none":
                connection.gateway_id = False
            else:
                connection.gateway_id = (
                    connection.site_id.gateway_id or package.gateway_id
                )

    # === CONSTRAINTS === #

    @api.constrains("username", "package_id", "state")
    def _check_login_needed(self):
        for connection in self:
            needs = connection.package_id.access_kind != "none"
            if needs and not connection.username and connection.state == "active":
                raise ValidationError(
                    self.env._(
                        "Connection %(connection)s: package %(package)s needs a login. "
                        "Fill in Login, or choose a package without access.",
                        connection=connection.display_name,
                        package=connection.package_id.name,
                    )
                )

    @api.constrains("package_id", "gateway_id")
    def _check_choices_active(self):
        for connection in self:
            for chosen in (connection.package_id, connection.gateway_id):
                if chosen and not chosen.active:
                    raise ValidationError(
                        self.env._(
                            "%(chosen)s is archived and can't be chosen any more.",
                            chosen=chosen.display_name,
                        )
                    )

    @api.constrains("site_id", "contract_id", "partner_id")
    def _check_site(self):
        for connection in self:
            if connection.partner_id != connection.contract_id.partner_id:
                raise ValidationError(
                    self.env._(
                        "Connection %(connection)s: the client is the contract's. "
                        "Choose a contract of %(client)s.",
                        connection=connection.display_name,
                        client=connection.partner_id.display_name,
                    )
                )
            if connection.site_id.contract_id != connection.contract_id:
                raise ValidationError(
                    self.env._(
                        "Connection %(connection)s: site %(site)s belongs to another "
                        "contract. Choose a site of %(contract)s.",
                        connection=connection.display_name,
                        site=connection.site_id.name,
                        contract=connection.contract_id.name,
                    )
                )

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._refuse_engine_fields(
                {k: v for k, v in vals.items() if v and (k, v) != ("state", "new")}
            )
            self._complete_contract_vals(vals)
            vals["account_no"] = self.env["isp.contract"]._next_account_no()
            self._complete_setup_items(vals)
        connections = super().create(vals_list)
        connections._mark_access_dirty()
        return connections

    @api.model
    def _refuse_engine_fields(self, vals):
        """Refuse values that only the engine, which runs as the system, may write."""
        names = ENGINE_FIELDS & vals.keys()
        if not self.env.user.has_group("mybizna_isp.isp_group_manager"):
            # A manager may set where billing goes on, when taking lines over.
            names |= {"billing_date"} & vals.keys()
        if not names or self.env.su:
            return
        labels = [self._fields[name]._description_string(self.env) for name in names]
        raise UserError(
            self.env._(
                "%(fields)s follows from invoices, payments and actions and can't be "
                "set by hand.",
                fields=", ".join(sorted(labels)),
            )
        )

    def write(self, vals):
        self._refuse_engine_fields(vals)
        if "contract_id" in vals:
            for connection in self.filtered("billing_ids"):
                if connection.contract_id.id != vals["contract_id"]:
                    raise UserError(
                        self.env._(
                            "%(connection)s was billed on %(contract)s and stays "
                            "there. Close it and register a new connection.",
                            connection=connection.display_name,
                            contract=connection.contract_id.name,
                        )
                    )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billed(self):
        if used := self.filtered(lambda c: c.billing_ids or c.state == "active"):
            raise UserError(
                self.env._(
                    "%(connections)s can't be deleted: it is active or was billed. "
                    "Close it instead.",
                    connections=", ".join(used.mapped("display_name")),
                )
            )

    # === ACTIONS === #

    def action_close(self):
        """End lines: no more invoices, access off. Debts and credit stay."""
        engine = self._get_engine()
        for connection in engine.filtered(lambda c: c.state != "closed"):
            connection.write(
                {"state": "closed", "date_end": connection.company_id._isp_today()}
            )

    def action_reopen(self):
        """Take closed lines back into service where they were left."""
        engine = self._get_engine()
        for connection in engine.filtered(lambda c: c.state == "closed"):
            state = "active" if connection.billing_date else "new"
            connection.write({"state": state, "date_end": False})

    def action_view_invoices(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "account.action_move_out_invoice_type"
        )
        action["domain"] = [("id", "in", self._get_invoices().ids)]
        action["context"] = {"create": False, "default_move_type": "out_invoice"}
        return action

    def action_view_payments(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "account.action_account_payments"
        )
        action["domain"] = [("id", "in", self._get_payments().ids)]
        action["context"] = {"create": False}
        return action

    def action_view_access_log(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_access_log_action"
        )
        action["domain"] = [("connection_id", "=", self.id)]
        return action

    def action_view_billings(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_billing_action"
        )
        action["domain"] = [("connection_id", "=", self.id)]
        return action

    # === BUSINESS === #

    def _get_invoices(self):
        lines = self.env["account.move.line"].search(
            [
                ("isp_connection_id", "in", self.ids),
                ("move_id.move_type", "!=", "entry"),
            ]
        )
        return lines.move_id

    def _get_payments(self):
        """Payments that name these lines or that were matched with their invoices."""
        named = self.env["account.payment"].search(
            [("isp_connection_id", "in", self.ids)]
        )
        return named | self._get_invoices().matched_payment_ids
