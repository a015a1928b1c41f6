from odoo import api, fields, models
from odoo.exceptions import ValidationError

SPEED_UNITS = {"k": 1_000, "M": 1_000_000}


class IspPackage(models.Model):
    """One row is a tariff on sale; price, taxes and accounts are its product's."""

    _name = "isp.package"
    _description = "Package"
    _inherit = ["mail.thread"]
    _order = "sequence, name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True, tracking=True)
    description = fields.Text(translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(
        default=True,
        help="An archived package can't be chosen for a new connection; those that "
        "have it keep it.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    product_id = fields.Many2one(
        "product.product",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
        domain="[('type', '=', 'service')]",
        help="Carries price, taxes, income account and pricelist rules. Left empty, "
        "one is made for this package.",
    )
    service_type_id = fields.Many2one(
        "isp.service.type",
        required=True,
        index=True,
        ondelete="restrict",
        default=lambda self: self.env.ref(
            "mybizna_isp.isp_service_type_internet", raise_if_not_found=False
        ),
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    amount = fields.Monetary(
        string="Price",
        compute="_compute_amount",
        inverse="_inverse_amount",
        help="The product's sales price for one period. Pricelists may change it "
        "for a contract.",
    )
    billing_cycle_id = fields.Many2one(
        "isp.billing.cycle", required=True, index=True, ondelete="restrict"
    )
    billing_mode = fields.Selection(
        [("invoice_first", "Invoice first"), ("pay_first", "Pay first")],
        required=True,
        default="invoice_first",
        tracking=True,
        help="Invoice first: the invoice goes out some days before the period "
        "begins, access opens when it is paid. Pay first: a notice goes out; money "
        "makes the invoice, and nobody owes for a period that was not taken.",
    )
    billing_timing = fields.Selection(
        [("advance", "In advance"), ("arrears", "In arrears")],
        required=True,
        default="advance",
        tracking=True,
        help="In advance: a period is paid before it is served. In arrears: it is "
        "invoiced when it has ended, and the line stays on until that is due.",
    )
    payment_days = fields.Integer(
        string="Days to Pay",
        help="How many days after its issue an invoice in arrears is due.",
    )
    start_mode = fields.Selection(
        [("at_once", "When it is paid"), ("technician", "When service is started")],
        string="First Period Begins",
        required=True,
        default="at_once",
        help="When service is started: the technician presses the button on the day "
        "the line works; until then nothing is used up.",
    )
    grace_hours = fields.Integer(
        string="Grace (hours)",
        help="How long a line stays on after the end of what is paid.",
    )
    on_expiry = fields.Selection(
        [
            ("suspend", "Switch off"),
            ("walled", "Let in to the pay page only"),
            ("fallback", "Give the fallback package"),
            ("nothing", "Leave on"),
        ],
        required=True,
        default="suspend",
        tracking=True,
        help="What happens to the line when what is paid has ended.",
    )
    fallback_package_id = fields.Many2one(
        "isp.package",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The slower package a line gets while it is unpaid.",
    )
    access_kind = fields.Selection(
        [
            ("pppoe", "PPPoE login"),
            ("hotspot", "Hotspot login"),
            ("static", "Fixed address, without login"),
            ("dhcp", "Address by DHCP, for a known device"),
            ("none", "No access of its own"),
        ],
        required=True,
        default="pppoe",
        tracking=True,
        help="How its lines get onto the net. A package without access (a rented "
        "router, a support contract) is only billed.",
    )
    ipv4_pool = fields.Char(
        string="Address Pool",
        help="Name of the pool on the gateway that addresses come from. Empty leaves "
        "it to the gateway.",
    )
    simultaneous_use = fields.Integer(
        string="Sessions at Once",
        help="How many devices may use one login at a time; 0 is not limited. A router "
        "that keeps the logins itself can't count them.",
    )
    ipv6_pool = fields.Char(
        string="IPv6 Pool", help="Name of the gateway's pool of IPv6 prefixes."
    )
    gateway_id = fields.Many2one(
        "isp.gateway",
        string="Default Gateway",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        help="Where connections are set up unless their site names another.",
    )
    speed_download = fields.Integer(
        string="Download", tracking=True, help="0 means not limited."
    )
    speed_upload = fields.Integer(
        string="Upload", tracking=True, help="0 means not limited."
    )
    speed_unit = fields.Selection(
        [("k", "kbit/s"), ("M", "Mbit/s")], required=True, default="M", tracking=True
    )
    setup_item_ids = fields.One2many(
        "isp.package.setup.item",
        "package_id",
        copy=True,
        help="One-off charges, copied to each new connection.",
    )
    connection_ids = fields.One2many("isp.connection", "package_id")
    connection_count = fields.Integer(compute="_compute_connection_count")

    _name_company_uniq = models.UniqueIndex(
        "(company_id, (name->>'en_US')) WHERE active IS TRUE",
        "Two packages of one company can't share a name.",
    )
    _simultaneous_use_positive = models.Constraint(
        "CHECK (simultaneous_use BETWEEN 0 AND 1000)",
        "The sessions at once of a package must be a number from 0 to 1000.",
    )
    _speed_positive = models.Constraint(
        "CHECK (speed_download >= 0 AND speed_upload >= 0)",
        "A speed can't be negative.",
    )
    _grace_range = models.Constraint(
        "CHECK (grace_hours BETWEEN 0 AND 8760)",
        "Grace must lie between 0 hours and a year.",
    )

    # === COMPUTE === #

    @api.depends("product_id.lst_price")
    def _compute_amount(self):
        for package in self:
            package.amount = package.product_id.lst_price

    def _inverse_amount(self):
        for package in self:
            package.product_id.lst_price = package.amount

    def _compute_connection_count(self):
        groups = self.env["isp.connection"]._read_group(
            [("package_id", "in", self.ids)], ["package_id"], ["__count"]
        )
        counts = {package.id: count for package, count in groups}
        for package in self:
            package.connection_count = counts.get(package.id, 0)

    # === CONSTRAINTS === #

    @api.constrains("product_id")
    def _check_product_is_service(self):
        for package in self:
            if package.product_id.type != "service":
                raise ValidationError(
                    self.env._(
                        "Package %(package)s: the product %(product)s is not a "
                        "service. Choose a service product.",
                        package=package.name,
                        product=package.product_id.display_name,
                    )
                )

    @api.constrains("billing_cycle_id", "gateway_id")
    def _check_choices_active(self):
        for package in self:
            for chosen in (package.billing_cycle_id, package.gateway_id):
                if chosen and not chosen.active:
                    raise ValidationError(
                        self.env._(
                            "Package %(package)s: %(chosen)s is archived and can't be "
                            "chosen any more.",
                            package=package.name,
                            chosen=chosen.display_name,
                        )
                    )

    @api.constrains("on_expiry", "fallback_package_id")
    def _check_fallback(self):
        for package in self.filtered(lambda p: p.on_expiry == "fallback"):
            fallback = package.fallback_package_id
            if not fallback or fallback == package:
                raise ValidationError(
                    self.env._(
                        "Package %(package)s: choose another package as its "
                        "fallback, or switch off on expiry.",
                        package=package.name,
                    )
                )

    @api.constrains("billing_mode", "billing_timing")
    def _check_timing(self):
        for package in self:
            late = package.billing_timing == "arrears"
            if late and package.billing_mode == "pay_first":
                raise ValidationError(
                    self.env._(
                        "Package %(package)s: what is paid first can't be billed in "
                        "arrears. Choose Invoice First, or In Advance.",
                        package=package.name,
                    )
                )

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if not vals.get("product_id"):
                vals["product_id"] = self._create_product(vals).id
        return super().create(vals_list)

    def copy_data(self, default=None):
        """Override: a copy gets a product and a name of its own."""
        vals_list = super().copy_data(default)
        for package, vals in zip(self, vals_list, strict=True):
            if "name" not in (default or {}):
                vals["name"] = self.env._("%s (copy)", package.name)
            if "product_id" not in (default or {}):
                vals["product_id"] = package.product_id.copy({"name": vals["name"]}).id
        return vals_list

    def write(self, vals):
        res = super().write(vals)
        if "name" in vals:
            # The invoice shows the product's name: one name for both.
            for package in self.filtered(lambda p: p.product_id.name != p.name):
                package.product_id.name = package.name
        if vals.keys() & {
            "speed_download",
            "speed_upload",
            "speed_unit",
            "on_expiry",
            "fallback_package_id",
            "access_kind",
            "ipv4_pool",
            "simultaneous_use",
            "ipv6_pool",
        }:
            users = self | self.search([("fallback_package_id", "in", self.ids)])
            users.connection_ids._mark_access_dirty()
        return res

    def _create_product(self, vals):
        company_id = vals.get("company_id") or self.env.company.id
        return self.env["product.product"].create(
            {
                "name": vals.get("name"),
                "type": "service",
                "list_price": vals.get("amount", 0.0),
                "company_id": company_id,
                "purchase_ok": False,
            }
        )

    # === ACTIONS === #

    def action_view_connections(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_connection_action"
        )
        action["domain"] = [("package_id", "=", self.id)]
        action["context"] = {"default_package_id": self.id}
        return action

    # === BUSINESS === #

    def _get_rates(self):
        """Return (download, upload) in bit/s; ``None`` where not limited."""
        self.ensure_one()
        factor = SPEED_UNITS[self.speed_unit]
        return (
            self.speed_download * factor or None,
            self.speed_upload * factor or None,
        )
