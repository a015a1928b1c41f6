from odoo import fields, models

from ..tools.periods import Cycle


class IspBillingCycle(models.Model):
    """One row is the length of a service period."""

    _name = "isp.billing.cycle"
    _description = "Billing Cycle"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    description = fields.Text(translate=True)
    sequence = fields.Integer(default=10)
    duration = fields.Integer(
        required=True,
        default=1,
        help="How many hours, days, weeks or months one period lasts.",
    )
    duration_type = fields.Selection(
        [
            ("hours", "Hours"),
            ("days", "Days"),
            ("weeks", "Weeks"),
            ("months", "Months"),
        ],
        string="Unit",
        required=True,
        default="months",
        help="Months keep their day: 31 January, 28 February, 31 March.",
    )
    active = fields.Boolean(
        default=True,
        help="An archived cycle can't be chosen any more; packages that have it "
        "keep it.",
    )

    _duration_positive = models.Constraint(
        "CHECK (duration > 0)", "The duration of a billing cycle must be at least 1."
    )

    def _get_rule(self, day=0):
        """Return this cycle as the arithmetic of `tools.periods`.

        :param int day: the day of the month that its months begin; 0 for the anchor's
        """
        self.ensure_one()
        return Cycle(
            self.duration,
            self.duration_type,
            day if self.duration_type == "months" else 0,
        )
