from odoo import fields, models


class IspGateway(models.Model):
    """What a gateway is told of walled subscribers, and what a driver needs."""

    _inherit = "isp.gateway"

    walled_list = fields.Char(
        string="Pay Page List",
        default="isp_walled",
        help="Address list of subscribers who reach the pay page only. The router's "
        "firewall decides what that is.",
    )
    # What that list was called before: entries of ours may still stand there.
    old_walled_lists = fields.Json(readonly=True, copy=False)
    walled_pool = fields.Char(
        string="Pay Page Pool",
        help="Address pool of subscribers who reach the pay page only. Empty leaves it "
        "to the router.",
    )
    walled_kbits = fields.Integer(
        string="Pay Page Speed (kbit/s)",
        default=256,
        help="Speed both ways of subscribers who reach the pay page only.",
    )
    coa_secret = fields.Char(
        string="CoA Secret",
        groups="mybizna_isp.isp_group_network",
        copy=False,
        exportable=False,
        help="RADIUS secret shared with the routers, to drop sessions at once. Without "
        "it, sessions end when the router asks again.",
    )
    coa_port = fields.Integer(
        string="CoA Port",
        default=3799,
        help="UDP port on which the routers take Disconnect and CoA: 3799, or 1700 on "
        "older ones.",
    )
    coa_speed = fields.Boolean(
        string="Change Speed in Place",
        help="Routers are told the new speed of a session that is on (CoA with "
        "Mikrotik-Rate-Limit), so that the subscriber stays connected. A router that "
        "refuses is asked to drop the session.",
    )
    coa_host = fields.Char(
        string="CoA Address",
        help="Where Disconnect is sent instead of the router's own address, for "
        "routers behind a forwarded port.",
    )

    _coa_port_range = models.Constraint(
        "CHECK (coa_port BETWEEN 1 AND 65535)",
        "The CoA port of a gateway must be a number from 1 to 65535.",
    )
    _walled_speed = models.Constraint(
        "CHECK (walled_kbits > 0)", "The speed for the pay page must be above 0."
    )

    def write(self, vals):
        """Override: what walled subscribers may do stands on the gateway already."""
        if "walled_list" in vals:
            name = vals["walled_list"]
            for gateway in self.filtered(lambda g: g.walled_list not in (False, name)):
                gateway.old_walled_lists = sorted(
                    {*(gateway.old_walled_lists or ()), gateway.walled_list}
                )
        res = super().write(vals)
        if not {"walled_list", "walled_pool", "walled_kbits"}.isdisjoint(vals):
            self._mark_lines("access.applied->>'walled' = 'true'", True)
        return res

    def _prepare_settings(self):
        """Return what a driver needs to connect, secrets included; never log it."""
        self.ensure_one()
        # A type without settings has no driver either, which says so itself.
        return getattr(self, f"_prepare_{self.type}_settings", dict)()

    def _prepare_freeradius_settings(self):
        return {
            "host": self.ip_address,
            "port": self.port,
            "database": self.database,
            "user": self.username or "",
            "password": self.password or "",
            "dialect": self.dialect,
            "tz": self.tz,
            "walled_list": self.walled_list or "",
            "walled_pool": self.walled_pool or "",
            "walled_rate": self.walled_kbits * 1000,
            "coa_secret": self.coa_secret or None,
            "coa_port": self.coa_port,
            "coa_host": self.coa_host or "",
            "coa_speed": self.coa_speed,
        }
