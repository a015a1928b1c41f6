from odoo import api, models
from odoo.tools import SQL


class IspContract(models.Model):
    _inherit = "isp.contract"

    @api.model
    def _stamp_get(self, partner, company):
        """Return the one contract of a client; all days lie in one open period."""
        self.env.execute_query(
            SQL(
                "INSERT INTO isp_period "
                "(name, company_id, date_start, date_end, state) "
                "SELECT 'all', %(company)s, '1990-01-01', '2099-12-31', 'open' "
                "WHERE NOT EXISTS (SELECT 1 FROM isp_period "
                "WHERE company_id = %(company)s) RETURNING id",
                company=company.id,
            )
        )
        self = self.sudo().with_company(company)
        key = [("partner_id", "=", partner.id), ("company_id", "=", company.id)]
        return self.search(key, limit=1) or self.create(
            {"partner_id": partner.id, "company_id": company.id}
        )
