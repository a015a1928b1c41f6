from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date, ormcache


class IspTaxSchedule(models.Model):
    """One row is a tax whose rate changes on known days.

    A product that carries the tax of any of its rates is charged the one that was
    valid on the day of the service. Without a company it is a template and charges
    nothing.
    """

    _name = "isp.tax.schedule"
    _description = "Tax by Date"
    _inherit = ["mail.thread"]
    _order = "sequence, name, id"

    name = fields.Char(required=True)
    active = fields.Boolean(
        default=False,
        copy=False,
        tracking=True,
        help="Only active ones decide what products are charged.",
    )
    sequence = fields.Integer(
        default=10, help="Taxes made from it are computed in this order."
    )
    company_id = fields.Many2one(
        "res.company",
        index="btree_not_null",
        default=lambda self: self.env.company,
        help="Empty: a template, that any company can activate for itself.",
    )
    template_id = fields.Many2one(
        "isp.tax.schedule",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    is_in_next_base = fields.Boolean(
        string="In the Base of Later Taxes",
        help="Taxes made from it enter the base of those computed after it, as excise "
        "enters the base of VAT.",
    )
    line_ids = fields.One2many("isp.tax.schedule.line", "schedule_id", copy=True)
    current_percent = fields.Float(
        string="Rate Today (%)", compute="_compute_current", min_display_digits=1
    )
    is_complete = fields.Boolean(compute="_compute_is_complete")

    _template_uniq = models.UniqueIndex(
        "(company_id, template_id) WHERE template_id IS NOT NULL",
        "This company has activated that template already.",
    )

    # === COMPUTE === #

    @api.depends("line_ids.date_from", "line_ids.date_to", "line_ids.percent")
    @api.depends_context("company")
    def _compute_current(self):
        for schedule in self:
            today = (schedule.company_id or self.env.company)._isp_today()
            line = schedule.line_ids.filtered(lambda ln, day=today: ln._holds(day))
            schedule.current_percent = line[:1].percent

    @api.depends("company_id", "line_ids.tax_id")
    def _compute_is_complete(self):
        for schedule in self:
            schedule.is_complete = bool(
                schedule.company_id
                and schedule.line_ids
                and all(line.tax_id for line in schedule.line_ids)
            )

    # === CONSTRAINTS === #

    @api.constrains("line_ids", "active")
    def _check_no_gap(self):
        for schedule in self:
            lines = schedule.line_ids.sorted("date_from")
            for line, after in zip(lines, lines[1:], strict=False):
                if line.date_to and line.date_to + timedelta(days=1) < after.date_from:
                    raise ValidationError(
                        self.env._(
                            "%(tax)s has no rate from %(start)s to %(end)s. Let the "
                            "rates meet; where nothing is due, give a rate of 0 %%.",
                            tax=schedule.name,
                            start=format_date(
                                self.env, line.date_to + timedelta(days=1)
                            ),
                            end=format_date(
                                self.env, after.date_from - timedelta(days=1)
                            ),
                        )
                    )

    @api.constrains("active", "company_id", "line_ids")
    def _check_complete(self):
        for schedule in self:
            if schedule.active and not schedule.is_complete:
                raise ValidationError(
                    self.env._(
                        "%(tax)s can't be active: it needs a company, and a tax for "
                        "each rate. Press Activate, or choose the taxes.",
                        tax=schedule.name,
                    )
                )

    @api.constrains("active", "line_ids")
    def _check_tax_has_one_schedule(self):
        for schedule in self.filtered("active"):
            other = self.search(
                [
                    ("id", "!=", schedule.id),
                    ("line_ids.tax_id", "in", schedule.line_ids.tax_id.ids),
                ],
                limit=1,
            )
            if other:
                raise ValidationError(
                    self.env._(
                        "%(tax)s and %(other)s share a tax: its rate on a day would be "
                        "told twice. Take it off one of them.",
                        tax=schedule.name,
                        other=other.name,
                    )
                )

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        self.env.registry.clear_cache()
        return super().create(vals_list)

    def write(self, vals):
        self.env.registry.clear_cache()
        return super().write(vals)

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()

    # === ACTIONS === #

    def action_activate(self):
        """Ask the accountant to confirm the rates, then make the taxes."""
        self.ensure_one()
        if self.is_complete:
            self.active = True
            return None
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Activate %s", self.name),
            "res_model": "isp.tax.activate",
            "view_mode": "form",
            "target": "new",
            "context": {"default_schedule_id": self.id},
        }

    # === BUSINESS === #

    @api.model
    def _map_on(self, taxes, day, company):
        """Return the taxes that stand for these on a day.

        :param taxes: account.tax records that a product carries
        :param date day: a service date in the company's time zone
        :param company: res.company record
        :return: account.tax records; those of no schedule stay as they are
        :raise UserError: when a schedule has no rate on that day
        """
        rates = self._get_rates(company.id)
        if not rates:
            return taxes
        found = []
        for tax in taxes:
            if tax.id not in rates:
                found.append(tax.id)
                continue
            schedule_id, spans = rates[tax.id]
            valid = [span[2] for span in spans if span[0] <= day <= (span[1] or day)]
            if not valid:
                self.sudo().browse(schedule_id)._refuse_day(day)
            found += valid
        return self.env["account.tax"].browse(dict.fromkeys(found))

    @api.model
    @ormcache("company_id")
    def _get_rates(self, company_id):
        """Return {tax id: (schedule id, ((date_from, date_to, tax id), …))}."""
        companies = self.env["res.company"].sudo().browse(company_id).parent_ids
        schedules = self.sudo().search([("company_id", "in", companies.ids)])
        rates = {}
        for schedule in schedules:
            spans = tuple(
                (line.date_from, line.date_to or None, line.tax_id.id)
                for line in schedule.line_ids
            )
            for tax in schedule.line_ids.tax_id:
                rates[tax.id] = (schedule.id, spans)
        return rates

    def _refuse_day(self, day):
        raise UserError(
            self.env._(
                "%(tax)s has no rate on %(date)s, the day of the service. Add one "
                "under Taxes by Date; where nothing is due, a rate of 0 %%.",
                tax=self.name,
                date=format_date(self.env, day),
            )
        )
