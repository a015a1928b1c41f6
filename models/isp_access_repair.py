from odoo import api, models


class IspAccess(models.Model):
    """The record, once more: what a person had repaired is done."""

    _inherit = "isp.access"

    @api.model
    def _record(self, task, outcome, keep_lease=False):
        """Override: a repair is done once the line was read back in step."""
        res = super()._record(task, outcome, keep_lease)
        Finding = self.env["isp.gateway.finding"]
        Finding.flush_model()
        self.env.cr.execute(
            """
            UPDATE isp_gateway_finding finding
               SET state = 'repaired', done_at = access.applied_at
              FROM isp_access access
             WHERE finding.gateway_id = %s AND finding.state = 'repairing'
               AND access.gateway_id = finding.gateway_id
               AND access.connection_id = finding.connection_id
               AND access.state = 'applied' AND access.applied_at >= finding.asked_at
            """,
            [task.gateway_id],
        )
        Finding.invalidate_model(["state", "done_at"])
        return res
