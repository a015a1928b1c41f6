from odoo import fields, models


class IspAccessCut(models.TransientModel):
    """One row is a person's decision on lines that would be cut at once."""

    _name = "isp.access.cut"
    _description = "Cuts that Wait"

    gateway_id = fields.Many2one(
        "isp.gateway", required=True, readonly=True, ondelete="cascade"
    )
    access_ids = fields.Many2many("isp.access", string="Lines", readonly=True)
    count = fields.Integer(compute="_compute_count")

    def _compute_count(self):
        for choice in self:
            choice.count = len(choice.access_ids)

    def action_cut(self):
        """Let the listed lines be cut; what came to wait since then goes on waiting."""
        self.ensure_one()
        gateway = self.gateway_id
        gateway.check_access("write")
        # Rows are the worker's alone: all that is written is a wake-up.
        self.env["isp.access.dirty"].sudo()._mark(
            self.access_ids.connection_id.ids, allowed=True
        )
        gateway.message_post(
            body=self.env._(
                "%(user)s let %(count)s lines be cut: %(logins)s",
                user=self.env.user.name,
                count=self.count,
                logins=", ".join(self.access_ids.mapped("login")),
            )
        )
        # Asked again at once where more has come to wait meanwhile.
        gateway._postpone_question()
        gateway.cuts_asked_at = False
        return {"type": "ir.actions.act_window_close"}

    def action_not_now(self):
        """Leave the listed lines on; the question comes again in a day."""
        self.ensure_one()
        gateway = self.gateway_id
        gateway.check_access("write")
        gateway.message_post(
            body=self.env._(
                "%(user)s left %(count)s lines on that would have been cut.",
                user=self.env.user.name,
                count=self.count,
            )
        )
        gateway._postpone_question()
        return {"type": "ir.actions.act_window_close"}
