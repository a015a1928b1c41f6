from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    isp_tz = fields.Selection(related="company_id.isp_tz", readonly=False)
    isp_billing_lead_days = fields.Integer(
        related="company_id.isp_billing_lead_days", readonly=False
    )
    isp_deadman_slack_hours = fields.Integer(
        related="company_id.isp_deadman_slack_hours", readonly=False
    )
    isp_attention_user_id = fields.Many2one(
        related="company_id.isp_attention_user_id", readonly=False
    )
