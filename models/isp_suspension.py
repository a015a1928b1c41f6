from odoo import fields, models


class IspSuspension(models.Model):
    """One row is one reason why a connection is off, from when to when."""

    _name = "isp.suspension"
    _inherit = ["isp.span.mixin", "isp.system.fields.mixin"]
    _system_fields = frozenset({"pause_state"})
    _description = "Suspension"
    _kind_field = "reason"

    reason = fields.Selection(
        [
            ("manual", "Switched off by hand"),
            ("paused", "Paused at the client's wish"),
            ("quota", "Quota used up"),
        ],
        required=True,
        default="manual",
        help="A payment lifts none of these: only the reason 'unpaid', which needs "
        "no row because it follows from the invoices.",
    )

    _dates = models.Constraint(
        "CHECK (date_to IS NULL OR date_to >= date_from)",
        "A suspension can't end before it begins.",
    )
    _open_idx = models.Index("(connection_id, date_from, date_to)")
