from odoo import api, fields, models
from odoo.exceptions import UserError


class IspConnection(models.Model):
    """What a new line gets by itself: contract, site, set-up items."""

    _inherit = "isp.connection"

    @api.model
    def _complete_contract_vals(self, vals):
        """Give a new line its contract and site, opening them where there is none."""
        if vals.get("site_id") and not vals.get("contract_id"):
            site = self.env["isp.site"].browse(vals["site_id"])
            vals["contract_id"] = site.contract_id.id
        partner = self.env["res.partner"].browse(vals.get("partner_id"))
        company_id = vals.get("company_id") or self.env.company.id
        if not vals.get("contract_id"):
            vals["contract_id"] = self._get_or_create_contract(partner, company_id).id
        contract = self.env["isp.contract"].browse(vals["contract_id"])
        if contract.state == "closed":
            raise UserError(
                self.env._(
                    "Contract %s is closed: reopen it, or open a new one.",
                    contract.name,
                )
            )
        vals["company_id"] = contract.company_id.id
        vals["partner_id"] = contract.partner_id.id
        # Not the day of the company that the user happens to work in.
        vals["date_start"] = vals.get("date_start") or contract.company_id._isp_today()
        if not vals.get("site_id"):
            site = contract.site_ids[:1]
            if not site:
                site = self.env["isp.site"].create({"contract_id": contract.id})
            vals["site_id"] = site.id

    @api.model
    def _get_or_create_contract(self, partner, company_id):
        if not partner:
            raise UserError(
                self.env._("Choose the client or the contract of the new connection.")
            )
        Contract = self.env["isp.contract"]
        contracts = Contract.search(
            [
                ("partner_id", "=", partner.id),
                ("company_id", "=", company_id),
                ("state", "=", "active"),
            ]
        )
        if len(contracts) > 1:
            raise UserError(
                self.env._(
                    "%(client)s has %(count)s contracts: choose the one this "
                    "connection belongs to.",
                    client=partner.display_name,
                    count=len(contracts),
                )
            )
        return contracts or Contract.create(
            {"partner_id": partner.id, "company_id": company_id}
        )

    @api.model
    def _complete_setup_items(self, vals):
        """Copy the package's items: later edits of the package change nothing here."""
        if vals.get("setup_item_ids"):
            return
        package = self.env["isp.package"].browse(vals.get("package_id"))
        vals["setup_item_ids"] = [
            fields.Command.create(
                {
                    "name": item.name,
                    "description": item.description,
                    "product_id": item.product_id.id,
                    "amount": item.amount,
                    "sequence": item.sequence,
                }
            )
            for item in package.setup_item_ids.filtered("active")
        ]
