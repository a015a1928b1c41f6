from odoo import models

from .account_move_kind import GIVEN_KINDS


class AccountMove(models.Model):
    """Credit that documents bring, or take away, moves lines that are paid first."""

    _inherit = "account.move"

    def _post(self, soft=True):
        """Override of `account`: what brings credit renews lines that are paid first.

        Payments see to themselves, once debts are paid; so do counter-entries.
        """
        posted = super()._post(soft=soft)
        given = posted.filtered(
            lambda m: (
                not m.origin_payment_id
                and not m.isp_revokes_id
                and (m.move_type == "entry" or m.isp_kind in GIVEN_KINDS)
            )
        )
        credits_ = given._isp_get_receivables().filtered(lambda ln: ln.balance < 0)
        if credits_:
            credits_.isp_contract_id._renew_from_credit(credits_.isp_connection_id)
        return posted

    def _reverse_moves(self, default_values_list=None, cancel=False):
        """Override of `account`: with money that is cancelled goes what it bought;
        a cancelled payout is credit again."""
        mirrors = super()._reverse_moves(default_values_list, cancel)
        for move, mirror in zip(self, mirrors, strict=False):
            if cancel and move.move_type == "entry":
                lines = move._isp_get_receivables()
                gone = lines.filtered(lambda line: line.balance < 0)
                gone.isp_contract_id._take_back_unpaid(mirror.ref)
                (lines - gone).isp_contract_id._renew_from_credit()
        return mirrors
