from odoo import fields, models


class IspPeriod(models.Model):
    """What the screen of a period shows and offers."""

    _inherit = "isp.period"

    is_next_to_close = fields.Boolean(compute="_compute_turn")
    is_last_closed = fields.Boolean(compute="_compute_turn")
    saldo_count = fields.Integer(compute="_compute_saldo_count")

    def _compute_turn(self):
        """Which period may be closed now, which one may be reopened."""
        for company, periods in self.grouped("company_id").items():
            chain = self._get_chain(company)
            ended = chain.filtered(lambda p, c=company: p.date_end < c._isp_today())
            opened = ended.filtered(lambda p: p.state == "open")[:1]
            closed = chain.filtered(lambda p: p.state == "closed")[-1:]
            for period in periods:
                period.is_next_to_close = period == opened
                period.is_last_closed = period == closed

    def _compute_saldo_count(self):
        groups = self.env["isp.saldo"]._read_group(
            [("period_id", "in", self.ids)], ["period_id"], ["__count"]
        )
        counts = {period.id: count for period, count in groups}
        for period in self:
            period.saldo_count = counts.get(period.id, 0)

    def action_reopen(self):
        """Ask for the reason of opening this period again."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Reopen Period"),
            "res_model": "isp.period.reopen",
            "view_mode": "form",
            "target": "new",
            "context": {"default_period_id": self.id},
        }

    def action_view_saldos(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_saldo_action"
        )
        action["domain"] = [("period_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_view_documents(self):
        """All that was posted into this period, hidden pairs included."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Documents of %s", self.name),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [
                ("isp_period_id", "=", self.id),
                ("isp_is_ledger", "=", True),
                ("state", "=", "posted"),
            ],
            "context": {"create": False},
        }
