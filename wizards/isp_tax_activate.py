from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command


class IspTaxActivate(models.TransientModel):
    """One row is an accountant's word that the rates of a tax are right.

    Until then a template is text: no tax record exists.
    """

    _name = "isp.tax.activate"
    _description = "Activate a Tax by Date"

    schedule_id = fields.Many2one(
        "isp.tax.schedule", required=True, readonly=True, ondelete="cascade"
    )
    line_ids = fields.One2many(related="schedule_id.line_ids", string="Rates")
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    like_tax_id = fields.Many2one(
        "account.tax",
        string="Books Like",
        compute="_compute_like_tax_id",
        store=True,
        readonly=False,
        domain="[('type_tax_use', '=', 'sale'), ('amount_type', '=', 'percent'), "
        "('company_id', 'parent_of', company_id)]",
        help="A tax you have: the new ones take its accounts, its boxes of the tax "
        "report and its places in fiscal positions.",
    )
    account_id = fields.Many2one(
        "account.account",
        compute="_compute_account_id",
        store=True,
        readonly=False,
        domain="[('account_type', 'in', ('liability_current', 'liability_payable'))]",
        help="Where the tax is owed until it is paid to the state.",
    )
    package_ids = fields.Many2many(
        "isp.package",
        string="Put on Packages",
        domain="[('company_id', '=', company_id)]",
        help="These packages carry the tax from now on, in place of the one it books "
        "like. Their prices stay what the client pays.",
    )
    is_confirmed = fields.Boolean(string="I have checked these rates and their days")

    # === COMPUTE === #

    @api.depends("schedule_id", "company_id")
    def _compute_like_tax_id(self):
        for wizard in self:
            tax = wizard.company_id.account_sale_tax_id
            # What enters another tax's base is no VAT: it needs an account of its own.
            fits = not wizard.schedule_id.is_in_next_base
            wizard.like_tax_id = tax if fits else False

    @api.depends("like_tax_id")
    def _compute_account_id(self):
        for wizard in self:
            repartition = wizard.like_tax_id.invoice_repartition_line_ids
            wizard.account_id = repartition.account_id[:1] or wizard.account_id

    # === ACTIONS === #

    def action_activate(self):
        """Make the taxes of a schedule, and let it decide from now on."""
        self.ensure_one()
        self._check_ready()
        # Whoever may confirm the rates need not be allowed to configure accounting.
        wizard = self.sudo().with_company(self.company_id)
        schedule = wizard._get_own_schedule()
        taxes = {}
        for line in schedule.line_ids.filtered(lambda line: not line.tax_id):
            if line.percent not in taxes:
                taxes[line.percent] = wizard._create_tax(schedule, line.percent)
            line.tax_id = taxes[line.percent]
        schedule.active = True
        wizard._put_on_packages(schedule)
        return {
            "type": "ir.actions.act_window",
            "res_model": "isp.tax.schedule",
            "res_id": schedule.id,
            "view_mode": "form",
        }

    def _check_ready(self):
        if not self.env.user.has_group("mybizna_isp.isp_group_accountant"):
            raise AccessError(self.env._("Only accountants activate taxes."))
        schedule = self.schedule_id
        name, company = schedule.name, self.company_id
        if schedule.company_id and schedule.company_id != company:
            raise UserError(
                self.env._(
                    "%(tax)s belongs to %(company)s. Activate it there.",
                    tax=name,
                    company=schedule.company_id.name,
                )
            )
        if not schedule.line_ids:
            raise UserError(
                self.env._("%(tax)s has no rates. Enter them first.", tax=name)
            )
        if not self.is_confirmed:
            raise UserError(
                self.env._(
                    "Compare the rates of %(tax)s with the law, then tick that you "
                    "have. They change, and nobody but you answers for them.",
                    tax=name,
                )
            )
        if not company.chart_template or not (self.like_tax_id or self.account_id):
            raise UserError(
                self.env._(
                    "%(company)s needs a chart of accounts, and %(tax)s an account of "
                    "it to be booked on.",
                    company=company.name,
                    tax=name,
                )
            )

    def _get_own_schedule(self):
        """Return the schedule itself, or the company's copy of a template."""
        template = self.schedule_id
        if template.company_id:
            return template
        Schedule = template.with_context(active_test=False)
        if Schedule.search_count(
            [
                ("template_id", "=", template.id),
                ("company_id", "=", self.company_id.id),
            ]
        ):
            raise UserError(
                self.env._(
                    "%(company)s has activated %(tax)s already. Change its own rates.",
                    company=self.company_id.name,
                    tax=template.name,
                )
            )
        own = template.copy({"company_id": self.company_id.id, "name": template.name})
        own.template_id = template
        return own

    # === BUSINESS === #

    def _create_tax(self, schedule, percent):
        name = f"{schedule.name} {percent:g}%"
        vals = {
            "name": name,
            "invoice_label": f"{percent:g}%",
            "amount": percent,
            "price_include_override": "tax_included",
            "include_base_amount": schedule.is_in_next_base,
            "is_base_affected": True,
            "sequence": schedule.sequence,
            "active": True,
        }
        like = self.like_tax_id
        if like:
            group = like.tax_group_id
            if percent != like.amount:
                group = group.copy({"name": name})
            # With it the copy takes over what fiscal positions turn the known tax into,
            # but not what they turn into the known tax.
            return like.copy(
                {
                    **vals,
                    "tax_group_id": group.id,
                    "original_tax_ids": False,
                    "description": False,
                }
            )
        parts = [
            Command.create({"repartition_type": "base"}),
            Command.create(
                {"repartition_type": "tax", "account_id": self.account_id.id}
            ),
        ]
        return self.env["account.tax"].create(
            {
                **vals,
                "amount_type": "percent",
                "type_tax_use": "sale",
                "company_id": self.company_id.id,
                "tax_group_id": self._create_group(name).id,
                "invoice_repartition_line_ids": parts,
                "refund_repartition_line_ids": parts,
            }
        )

    def _create_group(self, name):
        return self.env["account.tax.group"].create(
            {"name": name, "company_id": self.company_id.id}
        )

    def _put_on_packages(self, schedule):
        today = self.company_id._isp_today()
        lines = schedule.line_ids
        tax = (lines.filtered(lambda line: line._holds(today)) or lines[-1:]).tax_id
        for product in self.package_ids.product_id:
            product.taxes_id = product.taxes_id - self.like_tax_id | tax
