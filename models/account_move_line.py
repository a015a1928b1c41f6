from collections import defaultdict

from odoo import api, fields, models
from odoo.tools import frozendict


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    isp_contract_id = fields.Many2one(
        "isp.contract",
        string="Contract",
        ondelete="restrict",
        help="Stands on receivable lines only: whose money this is.",
    )
    isp_connection_id = fields.Many2one(
        "isp.connection",
        string="Connection",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
    )

    _isp_immutable = models.Constraint(
        "CHECK (TRUE)",
        "A line of a posted document of a contract can't be changed, added or deleted. "
        "Cancel the document by a counter-entry, then enter the right one.",
    )
    # What a contract owes or has in hand is read on every payment and posting.
    _isp_contract_idx = models.Index(
        "(isp_contract_id, date) INCLUDE (balance) "
        "WHERE isp_contract_id IS NOT NULL AND parent_state = 'posted'"
    )

    @api.depends("isp_contract_id", "isp_connection_id")
    def _compute_term_key(self):
        """Override of `account`: receivables of a contract are one per connection."""
        res = super()._compute_term_key()
        for line in self:
            if line.term_key:
                line.term_key = frozendict(
                    {
                        **line.term_key,
                        "isp_contract_id": line.isp_contract_id.id,
                        "isp_connection_id": line.isp_connection_id.id,
                    }
                )
        return res

    # === GUARDS === #

    @api.model_create_multi
    def create(self, vals_list):
        owned = {
            vals.get("move_id") for vals in vals_list if vals.get("isp_contract_id")
        }
        moves = self.env["account.move"].browse(filter(None, owned))
        if posted := moves.filtered(lambda move: move.state == "posted"):
            posted._isp_refuse_owner()
        return super().create(vals_list)

    def write(self, vals):
        if vals.keys() & {"isp_contract_id", "isp_connection_id"}:
            for line in self.filtered(lambda line: line.parent_state == "posted"):
                line._isp_check_owner_kept(vals)
        return super().write(vals)

    def _isp_check_owner_kept(self, vals):
        names = {"isp_contract_id"} & vals.keys()
        if self.move_id.isp_is_ledger:
            names = {"isp_contract_id", "isp_connection_id"} & vals.keys()
        if any((vals[name] or False) != self[name].id for name in names):
            self.move_id._isp_refuse_owner()

    def _isp_describe(self):
        """Return what a receivable is for: the invoice lines of its connection."""
        move = self.move_id
        charged = move.invoice_line_ids.filtered(
            lambda line: (
                line.display_type == "product"
                and line.isp_connection_id == self.isp_connection_id
            )
        )
        # Odoo names a payment's line after the method: what was typed says more.
        own = move.origin_payment_id.memo or self.name
        names = charged.mapped("name") if move.is_invoice() else [own]
        return ", ".join(filter(None, names)) or move.ref or move.name

    def _isp_prepare_operation_vals(self):
        """Return the operation that this posted receivable line casts."""
        self.ensure_one()
        move = self.move_id
        return {
            "contract_id": self.isp_contract_id.id,
            "connection_id": self.isp_connection_id.id,
            "service_type_id": self.isp_connection_id.package_id.service_type_id.id,
            "company_id": self.company_id.id,
            "currency_id": self.company_currency_id.id,
            "kind": self._isp_get_operation_kind(),
            "amount": -self.balance,
            "description": self._isp_describe(),
            "date": move.date,
            "period_id": move.isp_period_id.id,
            "move_id": move.id,
            "line_id": self.id,
        }

    def _isp_get_operation_kind(self):
        """Return the document's kind, but for a part that goes the other way.

        An invoice over two lines may charge one and take back from the other.
        """
        kind = self.move_id._isp_get_operation_kind()
        if kind == "charge" and self.balance < 0:
            return "credit_note"
        if kind == "credit_note" and self.balance > 0:
            return "charge"
        return kind

    # === MATCHING === #

    def _isp_match_open(self, sign):
        """Match these lines with what their contract has open, oldest first.

        :param str sign: ``">"`` for what is owed, ``"<"`` for credit in hand
        """
        if not self:
            return
        found = self.search(self.isp_contract_id._get_open_lines_domain(sign))
        # Lines of two receivable accounts can't be matched: those stay open.
        open_ = found.grouped(lambda line: (line.isp_contract_id, line.account_id))
        plan = []
        for own in self._isp_sorted():
            others = open_.get((own.isp_contract_id, own.account_id), self.browse())
            plan += [own + other for other in others._isp_sorted(own.isp_connection_id)]
        if plan:
            charged = (self | found)._isp_get_charged_by()
            back = [p for p in plan if any(p & charged[line] for line in p)]
            # Of two, what was charged last: that was served last, if at all.
            back.sort(
                key=lambda p: max(line.date_maturity or line.date for line in p),
                reverse=True,
            )
            plan = back + [p for p in plan if p not in back]
            # Pair by pair, in this order: a plan of its own would sort by due date.
            self._reconcile_plan(plan)

    def _isp_get_charged_by(self):
        """Return for each line the receivables that charged the days it takes back.

        Those it pays before all others: days that nobody paid for are no money, and
        open no other period.
        """
        charged = defaultdict(self.browse)
        credits_ = self.filtered(
            lambda line: line.amount_residual < 0 and line.move_id.is_invoice()
        )
        for line in credits_:
            invoices = line.move_id.sudo()._isp_get_credited(line.isp_connection_id)
            charged[line] = invoices.line_ids.filtered(
                lambda debt, own=line: debt.isp_connection_id == own.isp_connection_id
            )
        return charged

    def _isp_sorted(self, connection=None):
        """Return lines in the order that money is matched in: those that a person
        chose, those of a connection, then the oldest due, then as a person ordered the
        connections."""
        chosen = self.env.context.get("isp_settle_first_ids", ())
        return self.sorted(
            lambda line: (
                line.id not in chosen,
                not connection or line.isp_connection_id != connection,
                line.date_maturity or line.date,
                line.isp_connection_id.sudo().sequence,
                line.id,
            )
        )

    def _get_installments_data(
        self, payment_currency=None, payment_date=None, next_payment_date=None
    ):
        """Override of `account`: parts that fall due together are paid together.

        Odoo takes each receivable of an invoice for an instalment of its own.
        """
        installments = super()._get_installments_data(
            payment_currency, payment_date, next_payment_date
        )
        coming = [x for x in installments if x["type"] == "next"]
        for installment in coming[1:]:
            same_day = installment["date_maturity"] == coming[0]["date_maturity"]
            if same_day and installment["line"].isp_contract_id:
                installment["type"] = "other"
        return installments
