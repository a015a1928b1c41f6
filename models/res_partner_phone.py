import re

from odoo import api, fields, models

from ..tools.phone import to_international

_NOT_DIGITS = re.compile(r"[^0-9]+")


class ResPartner(models.Model):
    _inherit = "res.partner"

    isp_phone = fields.Char(
        string="Phone, Digits",
        compute="_compute_isp_phone",
        store=True,
        index="btree_not_null",
        help="The phone in international digits, by which payers are found. Digits as "
        "they are where the country is not known.",
    )

    @api.depends("phone", "country_id", "company_id")
    def _compute_isp_phone(self):
        # Not Odoo's sanitized number: without an optional library it is the input.
        for partner in self:
            country = partner.country_id or partner.company_id.country_id
            country = country or self.env.company.country_id
            partner.isp_phone = (
                to_international(partner.phone or "", country.code or "")
                or _NOT_DIGITS.sub("", partner.phone or "")
                or False
            )
