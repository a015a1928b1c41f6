from dataclasses import replace
from datetime import UTC, timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

from ..tools import access_rule, radius_values
from ..tools.access_rule import Facts
from ..tools.access_types import Desired, DriverError

# A change of one of these may change what a device has to know.
ACCESS_COLUMNS = {
    "state",
    "username",
    "password",
    "package_id",
    "gateway_id",
    "params",
    "mac_address",
    "fixed_ip",
    "ipv6_prefix",
    "covered_until_at",
    "credit_until_at",
    "expiry_at",
}


class IspConnection(models.Model):
    _inherit = "isp.connection"

    # === FIELDS: stored facts, free of "now" === #

    suspension_ids = fields.One2many("isp.suspension", "connection_id", copy=False)
    extension_ids = fields.One2many("isp.extension", "connection_id", copy=False)
    access_ids = fields.One2many(
        "isp.access", "connection_id", string="Access on Routers", copy=False
    )
    paid_until_at = fields.Datetime(
        string="Paid Until",
        compute="_compute_coverage",
        store=True,
        copy=False,
        help="The moment the last paid period ends.",
    )
    covered_until_at = fields.Datetime(
        string="Paid Until, with Grace",
        compute="_compute_coverage",
        store=True,
        copy=False,
    )
    expiry_at = fields.Datetime(
        string="Expires",
        compute="_compute_expiry_at",
        store=True,
        copy=False,
        help="The moment access ends by what is known now: the end of what is paid, "
        "grace included, or of an extension, whichever is later.",
    )
    expiry_date = fields.Date(
        compute="_compute_expiry_date", help="The local date of the expiry."
    )

    # === FIELDS: decisions, computed now === #

    access = fields.Selection(
        [("on", "On"), ("limited", "Limited"), ("off", "Off")],
        compute="_compute_access",
        search="_search_access",
        help="What the line may do now. It follows from money, suspensions and "
        "extensions and is never set by hand.",
    )
    status_text = fields.Char(string="Status", compute="_compute_status")
    status_color = fields.Selection(
        [
            ("success", "On"),
            ("warning", "Waiting"),
            ("danger", "Off"),
            ("muted", "Out of service"),
        ],
        compute="_compute_status",
    )

    # The clock's question: which lines end next?
    _expiry_idx = models.Index("(expiry_at) WHERE state = 'active'")

    # === COMPUTE === #

    @api.depends(
        "billing_ids.is_paid",
        "billing_ids.state",
        "billing_ids.kind",
        "billing_ids.start_at",
        "billing_ids.end_at",
        "package_id.grace_hours",
    )
    def _compute_coverage(self):
        for connection in self:
            end_at = connection._get_covered_end(connection._get_period_billings())
            grace = connection.package_id.grace_hours
            connection.paid_until_at = end_at
            connection.covered_until_at = end_at and fields.Datetime.add(
                end_at, hours=grace
            )

    def _get_covered_end(self, billings):
        """Return the end of the last period that money covers, or ``False``.

        Money covers periods in order: one that is paid behind an unpaid one opens
        nothing until that is settled.
        """
        end_at = False
        for billing in billings.sorted("start_at"):
            if not billing.is_paid:
                break
            end_at = billing.end_at
        return end_at

    @api.depends(
        "covered_until_at",
        "extension_ids.date_from",
        "extension_ids.date_to",
    )
    def _compute_expiry_at(self):
        for connection in self:
            connection.expiry_at = access_rule.expiry(connection._get_facts()) or False

    @api.depends("expiry_at", "company_id.isp_tz")
    def _compute_expiry_date(self):
        for connection in self:
            moment = connection.expiry_at
            connection.expiry_date = (
                moment and connection.company_id._isp_to_local(moment).date()
            )

    @api.depends(
        "state",
        "covered_until_at",
        "package_id.on_expiry",
        "suspension_ids.date_from",
        "suspension_ids.date_to",
        "extension_ids.date_from",
        "extension_ids.date_to",
    )
    def _compute_access(self):
        for connection in self:
            connection.access = connection._decide_access().level

    def _search_access(self, operator, value):
        if operator != "in":
            return NotImplemented
        domains = []
        if "on" in value:
            domains.append(self._get_on_domain())
        if "limited" in value:
            domains.append(self._get_limited_domain())
        if "off" in value:
            domains.append(~(self._get_on_domain() | self._get_limited_domain()))
        return Domain.OR(domains)

    @api.model
    def _get_usable_domain(self):
        """Active lines without an open suspension."""
        now = fields.Datetime.now()
        return Domain("state", "=", "active") & ~Domain(
            "suspension_ids", "any", self._get_open_span_domain(now)
        )

    @api.model
    def _get_on_domain(self):
        now = fields.Datetime.now()
        return self._get_usable_domain() & (
            Domain("covered_until_at", ">", now)
            | Domain("package_id.on_expiry", "=", "nothing")
            | Domain("extension_ids", "any", self._get_open_span_domain(now))
        )

    @api.model
    def _get_limited_domain(self):
        return (
            self._get_usable_domain()
            & Domain("package_id.on_expiry", "in", ["fallback", "walled"])
            & ~self._get_on_domain()
        )

    @api.model
    def _get_open_span_domain(self, moment):
        return Domain("date_from", "<=", moment) & (
            Domain("date_to", "=", False) | Domain("date_to", ">", moment)
        )

    # === CONSTRAINTS === #

    @api.constrains(
        "username", "password", "params", "mac_address", "fixed_ip", "ipv6_prefix"
    )
    def _check_wish(self):
        """Refuse at entry what no gateway would take: a wish that is refused there
        could not be cut off either."""
        for connection in self.sudo().filtered("username"):
            lines = (connection.params or "").splitlines()
            if wrong := [line for line in lines if line.strip() and "=" not in line]:
                raise ValidationError(
                    self.env._(
                        "%(connection)s: write further attributes as 'Attribute = "
                        "value', not as: %(line)s",
                        connection=connection.display_name,
                        line=wrong[0],
                    )
                )
            wish = connection._prepare_desired_access()
            try:
                radius_values.check(Desired.from_mapping({**wish, "present": True}))
            except DriverError as error:
                raise ValidationError(str(error)) from error

    # === THE ACCESS FUNCTION === #

    def _get_facts(self):
        """Return the stored facts that decide this line's access."""
        self.ensure_one()
        return Facts(
            state=self.state,
            covered_until=self.covered_until_at or None,
            suspensions=self.suspension_ids._get_spans(),
            extensions=self.extension_ids._get_spans(),
            on_expiry=self.package_id.on_expiry,
        )

    def _is_on_without(self, billing, moment):
        """Whether this line would be on at a moment if a billing were not paid."""
        end_at = self._get_covered_end(self._get_period_billings() - billing)
        grace = timedelta(hours=self.package_id.grace_hours)
        facts = replace(
            self._get_facts(), covered_until=end_at + grace if end_at else None
        )
        return access_rule.decide(facts, moment).level == access_rule.ON

    def _is_on_but_suspended(self):
        """Whether this line is on, or would be if nobody had switched it off."""
        facts = replace(self._get_facts(), suspensions=())
        return access_rule.decide(facts, fields.Datetime.now()).level == access_rule.ON

    def _was_extended_through(self, billing):
        """Whether an extension kept the line on for the whole of a billed period."""
        return any(
            span.start <= billing.start_at
            and (span.end is None or span.end >= billing.end_at)
            for span in self.extension_ids._get_spans()
        )

    def _decide_access(self, moment=None):
        """Return the `tools.access_rule.Access` of this line at a moment (now)."""
        return access_rule.decide(self._get_facts(), moment or fields.Datetime.now())

    def _get_desired_access(self):
        """Return what gateways should know of these lines now.

        :return: connection id → dict of ``gateway_id``, ``login``, ``password``,
            ``present``, ``on``, ``plan``, ``rate_down`` and ``rate_up`` (bit/s or
            ``None``), ``ends_at`` (naive UTC or ``None``: when access ends if nothing
            comes), ``expires_at`` (the same for the device, aware), ``simultaneous``,
            ``fixed_ip`` and ``extra`` (dict of reply attributes)
        """
        return {
            connection.id: connection._prepare_desired_access()
            # The worker needs secrets that its reader may not see.
            for connection in self.sudo()
        }

    def _prepare_desired_access(self):
        self.ensure_one()
        decision = self._decide_access()
        package = self.package_id
        walled = decision.level == access_rule.LIMITED and package.on_expiry == "walled"
        if decision.level == access_rule.LIMITED and not walled:
            package = package.fallback_package_id
        rate_down, rate_up = package._get_rates()
        extra = self._get_reply_attributes()
        framed_ip = extra.pop("Framed-IP-Address", None)
        return {
            "gateway_id": self.gateway_id.id,
            "login": self.username or "",
            "password": self.password or None,
            "present": self._has_login_on_gateway(),
            "on": decision.level != access_rule.OFF and not walled,
            "walled": walled,
            # A slower package for a while doesn't change the way onto the net.
            "service": self.package_id.access_kind,
            "plan": f"isp_plan_{package.id}",
            "rate_down": rate_down,
            "rate_up": rate_up,
            "ends_at": self.expiry_at or None,
            "expires_at": self._get_deadman(decision),
            "simultaneous": self.package_id.simultaneous_use or None,
            "mac": self.mac_address or None,
            "fixed_ip": self.fixed_ip or framed_ip,
            "ipv6_prefix": self.ipv6_prefix or None,
            "pool": package.ipv4_pool or "",
            "ipv6_pool": package.ipv6_pool or "",
            "tag": self._get_device_tag(),
            "extra": extra,
        }

    def _has_login_on_gateway(self):
        self.ensure_one()
        return bool(
            self.username
            and self.gateway_id
            and self.state != "closed"
            and self.package_id.access_kind != "none"
        )

    def _get_deadman(self, decision):
        """When the device should end access by itself if this system is down.

        Expiry, or how far credit in hand will take the line, plus slack: the device
        is merciful, this system cuts on time. ``None`` where nothing ends (a package
        left on at expiry, an open-ended extension).
        """
        endless = decision.level == access_rule.LIMITED or (
            decision.level == access_rule.ON
            and (decision.until is None or decision.reason == "unlimited")
        )
        if endless or not self.expiry_at:
            return None
        end = max(self.expiry_at, self.credit_until_at or self.expiry_at)
        slack = self.company_id.isp_deadman_slack_hours
        return fields.Datetime.add(end, hours=slack).replace(tzinfo=UTC)

    def _get_reply_attributes(self):
        """Return ``params`` as a dict of attribute → value."""
        pairs = (line.partition("=") for line in (self.params or "").splitlines())
        return {
            name.strip(): value.strip()
            for name, sign, value in pairs
            if name.strip() and sign
        }

    # === WAKING THE WORKERS === #

    def _write_multi(self, vals_list):
        """Override: whatever changes a stored fact, a recompute included, wakes the
        workers at commit; no caller has to remember."""
        changed = [
            record_id
            for record_id, vals in zip(self._ids, vals_list, strict=True)
            if not ACCESS_COLUMNS.isdisjoint(vals)
        ]
        res = super()._write_multi(vals_list)
        self.browse(changed)._mark_access_dirty()
        return res

    def _mark_access_dirty(self):
        """Have workers look at these lines once this transaction is committed."""
        if not self.ids:
            return
        precommit = self.env.cr.precommit
        if "isp.access.dirty" not in precommit.data:
            precommit.data["isp.access.dirty"] = set()
            precommit.add(self._flush_access_dirty)
        precommit.data["isp.access.dirty"].update(self.ids)

    def _flush_access_dirty(self):
        connection_ids = sorted(self.env.cr.precommit.data.pop("isp.access.dirty", ()))
        # Whoever changed a fact need not be allowed to write the workers' table.
        self.env["isp.access.dirty"].sudo()._mark(connection_ids)
        self.env["isp.gateway"].sudo()._write_local(connection_ids)
