from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import frozendict

# Written on a posted document these would change whose money it is, or how much.
GUARDED_FIELDS = {
    "state",
    "name",
    "date",
    "invoice_date",
    "journal_id",
    "company_id",
    "currency_id",
    "move_type",
    "isp_contract_id",
    "isp_is_ledger",
}


class AccountMove(models.Model):
    _inherit = "account.move"

    # === FIELDS === #

    isp_contract_id = fields.Many2one(
        "isp.contract",
        string="Contract",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        help="The customer account this document is booked on.",
    )
    isp_is_ledger = fields.Boolean(
        string="On a Contract",
        copy=False,
        readonly=True,
        help="Carries a receivable of a contract; once posted, it isn't changed.",
    )
    isp_period_id = fields.Many2one(
        "isp.period", string="Reporting Period", copy=False, readonly=True
    )
    isp_billing_ids = fields.One2many("isp.billing", "invoice_id")
    isp_operation_ids = fields.One2many("isp.operation", "move_id")
    isp_revokes_id = fields.Many2one(
        "account.move",
        string="Cancels",
        copy=False,
        readonly=True,
        index="btree_not_null",
        help="The document that this counter-entry cancels.",
    )
    isp_revoked_by_id = fields.Many2one(
        "account.move", string="Cancelled by", copy=False, readonly=True
    )

    _isp_immutable = models.Constraint(
        "CHECK (TRUE)",
        "A posted document of a contract can't be changed or deleted. Cancel it by a "
        "counter-entry, then enter the right one.",
    )
    _isp_revokes_uniq = models.UniqueIndex(
        "(isp_revokes_id) WHERE isp_revokes_id IS NOT NULL",
        "This document has been cancelled by a counter-entry already.",
    )

    # === RECEIVABLE SPLIT BY CONNECTION === #

    @api.depends(
        "isp_contract_id",
        "invoice_line_ids.isp_connection_id",
        "invoice_line_ids.price_total",
    )
    def _compute_needed_terms(self):
        """Override of `account` to split a contract's receivable by connection.

        "Is this line paid" is then the residual of its own receivable and nothing
        else, also when several lines share an invoice.
        """
        res = super()._compute_needed_terms()
        for move in self.filtered("isp_contract_id"):
            move.needed_terms = move._isp_split_terms(move.needed_terms)
        return res

    def _isp_split_terms(self, terms):
        weights = defaultdict(float)
        for line in self.invoice_line_ids:
            if line.display_type == "product":
                weights[line.isp_connection_id.id] += line.price_total
        if not sum(weights.values()):
            weights = {next(iter(weights), False): 1.0}
        split = {}
        for key, values in terms.items():
            parts = {
                name: self._isp_share(values[name], weights, currency)
                for name, currency in (
                    ("balance", self.company_currency_id),
                    ("amount_currency", self.currency_id),
                )
            }
            for connection_id in weights:
                part_key = frozendict({**key, "isp_connection_id": connection_id})
                split[part_key] = {
                    **values,
                    "isp_contract_id": self.isp_contract_id.id,
                    "balance": parts["balance"][connection_id],
                    "amount_currency": parts["amount_currency"][connection_id],
                }
        return split

    def _isp_share(self, total, weights, currency):
        """Share a total by weights so that the parts add up to it exactly."""
        whole, left = sum(weights.values()), total
        parts = {}
        for connection_id in list(weights)[:-1]:
            part = currency.round(total * weights[connection_id] / whole)
            parts[connection_id] = part
            left = currency.round(left - part)
        parts[list(weights)[-1]] = left
        return parts

    def _compute_payments_widget_to_reconcile_info(self):
        """Override of `account` to offer credit of the same contract only."""
        res = super()._compute_payments_widget_to_reconcile_info()
        Line = self.env["account.move.line"]
        for move in self:
            widget = move.invoice_outstanding_credits_debits_widget
            if not widget:
                continue
            lines = Line.browse([row["id"] for row in widget["content"]])
            same = lines.filtered(
                lambda ln, m=move: ln.isp_contract_id == m.isp_contract_id
            )
            content = [row for row in widget["content"] if row["id"] in same._ids]
            move.invoice_outstanding_credits_debits_widget = (
                {**widget, "content": content} if content else False
            )
        return res

    # === POSTING === #

    def _post(self, soft=True):
        """Override of `account` to book contracts: the counter before any sum, the
        period before and after, an operation for each receivable line."""
        ledger = self.filtered(lambda move: move._isp_get_contracts())
        ledger._isp_get_contracts()._lock_for_posting()
        ledger._isp_stamp_period()
        posted = super()._post(soft=soft)
        booked = posted & ledger
        booked._isp_check_period()
        booked._isp_write_operations()
        booked._isp_mark_full_credit_notes()
        booked._isp_apply_credit()
        return posted

    def _isp_get_contracts(self):
        return self.isp_contract_id | self.line_ids.isp_contract_id

    def _isp_stamp_period(self):
        """Mark documents as a contract's, in the open period of their date."""
        for move in self:
            move._isp_check_currency()
        Period = self.env["isp.period"]
        groups = self.grouped(lambda move: (move.company_id, move.date))
        for (company, day), moves in groups.items():
            period = Period._require_open(company, day)
            # Neither field takes part in any line: nothing is to be computed anew.
            moves.with_context(skip_invoice_sync=True).write(
                {"isp_is_ledger": True, "isp_period_id": period.id}
            )

    def _isp_check_currency(self):
        contracts = self._isp_get_contracts()
        if wrong := contracts.filtered(lambda c: c.currency_id != self.currency_id):
            raise UserError(
                self.env._(
                    "%(document)s is in %(currency)s, contract %(contract)s is kept in "
                    "%(expected)s. Enter it in that currency.",
                    document=self.display_name,
                    currency=self.currency_id.name,
                    contract=wrong[0].name,
                    expected=wrong[0].currency_id.name,
                )
            )

    def _isp_check_period(self):
        """Posting may move a date out of a locked month without a word: refuse."""
        for move in self:
            period = move.isp_period_id
            if not period.date_start <= move.date <= period.date_end:
                raise UserError(
                    self.env._(
                        "%(document)s: its accounting date lies before a lock date. "
                        "Choose a date in an open month.",
                        document=move.display_name,
                    )
                )

    def _isp_write_operations(self):
        lines = self.line_ids.filtered(
            lambda line: (
                line.isp_contract_id
                and line.account_id.account_type == "asset_receivable"
            )
        )
        if not lines:
            return
        deltas = defaultdict(float)
        for line in lines:
            deltas[line.isp_contract_id.id] -= line.balance
        # Users post documents; the operations' table is written by posting alone.
        self.env["isp.operation"].sudo().create(
            [line._isp_prepare_operation_vals() for line in lines]
        )
        lines.isp_contract_id._add_to_balance(deltas)

    def _isp_get_operation_kind(self):
        self.ensure_one()
        if self.isp_revokes_id:
            return "reversal"
        if self.origin_payment_id:
            inbound = self.origin_payment_id.payment_type == "inbound"
            return "payment" if inbound else "refund"
        if self.is_sale_document(include_receipts=True):
            return "charge" if self.is_inbound() else "credit_note"
        contracts = self.line_ids.isp_contract_id
        return "transfer" if len(contracts) > 1 else "adjustment"

    def _isp_apply_credit(self):
        """Pay new invoices from what the same contract has in hand, oldest first."""
        Line = self.env["account.move.line"]
        invoices = self.filtered(lambda move: move.move_type == "out_invoice")
        in_hand = Line.search(
            invoices.isp_contract_id._get_open_lines_domain("<"), order="date, id"
        )
        plan = []
        for contract, credit in in_hand.grouped("isp_contract_id").items():
            debts = invoices.line_ids.filtered(
                lambda line, c=contract: (
                    line.isp_contract_id == c and line.amount_residual > 0
                )
            )
            if debts:
                plan.append(credit + debts.sorted("date_maturity"))
        if plan:
            Line._reconcile_plan(plan)

    def _get_next_sequence_format(self):
        """Override of `account` to look the format of numbers up once a batch.

        The number itself is counted up by the database for each document as ever.
        """
        formats = self.env.context.get("isp_sequence_formats")
        if formats is None:
            return super()._get_next_sequence_format()
        key = (self.journal_id, self.move_type, self.date, bool(self.origin_payment_id))
        if key not in formats:
            formats[key] = super()._get_next_sequence_format()
        text, values = formats[key]
        # The caller takes values out of the dict.
        return text, dict(values)

    # === GUARDS === #

    def _isp_get_guarded(self):
        return self.filtered(lambda move: move.isp_is_ledger and move.state == "posted")

    def _isp_refuse(self):
        raise UserError(
            self.env._(
                "%(documents)s is posted on a contract and can't be changed or "
                "deleted. Use 'Cancel by counter-entry', then enter the right one.",
                documents=", ".join(self.mapped("display_name")),
            )
        )

    def write(self, vals):
        if names := GUARDED_FIELDS & vals.keys():
            changed = self._isp_get_guarded().filtered(
                lambda move: any(move._isp_differs(name, vals[name]) for name in names)
            )
            if changed:
                changed._isp_refuse()
        return super().write(vals)

    def _isp_differs(self, name, value):
        if name == "name" and self.name in (False, "/"):
            return False
        field = self._fields[name]
        return field.convert_to_write(self[name], self) != field.convert_to_write(
            field.convert_to_record(field.convert_to_cache(value, self), self), self
        )

    def button_draft(self):
        if guarded := self._isp_get_guarded():
            guarded._isp_refuse()
        return super().button_draft()

    def button_cancel(self):
        if guarded := self._isp_get_guarded():
            guarded._isp_refuse()
        return super().button_cancel()

    def unlink(self):
        # Before Odoo's own deletion, which takes the lines first.
        if guarded := self._isp_get_guarded():
            guarded._isp_refuse()
        return super().unlink()

    # === CANCEL BY COUNTER-ENTRY === #

    def action_isp_revoke(self):
        """Cancel posted documents whole, by a mirror document each."""
        mirrors = self.browse()
        for move in self:
            mirrors |= move._isp_revoke(
                self.env._("Cancelled by %s", self.env.user.name)
            )
        return mirrors._get_records_action(name=self.env._("Counter-entries"))

    def _isp_revoke(self, reason):
        """Post the mirror of a document, link both ways, free what it was matched with.

        :param str reason: stands on the mirror document
        :return: the mirror document
        """
        self.ensure_one()
        if self.state != "posted" or self.isp_revokes_id or self.isp_revoked_by_id:
            raise UserError(
                self.env._(
                    "%(document)s can't be cancelled by a counter-entry: it is not "
                    "posted, is a counter-entry, or has one already.",
                    document=self.display_name,
                )
            )
        today = self.company_id._isp_today()
        mirror = self.with_context(isp_correction=True)._reverse_moves(
            [
                {
                    "date": today,
                    "invoice_date": today if self.is_invoice() else False,
                    "ref": reason,
                    "isp_contract_id": self.isp_contract_id.id,
                    "isp_revokes_id": self.id,
                }
            ],
            cancel=True,
        )
        self.isp_revoked_by_id = mirror
        self._isp_revoke_billings()
        self.message_post(body=self.env._("Cancelled by counter-entry: %s", reason))
        return mirror

    def _isp_mark_full_credit_notes(self):
        """A credit note over the whole invoice cancels it, whichever button made it."""
        for note in self.filtered(
            lambda m: m.move_type == "out_refund" and m.reversed_entry_id
        ):
            invoice = note.reversed_entry_id
            whole = not note.currency_id.compare_amounts(
                note.amount_total, invoice.amount_total
            )
            if whole and not invoice.isp_revoked_by_id:
                invoice.isp_revoked_by_id = note
                note.isp_revokes_id = invoice
                invoice._isp_revoke_billings()

    def _isp_revoke_billings(self):
        # Billing rows are the engine's; who may cancel the invoice may cancel them.
        self.isp_billing_ids.sudo()._revoke()
