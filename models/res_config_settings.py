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
    isp_settle_minutes = fields.Integer(
        related="company_id.isp_settle_minutes", readonly=False
    )
    isp_session_days = fields.Integer(
        related="company_id.isp_session_days", readonly=False
    )
    isp_attention_user_id = fields.Many2one(
        related="company_id.isp_attention_user_id", readonly=False
    )
    isp_billing_day = fields.Integer(
        related="company_id.isp_billing_day", readonly=False
    )
    isp_late_payment = fields.Selection(
        related="company_id.isp_late_payment", readonly=False
    )
    isp_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Currency of the Tolerance"
    )
    isp_tolerance = fields.Monetary(
        related="company_id.isp_tolerance",
        readonly=False,
        currency_field="isp_currency_id",
    )
    isp_one_document = fields.Boolean(
        related="company_id.isp_one_document", readonly=False
    )
    isp_first_sum = fields.Boolean(related="company_id.isp_first_sum", readonly=False)
    isp_max_open_periods = fields.Integer(
        related="company_id.isp_max_open_periods", readonly=False
    )
    isp_auto_billing = fields.Boolean(
        related="company_id.isp_auto_billing", readonly=False
    )
    isp_run_limit_percent = fields.Integer(
        related="company_id.isp_run_limit_percent", readonly=False
    )
    isp_run_limit_count = fields.Integer(
        related="company_id.isp_run_limit_count", readonly=False
    )
