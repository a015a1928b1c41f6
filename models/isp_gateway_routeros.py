from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.routeros.settings import PORT, TLS_PORT

POSTGRESQL_PORT = 5432


class IspGateway(models.Model):
    """MikroTik routers, spoken to by RouterOS's API."""

    _inherit = "isp.gateway"

    use_tls = fields.Boolean(
        string="Encrypted (TLS)",
        tracking=True,
        help="Talk to the router's api-ssl service, which needs a certificate there. "
        "Without it, logins and passwords cross the network readable.",
    )
    tls_fingerprint = fields.Char(
        string="Certificate Fingerprint",
        copy=False,
        tracking=True,
        help="SHA-256 of the router's certificate, by /certificate print detail. Only "
        "a router that shows this one gets the password. Empty asks for a certificate "
        "of a public authority.",
    )
    login_method = fields.Selection(
        [("plain", "RouterOS 6.43 or newer"), ("token", "Older than RouterOS 6.43")],
        string="Way to Log In",
        required=True,
        default="plain",
        help="Older routers ask for the password in another way.",
    )
    router_serial = fields.Char(
        string="Serial Number",
        copy=False,
        tracking=True,
        help="Of the router, or the licence id of a virtual one, as Test Connection "
        "shows it. Another router is then not written to. Empty takes any.",
    )
    adopt = fields.Boolean(
        string="Take Over Rows Made by Hand",
        copy=False,
        tracking=True,
        help="A login that stands on the router already, made by hand or by another "
        "program, becomes ours: it gets our mark, password and package, the rest "
        "stays. Without this it is left alone and the line needs attention.",
    )

    @api.onchange("type", "use_tls")
    def _onchange_type(self):
        """Offer the usual port, unless one of somebody's own was entered."""
        if self.port in (0, PORT, TLS_PORT, POSTGRESQL_PORT):
            port = POSTGRESQL_PORT
            if self.type == "routeros":
                port = TLS_PORT if self.use_tls else PORT
            self.port = port

    @api.model_create_multi
    def create(self, vals_list):
        """Override: a router that came without a port has the usual one."""
        for vals in vals_list:
            if vals.get("type") == "routeros":
                vals.setdefault("port", TLS_PORT if vals.get("use_tls") else PORT)
        return super().create(vals_list)

    def _check_connectable(self):
        """Override: a router has no database to name."""
        self.ensure_one()
        if self.type != "routeros" or self.by_sql_file:
            return super()._check_connectable()
        if not self.ip_address:
            raise UserError(
                self.env._(
                    "Gateway %(gateway)s: fill in Address first.", gateway=self.name
                )
            )
        return None

    def _prepare_routeros_settings(self):
        return {
            "host": self.ip_address,
            "port": self.port,
            "user": self.username or "",
            "password": self.password or "",
            "use_tls": self.use_tls,
            "tls_fingerprint": self.tls_fingerprint or "",
            "login_method": self.login_method,
            "serial": self.router_serial or "",
            "books": f"isp:{self._get_database_uuid()[:8]}",
            "adopt": self.adopt,
            "walled_list": self.walled_list or "",
            "old_walled_lists": tuple(
                name for name in self.old_walled_lists or () if name != self.walled_list
            ),
            "walled_pool": self.walled_pool or "",
            "walled_rate": self.walled_kbits * 1000,
        }
