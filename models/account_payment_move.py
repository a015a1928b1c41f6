from odoo import fields, models
from odoo.exceptions import AccessError, UserError


class AccountPayment(models.Model):
    """Money booked on the wrong client moves whole: mirror, and a payment anew."""

    _inherit = "account.payment"

    isp_moved_from_id = fields.Many2one(
        "account.payment",
        string="Moved from",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The payment that was cancelled when the money was moved here.",
    )
    isp_moved_to_ids = fields.One2many(
        "account.payment", "isp_moved_from_id", string="Moved to", readonly=True
    )

    def action_isp_move(self):
        """Ask for the client whose money it is."""
        self.ensure_one()
        self._isp_check_movable()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Move to another customer"),
            "res_model": "isp.payment.move",
            "view_mode": "form",
            "target": "new",
            "context": {"default_payment_id": self.id},
        }

    def _isp_check_movable(self):
        if not self.env.user.has_group("mybizna_isp.isp_group_accountant"):
            raise AccessError(
                self.env._("Only accountants move a payment to another customer.")
            )
        if not self._isp_get_guarded() or self.isp_revoked:
            raise UserError(
                self.env._(
                    "Payment %(payment)s can't be moved: it is not posted on a "
                    "contract, or is cancelled already.",
                    payment=self.display_name,
                )
            )

    def _isp_move_to(self, contract, connection, reason=""):
        """Cancel this payment and book the same money on another contract.

        :param contract: isp.contract of the same company
        :param connection: isp.connection of it whose debt is paid first, or empty
        :param str reason: why, as the mirror and both contracts tell it
        :return: the new account.payment
        """
        self.ensure_one()
        (self.isp_contract_id | contract)._lock_for_posting()
        self._isp_check_target(contract, connection)
        if self.isp_receipt_id:
            self.isp_receipt_id._assign(contract, connection, reason)
            moved = self.isp_receipt_id.payment_id
        else:
            self._isp_revoke(
                " – ".join(filter(None, (self._isp_say_moved(contract), reason)))
            )
            moved = contract._create_payments(
                [self._isp_prepare_again(contract, connection)]
            )
            moved._isp_link_moved(self)
        return moved

    def _isp_check_target(self, contract, connection):
        if contract == self.isp_contract_id and connection == self.isp_connection_id:
            raise UserError(
                self.env._(
                    "Payment %(payment)s is booked there already.",
                    payment=self.display_name,
                )
            )
        if contract.company_id != self.company_id:
            raise UserError(
                self.env._(
                    "%(contract)s belongs to another company than the payment. Choose "
                    "a contract of %(company)s.",
                    contract=contract.display_name,
                    company=self.company_id.name,
                )
            )

    def _isp_say_moved(self, contract):
        return self.env._(
            "Moved to %(contract)s by %(user)s",
            contract=contract.display_name,
            user=self.env.user.name,
        )

    def _isp_prepare_again(self, contract, connection):
        return {
            "contract_id": contract.id,
            "connection_id": connection.id,
            "payment_type": self.payment_type,
            "amount": self.amount,
            "currency_id": self.currency_id.id,
            "journal_id": self.journal_id.id,
            "payment_method_line_id": self.payment_method_line_id.id,
            # The bank's day, for which posting finds an open period anew.
            "date": self.isp_document_date or self.date,
            "memo": self.memo,
            "payment_reference": self.payment_reference,
        }

    def _isp_link_moved(self, origin):
        """Say on the new payment and its contract where the money came from."""
        self.sudo().isp_moved_from_id = origin
        # Whoever moves money need not be allowed to write on contracts.
        self.isp_contract_id.sudo().message_post(
            body=self.env._(
                "Payment %(payment)s moved here from %(contract)s by %(user)s, where "
                "it was %(origin)s.",
                payment=self.name,
                contract=origin.isp_contract_id.display_name,
                user=self.env.user.name,
                origin=origin.name,
            )
        )
