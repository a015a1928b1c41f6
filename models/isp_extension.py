from odoo import fields, models


class IspExtension(models.Model):
    """One row is one reason why a connection is on without money."""

    _name = "isp.extension"
    _inherit = ["isp.span.mixin"]
    _description = "Extension"

    kind = fields.Selection(
        [
            ("promise", "Promise to pay"),
            ("free", "Free days"),
            ("outage", "Outage made good"),
            ("holiday", "Holiday"),
            ("migrated", "Paid until, from the old system"),
            ("held", "Cut held"),
            ("change", "Difference of a change, not due yet"),
        ],
        required=True,
        default="promise",
    )
    currency_id = fields.Many2one(related="connection_id.currency_id")
    amount = fields.Monetary(
        string="Worth", help="What this gives away, for the report; it books nothing."
    )

    _dates = models.Constraint(
        "CHECK (date_to IS NULL OR date_to >= date_from)",
        "An extension can't end before it begins.",
    )
    _open_idx = models.Index("(connection_id, date_from, date_to)")
