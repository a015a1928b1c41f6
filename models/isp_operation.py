from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import file_open

from .account_move_kind import KIND_SIGNS, MOVE_KINDS

_UP = [kind for kind, sign in KIND_SIGNS.items() if sign > 0]
_DOWN = [kind for kind, sign in KIND_SIGNS.items() if sign < 0]


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
        "res.company", required=True, readonly=True, ondelete="restrict"
    )
    currency_id = fields.Many2one(
        "res.currency", required=True, readonly=True, ondelete="restrict"
    )
    kind = fields.Selection(
        [*MOVE_KINDS, ("event", "Event")], required=True, readonly=True
    )
    amount = fields.Monetary(
        required=True,
        readonly=True,
        help="The change of the contract's balance: payments add.",
    )
    description = fields.Char(readonly=True, index="trigram")
    time = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
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
    _isp_immutable = models.Constraint(
        "CHECK (TRUE)",
        "An operation can't be changed or deleted. Enter a counter-entry instead.",
    )
    _event_or_line = models.Constraint(
        "CHECK ((kind = 'event') = (line_id IS NULL) "
        "AND (kind <> 'event' OR COALESCE(amount, 0) = 0))",
        "An operation is the shadow of a posted line, or an event without an amount.",
    )
    _kind_sign = models.Constraint(
        f"CHECK (NOT (kind IN {tuple(_UP)} AND amount < 0) "
        f"AND NOT (kind IN {tuple(_DOWN)} AND amount > 0))",
        "The sign of an operation's amount must fit its kind.",
    )

    def init(self):
        """Install the database's own guard of posted documents; `-u` heals it."""
        with file_open("mybizna_isp/security/ledger_guard.sql") as script:
            self.env.cr.execute(script.read())

    def _search_partner_id(self, operator, value):
        return [("contract_id.partner_id", operator, value)]

    # === EVENTS === #

    @api.model
    def _log_event(self, contract, description, connection=None, date=None):
        """Note what happened on a contract without moving its balance.

        :param contract: the isp.contract it happened on
        :param str description: what happened, as a person reads it
        :param connection: the isp.connection it is about, or None
        :param date: the day it happened; the company's today by default
        :return: the isp.operation
        """
        connection = connection or self.env["isp.connection"]
        # Users read operations; the system writes them.
        return self.sudo().create(
            {
                "contract_id": contract.id,
                "connection_id": connection.id,
                "service_type_id": connection.package_id.service_type_id.id,
                "company_id": contract.company_id.id,
                "currency_id": contract.currency_id.id,
                "kind": "event",
                "amount": 0,
                "description": description,
                "date": date or contract.company_id._isp_today(),
            }
        )

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
