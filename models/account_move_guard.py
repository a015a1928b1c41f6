from odoo import api, models
from odoo.exceptions import UserError

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
    "isp_document_date",
    "isp_period_id",
}
# Set by posting and by cancelling alone, on drafts too: a draft that says it cancels
# something would pass a credit limit.
LINK_FIELDS = {
    "isp_is_ledger",
    "isp_kind",
    "isp_revokes_id",
    "isp_revoked_by_id",
    "isp_hidden",
}


class AccountMove(models.Model):
    """What is posted on a contract stays as it is."""

    _name = "account.move"
    _inherit = ["account.move", "isp.system.fields.mixin"]
    _system_fields = frozenset(LINK_FIELDS | {"isp_period_id"})

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

    @api.model
    def _isp_refuse_links(self):
        raise UserError(
            self.env._(
                "Which document cancels which, and what it is, are set by posting "
                "alone. Use 'Cancel by counter-entry'."
            )
        )

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su and any(
            vals.get(name) for vals in vals_list for name in LINK_FIELDS
        ):
            self._isp_refuse_links()
        return super().create(vals_list)

    def write(self, vals):
        if names := GUARDED_FIELDS & vals.keys():
            changed = self._isp_get_guarded()._isp_changed_by(vals, names)
            if changed:
                changed._isp_refuse()
        if "isp_contract_id" in vals:
            posted = self.filtered(lambda move: move.state == "posted")
            if changed := posted._isp_changed_by(vals, {"isp_contract_id"}):
                changed._isp_refuse_owner()
        links = LINK_FIELDS & vals.keys()
        if links and not self.env.su and self._isp_changed_by(vals, links):
            self._isp_refuse_links()
        return super().write(vals)

    def _isp_refuse_owner(self):
        raise UserError(
            self.env._(
                "%(documents)s is posted: whose money it is can't change any more. "
                "Cancel it (or reset it to draft), then enter it on the contract; for "
                "money in the bank, register a payment of the contract.",
                documents=", ".join(self.mapped("display_name")),
            )
        )

    def _isp_changed_by(self, vals, names):
        return self.filtered(
            lambda move: any(move._isp_differs(name, vals[name]) for name in names)
        )

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

    # === WHAT MAY BE POSTED === #

    def _isp_check_documents(self):
        """Refuse documents that would not say clearly whose money they are."""
        for move in self:
            move._isp_check_currency()
            if move.is_purchase_document(include_receipts=True):
                move._isp_refuse_posting(
                    self.env._(
                        "A supplier's document can't stand on a customer's contract. "
                        "Take the contract off."
                    )
                )
            lines = move.line_ids.filtered("isp_contract_id")
            if lines.filtered(lambda ln: ln.account_type != "asset_receivable"):
                move._isp_refuse_posting(
                    self.env._(
                        "A contract stands on receivable lines only. Take it off the "
                        "others, or choose a receivable account."
                    )
                )
            if move.isp_contract_id - lines.isp_contract_id:
                move._isp_refuse_posting(
                    self.env._(
                        "It names a contract, but no receivable line of it does. Put "
                        "the contract on the receivable line, or take it off."
                    )
                )
            move._isp_check_connections()

    def _isp_refuse_posting(self, reason):
        raise UserError(
            self.env._(
                "%(document)s can't be posted. %(reason)s",
                document=self.display_name,
                reason=reason,
            )
        )

    def _isp_check_currency(self):
        # Who posts documents need not be allowed to read contracts.
        contracts = self._isp_get_contracts().sudo()
        currencies = self.currency_id | self._isp_get_receivables().currency_id
        if wrong := contracts.filtered(lambda c: c.currency_id != currencies):
            raise UserError(
                self.env._(
                    "%(document)s is in %(currency)s, contract %(contract)s is kept in "
                    "%(expected)s. Enter it in that currency.",
                    document=self.display_name,
                    currency=", ".join(currencies.mapped("name")),
                    contract=wrong[0].name,
                    expected=wrong[0].currency_id.name,
                )
            )

    def _isp_check_connections(self):
        for line in self.line_ids.filtered("isp_connection_id"):
            contract = (line.isp_contract_id or self.isp_contract_id).sudo()
            connection = line.isp_connection_id.sudo()
            if contract and connection.contract_id != contract:
                self._isp_refuse_posting(
                    self.env._(
                        "%(connection)s is a connection of another contract than "
                        "%(contract)s. Choose one of its own.",
                        connection=connection.display_name,
                        contract=contract.name,
                    )
                )
