from odoo import api, fields, models
from odoo.exceptions import UserError

# What the engine bridges: nothing is given away.
ENGINE_KINDS = ("change", "reissue")


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
            ("reissue", "Cancelled invoice, to be billed again"),
        ],
        required=True,
        default="promise",
    )
    currency_id = fields.Many2one(related="connection_id.currency_id")
    amount = fields.Monetary(
        string="Worth",
        compute="_compute_amount",
        store=True,
        readonly=False,
        help="What this gives away: the price of its time, taxes included. For the "
        "report; it books nothing. Open ones have none until they end.",
    )

    _dates = models.Constraint(
        "CHECK (date_to IS NULL OR date_to >= date_from)",
        "An extension can't end before it begins.",
    )
    _open_idx = models.Index("(connection_id, date_from, date_to)")

    @api.model_create_multi
    def create(self, vals_list):
        extensions = super().create(vals_list)
        extensions._refuse_engine_kinds()
        return extensions

    def write(self, vals):
        """Override: what the engine bridges is ended sooner by hand, and no more."""
        if not self._only_ends(vals):
            self._refuse_engine_kinds()
        res = super().write(vals)
        if "kind" in vals:
            self._refuse_engine_kinds()
        return res

    def _only_ends(self, vals):
        end = fields.Datetime.to_datetime(vals.get("date_to"))
        return (
            vals.keys() == {"date_to"}
            and bool(end)
            and all(not row.date_to or end <= row.date_to for row in self)
        )

    def _refuse_engine_kinds(self):
        if not self.env.su and any(row.kind in ENGINE_KINDS for row in self):
            raise UserError(
                self.env._("This reason is the system's own. Choose another one.")
            )

    @api.depends("connection_id", "kind", "date_from", "date_to")
    def _compute_amount(self):
        for extension in self:
            extension.amount = extension._get_worth()

    def _get_worth(self):
        """Return the share of the price that its time is of a period.

        What was paid in the old system isn't given away, nor is what is owed.
        """
        # Who gives days need not be allowed to read what lines are billed.
        line = self.connection_id.sudo()
        if not line or not self.date_to or self.kind in ("migrated", *ENGINE_KINDS):
            return 0.0
        period = line._get_whole_period_at(self.date_from)
        price = (
            self.env["isp.billing"].sudo()._get_total([line._prepare_time_vals(period)])
        )
        length = (period.end_at - period.start_at).total_seconds()
        given = (self.date_to - self.date_from).total_seconds()
        return line.currency_id.round(price * max(given, 0.0) / length)
