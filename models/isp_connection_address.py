import re

from odoo import api, fields, models

_NO_HEX = re.compile(r"[^0-9A-Fa-f]")


class IspConnection(models.Model):
    """What a line's device is known by: MAC, addresses, the mark of its rows."""

    _inherit = "isp.connection"

    mac_address = fields.Char(
        string="Device (MAC)",
        copy=False,
        tracking=True,
        help="The only device that may use the login, like AA:BB:CC:00:11:22. Empty "
        "lets in any.",
    )
    fixed_ip = fields.Char(
        string="Fixed Address",
        copy=False,
        tracking=True,
        help="IPv4 address of this line alone. Empty takes one from the pool.",
    )
    ipv6_prefix = fields.Char(
        string="IPv6 Prefix",
        copy=False,
        tracking=True,
        help="Prefix delegated to this line, like 2001:db8:7::/56.",
    )

    _fixed_ip_gateway_uniq = models.UniqueIndex(
        "(gateway_id, fixed_ip) WHERE fixed_ip IS NOT NULL AND state <> 'closed'",
        "Another connection of this gateway has this fixed address already.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._complete_addresses(vals)
        return super().create(vals_list)

    def write(self, vals):
        if not {"mac_address", "fixed_ip", "ipv6_prefix"}.isdisjoint(vals):
            vals = dict(vals)
            self._complete_addresses(vals)
        return super().write(vals)

    @api.model
    def _complete_addresses(self, vals):
        """Write addresses in one way: devices and the uniqueness go by it."""
        for name in ("fixed_ip", "ipv6_prefix"):
            if name in vals:
                vals[name] = (vals[name] or "").strip().lower() or False
        if mac := vals.get("mac_address"):
            digits = _NO_HEX.sub("", mac).upper()
            if len(digits) == 12:
                pairs = (digits[place : place + 2] for place in range(0, 12, 2))
                vals["mac_address"] = ":".join(pairs)

    def _get_device_tag(self):
        """Return what marks this line's rows on a router, without personal data."""
        self.ensure_one()
        database = self.env["isp.gateway"]._get_database_uuid()
        return f"isp:{database[:8]}:{self.id}"
