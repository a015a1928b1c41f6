from odoo import api, models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    @api.model_create_multi
    def create(self, vals_list):
        """Override so that each client who pays has a contract, which is filled in."""
        partners = {
            vals.get("partner_id")
            for vals in vals_list
            if vals.get("partner_type", "customer") == "customer"
        }
        for partner in self.env["res.partner"].browse(filter(None, partners)):
            self.env["isp.contract"]._stamp_get(
                partner.commercial_partner_id, self.env.company
            )
        return super().create(vals_list)
