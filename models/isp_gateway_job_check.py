from psycopg2 import IntegrityError

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import mute_logger, split_every

from ..tools.access_types import login_key

KEEP_DAYS = 90
# Written into as many lines in one transaction, which a scheduled action's time limits.
FETCH_LINES = 500
# Names of `Desired` → those of the connection.
KEPT_FIELDS = {
    "password": "password",
    "mac": "mac_address",
    "fixed_ip": "fixed_ip",
    "login": "username",
}


class IspGatewayJob(models.Model):
    """The questions whether a gateway works and is in step with the books."""

    _inherit = "isp.gateway.job"

    kind = fields.Selection(
        selection_add=[
            ("audit", "Comparison with the books"),
            ("dry_run", "List of what would change"),
            ("acceptance", "Acceptance test"),
            ("fetch", "Values taken into the books"),
            ("remove", "Removal of logins nobody has"),
        ],
        ondelete={
            kind: "cascade"
            for kind in ("audit", "dry_run", "acceptance", "fetch", "remove")
        },
    )
    finding_ids = fields.One2many("isp.gateway.finding", "job_id", readonly=True)
    finding_count = fields.Integer(compute="_compute_finding_count")
    is_passed = fields.Boolean(string="Passed", readonly=True)

    def _compute_finding_count(self):
        groups = self.env["isp.gateway.finding"]._read_group(
            [("job_id", "in", self.ids), ("state", "=", "open")],
            ["job_id"],
            ["__count"],
        )
        counts = {job.id: count for job, count in groups}
        for job in self:
            job.finding_count = counts.get(job.id, 0)

    @api.depends("kind", "gateway_id.name")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for job in self:
            job.display_name = f"{kinds.get(job.kind)}: {job.gateway_id.name}"

    @api.autovacuum
    def _gc_old(self):
        """Delete answers that nothing refers to any more."""
        before = fields.Datetime.subtract(fields.Datetime.now(), days=KEEP_DAYS)
        return (
            self.sudo()
            .search(
                [
                    ("state", "in", ["done", "failed"]),
                    ("done_at", "<", before),
                    ("finding_ids", "=", False),
                ],
                limit=10_000,
            )
            .unlink()
        )

    # === KINDS: a look === #

    def _prepare_audit(self):
        params = self.params or {}
        return self._prepare_look(
            self.gateway_id._take_sample() if params.get("sample") else None
        )

    def _prepare_dry_run(self):
        return self._prepare_look()

    def _prepare_look(self, sample=None):
        """Return wishes as the worker would send them, of all lines or a sample.

        :param sample: rows of isp.access
        """
        gateway = self.gateway_id
        rows, wishes = self._get_wishes(gateway, sample)
        wanted, gone, proved = {}, set(), []
        for connection_id, wish in wishes.items():
            row = rows.get(connection_id, self.env["isp.access"])
            is_here = wish["present"] and wish["gateway_id"] == gateway.id
            key = login_key(wish["login"]) if is_here else None
            names = row.logins or ()
            gone.update(name for name in names if login_key(name) != key)
            if not is_here:
                continue
            # Of two lines with one login the driver is told, which then objects.
            wanted[key if key not in wanted else f"{key} {connection_id}"] = (
                row._prepare_wish(wish, row.changed_at) if row else wish
            )
            if row.state == "applied" and row.applied == row._prepare_record(wish):
                proved.append(key)
        removals = self.env["isp.access"]._get_removals(gateway, gone, wanted)
        everything = {**removals, **wanted}
        return {
            "wishes": everything,
            "proved": proved,
            "logins": None
            if sample is None
            else [wish["login"] for wish in everything.values()],
            # What the worker is at may be in step before this look is over.
            "versions": {
                str(key): row.version
                for key, row in rows.items()
                if row.state != "pending" and not row.next_try
            },
        }

    def _get_wishes(self, gateway, sample):
        """Return rows of isp.access and wishes, both by id of the connection."""
        Access = self.env["isp.access"].sudo()
        rows = (
            Access.search([("gateway_id", "=", gateway.id)])
            if sample is None
            else sample.sudo()
        )
        connections = rows.connection_id
        if sample is None:
            connections |= connections.search(
                [
                    ("gateway_id", "=", gateway.id),
                    ("username", "!=", False),
                    ("state", "!=", "closed"),
                ]
            )
        by_connection = {row.connection_id.id: row for row in rows}
        return by_connection, connections._get_desired_access()

    def _record_audit(self, content):
        findings = self.env["isp.gateway.finding"].sudo()._take_in(self, content)
        findings._follow_policy()
        return self._describe_look(content, findings)

    def _record_dry_run(self, content):
        findings = self.env["isp.gateway.finding"].sudo()._take_in(self, content)
        return self._describe_look(content, findings)

    def _describe_look(self, content, findings):
        text = self.env._(
            "Logins on the gateway: %(logins)s. In step it will cut %(cut)s, open "
            "%(open)s, change the speed of %(speed)s and something else of %(other)s.",
            logins=content["logins"],
            **findings._count_effects(),
        )
        foreign = len(findings.filtered(lambda f: f.kind == "foreign"))
        if foreign:
            text += " " + self.env._(
                "Logins that no line has, left alone: %(count)s.", count=foreign
            )
        return text

    def _prepare_guard(self):
        """Return what a question checks that writes: a backup put back must not."""
        return self.gateway_id._prepare_guard(self.env["isp.access"])

    # === KINDS: the acceptance test === #

    def _prepare_acceptance(self):
        gateway = self.gateway_id
        database = gateway._get_database_uuid()
        packages = (
            self.env["isp.package"]
            .sudo()
            .search(["|", ("gateway_id", "=", gateway.id), ("gateway_id", "=", False)])
        )
        return {
            "login": f"isp-canary-{database[:8]}-{gateway.id}",
            "tag": f"isp:{database[:8]}:0",
            "service": packages.filtered(lambda package: package.access_kind != "none")[
                :1
            ].access_kind
            or "pppoe",
            "guard": self._prepare_guard(),
            "needs_walled": "walled" in packages.mapped("on_expiry"),
        }

    def _record_acceptance(self, content):
        self.is_passed = content["is_passed"]
        words = {
            "passed": self.env._("Passed"),
            "failed": self.env._("FAILED"),
            "skipped": self.env._("Not tested"),
        }
        # By SQL: nothing of the gateway itself has changed.
        self.env.cr.execute(
            "UPDATE isp_gateway SET accepted_at = %s WHERE id = %s",
            [fields.Datetime.now() if self.is_passed else None, self.gateway_id.id],
        )
        self.gateway_id.invalidate_recordset(["accepted_at"])
        return "\n".join(
            f"{words[step['state']]}: {step['name']}: {step['text']}"
            for step in content["steps"]
        )

    # === KINDS: values from the gateway, and logins nobody has === #

    @api.model
    def _ask_to_fetch(self, gateway, lines):
        """Have values taken over from a gateway, in jobs that end in time.

        :param list lines: as `_record_fetch` takes them
        """
        for batch in split_every(FETCH_LINES, lines, list):
            self._ask(gateway, "fetch", lines=batch)

    def _prepare_fetch(self):
        return {"logins": [login for login, *_others in self.params["lines"]]}

    def _record_fetch(self, content):
        """Write what the gateway said into connections, each by itself.

        `params["lines"]` are lists of login, id of the connection, names to take over
        and id of the finding.
        """
        done, refused = 0, []
        for login, connection_id, names, finding_id in self.params["lines"]:
            finding = self.env["isp.gateway.finding"].sudo().browse(finding_id).exists()
            connection = self.env["isp.connection"].sudo().browse(connection_id)
            error = self._take_over(
                connection.exists(), content.get(login_key(login)), names
            )
            if error:
                refused.append(f"{login}: {error}")
                continue
            finding.user_id = self.user_id
            finding._close("kept")
            done += 1
        told = [self.env._("Lines that took the gateway's values: %s.", done)]
        return "\n".join(told + refused)

    def _take_over(self, connection, facts, names):
        """Write a gateway's values into a connection; return why not, or ""."""
        if not connection:
            return self.env._("The line is gone.")
        if not facts:
            return self.env._("The gateway no longer has this login.")
        vals = {
            KEPT_FIELDS[name]: facts[name]
            for name in names
            # A password that can't be read stays what it is.
            if facts[name] or name != "password"
        }
        if not vals:
            return self.env._("The gateway doesn't show the password.")
        if "login" in names:
            vals["gateway_id"] = self.gateway_id.id
        try:
            with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                connection.write(vals)
        except UserError as error:
            return str(error)
        except IntegrityError:
            return self.env._("Another line of this gateway has this login or address.")
        connection.message_post(
            body=self.env._(
                "%(user)s took over from gateway %(gateway)s: %(names)s.",
                user=self.user_id.name,
                gateway=self.gateway_id.name,
                names=", ".join(names),
            )
        )
        return ""

    def _prepare_remove(self):
        """Only what still belongs to nobody is taken away."""
        gateway, guard = self.gateway_id, self._prepare_guard()
        if gateway.mode != "control":
            return {"logins": [], "guard": guard}
        removals = self.env["isp.access"]._get_removals(
            gateway, set(self.params["logins"]), {}
        )
        logins = [wish["login"] for wish in removals.values()]
        return {"logins": logins, "guard": guard}

    def _record_remove(self, content):
        gone = [key for key, error in content.items() if not error]
        findings = (
            self.env["isp.gateway.finding"]
            .sudo()
            .search(
                [("gateway_id", "=", self.gateway_id.id), ("state", "=", "repairing")]
            )
        )
        findings.filtered(lambda f: login_key(f.login) in gone)._close("repaired")
        errors = [error for error in content.values() if error]
        return "\n".join([self.env._("Logins removed: %s.", len(gone)), *errors])
