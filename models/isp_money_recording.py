from datetime import timedelta

from odoo import api, models
from odoo.exceptions import UserError

# A network's clock is right; a date beyond this was typed by somebody.
MAX_AHEAD = timedelta(days=1)


class IspMoneyReceipt(models.Model):
    _inherit = "isp.money.receipt"

    # === PAYMENTS === #

    @api.model
    def _record_payments(self, pairs):
        """Keep one receipt for each code that messages of this company tell of.

        :param list pairs: isp.sms.inbox records with what each says, in their order
        :return: the receipts that are new
        """
        known = self._find_known((parsed.code, parsed) for _message, parsed in pairs)
        first, again = {}, []
        for message, parsed in pairs:
            key = (parsed.provider, parsed.code)
            if key in known or key in first:
                again.append((key, message, parsed))
            else:
                first[key] = (message, parsed)
        created = self.create(
            [
                self._prepare_receipt_vals(message, parsed)
                for message, parsed in first.values()
            ]
        )
        for key, receipt in zip(first, created, strict=True):
            known[key] = receipt
            first[key][0]._link(receipt, "booked", receipt.review_reason)
        for key, message, parsed in again:
            known[key]._record_again(message, parsed)
        return created

    @api.model
    def _find_known(self, codes):
        """Return the receipts of codes by provider and code, of whatever company.

        :param codes: pairs of a code and the parsed message that gives its provider
        """
        keys = {(parsed.provider, code) for code, parsed in codes if code}
        # A code is the network's, not a company's.
        receipts = self.sudo().search([("code", "in", [code for _p, code in keys])])
        return {
            (receipt.provider, receipt.code): receipt
            for receipt in receipts
            if (receipt.provider, receipt.code) in keys
        }

    @api.model
    def _prepare_receipt_vals(self, message, parsed):
        company = self.env.company
        currency = self._get_currency(parsed.currency)
        paid_at = (
            parsed.paid_at_local and company._isp_local_to_utc(parsed.paid_at_local)
        ) or message.received_at
        reason = self._why_review(message, parsed, currency, paid_at)
        return {
            "company_id": company.id,
            "collection_id": message.collection_id.id,
            "provider": parsed.provider,
            "code": parsed.code,
            "amount": parsed.amount,
            "currency_id": currency.id,
            "payer_name": parsed.payer_name,
            "payer_phone": parsed.payer_phone,
            "account_ref": parsed.account_ref,
            "paid_at": paid_at,
            "received_at": message.received_at,
            "balance_after": parsed.balance,
            "state": "review" if reason else "new",
            "review_reason": reason,
        }

    @api.model
    def _get_currency(self, name):
        own = self.env.company.currency_id
        if not name or name == own.name:
            return own
        # A network's currency need not be active in the books to be named.
        Currency = self.env["res.currency"].with_context(active_test=False)
        return Currency.search([("name", "=", name)], limit=1)

    @api.model
    def _why_review(self, message, parsed, currency, paid_at):
        """Return why a payment must not be booked by itself, or False."""
        company_currency = self.env.company.currency_id
        if currency != company_currency:
            return self.env._(
                "The payment is in %(currency)s, the books are in %(own)s.",
                currency=parsed.currency,
                own=company_currency.name,
            )
        if paid_at > message.received_at + MAX_AHEAD:
            return self.env._("The payment is dated in the future.")
        return False

    def _record_again(self, message, parsed):
        """Take in one more message about a payment that is known."""
        self.ensure_one()
        if self.company_id != self.env.company:
            message._link(
                self.browse(),
                "duplicate",
                self.env._("This receipt code is known in another company."),
            )
            return
        if not self.is_confirmed:
            self._confirm_reversed(message, parsed)
            return
        reason = False
        currency = self._get_currency(parsed.currency)
        same = not self.currency_id.compare_amounts(self.amount, float(parsed.amount))
        if not same or currency != self.currency_id:
            reason = self.env._(
                "Two messages with code %(code)s differ: %(first)s and %(second)s.",
                code=self.code,
                first=self.currency_id.format(self.amount),
                second=currency.format(float(parsed.amount)),
            )
            self.write({"state": "review", "review_reason": reason})
        message._link(self, "duplicate", reason)

    # === REVERSALS === #

    @api.model
    def _record_reversals(self, pairs):
        """Take payments back that the network took back.

        :param list pairs: isp.sms.inbox records with what each says, in their order
        :return: receipts, new ones among them
        """
        receipts = self.browse()
        for message, parsed in pairs:
            known = self._find_known([(parsed.reversed_code or parsed.code, parsed)])
            receipt = next(iter(known.values()), self.browse())
            if receipt and receipt.company_id != self.env.company:
                message._set_aside(
                    self.env._("Reverses a payment of another company."),
                    template=parsed.template,
                )
            elif not parsed.reversed_code:
                receipts |= receipt._review_reversal(message, parsed)
            elif receipt:
                receipt._reverse(message, parsed)
                receipts |= receipt
            else:
                receipts |= self._create_reversed(message, parsed)
        return receipts

    def _reverse(self, message, parsed):
        """Apply the reversal of this payment."""
        self.ensure_one()
        if self.reversal_code and (
            self.reversal_code == parsed.code or not self.payment_id
        ):
            message._link(self, "duplicate")
            return
        if self.reversal_code:
            # An accountant booked it again, knowing of the first reversal.
            reason = self.env._(
                "Payment %(code)s was booked again and is reversed once more, reversal "
                "%(reversal)s.",
                code=self.code,
                reversal=parsed.code,
            )
            self.write({"state": "review", "review_reason": reason})
            message._link(self, "booked", reason)
            return
        differs = parsed.amount and self.currency_id.compare_amounts(
            self.amount, float(parsed.amount)
        )
        if differs:
            reason = self.env._(
                "Payment %(code)s was %(amount)s, its reversal is %(reversed)s.",
                code=self.code,
                amount=self.currency_id.format(self.amount),
                reversed=self.currency_id.format(float(parsed.amount)),
            )
            self.write({"state": "review", "review_reason": reason})
            message._link(self, "booked", reason)
            return
        if self.state == "review":
            # Whatever was in doubt: the money is gone.
            self.state = "booked" if self.payment_id else "unmatched"
        self.write(self._prepare_reversal_vals(message, parsed))
        if self.payment_id:
            self.payment_id._isp_revoke(
                self.env._("Reversed by the network, %s", parsed.code)
            )
        message._link(self, "booked")
        self._message_log(
            body=self.env._("Reversed by the network, code %s.", parsed.code)
        )

    @api.model
    def _prepare_reversal_vals(self, message, parsed):
        moment = parsed.paid_at_local
        return {
            "reversal_code": parsed.code,
            "reversal_amount": parsed.amount,
            "reversed_at": self.env.company._isp_local_to_utc(moment)
            if moment
            else message.received_at,
            "review_reason": False,
        }

    @api.model
    def _create_reversed(self, message, parsed):
        """Keep a reversal that came before its payment under the payment's code.

        The payment then finds it there, by the same unique key, and is not booked.
        """
        receipt = self.create(
            {
                "company_id": self.env.company.id,
                "collection_id": message.collection_id.id,
                "provider": parsed.provider,
                "code": parsed.reversed_code,
                "currency_id": self.env.company.currency_id.id,
                "received_at": message.received_at,
                "is_confirmed": False,
                "state": "revoked",
                **self._prepare_reversal_vals(message, parsed),
            }
        )
        message._link(receipt, "booked")
        return receipt

    def _confirm_reversed(self, message, parsed):
        """Fill in the payment whose reversal was known before it."""
        vals = self._prepare_receipt_vals(message, parsed)
        self.write({**vals, "is_confirmed": True, "state": "revoked"})
        reason = self.env._("The network had reversed this payment before it was read.")
        differs = self.reversal_amount and self.currency_id.compare_amounts(
            self.amount, self.reversal_amount
        )
        if differs:
            reason = self.env._(
                "Payment %(code)s was %(amount)s, its reversal is %(reversed)s.",
                code=self.code,
                amount=self.currency_id.format(self.amount),
                reversed=self.currency_id.format(self.reversal_amount),
            )
            self.write({"state": "review", "review_reason": reason})
        message._link(self, "booked", reason)

    def _review_reversal(self, message, parsed):
        """Hand a reversal that names no payment to a person."""
        reason = self.env._(
            "A message says that money was reversed, but not which payment."
        )
        # Alone it tells of money that left: there is no payment to book.
        receipt = self or self.create(
            self._prepare_receipt_vals(message, parsed)
            | self._prepare_reversal_vals(message, parsed)
            | {"amount": parsed.amount or 0, "is_confirmed": False, "state": "review"}
        )
        receipt.write({"state": "review", "review_reason": reason})
        message._link(receipt, "booked", reason)
        return receipt

    # === ASSIGNING === #

    def _assign(self, contract, connection, reason=""):
        """Book a receipt on the customer that a person chose; move it if it is booked.

        :param contract: isp.contract of the receipt's company
        :param connection: isp.connection of that contract whose debt is paid first,
            or an empty recordset
        :param str reason: why it is moved, as the counter-entry tells it
        :raise UserError: when the money can't be booked
        """
        self.ensure_one()
        self._check_assignable(contract, connection)
        if self.reversal_code:
            self._message_log(
                body=self.env._(
                    "Booked by %(user)s although the network took it back, reversal "
                    "%(code)s.",
                    user=self.env.user.name,
                    code=self.reversal_code,
                )
            )
        if origin := self.payment_id:
            origin._isp_revoke(
                " – ".join(filter(None, (origin._isp_say_moved(contract), reason)))
            )
            # The unique index must see it before the new payment comes.
            self.env.flush_all()
        self._name_customer(contract, connection, "person")
        if self.state == "review":
            self.state = "new"
        self._create_payments()
        if origin:
            self.payment_id._isp_link_moved(origin)

    def _check_assignable(self, contract, connection):
        if self.currency_id != contract.currency_id:
            raise UserError(
                self.env._(
                    "Receipt %(code)s is in %(currency)s and contract %(contract)s is "
                    "not. Book it by hand, with its rate.",
                    code=self.code,
                    currency=self.currency_id.name,
                    contract=contract.display_name,
                )
            )
        if not self.is_confirmed:
            raise UserError(
                self.env._(
                    "No message told of payment %(code)s, only its reversal is known. "
                    "There is nothing to book.",
                    code=self.code,
                )
            )
        is_accountant = self.env.user.has_group("mybizna_isp.isp_group_accountant")
        if self.reversal_code and not is_accountant:
            raise UserError(
                self.env._(
                    "The network took payment %(code)s back, reversal %(reversal)s. "
                    "Once that was undone, too, an accountant can book it again.",
                    code=self.code,
                    reversal=self.reversal_code,
                )
            )
        if self.company_id != contract.company_id or (
            connection and connection.contract_id != contract
        ):
            raise UserError(
                self.env._(
                    "Receipt %(code)s: choose a contract of %(company)s, and one of "
                    "its own connections.",
                    code=self.code,
                    company=self.company_id.name,
                )
            )
        is_there = (contract, connection) == (self.contract_id, self.connection_id)
        if self.payment_id and is_there:
            raise UserError(
                self.env._("Receipt %(code)s is booked there already.", code=self.code)
            )
