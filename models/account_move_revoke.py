from collections import defaultdict

from odoo import models
from odoo.exceptions import AccessError, UserError


class AccountMove(models.Model):
    """Cancelling a document by its mirror, whichever button made that."""

    _inherit = "account.move"

    def action_isp_revoke(self):
        """Cancel posted documents whole, by a mirror document each."""
        self._isp_require_accountant()
        mirrors = self.browse()
        for move in self:
            mirrors |= move._isp_revoke(
                self.env._("Cancelled by %s", self.env.user.name)
            )
        return mirrors._get_records_action(name=self.env._("Counter-entries"))

    def _isp_require_accountant(self):
        if not self.env.user.has_group("mybizna_isp.isp_group_accountant"):
            raise AccessError(
                self.env._(
                    "Only accountants cancel documents of a contract by counter-entry."
                )
            )

    def _isp_revoke(self, reason):
        """Post the mirror of a document, link both ways, free what it was matched with.

        :param str reason: stands on the mirror document
        :return: the mirror document
        """
        self.ensure_one()
        # Links between documents are set by the system; who may ask was checked before.
        move = self.sudo()
        if not move._isp_is_revocable():
            raise UserError(
                self.env._(
                    "%(document)s can't be cancelled by a counter-entry: it is not "
                    "posted, is a counter-entry, or has one already.",
                    document=self.display_name,
                )
            )
        today = self.company_id._isp_today()
        mirror = move._reverse_moves(
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
        self.message_post(body=self.env._("Cancelled by counter-entry: %s", reason))
        return mirror.with_env(self.env)

    def _isp_is_revocable(self):
        """Whether a counter-entry may still be made, once, of a document itself."""
        origin = self.reversed_entry_id
        undoes = self.isp_revokes_id or origin.isp_revoked_by_id
        # A credit note that took a period back: the period may be billed anew by now.
        freed = any(
            billing.state == "revoked"
            and billing.connection_id in self.line_ids.isp_connection_id
            for billing in origin.isp_billing_ids
        )
        return (
            self.state == "posted"
            and not undoes
            and not freed
            and not self.isp_revoked_by_id
        )

    # === WHAT A COUNTER-ENTRY TAKES BACK === #

    def _isp_mark_revoked(self):
        """Find what these posted documents cancel, whole or a connection's part."""
        for mirror in self.sudo().filtered("reversed_entry_id"):
            origin = mirror.reversed_entry_id
            if not origin.isp_is_ledger or origin.isp_revoked_by_id:
                continue
            if mirror.isp_revokes_id:
                mirror._isp_link_revoked(origin)
                continue
            parts = origin._isp_sum_receivables()
            undone = origin._isp_get_undone(parts, origin._isp_get_mirrors())
            if len(undone) == len(parts):
                alone = origin._isp_get_undone(parts, mirror)
                if len(alone) == len(parts):
                    mirror.isp_revokes_id = origin
                mirror._isp_link_revoked(origin)
            else:
                origin._isp_revoke_billings([connection for _c, connection in undone])

    def _isp_get_mirrors(self):
        """Return the documents that take some of this one back, and still count."""
        return self.search(
            [
                ("reversed_entry_id", "=", self.id),
                ("state", "=", "posted"),
                ("isp_revoked_by_id", "=", False),
            ]
        )

    def _isp_sum_receivables(self):
        """Return what stands on each contract and connection."""
        sums = defaultdict(float)
        for line in self._isp_get_receivables():
            sums[line.isp_contract_id, line.isp_connection_id] += line.balance
        return sums

    def _isp_get_undone(self, parts, mirrors):
        """Return the parts that mirrors take back in full: by connection, not in sum.

        A credit note for something else, or for a part, is goodwill and cancels
        nothing.
        """
        currency = self.company_currency_id
        back = mirrors._isp_sum_receivables()
        undone = []
        for part, amount in parts.items():
            sign = -1 if amount < 0 else 1
            left = sign * (amount + back.get(part, 0.0))
            if part in back and currency.compare_amounts(left, 0) <= 0:
                undone.append(part)
        return undone

    def _isp_link_revoked(self, origin):
        """Link a mirror with what it cancels; let the cancelling take effect."""
        # The database compares both rows: the mirror's must be there first.
        self.flush_recordset(["state", "reversed_entry_id", "isp_revokes_id"])
        origin.isp_revoked_by_id = self
        origin.flush_recordset(["isp_revoked_by_id"])
        origin._isp_revoke_billings()
        if payment := origin.origin_payment_id:
            payment._isp_after_revoked(self.ref)

    def _isp_revoke_billings(self, connections=None):
        # Billing rows are the engine's; who may cancel the invoice may cancel them.
        billings = self.sudo().isp_billing_ids
        if connections is not None:
            billings = billings.filtered(lambda b: b.connection_id in connections)
        billings._revoke()

    def _reconcile_reversed_moves(self, reverse_moves, move_reverse_cancel):
        """Override of `account` to match connection by connection first.

        A credit note for one connection must not pay for another one.
        """
        for move, mirror in zip(self, reverse_moves, strict=False):
            lines = (move | mirror)._isp_get_receivables()
            parts = lines.filtered(lambda line: not line.reconciled).grouped(
                lambda line: (
                    line.account_id,
                    line.isp_contract_id,
                    line.isp_connection_id,
                )
            )
            for part in parts.values():
                if len(part.move_id) > 1:
                    part.with_context(
                        move_reverse_cancel=move_reverse_cancel
                    ).reconcile()
        return super()._reconcile_reversed_moves(reverse_moves, move_reverse_cancel)
