from odoo import api, fields, models


class IspSite(models.Model):
    """One row is a delivery point of a contract: where connections are installed."""

    _name = "isp.site"
    _description = "Site"
    _inherit = ["mail.thread"]
    _order = "contract_id, name, id"
    _check_company_auto = True

    name = fields.Char(
        required=True,
        default=lambda self: self.env._("Home"),
        help="What people call the place: Home, Shop, Tower Road office.",
    )
    contract_id = fields.Many2one(
        "isp.contract",
        required=True,
        index=True,
        ondelete="cascade",
        check_company=True,
    )
    partner_id = fields.Many2one(
        related="contract_id.partner_id", string="Client", store=True, index=True
    )
    company_id = fields.Many2one(
        related="contract_id.company_id", store=True, index=True, precompute=True
    )
    address_id = fields.Many2one(
        "res.partner",
        index="btree_not_null",
        help="The installation address; empty means the client's own.",
    )
    gateway_id = fields.Many2one(
        "isp.gateway",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The router or RADIUS database of this place; it goes before the "
        "package's default.",
    )
    connection_ids = fields.One2many("isp.connection", "site_id")
    active = fields.Boolean(default=True)

    @api.depends("name", "contract_id.partner_id.name")
    def _compute_display_name(self):
        for site in self:
            client = site.contract_id.partner_id.name
            site.display_name = f"{client}, {site.name}" if client else site.name or ""

    def write(self, vals):
        res = super().write(vals)
        if "gateway_id" in vals:
            self.connection_ids._mark_access_dirty()
        return res
