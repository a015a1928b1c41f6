from odoo import api, fields, models
from odoo.exceptions import UserError


class IspGatewayControl(models.TransientModel):
    """One row is a person's wish to take control, told by name what will change."""

    _name = "isp.gateway.control"
    _description = "Take Control of a Gateway"

    gateway_id = fields.Many2one(
        "isp.gateway", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="gateway_id.company_id")
    by_sql_file = fields.Boolean(related="gateway_id.by_sql_file")
    accepted_at = fields.Datetime(related="gateway_id.accepted_at")
    job_id = fields.Many2one("isp.gateway.job", compute="_compute_look")
    looked_at = fields.Datetime(string="Listed", compute="_compute_look")
    obstacle = fields.Text(compute="_compute_look")
    headline = fields.Char(compute="_compute_findings")
    cut_count = fields.Integer(compute="_compute_findings")
    open_count = fields.Integer(compute="_compute_findings")
    speed_count = fields.Integer(compute="_compute_findings")
    other_count = fields.Integer(compute="_compute_findings")
    cut_ids = fields.Many2many("isp.gateway.finding", compute="_compute_findings")
    open_ids = fields.Many2many("isp.gateway.finding", compute="_compute_findings")
    speed_ids = fields.Many2many("isp.gateway.finding", compute="_compute_findings")
    other_ids = fields.Many2many("isp.gateway.finding", compute="_compute_findings")

    @api.depends("gateway_id")
    def _compute_look(self):
        for wizard in self:
            job = wizard.gateway_id._get_last_look()
            wizard.job_id = job
            wizard.looked_at = job.done_at
            wizard.obstacle = wizard._get_obstacle(job)

    def _get_obstacle(self, job):
        """Return what has to come first, in words, or False."""
        if self.by_sql_file:
            return False
        if not self.accepted_at:
            return self.env._(
                "The acceptance test has not passed with the settings as they are. "
                "Press Acceptance Test on the gateway."
            )
        if not job:
            return self.env._(
                "Nobody has looked within the last hour what would change. Press List "
                "Changes on the gateway."
            )
        return False

    @api.depends("gateway_id")
    def _compute_findings(self):
        for wizard in self:
            findings = wizard.job_id.finding_ids.filtered(
                lambda finding: finding.state in ("open", "ignored")
            )
            for effect in ("cut", "open", "speed", "other"):
                found = findings.filtered(lambda f, effect=effect: f.effect == effect)
                wizard[f"{effect}_ids"] = found
                wizard[f"{effect}_count"] = len(found)
            wizard.headline = self.env._(
                "Will cut %(cut)s, open %(open)s, change the speed of %(speed)s",
                **findings._count_effects(),
            )

    def action_dry_run(self):
        return self.gateway_id.action_dry_run()

    def action_acceptance(self):
        return self.gateway_id.action_acceptance()

    def action_confirm(self):
        self.ensure_one()
        if self.obstacle:
            raise UserError(self.obstacle)
        self.gateway_id._take_control()
        return {"type": "ir.actions.client", "tag": "soft_reload"}
