from odoo import api, fields, models


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

    isp_balance = fields.Monetary(
        string="Balance",
        compute="_compute_isp_money",
        groups="mybizna_isp.isp_group_user",
        help="The client's money with us over all contracts; below zero, what the "
        "client owes.",
    )
    isp_credit_limit = fields.Monetary(
        string="Limit of Contracts",
        compute="_compute_isp_money",
        groups="mybizna_isp.isp_group_user",
    )
    isp_credit_due = fields.Date(
        string="Credit Due by",
        compute="_compute_isp_money",
        groups="mybizna_isp.isp_group_user",
        help="The first day on which credit of a contract has to be paid back.",
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

    @api.depends_context("company")
    def _compute_isp_money(self):
        groups = self.env["isp.contract"]._read_group(
            [
                ("partner_id", "in", self.ids),
                ("company_id", "in", self.env.company.ids),
            ],
            ["partner_id", "has_credit_limit"],
            ["balance:sum", "credit_limit:sum", "credit_due:min"],
        )
        empty = dict.fromkeys(self.ids, 0.0)
        balances, limits, dues = dict(empty), dict(empty), {}
        for partner, has_limit, balance, limit, due in groups:
            balances[partner.id] += balance
            if has_limit:
                limits[partner.id] += limit
                dues[partner.id] = due
        for partner in self:
            partner.isp_balance = balances.get(partner.id, 0.0)
            partner.isp_credit_limit = limits.get(partner.id, 0.0)
            partner.isp_credit_due = dues.get(partner.id, False)

    @api.model_create_multi
    def create(self, vals_list):
        """Override: who is registered in Clients gets a contract, and so an account
        number, at once."""
        partners = super().create(vals_list)
        if self.env.context.get("isp_open_contract"):
            clients = partners.filtered(lambda p: not p.parent_id)
            # The context is for this partner, not for what its contract creates.
            Contract = self.env["isp.contract"].with_context(isp_open_contract=False)
            Contract.create([{"partner_id": client.id} for client in clients])
        return partners

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
