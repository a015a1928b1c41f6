from collections import defaultdict

from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from .account_move_kind import GIVEN_KINDS


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

        In the period of the document while that is open, and then both are hidden;
        else in the oldest open one. What lowered the document is cancelled before.

        :param str reason: stands on the mirror document
        :return: the mirror document
        """
        self.ensure_one()
        if not self.sudo()._isp_is_revocable():
            raise UserError(
                self.env._(
                    "%(document)s can't be cancelled by a counter-entry: it is not "
                    "posted, is a counter-entry, or has one already.",
                    document=self.display_name,
                )
            )
        return self._isp_post_mirror(reason)

    def _isp_post_mirror(self, reason):
        # Links between documents are set by the system; who may ask was checked before.
        move = self.sudo()
        contracts = move._isp_get_contracts()
        contracts._lock_for_posting()
        move._isp_check_credited_elsewhere()
        for note in move._isp_get_dependents():
            note._isp_post_mirror(reason)
        move._isp_mark_served()
        mirror = move._reverse_moves(
            [move._isp_prepare_mirror_vals(reason)], cancel=True
        )
        # What is open again is paid by what is in hand: nobody's line is off for it.
        open_ = self.env["account.move.line"].sudo()
        debts = open_.search(contracts._get_open_lines_domain(">"))
        debts._isp_match_open("<")
        self.message_post(body=self.env._("Cancelled by counter-entry: %s", reason))
        return mirror.with_env(self.env)

    def _isp_mark_served(self):
        """Note which periods were served, before the money goes: they aren't skipped
        when they are billed again."""
        self.isp_billing_ids.filtered(
            lambda b: (
                b.kind == "period"
                and b.state == "billed"
                and b.is_paid
                and b.start_at
                and b.start_at <= fields.Datetime.now()
            )
        ).is_served = True

    def _isp_prepare_mirror_vals(self, reason):
        """Return what a mirror has of its own: its dates, its period, its link."""
        self.ensure_one()
        today = self.company_id._isp_today()
        period, day = self._isp_find_mirror_place(today)
        return {
            "date": day,
            "invoice_date": today if self.is_invoice() else False,
            "isp_document_date": today,
            "isp_period_id": period.id,
            "ref": reason,
            "isp_contract_id": self.isp_contract_id.id,
            "isp_revokes_id": self.id,
        }

    def _isp_find_mirror_place(self, today):
        """Return period and accounting date of the mirror of this document.

        Its own, while the period is open; else the oldest open one. A lock date of
        Odoo's that is later moves it behind.
        """
        opened = self.env["isp.period"]._get_open(self.company_id)
        own = opened & self.isp_period_id
        for period in own | (opened - own):
            wanted = self.date if period == own else min(today, period.date_end)
            if day := period._find_free_day(wanted, self.journal_id, self):
                return period, day
        return self._isp_refuse_locked()

    def _isp_get_dependents(self):
        """Return what lowered this document and still counts, the latest first:
        discounts and credit notes that refer to it."""
        return self.search(
            [
                ("reversed_entry_id", "=", self.id),
                ("state", "=", "posted"),
                ("isp_is_ledger", "=", True),
                ("isp_revokes_id", "=", False),
                ("isp_revoked_by_id", "=", False),
            ],
            order="id desc",
        )

    def _isp_check_credited_elsewhere(self):
        """Unused days of a charge may be credited within a later invoice: that one,
        which charges something as well, is cancelled by a person first."""
        credits_ = self.env["isp.billing"].search(
            [
                ("origin_id", "in", self.isp_billing_ids.ids),
                ("state", "=", "billed"),
                ("invoice_id", "!=", self.id),
                ("invoice_id.reversed_entry_id", "!=", self.id),
                ("invoice_id.state", "=", "posted"),
            ]
        )
        if credits_:
            raise UserError(
                self.env._(
                    "%(document)s can't be cancelled yet: %(others)s takes back a part "
                    "of it. Cancel that first.",
                    document=self.display_name,
                    others=", ".join(credits_.invoice_id.mapped("name")),
                )
            )

    def _isp_is_revocable(self):
        """Whether a counter-entry may still be made, once, of a document itself."""
        origin = self.reversed_entry_id
        undoes = self.isp_revokes_id or origin.isp_revoked_by_id
        # A credit note that took a period back: the period may be billed anew by now.
        freed = not self._isp_is_engine_credit() and any(
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
            if not origin.isp_is_ledger:
                continue
            if origin.isp_revoked_by_id:
                mirror._isp_refuse_posting(
                    self.env._(
                        "%(origin)s, which it takes back, is cancelled already. Take "
                        "the reference off, or delete this draft.",
                        origin=origin.name,
                    )
                )
            if mirror.isp_kind in GIVEN_KINDS or mirror._isp_is_engine_credit():
                continue
            if mirror.isp_revokes_id:
                mirror._isp_link_revoked(origin)
                continue
            parts = origin._isp_sum_receivables()
            undone = origin._isp_get_undone(parts, origin._isp_get_mirrors())
            if undone:
                mirror.with_env(self.env)._isp_require_canceller()
            if len(undone) == len(parts):
                alone = origin._isp_get_undone(parts, mirror)
                if len(alone) == len(parts):
                    mirror.isp_revokes_id = origin
                mirror._isp_link_revoked(origin)
            else:
                origin._isp_revoke_billings([connection for _c, connection in undone])

    def _isp_require_canceller(self):
        """A credit note over the whole of a charge cancels it: accountants may.

        The engine is the system itself; a draft that waits for its day is posted by
        the system for who made it.
        """
        user = self.env.user
        if self.env.su:
            user = self.create_uid if self.auto_post != "no" else None
        if user and not user.has_group("mybizna_isp.isp_group_accountant"):
            raise AccessError(
                self.env._(
                    "%(document)s takes back the whole of %(origin)s, which cancels "
                    "it: only accountants may. Credit a part, or ask one to press "
                    "'Cancel by counter-entry'.",
                    document=self.display_name,
                    origin=self.sudo().reversed_entry_id.name,
                )
            )

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
        if self.isp_revokes_id and self._isp_is_hidden_with(origin):
            # The database looks at the links: they are there first.
            self.flush_recordset()
            (origin | self).isp_hidden = True
        origin._isp_revoke_billings()
        if payment := origin.origin_payment_id:
            payment._isp_after_revoked(self.ref)

    def _isp_is_hidden_with(self, origin):
        """Whether mirror and document are nobody's business: both in one reporting
        period, and the client has seen neither."""
        is_sent = origin.is_move_sent or self.is_move_sent
        return self.isp_period_id == origin.isp_period_id and not is_sent

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
