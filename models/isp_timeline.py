from typing import NamedTuple

from odoo import api, fields, models
from odoo.tools import SQL

# Rows of all sources share one number space: the source's place, then the row's own
# number. What leads to something stands before it in SOURCES, so that rows of the same
# second tell it in that order.
_ROOM = 2**32


class Source(NamedTuple):
    """Where rows of the timeline come from.

    :param str kind: what the list filters by
    :param str model: whose rows they are
    :param str query: with the columns id, connection_id, company_id, at, amount;
        `%(line)s` is the id of the line asked for, `%(now)s` the moment
    """

    kind: str
    model: str
    query: str


# Money that names no line is, on its contract, every line's: of the one asked for.
_MINE = """({money}_id = %(line)s OR {money}_id IS NULL AND {contract}_id = (
    SELECT contract_id FROM isp_connection WHERE id = %(line)s))"""
_RECEIPT = {"money": "receipt.connection", "contract": "receipt.contract"}
_PAYMENT = {"money": "payment.isp_connection", "contract": "payment.isp_contract"}
_SPAN = "SELECT id, connection_id, company_id, {at}, NULL::numeric FROM "
# What never took effect did not happen; what is to come has not happened yet.
_BEGUN = " WHERE date_from <= %(now)s AND date_to IS DISTINCT FROM date_from"
_ENDED = " WHERE date_to <= %(now)s AND date_to <> date_from"
# A draft is nobody's money.
_BOOKED = (
    "FROM account_payment payment JOIN account_move move ON move.id = payment.move_id "
    "{join}WHERE payment.state IN ('in_process', 'paid') AND "
    + _MINE.format(**_PAYMENT)
)
_MIRROR = "JOIN account_move mirror ON mirror.id = move.isp_revoked_by_id "

SOURCES = {
    "message": Source(
        "message",
        "isp.sms.inbox",
        "SELECT inbox.id, COALESCE(receipt.connection_id, %(line)s), "
        "inbox.company_id, inbox.received_at, CASE WHEN inbox.kind = 'reversal' "
        "THEN -COALESCE(NULLIF(receipt.reversal_amount, 0), receipt.amount) "
        "ELSE receipt.amount END FROM isp_sms_inbox inbox "
        "JOIN isp_money_receipt receipt ON receipt.id = inbox.receipt_id WHERE "
        + _MINE.format(**_RECEIPT),
    ),
    "receipt": Source(
        "receipt",
        "isp.money.receipt",
        "SELECT receipt.id, COALESCE(receipt.connection_id, %(line)s), "
        "receipt.company_id, receipt.create_date, receipt.amount "
        "FROM isp_money_receipt receipt WHERE " + _MINE.format(**_RECEIPT),
    ),
    "payment": Source(
        "payment",
        "account.payment",
        "SELECT payment.id, COALESCE(payment.isp_connection_id, %(line)s), "
        "payment.company_id, move.create_date, payment.amount_company_currency_signed "
        + _BOOKED.format(join=""),
    ),
    "payment_cancelled": Source(
        "payment",
        "account.payment",
        "SELECT payment.id, COALESCE(payment.isp_connection_id, %(line)s), "
        "payment.company_id, mirror.create_date, "
        "-payment.amount_company_currency_signed " + _BOOKED.format(join=_MIRROR),
    ),
    "billing": Source(
        "billing",
        "isp.billing",
        "SELECT id, connection_id, company_id, create_date, amount FROM isp_billing",
    ),
    "billing_cancelled": Source(
        "billing",
        "isp.billing",
        "SELECT billing.id, billing.connection_id, billing.company_id, "
        "mirror.create_date, -billing.amount FROM isp_billing billing "
        "JOIN account_move move ON move.id = billing.invoice_id "
        + _MIRROR
        + "WHERE billing.state = 'revoked'",
    ),
    "reconciliation": Source(
        "payment",
        "account.partial.reconcile",
        "SELECT partial.id, debit.isp_connection_id, partial.company_id, "
        "partial.create_date, partial.amount FROM account_partial_reconcile partial "
        "JOIN account_move_line debit ON debit.id = partial.debit_move_id "
        "WHERE debit.isp_connection_id IS NOT NULL",
    ),
    "change": Source(
        "reason",
        "isp.connection.change",
        _SPAN.format(at="create_date") + "isp_connection_change",
    ),
    "event": Source(
        "reason",
        "isp.operation",
        _SPAN.format(at="time") + "isp_operation WHERE kind = 'event'",
    ),
    "paid_end": Source(
        "reason",
        "isp.connection",
        "SELECT id, id, company_id, covered_until_at, NULL::numeric "
        "FROM isp_connection WHERE state = 'active' AND covered_until_at <= %(now)s",
    ),
    "suspension_end": Source(
        "reason",
        "isp.suspension",
        _SPAN.format(at="date_to") + "isp_suspension" + _ENDED,
    ),
    "extension_end": Source(
        "reason",
        "isp.extension",
        _SPAN.format(at="date_to") + "isp_extension" + _ENDED,
    ),
    "suspension": Source(
        "reason",
        "isp.suspension",
        _SPAN.format(at="date_from") + "isp_suspension" + _BEGUN,
    ),
    "extension": Source(
        "reason",
        "isp.extension",
        _SPAN.format(at="date_from") + "isp_extension" + _BEGUN,
    ),
    "wish": Source(
        "router",
        "isp.access",
        _SPAN.format(at="changed_at") + "isp_access",
    ),
    "exchange": Source(
        "router", "isp.access.log", _SPAN.format(at="at") + "isp_access_log"
    ),
    "attempt": Source(
        "session", "isp.login.attempt", _SPAN.format(at="at") + "isp_login_attempt"
    ),
    "session": Source(
        "session", "isp.session", _SPAN.format(at="started_at") + "isp_session"
    ),
    "session_end": Source(
        "session",
        "isp.session",
        _SPAN.format(at="stopped_at") + "isp_session",
    ),
}


class IspTimeline(models.Model):
    """One row is one thing that happened to a line; a view, nothing is stored.

    Whose rows are wanted has to be known before any is read: the context names the
    line, `isp_timeline_line`. Without it there are none.
    """

    _name = "isp.timeline"
    _description = "Timeline"
    _auto = False
    _order = "at desc, id desc"
    _rec_name = "name"
    # What is written and not in the database yet belongs there as well.
    _depends = {
        "isp.access": ["changed_at", "connection_id"],
        "isp.access.log": ["at", "connection_id"],
        "isp.billing": ["amount", "connection_id", "invoice_id", "state"],
        "isp.connection": ["contract_id", "covered_until_at", "state"],
        "isp.connection.change": ["connection_id"],
        "isp.extension": ["connection_id", "date_from", "date_to"],
        "isp.login.attempt": ["at", "connection_id"],
        "isp.money.receipt": [
            "amount",
            "connection_id",
            "contract_id",
            "reversal_amount",
        ],
        "isp.operation": ["connection_id", "kind", "time"],
        "isp.session": ["connection_id", "started_at", "stopped_at"],
        "isp.sms.inbox": ["kind", "receipt_id", "received_at"],
        "isp.suspension": ["connection_id", "date_from", "date_to"],
        "account.move": ["isp_revoked_by_id"],
        "account.payment": [
            "amount_company_currency_signed",
            "isp_connection_id",
            "isp_contract_id",
            "move_id",
            "state",
        ],
        "account.partial.reconcile": ["amount", "debit_move_id"],
        "account.move.line": ["isp_connection_id"],
    }

    connection_id = fields.Many2one("isp.connection", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    at = fields.Datetime(string="When", readonly=True)
    kind = fields.Selection(
        [
            ("message", "Message"),
            ("receipt", "Receipt"),
            ("payment", "Payment"),
            ("billing", "Billing"),
            ("reason", "On or off"),
            ("router", "Router"),
            ("session", "Session"),
        ],
        readonly=True,
    )
    source = fields.Selection([(key, key) for key in SOURCES], readonly=True)
    res_id = fields.Integer(readonly=True)
    amount = fields.Monetary(readonly=True, groups="mybizna_isp.isp_group_clerk")
    name = fields.Char(string="What", compute="_compute_words")
    detail = fields.Text(compute="_compute_words")

    @property
    def _table_query(self):
        line = self.env.context.get("isp_timeline_line") or 0
        return SQL(" UNION ALL ").join(
            SQL(
                # Some moments are kept to the second, others finer.
                "SELECT source.id + %s AS id, %s AS kind, %s AS source, "
                "source.id AS res_id, source.connection_id, source.company_id, "
                "date_trunc('second', source.at) AS at, source.amount "
                "FROM (%s) AS source "
                "(id, connection_id, company_id, at, amount) "
                "WHERE source.at IS NOT NULL AND source.connection_id = %s",
                number * _ROOM,
                source.kind,
                key,
                SQL(source.query, line=int(line), now=fields.Datetime.now()),
                int(line),
            )
            for number, (key, source) in enumerate(SOURCES.items(), 1)
        )

    # === ACTIONS === #

    def action_open(self):
        """Open what this row tells of, with the reader's own rights."""
        self.ensure_one()
        return (
            self.env[SOURCES[self.source].model]
            .browse(self.res_id)
            ._get_records_action()
        )

    @api.model
    def _read_of(self, connection):
        """Return the rows of one line."""
        return self.with_context(isp_timeline_line=connection.id).search(
            [("connection_id", "=", connection.id)]
        )


class IspConnection(models.Model):
    _inherit = "isp.connection"

    def action_view_timeline(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_timeline_action"
        )
        action["display_name"] = self.env._("Timeline of %s", self.display_name)
        action["domain"] = [("connection_id", "=", self.id)]
        action["context"] = {"isp_timeline_line": self.id}
        return action
