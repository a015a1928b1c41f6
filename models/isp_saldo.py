from odoo import api, fields, models
from odoo.exceptions import UserError


class IspSaldo(models.Model):
    """One row is the balance of one contract over one closed period."""

    _name = "isp.saldo"
    _description = "Saldo"
    _order = "period_id desc, contract_id"
    _rec_name = "contract_id"
    _log_access = False

    contract_id = fields.Many2one(
        "isp.contract", required=True, readonly=True, ondelete="restrict"
    )
    period_id = fields.Many2one(
        "isp.period", required=True, readonly=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(related="contract_id.partner_id", string="Client")
    date_start = fields.Date(related="period_id.date_start", string="From")
    date_end = fields.Date(related="period_id.date_end", string="To")
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="restrict"
    )
    currency_id = fields.Many2one(
        "res.currency", required=True, readonly=True, ondelete="restrict"
    )
    opening = fields.Monetary(readonly=True, help="The closing of the period before.")
    debit = fields.Monetary(
        readonly=True, help="What was charged or given back: it lowers the balance."
    )
    credit = fields.Monetary(
        readonly=True, help="What was paid or credited: it raises the balance."
    )
    closing = fields.Monetary(readonly=True, help="Opening + credit − debit.")

    _contract_period_uniq = models.UniqueIndex(
        "(contract_id, period_id)", "A contract has one saldo a period."
    )
    _period_idx = models.Index("(period_id, contract_id)")

    # === WRITTEN BY CLOSING ALONE === #

    # What is asked for never happens, so nothing is passed on.
    # pylint: disable=method-required-super
    @api.model_create_multi
    def create(self, vals_list):
        self._refuse_writing()

    # pylint: disable=method-required-super
    def write(self, vals):
        self._refuse_writing()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_never(self):
        self._refuse_writing()

    def _refuse_writing(self):
        raise UserError(
            self.env._(
                "A saldo is computed when its period is closed. Reopen the period to "
                "change what lies in it."
            )
        )
