from odoo import fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    isp_contract_ids = fields.One2many("isp.contract", "partner_id")
    isp_connection_ids = fields.One2many("isp.connection", "partner_id")
    isp_contract_count = fields.Integer(
        compute="_compute_isp_counts", groups="mybizna_isp.isp_group_user"
    )
    isp_connection_count = fields.Integer(
        compute="_compute_isp_counts", groups="mybizna_isp.isp_group_user"
    )

    def _compute_isp_counts(self):
        contracts = self.env["isp.contract"]._read_group(
            [("partner_id", "in", self.ids)], ["partner_id"], ["__count"]
        )
        connections = self.env["isp.connection"]._read_group(
            [("partner_id", "in", self.ids)], ["partner_id"], ["__count"]
        )
        contract_counts = {partner.id: count for partner, count in contracts}
        connection_counts = {partner.id: count for partner, count in connections}
        for partner in self:
            partner.isp_contract_count = contract_counts.get(partner.id, 0)
            partner.isp_connection_count = connection_counts.get(partner.id, 0)

    def action_isp_view_connections(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_connection_action"
        )
        action["domain"] = [("partner_id", "=", self.id)]
        action["context"] = {"default_partner_id": self.id}
        return action

    def action_isp_view_contracts(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_contract_action"
        )
        action["domain"] = [("partner_id", "=", self.id)]
        action["context"] = {"default_partner_id": self.id}
        return action
