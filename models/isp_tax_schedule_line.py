from odoo import api, fields, models
from odoo.exceptions import ValidationError


class IspTaxScheduleLine(models.Model):
    """One row is the rate of a tax from one day to another, both included."""

    _name = "isp.tax.schedule.line"
    _description = "Rate of a Tax by Date"
    _order = "schedule_id, date_from, id"
    _check_company_auto = True

    schedule_id = fields.Many2one(
        "isp.tax.schedule", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="schedule_id.company_id", store=True, precompute=True
    )
    date_from = fields.Date(string="From", required=True)
    date_to = fields.Date(
        string="To", help="The last day. Empty: until further notice."
    )
    percent = fields.Float(
        string="Rate (%)",
        min_display_digits=1,
        aggregator=None,
        compute="_compute_percent",
        store=True,
        readonly=False,
        precompute=True,
    )
    tax_id = fields.Many2one(
        "account.tax",
        index="btree_not_null",
        ondelete="restrict",
        copy=False,
        check_company=True,
        domain="[('type_tax_use', '=', 'sale'), ('amount_type', '=', 'percent')]",
        help="What is charged on these days. A template has none: activating it makes "
        "them.",
    )

    _dates = models.Constraint(
        "CHECK (date_to >= date_from)", "A rate can't end before it begins."
    )
    _percent_range = models.Constraint(
        "CHECK (percent BETWEEN 0 AND 100)", "A rate lies between 0 and 100 %."
    )
    _no_overlap = models.Constraint(
        "EXCLUDE USING gist (int4range(schedule_id, schedule_id, '[]') WITH &&, "
        "daterange(date_from, date_to, '[]') WITH &&)",
        "Two rates of one tax can't be valid on the same day. End the earlier one the "
        "day before the next begins.",
    )

    @api.depends("tax_id.amount")
    def _compute_percent(self):
        for line in self:
            line.percent = line.tax_id.amount if line.tax_id else line.percent

    @api.constrains("tax_id", "percent")
    def _check_tax(self):
        for line in self.filtered("tax_id"):
            tax = line.tax_id
            fits = tax.type_tax_use == "sale" and tax.amount_type == "percent"
            if not fits or round(tax.amount - line.percent, 4):
                raise ValidationError(
                    self.env._(
                        "%(schedule)s: the tax %(tax)s is not a percentage on sales of "
                        "%(percent)s %%. Choose one that is.",
                        schedule=line.schedule_id.name,
                        tax=tax.display_name,
                        percent=f"{line.percent:g}",
                    )
                )

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        self.env.registry.clear_cache()
        lines = super().create(vals_list)
        lines._log(self.env._("Added"))
        return lines

    def write(self, vals):
        self.env.registry.clear_cache()
        res = super().write(vals)
        self._log(self.env._("Changed"))
        return res

    def unlink(self):
        self.env.registry.clear_cache()
        self._log(self.env._("Deleted"))
        return super().unlink()

    def _log(self, what):
        for line in self.filtered("company_id"):
            line.schedule_id.message_post(
                body=self.env._(
                    "%(what)s: %(percent)s %% from %(start)s to %(end)s",
                    what=what,
                    percent=f"{line.percent:g}",
                    start=line.date_from,
                    end=line.date_to or "…",
                )
            )

    # === BUSINESS === #

    def _holds(self, day):
        """Whether this rate is valid on a day."""
        self.ensure_one()
        return bool(self.date_from and self.date_from <= day <= (self.date_to or day))
