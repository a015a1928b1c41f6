from odoo import fields, models


class IspGatewayRole(models.TransientModel):
    """One screen, shown once: what to enter in FreeRADIUS. Nothing of it is stored."""

    _name = "isp.gateway.role"
    _description = "FreeRADIUS's Login"

    gateway_id = fields.Many2one("isp.gateway", readonly=True)
    role = fields.Char(readonly=True, store=False)
    settings = fields.Text(
        string="Module sql",
        readonly=True,
        store=False,
        help="For mods-available/sql of FreeRADIUS. The password is shown this once; a "
        "new one is made by the same button.",
    )
    statements = fields.Text(
        readonly=True,
        store=False,
        help="Odoo may not make roles here: the administrator of PostgreSQL runs this.",
    )
    visible = fields.Text(
        readonly=True,
        store=False,
        help="What somebody has opened to every role of this database, FreeRADIUS's "
        "among them.",
    )
