from odoo import api, fields, models
from odoo.exceptions import UserError


class IspConnectionChangeWizard(models.TransientModel):
    """One row is a person's wish for another package, told what it costs before OK."""

    _name = "isp.connection.change.wizard"
    _description = "Change Package"

    connection_id = fields.Many2one(
        "isp.connection", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="connection_id.company_id")
    currency_id = fields.Many2one(related="connection_id.currency_id")
    package_from_id = fields.Many2one(
        related="connection_id.package_id", string="Package now"
    )
    package_id = fields.Many2one(
        "isp.package",
        string="New Package",
        compute="_compute_package_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('company_id', '=', company_id)]",
    )
    quantity = fields.Integer(
        compute="_compute_quantity", store=True, readonly=False, precompute=True
    )
    effective = fields.Selection(
        [("now", "Today"), ("next", "At the next period"), ("date", "On a day")],
        required=True,
        default="now",
    )
    date = fields.Date(
        string="First Day",
        compute="_compute_date",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        help="The first day with the new package; the old period ends the day before.",
    )
    note = fields.Char(string="Why")
    credit = fields.Monetary(string="Taken back", compute="_compute_preview")
    charge = fields.Monetary(string="Charged", compute="_compute_preview")
    difference = fields.Monetary(
        string="To pay now", compute="_compute_preview", help="Taxes included."
    )
    later = fields.Monetary(string="Booked on the day", compute="_compute_preview")
    balance = fields.Monetary(string="Balance after", compute="_compute_preview")
    preview = fields.Text(compute="_compute_preview")
    problem = fields.Char(compute="_compute_preview")

    @api.depends("connection_id")
    def _compute_package_id(self):
        for wizard in self:
            wizard.package_id = wizard.connection_id.package_id

    @api.depends("connection_id")
    def _compute_quantity(self):
        for wizard in self:
            wizard.quantity = wizard.connection_id.quantity

    @api.depends("connection_id", "effective")
    def _compute_date(self):
        for wizard in self:
            line = wizard.connection_id
            if wizard.effective == "next" and line:
                wizard.date = line.sudo()._get_next_change_day()
            elif wizard.effective == "now" or not wizard.date:
                wizard.date = line.company_id._isp_today() if line else False

    @api.depends("connection_id", "package_id", "quantity", "date")
    def _compute_preview(self):
        for wizard in self:
            preview, problem = wizard._get_preview()
            wizard.problem = problem
            wizard.preview = preview.text if preview else False
            wizard.credit = preview.credit if preview else 0.0
            wizard.charge = preview.charge if preview else 0.0
            wizard.later = preview.later if preview else 0.0
            wizard.balance = preview.balance if preview else 0.0
            wizard.difference = wizard.credit + wizard.charge

    def _get_preview(self):
        line = self.connection_id
        wanted = (self.package_id, self.quantity)
        if not (line and self.package_id and self.quantity > 0 and self.date):
            return None, False
        if wanted == (line.package_id, line.quantity):
            return None, False
        try:
            return line.sudo()._preview_change(*wanted, self.date), False
        except UserError as error:
            return None, str(error)

    def action_confirm(self):
        """Carry out what was shown."""
        self.ensure_one()
        engine = self.connection_id._get_engine()
        if not self.package_id or self.quantity < 1:
            raise UserError(
                self.env._("Choose the new package, and a quantity of 1 or more.")
            )
        engine._change_package(
            self.package_id.sudo(), self.quantity, self.date, self.note, self.preview
        )
        return {"type": "ir.actions.act_window_close"}
