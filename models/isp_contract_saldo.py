from odoo import fields, models
from odoo.tools import SQL


class IspContract(models.Model):
    """The balance of a contract at any moment, and at the end of each period."""

    _inherit = "isp.contract"

    saldo_ids = fields.One2many("isp.saldo", "contract_id")
    saldo_count = fields.Integer(compute="_compute_saldo_count")

    def _compute_saldo_count(self):
        groups = self.env["isp.saldo"]._read_group(
            [("contract_id", "in", self.ids)], ["contract_id"], ["__count"]
        )
        counts = {contract.id: count for contract, count in groups}
        for contract in self:
            contract.saldo_count = counts.get(contract.id, 0)

    def _get_balance_at(self, moment):
        """Return the balance as it stood at a moment: the sum of operations up to it.

        :param datetime moment: naive UTC, inclusive
        :rtype: float
        """
        self.ensure_one()
        self.env["isp.operation"].flush_model(["amount", "time"])
        [[total]] = self.env.execute_query(
            SQL(
                "SELECT COALESCE(SUM(amount), 0) FROM isp_operation "
                "WHERE contract_id = %s AND time <= %s",
                self.id,
                moment,
            )
        )
        return self.currency_id.round(float(total))

    def action_view_saldos(self):
        return self._get_related_action("mybizna_isp.isp_saldo_action")
