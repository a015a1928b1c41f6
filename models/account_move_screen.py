from odoo import fields, models


class AccountMove(models.Model):
    """The way from a document to the lines it charges."""

    _inherit = "account.move"

    isp_connection_count = fields.Integer(
        compute="_compute_isp_connection_count", groups="mybizna_isp.isp_group_user"
    )

    def _compute_isp_connection_count(self):
        for move in self:
            move.isp_connection_count = len(move.line_ids.isp_connection_id)

    def action_isp_view_connections(self):
        return self.line_ids.isp_connection_id._isp_get_list_action()
