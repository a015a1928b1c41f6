from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import file_open


class IspOperation(models.Model):
    """One row is the shadow of one receivable line of a posted document."""

    _name = "isp.operation"
    _description = "Operation"
    _order = "id desc"
    _rec_name = "description"
    _log_access = False

    contract_id = fields.Many2one(
        "isp.contract", required=True, readonly=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(
        related="contract_id.partner_id", string="Client", search="_search_partner_id"
    )
    connection_id = fields.Many2one(
        "isp.connection", readonly=True, index="btree_not_null", ondelete="restrict"
    )
    service_type_id = fields.Many2one(
        "isp.service.type", string="Service", readonly=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="restrict"
    )
    currency_id = fields.Many2one(
        "res.currency", required=True, readonly=True, ondelete="restrict"
    )
    kind = fields.Selection(
        [
            ("charge", "Charge"),
            ("payment", "Payment"),
            ("credit_note", "Credit Note"),
            ("refund", "Refund to the client"),
            ("reversal", "Counter-entry"),
            ("transfer", "Transfer"),
            ("adjustment", "Adjustment"),
        ],
        required=True,
        readonly=True,
    )
    amount = fields.Monetary(
        readonly=True, help="The change of the contract's balance: payments add."
    )
    description = fields.Char(readonly=True)
    time = fields.Datetime(
        required=True, readonly=True, default=fields.Datetime.now, index=True
    )
    date = fields.Date(string="Accounting Date", required=True, readonly=True)
    period_id = fields.Many2one("isp.period", readonly=True, ondelete="restrict")
    move_id = fields.Many2one(
        "account.move",
        string="Document",
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    line_id = fields.Many2one(
        "account.move.line", readonly=True, ondelete="restrict", copy=False
    )

    _line_uniq = models.UniqueIndex(
        "(line_id) WHERE line_id IS NOT NULL", "This line is an operation already."
    )
    # A statement reads one contract in order; the balance is its sum.
    _contract_idx = models.Index("(contract_id, id) INCLUDE (amount)")

    def init(self):
        """Install the database's own guard of posted documents; `-u` heals it."""
        with file_open("mybizna_isp/security/ledger_guard.sql") as script:
            self.env.cr.execute(script.read())

    def _search_partner_id(self, operator, value):
        return [("contract_id.partner_id", operator, value)]

    # === IMMUTABLE === #

    # Append-only: what is asked for never happens, so nothing is passed on.
    # pylint: disable=method-required-super
    def write(self, vals):
        raise UserError(
            self.env._("An operation can't be changed. Enter a counter-entry instead.")
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_never(self):
        raise UserError(
            self.env._("An operation can't be deleted. Enter a counter-entry instead.")
        )
