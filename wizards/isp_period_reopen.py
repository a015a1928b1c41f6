from odoo import fields, models
from odoo.exceptions import AccessError


class IspPeriodReopen(models.TransientModel):
    """One row is a manager's reason to open a closed period again."""

    _name = "isp.period.reopen"
    _description = "Reopen a Reporting Period"

    period_id = fields.Many2one("isp.period", required=True, ondelete="cascade")
    reason = fields.Char(required=True)

    def action_reopen(self):
        self.ensure_one()
        if not self.env.user.has_group("mybizna_isp.isp_group_manager"):
            raise AccessError(
                self.env._("Only back-office admins reopen reporting periods.")
            )
        self.period_id.check_access("write")
        self.period_id._reopen(self.reason)
        return {"type": "ir.actions.act_window_close"}
