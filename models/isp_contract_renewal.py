from odoo import models

# A scheduled action leaves e-mails to the queue: no server that hangs holds it up.
KEPT_CONTEXT = ("allowed_company_ids", "lang", "mail_notify_force_send", "tz")


class IspContract(models.Model):
    """Credit in hand buys the next period of lines that are paid first."""

    _inherit = "isp.contract"

    def _renew_from_credit(self, named=None):
        """Renew lines that are paid first, as far as the contracts' credit reaches.

        Called by whatever brings credit, in the same transaction, and by the billing
        run for credit that waits. The line the payer named comes first, then the order
        of the contract.

        :param named: isp.connection records that the payer named
        """
        # Whoever books money need not be allowed to bill; nor is what a wizard has in
        # its context meant for these documents.
        context = {k: v for k, v in self.env.context.items() if k in KEPT_CONTEXT}
        system = self.env(su=True, context={**context, "tracking_disable": True})
        found = system["isp.connection"].search(
            [
                ("contract_id", "in", self.ids),
                ("package_id.billing_mode", "=", "pay_first"),
                ("state", "in", ("new", "active")),
            ],
            order="sequence, id",
        )
        named_ids = named.ids if named else ()
        for contract, lines in found.grouped("contract_id").items():
            # Of two payments at once the second has to see what the first one bought.
            contract._lock_for_posting()
            contract._renew_lines(lines.sorted(lambda c: c.id not in named_ids))
        self.with_env(system)._note_reach()

    def _renew_lines(self, lines):
        """Renew lines in order, round by round: each once before one comes again."""
        self.ensure_one()
        todo = lines.with_company(self.company_id)
        while todo:
            renewed = todo.browse()
            for line in todo:
                if not line._is_renewal_due() or not self._has_money_for(line):
                    continue
                others = (lines - line).filtered(lambda c: c._is_renewal_due())
                reserved, free_ids = self._split_credit(others)
                if line._run_guarded(line._try_renew, reserved, free_ids):
                    renewed |= line
            todo = renewed

    def _has_money_for(self, line):
        is_free = line.currency_id.is_zero(line.package_id.product_id.list_price)
        return is_free or self.currency_id.compare_amounts(self.balance, 0) > 0

    def _split_credit(self, others):
        """Part open credit into what waits for other lines that the payer named, and
        what may be used.

        :return: the amount that waits, and the ids of the credit lines that don't
        """
        credits_ = self.env["account.move.line"].search(
            self._get_open_lines_domain("<")
        )
        waiting = credits_.filtered(lambda line: line.isp_connection_id in others)
        reserved = -sum(waiting.mapped("amount_residual"))
        return reserved, tuple((credits_ - waiting).ids)

    def _can_pay(self, total, reserved=0.0):
        """Whether credit in hand is enough for a document, but for the tolerance.

        The rest stays owed, so there is none where a contract may not go below zero.

        :param float total: taxes included
        :param float reserved: credit that waits for other lines
        """
        self.ensure_one()
        tolerance = self.company_id._isp_get_tolerance(total)
        limit = self._get_credit_limit()
        if limit is not None:
            tolerance = min(tolerance, limit)
        left = self.balance - reserved - total
        return self.currency_id.compare_amounts(left, -tolerance) >= 0

    # === MONEY THAT WAS TAKEN BACK === #

    def _take_back_unpaid(self, reason):
        """Take back what money bought that is no longer there: no debt for days that
        were not served.

        :param str reason: stands on the counter-entries
        """
        for contract in self.sudo():
            today = contract.company_id._isp_today()
            lines = contract.connection_ids.filtered(lambda c: c._is_pay_first())
            bought = lines.billing_ids.filtered(
                lambda b, d=today: b._is_bought_unpaid(d)
            )
            for invoice, rows in bought.grouped("invoice_id").items():
                debts = invoice._isp_get_receivables().filtered(
                    lambda line: line.amount_residual > 0
                )
                debts._isp_match_open("<")
                unpaid = rows.filtered(lambda b: b.state == "billed" and not b.is_paid)
                unpaid._take_back(today, reason)
                # What bridged a change until it was due goes with the money.
                unpaid.connection_id.change_ids.extension_id.action_end()
            contract._note_reach()
