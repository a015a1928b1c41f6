from odoo import api, models


class AccountMove(models.Model):
    _inherit = "account.move"

    @api.model_create_multi
    def create(self, vals_list):
        """Override to put customer documents on a contract as soon as they are made."""
        moves = super().create([self._stamp_vals(vals) for vals in vals_list])
        moves._stamp()
        return moves

    def _post(self, soft=True):
        """Override to stamp those that got their client later, and to count."""
        self._stamp()
        posted = super()._post(soft=soft)
        for _move in posted.filtered("isp_is_ledger"):
            self.env.cr.execute("SELECT nextval('isp_stamp_posted')")
        return posted

    @api.model
    def _stamp_vals(self, vals):
        """Return the values of an invoice with its client's contract, as ours have."""
        default = self.env.context.get("default_move_type", "entry")
        if vals.get("move_type", default) not in self.get_sale_types(True):
            return vals
        journal = self.env["account.journal"].browse(vals.get("journal_id"))
        company = (
            self.env["res.company"].browse(vals.get("company_id"))
            or journal.company_id
            or self.env.company
        )
        own = company.currency_id.id
        currency_id = vals.get("currency_id") or journal.currency_id.id or own
        partner = self.env["res.partner"].browse(vals.get("partner_id"))
        if not partner or currency_id != own or vals.get("isp_contract_id"):
            return vals
        contract = self.env["isp.contract"]._stamp_get(
            partner.commercial_partner_id, company
        )
        return {**vals, "isp_contract_id": contract.id}

    def _stamp(self):
        Contract = self.env["isp.contract"]
        for move in self:
            is_own_currency = move.currency_id == move.company_id.currency_id
            if move.state != "draft" or not is_own_currency:
                continue
            if move.is_sale_document(include_receipts=True):
                partner = move.commercial_partner_id
                if partner and not move.isp_contract_id:
                    move.isp_contract_id = Contract._stamp_get(partner, move.company_id)
            elif move.move_type == "entry" and not move.statement_line_id:
                for line in move._stamp_find_lines():
                    line.isp_contract_id = Contract._stamp_get(
                        line.partner_id.commercial_partner_id, move.company_id
                    )

    def _stamp_find_lines(self):
        """Return the receivables of clients that name no contract yet."""
        return self.line_ids.filtered(
            lambda line: (
                line.account_type == "asset_receivable"
                and line.partner_id
                and line.currency_id == line.company_currency_id
                and not line.isp_contract_id
            )
        )
