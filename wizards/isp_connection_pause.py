from odoo import api, fields, models
from odoo.exceptions import UserError


class IspConnectionPause(models.TransientModel):
    """One row is a person's wish to pause a line, told what is credited before OK."""

    _name = "isp.connection.pause"
    _description = "Pause a Connection"

    connection_id = fields.Many2one(
        "isp.connection", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="connection_id.company_id")
    currency_id = fields.Many2one(related="connection_id.currency_id")
    date_from = fields.Date(
        string="From",
        required=True,
        default=lambda self: self.env.company._isp_today(),
        help="The first day that costs nothing.",
    )
    date_to = fields.Date(
        string="Through", help="The last day off. Empty: until it is resumed."
    )
    note = fields.Char(string="Why")
    amount = fields.Monetary(string="Given back", compute="_compute_preview")
    preview = fields.Text(compute="_compute_preview")

    @api.depends("connection_id", "date_from", "date_to")
    def _compute_preview(self):
        for pause in self:
            pause.amount, pause.preview = 0.0, False
            if pause.connection_id and pause.date_from:
                line = pause.connection_id.sudo()
                total, text = line._preview_pause(pause.date_from, pause.date_to)
                pause.amount, pause.preview = -total, text

    def action_confirm(self):
        self.ensure_one()
        self.connection_id._get_engine()
        if self.date_from < self.company_id._isp_today():
            raise UserError(self.env._("A pause can't begin in the past. Take today."))
        if self.date_to and self.date_to < self.date_from:
            raise UserError(self.env._("A pause can't end before it begins."))
        self.connection_id._pause(self.date_from, self.date_to, self.note)
        return {"type": "ir.actions.act_window_close"}
