import hashlib
import hmac

from odoo import api, fields, models
from odoo.fields import Domain

# What of a wish is kept and compared; the password only as a keyed digest.
RECORD_KEYS = (
    "login",
    "on",
    "walled",
    "service",
    "plan",
    "rate_down",
    "rate_up",
    "simultaneous",
    "mac",
    "fixed_ip",
    "ipv6_prefix",
    "pool",
    "ipv6_pool",
    "extra",
)
# What a running session keeps until it is dropped.
SESSION_KEYS = (
    "on",
    "walled",
    "plan",
    "rate_down",
    "rate_up",
    "fixed_ip",
    "ipv6_prefix",
    "pool",
    "ipv6_pool",
)
# What a router may be told while the session goes on.
SPEED_KEYS = frozenset({"plan", "rate_down", "rate_up"})


class IspAccess(models.Model):
    """One row is what was last proved of one connection on one gateway.

    Only workers write here. What is wished is computed from the connection; the
    queue is the difference of both.
    """

    _name = "isp.access"
    _description = "Access on Routers"
    _log_access = False
    _order = "id desc"
    _rec_name = "login"
    _check_company_auto = True

    # === FIELDS === #

    connection_id = fields.Many2one(
        "isp.connection", required=True, index=True, readonly=True, ondelete="cascade"
    )
    gateway_id = fields.Many2one(
        "isp.gateway", required=True, index=True, readonly=True, ondelete="restrict"
    )
    company_id = fields.Many2one("res.company", readonly=True, index=True)
    partner_id = fields.Many2one(related="connection_id.partner_id", string="Client")
    login = fields.Char(readonly=True, index=True)
    desired = fields.Json(
        compute="_compute_desired",
        compute_sudo=True,
        help="What the connection should be on this gateway now.",
    )
    applied = fields.Json(
        readonly=True, help="What was last written to the gateway and read back."
    )
    applied_on = fields.Boolean(
        string="On", readonly=True, help="Whether the login was last proved to work."
    )
    applied_at = fields.Datetime(string="Proved", readonly=True)
    desired_text = fields.Char(
        string="Wished", compute="_compute_desired", compute_sudo=True
    )
    applied_text = fields.Char(string="On Router", compute="_compute_applied_text")
    status = fields.Selection(
        [
            ("waiting", "Waiting for router"),
            ("in_step", "In step"),
            ("attention", "Needs attention"),
        ],
        compute="_compute_status",
        search="_search_status",
    )
    state = fields.Selection(
        [
            ("pending", "Waiting for router"),
            ("applied", "In step"),
            ("error", "Needs attention"),
        ],
        string="Last Result",
        required=True,
        default="pending",
        readonly=True,
    )
    error = fields.Text(string="Reason", readonly=True)
    attempts = fields.Integer(string="Tries", readonly=True)
    next_try = fields.Datetime(
        readonly=True, help="Empty where nothing is due until something changes."
    )
    version = fields.Integer(readonly=True, help="Counts the wishes.")
    lease_until = fields.Datetime(readonly=True)
    lease_token = fields.Char(readonly=True, groups="base.group_system")
    # Sent but not proved: the device may be in this state or in the one before.
    sent = fields.Json(readonly=True)
    # Every login we may have left on the gateway and that was not proved gone.
    logins = fields.Json(readonly=True)
    checked_at = fields.Datetime(readonly=True)
    changed_at = fields.Datetime(
        readonly=True,
        help="Sessions that began before this live by what was allowed before.",
    )
    speed_changed_at = fields.Datetime(
        readonly=True,
        help="Sessions that began before this may have to be told their speed.",
    )
    log_ids = fields.One2many("isp.access.log", "access_id", readonly=True)

    _connection_gateway_uniq = models.Constraint(
        "UNIQUE (connection_id, gateway_id)",
        "A connection has one row per gateway.",
    )
    # Serves the claim: what is due, per gateway.
    _due_idx = models.Index("(gateway_id, next_try) WHERE next_try IS NOT NULL")
    # Serves the clock: who is on and should not be.
    _applied_on_idx = models.Index("(connection_id) WHERE applied_on")
    # Serves the full compare: the longest unchecked first.
    _checked_idx = models.Index("(checked_at NULLS FIRST, id)")

    # === COMPUTE === #

    @api.depends("login", "gateway_id.name")
    def _compute_display_name(self):
        for access in self:
            login = access.login or self.env._("no login")
            access.display_name = f"{login} @ {access.gateway_id.name}"

    def _compute_desired(self):
        wishes = self.connection_id._get_desired_access()
        for access in self:
            record = access._prepare_record(wishes.get(access.connection_id.id))
            access.desired = record
            access.desired_text = access._describe(record)

    @api.depends("applied")
    def _compute_applied_text(self):
        for access in self:
            access.applied_text = access._describe(access.applied)

    @api.depends("state", "applied")
    def _compute_status(self):
        for access in self:
            if access.state == "error":
                access.status = "attention"
            elif access.state == "pending" or access.desired != access.applied:
                access.status = "waiting"
            else:
                access.status = "in_step"

    def _search_status(self, operator, value):
        if operator != "in":
            return NotImplemented
        late = Domain("id", "in", self._get_clock_sql())
        domains = {
            "attention": Domain("state", "=", "error"),
            "waiting": Domain("state", "=", "pending")
            | (Domain("state", "=", "applied") & late),
            "in_step": Domain("state", "=", "applied") & ~late,
        }
        return Domain.OR(domains[key] for key in value if key in domains)

    # === ACTIONS === #

    def action_converge_now(self):
        """Compare these logins with the device and repair them, by the worker."""
        self.check_access("read")
        # A wake-up is all that is written; the worker does the rest.
        self.env["isp.access.dirty"].sudo()._mark(self.connection_id.ids, forced=True)
        return self.gateway_id._notify(
            self.env._("%(count)s lines are being brought in step.", count=len(self))
        )

    def action_view_log(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_access_log_action"
        )
        action["domain"] = [("access_id", "=", self.id)]
        return action

    # === BUSINESS: records of a wish === #

    def _prepare_record(self, wish):
        """Return what is kept of a wish for this row: JSON without a secret.

        :param dict|None wish: a value of `isp.connection._get_desired_access()`
        """
        self.ensure_one()
        connection = self.connection_id
        if not wish or not wish["present"] or wish["gateway_id"] != self.gateway_id.id:
            return {"present": False, "access": connection.access or "off"}
        record = {key: wish.get(key) for key in RECORD_KEYS}
        ends_at, expires_at = wish.get("ends_at"), wish.get("expires_at")
        record.update(
            present=True,
            access=connection.access or "off",
            # Of what ends by itself: see `_get_losses_sql`.
            ends_at=ends_at.isoformat() if ends_at and expires_at else None,
            expires_at=expires_at and expires_at.isoformat(),
            secret=self._get_digest(connection.id, wish["password"]),
        )
        return record

    def _get_proved_level(self):
        """Return what the line may do on the gateway as last proved: ``on``,
        ``limited`` or ``off``."""
        applied = self.applied or {}
        level = "on" if self.applied_on else "off"
        return applied.get("access", level) if applied.get("present") else level

    def _prepare_wish_and_record(self, wish):
        """Return a wish as it is to be sent now, and what is kept of it."""
        return wish, self._prepare_record(wish)

    def _get_changed_at(self, record, now):
        """Return since when sessions have to be, given the record about to be sent."""
        differing = self._get_differing(record)
        return now if differing and not self._is_told(differing) else self.changed_at

    def _get_speed_changed_at(self, record, now):
        """Return since when sessions have the speed, given the record to be sent."""
        is_told = self._is_told(self._get_differing(record))
        return now if is_told else self.speed_changed_at

    def _is_told(self, differing):
        """Whether routers are told of a difference, and sessions go on."""
        return bool(differing) and differing <= SPEED_KEYS and self.gateway_id.coa_speed

    def _get_differing(self, record):
        """Return the keys of what sessions keep that differ from what was sent."""
        self.ensure_one()
        known = self.sent or self.applied
        if not known or not (known.get("present") and record.get("present")):
            return set()
        # A key that is new since an upgrade counts like an empty one.
        return {
            key
            for key in SESSION_KEYS
            if (known.get(key) or None) != (record.get(key) or None)
        }

    @api.model
    def _get_digest(self, connection_id, password):
        """Return a keyed digest that tells whether a password changed, no more."""
        # The key never leaves the database; no user may read system parameters.
        key = self.env["ir.config_parameter"].sudo().get_param("database.secret")
        text = f"isp.access:{connection_id}:{password or ''}"
        return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]

    def _describe(self, record):
        """Return a record in the words of the screen."""
        if not record:
            return self.env._("Unknown")
        if not record.get("present"):
            return self.env._("Not on this gateway")
        rates = [record.get("rate_down"), record.get("rate_up")]
        speed = " / ".join(f"{rate / 1e6:g}" if rate else "∞" for rate in rates)
        if record.get("walled"):
            return self.env._("Pay page only, login %(login)s", login=record["login"])
        if not record.get("on"):
            return self.env._("Off, login %(login)s", login=record["login"])
        return self.env._(
            "On, login %(login)s, %(speed)s Mbit/s down / up",
            login=record["login"],
            speed=speed,
        )
