import ipaddress
import re
from zoneinfo import available_timezones

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

HOST_PATTERN = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?"
)
# Gateways with the same of these are one device.
ADDRESS_FIELDS = ("type", "ip_address", "port", "database")
# A change of one of these makes what is known of the gateway's health void.
LINK_FIELDS = {
    "type",
    "username",
    "password",
    "database",
    "ip_address",
    "port",
    "dialect",
    "tz",
    "by_sql_file",
    "coa_secret",
    "coa_port",
    "coa_host",
    "use_tls",
    "tls_fingerprint",
    "login_method",
    "router_serial",
    "adopt",
    "active",
    "mode",
}


class IspGateway(models.Model):
    """One row is a router or RADIUS database on which logins live."""

    _name = "isp.gateway"
    _description = "Gateway"
    _inherit = ["mail.thread", "mail.activity.mixin", "isp.system.fields.mixin"]
    _order = "name, id"
    _check_company_auto = True
    _system_fields = frozenset({"mode", "control_uuid", "accepted_at"})

    # === FIELDS: how to reach it === #

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(
        default=True,
        tracking=True,
        help="An archived gateway is neither read nor written.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    type = fields.Selection(
        [
            ("freeradius", "FreeRADIUS (SQL)"),
            ("routeros", "MikroTik RouterOS (API)"),
        ],
        required=True,
        default="freeradius",
        tracking=True,
    )
    mode = fields.Selection(
        [("watching", "Watching"), ("control", "In control")],
        required=True,
        default="watching",
        copy=False,
        tracking=True,
        help="Watching: nothing is written to the gateway. In control: logins on it "
        "follow what was paid.",
    )
    ip_address = fields.Char(
        string="Address",
        tracking=True,
        help="IP address or host name of the router, or of the database FreeRADIUS "
        "reads.",
    )
    port = fields.Integer(default=5432, tracking=True, help="1 to 65535.")
    dialect = fields.Selection(
        [("postgresql", "PostgreSQL"), ("mysql", "MariaDB or MySQL")],
        required=True,
        default="postgresql",
        help="What FreeRADIUS keeps its tables in. MariaDB's port is 3306.",
    )
    database = fields.Char(tracking=True, help="Name of the database, often 'radius'.")
    username = fields.Char(
        string="User",
        groups="mybizna_isp.isp_group_network",
        help="FreeRADIUS: a role of its own with rights on the rad* tables only. A "
        "router: a user of its own, with the policies read, write, api and sensitive.",
    )
    password = fields.Char(
        groups="mybizna_isp.isp_group_network",
        copy=False,
        exportable=False,
        help="Shown to network staff only; it is never written to a log.",
    )
    tz = fields.Selection(
        "_get_tz_selection",
        string="Time Zone",
        required=True,
        default="UTC",
        help="The zone the FreeRADIUS host runs in: it reads the end of access in its "
        "own time.",
    )
    by_sql_file = fields.Boolean(
        string="By SQL File",
        tracking=True,
        help="No connection is made; changes come out as an SQL file that a person "
        "runs on the gateway.",
    )
    control_uuid = fields.Char(readonly=True, copy=False, groups="base.group_system")

    # === FIELDS: health, written by the worker === #

    state = fields.Selection(
        [
            ("unknown", "Not tried yet"),
            ("up", "Answering"),
            ("down", "Not answering"),
            ("auth_error", "Login refused"),
            ("rights_error", "Rights missing"),
            ("config_error", "Settings incomplete"),
            ("identity_error", "Another device or other books"),
        ],
        required=True,
        default="unknown",
        readonly=True,
        copy=False,
    )
    last_ok_at = fields.Datetime(string="Last Answer", readonly=True, copy=False)
    down_since = fields.Datetime(readonly=True, copy=False)
    last_error = fields.Text(readonly=True, copy=False)
    fail_count = fields.Integer(
        string="Tries without Answer", readonly=True, copy=False
    )
    next_try = fields.Datetime(readonly=True, copy=False)
    lease_until = fields.Datetime(readonly=True, copy=False)
    lease_token = fields.Char(readonly=True, copy=False, groups="base.group_system")

    access_ids = fields.One2many("isp.access", "gateway_id")
    access_count = fields.Integer(compute="_compute_counts")
    waiting_count = fields.Integer(compute="_compute_counts")
    attention_count = fields.Integer(compute="_compute_counts")

    _name_company_uniq = models.Constraint(
        "UNIQUE (company_id, name)",
        "Two gateways of one company can't share a name.",
    )
    _port_range = models.Constraint(
        "CHECK (port BETWEEN 1 AND 65535)",
        "The port of a gateway must be a number from 1 to 65535.",
    )

    # === DEFAULTS === #

    @api.model
    def _get_tz_selection(self):
        return [(zone, zone) for zone in sorted(available_timezones())]

    # === COMPUTE === #

    def _compute_counts(self):
        groups = self.env["isp.access"]._read_group(
            [("gateway_id", "in", self.ids)], ["gateway_id", "state"], ["__count"]
        )
        counts = {(gateway.id, state): count for gateway, state, count in groups}
        for gateway in self:
            waiting = counts.get((gateway.id, "pending"), 0)
            attention = counts.get((gateway.id, "error"), 0)
            gateway.waiting_count = waiting
            gateway.attention_count = attention
            gateway.access_count = (
                counts.get((gateway.id, "applied"), 0) + waiting + attention
            )

    # === CONSTRAINTS === #

    @api.constrains("ip_address")
    def _check_ip_address(self):
        for gateway in self.filtered("ip_address"):
            if not self._is_host(gateway.ip_address):
                raise ValidationError(
                    self.env._(
                        "Gateway %(gateway)s: '%(address)s' is neither an IP address "
                        "nor a host name. Write it like 192.0.2.10 or "
                        "radius.example.net.",
                        gateway=gateway.name,
                        address=gateway.ip_address,
                    )
                )

    @api.model
    def _is_host(self, text):
        try:
            ipaddress.ip_address(text)
        except ValueError:
            # Digits and dots alone would be a mistyped address.
            return bool(HOST_PATTERN.fullmatch(text)) and not re.fullmatch(
                r"[\d.]+", text
            )
        return True

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._complete_control_vals(vals)
        return super().create(vals_list)

    def write(self, vals):
        """Override: settings that changed are tried at once, whatever failed before."""
        if LINK_FIELDS.isdisjoint(vals):
            return super().write(vals)
        vals = dict(vals)
        self._complete_control_vals(vals)
        vals.update(
            state="unknown",
            fail_count=0,
            next_try=False,
            last_error=False,
            down_since=False,
        )
        res = super().write(vals)
        if vals.keys().isdisjoint(ADDRESS_FIELDS):
            self._mark_waiting()
        else:
            # What was proved was proved of another device, maybe.
            self._mark_all(forced=True)
        return res

    @api.model
    def _complete_control_vals(self, vals):
        """Tie control to this database: a copy of it only watches."""
        if vals.get("mode") == "control":
            vals["control_uuid"] = self._get_database_uuid()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        if used := self.filtered("access_ids"):
            raise UserError(
                self.env._(
                    "%(gateways)s can't be deleted: logins were written to it. Archive "
                    "it instead.",
                    gateways=", ".join(used.mapped("name")),
                )
            )

    # === ACTIONS === #

    def action_watch_only(self):
        """Stop writing to these gateways; what is on them stays as it is."""
        self.check_access("write")
        for gateway in self.filtered(lambda g: g.mode != "watching"):
            gateway.mode = "watching"
            gateway.message_post(
                body=self.env._(
                    "%(user)s gave up control: nothing is written to this gateway.",
                    user=self.env.user.name,
                )
            )

    def action_test_connection(self):
        """Have the gateway connected to and read; the answer appears below it."""
        return self._ask_each("probe")

    def action_converge_now(self):
        """Compare every login of these gateways with the device, and repair it."""
        self.check_access("read")
        # Only a wake-up: the worker does it, in its own time and transaction.
        self.sudo().next_try = False
        count = self._mark_all(forced=True)
        return self._notify(
            self.env._("%(count)s lines are being brought in step.", count=count)
        )

    def action_view_access(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_access_action"
        )
        action["domain"] = [("gateway_id", "=", self.id)]
        action["context"] = {}
        return action

    # === BUSINESS === #

    def _take_control(self):
        """Let the worker write to these gateways from now on."""
        self.check_access("write")
        for gateway in self.filtered(lambda g: g.mode != "control"):
            # Nobody writes the mode by hand.
            gateway.sudo().mode = "control"
            gateway.message_post(
                body=self.env._(
                    "%(user)s took control: logins on this gateway now follow what was "
                    "paid. Lines set up here: %(count)s.",
                    user=self.env.user.name,
                    count=gateway._count_connections(),
                )
            )
        self._mark_all()

    def _check_connectable(self):
        self.ensure_one()
        if self.by_sql_file:
            raise UserError(
                self.env._(
                    "Gateway %(gateway)s works by SQL file: no connection is made to "
                    "it. Untick By SQL File to test one.",
                    gateway=self.name,
                )
            )
        if not (self.ip_address and self.database):
            raise UserError(
                self.env._(
                    "Gateway %(gateway)s: fill in Address and Database first.",
                    gateway=self.name,
                )
            )

    @api.model
    def _get_database_uuid(self):
        # Whoever may change a gateway need not see system parameters.
        return self.env["ir.config_parameter"].sudo().get_param("database.uuid")

    def _count_connections(self):
        # A count for the chatter; the reader may not see all lines.
        return (
            self.env["isp.connection"]
            .sudo()
            .search_count([("gateway_id", "in", self.ids), ("state", "!=", "closed")])
        )

    def _mark_all(self, forced=False):
        """Wake the worker for every line on these gateways; return their number."""
        return self._mark_lines("TRUE", forced)

    def _mark_waiting(self):
        """Wake the worker for the lines that are not in step."""
        return self._mark_lines("access.state IS DISTINCT FROM 'applied'", False)

    def _mark_lines(self, condition, forced):
        if not self.ids:
            return 0
        self.env["isp.connection"].flush_model(["gateway_id"])
        self.env.cr.execute(
            f"""
            SELECT connection.id
              FROM isp_connection connection
              LEFT JOIN isp_access access
                     ON access.connection_id = connection.id
                    AND access.gateway_id = connection.gateway_id
             WHERE connection.gateway_id = ANY(%(ids)s) AND {condition}
             UNION
            SELECT access.connection_id
              FROM isp_access access
             WHERE access.gateway_id = ANY(%(ids)s) AND {condition}
            """,
            {"ids": self.ids},
        )
        connection_ids = [row[0] for row in self.env.cr.fetchall()]
        self.env["isp.access.dirty"]._mark(connection_ids, forced=forced)
        return len(connection_ids)

    def _notify(self, message):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": message,
                "type": "info",
                "sticky": False,
                # Closes a dialogue, or shows the record as it is now.
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
