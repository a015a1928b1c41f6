from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from .isp_gateway import LINK_FIELDS

# A list of what taking control does is believed for this long.
LOOK_HOURS = 1
LOOKS = ("dry_run", "audit")
SAMPLE_LEAST, SAMPLE_PERCENT = 50, 5


class IspGateway(models.Model):
    """What a person asks of a gateway: does it work, and is it in step?"""

    _inherit = "isp.gateway"

    audit_policy = fields.Selection(
        [
            ("report", "Report only"),
            ("repair", "Repair"),
            ("keep", "Keep the gateway's"),
        ],
        string="When It Differs",
        required=True,
        default="report",
        tracking=True,
        help="What the nightly audit does where the gateway is not as the books say. "
        "Repair: write what the books say. Keep: take password, device and fixed "
        "address over into the books; all else is only reported.",
    )
    job_ids = fields.One2many("isp.gateway.job", "gateway_id", string="Questions")
    running_job_id = fields.Many2one(
        "isp.gateway.job", string="Being Asked", compute="_compute_running_job"
    )
    running_progress = fields.Integer(compute="_compute_running_job")
    finding_count = fields.Integer(compute="_compute_finding_count")
    step_percent = fields.Float(
        string="In Step",
        compute="_compute_step_percent",
        help="Share of the logins that were read back as the books say.",
    )
    accepted_at = fields.Datetime(
        string="Acceptance Passed",
        readonly=True,
        copy=False,
        help="When a canary login was last made, changed and removed on this gateway "
        "without a fault. Empty since its settings were changed.",
    )
    sample_place = fields.Integer(readonly=True, copy=False)

    # === COMPUTE === #

    def _compute_running_job(self):
        jobs = self.env["isp.gateway.job"].search(
            [("gateway_id", "in", self.ids), ("state", "in", ["waiting", "running"])],
            order="id desc",
        )
        by_gateway = {job.gateway_id: job for job in jobs}
        for gateway in self:
            job = by_gateway.get(gateway, jobs.browse())
            gateway.running_job_id = job
            gateway.running_progress = job.progress

    def _compute_finding_count(self):
        groups = self.env["isp.gateway.finding"]._read_group(
            [("gateway_id", "in", self.ids), ("state", "=", "open")],
            ["gateway_id"],
            ["__count"],
        )
        counts = {gateway.id: count for gateway, count in groups}
        for gateway in self:
            gateway.finding_count = counts.get(gateway.id, 0)

    @api.depends("access_count", "waiting_count", "attention_count")
    def _compute_step_percent(self):
        for gateway in self:
            count = gateway.access_count
            late = gateway.waiting_count + gateway.attention_count
            gateway.step_percent = 100 * (count - late) / count if count else 100

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_mode_vals(vals)
        return super().create(vals_list)

    def write(self, vals):
        """Override: control is taken in one way, and a test is of one device."""
        self._check_mode_vals(vals)
        if not (LINK_FIELDS - {"mode", "active"}).isdisjoint(vals):
            vals = {**vals, "accepted_at": False}
            self._outdate_jobs()
        if "by_sql_file" in vals and not vals["by_sql_file"]:
            # Nobody has tested what is connected to now.
            self.filtered("by_sql_file").action_watch_only()
        return super().write(vals)

    def _outdate_jobs(self):
        """Let no answer count that is of the settings before."""
        looks = Domain("kind", "in", LOOKS) & Domain("state", "=", "done")
        jobs = self.env["isp.gateway.job"].sudo()
        jobs.search(
            Domain("gateway_id", "in", self.ids)
            & (looks | Domain("state", "=", "running"))
        ).is_outdated = True

    def _check_mode_vals(self, vals):
        if self.env.su:
            return
        if vals.get("accepted_at"):
            raise UserError(
                self.env._(
                    "That an acceptance test has passed isn't set by hand. Press "
                    "Acceptance Test on the gateway."
                )
            )
        if vals.get("mode") == "control":
            raise UserError(
                self.env._(
                    "Control of a gateway isn't set by hand. Press Take Control on it, "
                    "which first tells by name what will change."
                )
            )

    # === ACTIONS === #

    def action_take_control(self):
        """Show by name what taking control does; a person then decides."""
        self.ensure_one()
        self.check_access("write")
        return self._open_dialogue("isp.gateway.control", self.env._("Take Control"))

    def action_import(self):
        """Show the logins that no line has, with the lines they may belong to."""
        self.ensure_one()
        self.check_access("write")
        return self._open_dialogue("isp.gateway.import", self.env._("Import Logins"))

    def action_dry_run(self):
        """Have all that would be sent to these gateways listed; nothing is sent."""
        return self._ask_each("dry_run")

    def action_audit(self):
        """Have these gateways compared with the books, login by login."""
        return self._ask_each("audit")

    def action_acceptance(self):
        """Have a canary login made, changed and removed on these gateways."""
        return self._ask_each("acceptance")

    def action_view_findings(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_gateway_finding_action"
        )
        action["domain"] = [("gateway_id", "=", self.id)]
        return action

    def action_view_jobs(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_gateway_job_action"
        )
        action["domain"] = [("gateway_id", "=", self.id)]
        return action

    # === BUSINESS === #

    def _open_dialogue(self, model, name):
        wizard = self.env[model].create({"gateway_id": self.id})
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "res_id": wizard.id,
            "view_mode": "form",
            "target": "new",
        }

    def _ask_each(self, kind, **params):
        self.check_access("write")
        for gateway in self:
            gateway._check_connectable()
            gateway.env["isp.gateway.job"]._ask(gateway, kind, **params)
        return self._notify(
            self.env._("The gateway is being asked. Reload in a few seconds.")
        )

    def _get_last_look(self):
        """Return the last whole look at this gateway, if it is fresh enough."""
        self.ensure_one()
        jobs = self.env["isp.gateway.job"].search(
            [
                ("gateway_id", "=", self.id),
                ("kind", "in", LOOKS),
                ("state", "=", "done"),
                ("is_outdated", "=", False),
                ("done_at", ">", fields.Datetime.now() - timedelta(hours=LOOK_HOURS)),
            ],
            order="done_at desc, id desc",
        )
        return jobs.filtered(lambda job: not (job.params or {}).get("sample"))[:1]

    # === CRON === #

    @api.model
    def _get_audited_domain(self):
        return (
            Domain("by_sql_file", "=", False)
            & (Domain("ip_address", "!=", False) | Domain("type", "=", "radius_local"))
            & Domain("state", "not in", ["auth_error", "config_error"])
        )

    @api.model
    def _cron_audit(self):
        """Compare every gateway with the books, once a night."""
        for gateway in self.search(self._get_audited_domain()):
            self.env["isp.gateway.job"]._ask(gateway, "audit")

    @api.model
    def _cron_sample(self):
        """Compare some logins of every gateway, so that all have their turn."""
        domain = self._get_audited_domain() & Domain("mode", "=", "control")
        for gateway in self.search(domain):
            self.env["isp.gateway.job"]._ask(gateway, "audit", sample=True)

    def _take_sample(self):
        """Return the next rows of `isp.access` to look at, and remember the place."""
        self.ensure_one()
        Access = self.env["isp.access"].sudo()
        domain = Domain("gateway_id", "=", self.id)
        count = max(SAMPLE_LEAST, Access.search_count(domain) * SAMPLE_PERCENT // 100)
        place = Domain("id", ">", self.sample_place)
        rows = Access.search(domain & place, order="id", limit=count)
        if len(rows) < count:
            rows |= Access.search(domain, order="id", limit=count - len(rows))
        # Only the place in a list: not a change of the gateway.
        self.env.cr.execute(
            "UPDATE isp_gateway SET sample_place = %s WHERE id = %s",
            [rows[-1:].id or 0, self.id],
        )
        self.invalidate_recordset(["sample_place"])
        return rows
