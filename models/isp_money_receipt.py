from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .isp_collection import provider_selection
from .isp_money_matching import RULES


class IspMoneyReceipt(models.Model):
    """One row is one receipt of mobile money, whatever told us of it."""

    _name = "isp.money.receipt"
    _description = "Money Receipt"
    _inherit = ["isp.money.matching", "mail.thread", "mail.activity.mixin"]
    _order = "id desc"
    _rec_name = "code"
    _rec_names_search = ["code", "account_ref", "payer_name", "partner_id.name"]
    _check_company_auto = True

    # === FIELDS === #

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    collection_id = fields.Many2one(
        "isp.collection",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    provider = fields.Selection(
        lambda self: provider_selection(), required=True, readonly=True
    )
    code = fields.Char(
        string="Receipt Code",
        required=True,
        readonly=True,
        help="The network's own number of the payment. It counts once.",
    )
    amount = fields.Monetary(readonly=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    payer_name = fields.Char(readonly=True)
    payer_phone = fields.Char(
        readonly=True, help="As the network shows it; it may hide digits."
    )
    account_ref = fields.Char(
        string="Account Typed",
        readonly=True,
        help="What the payer typed as account number.",
    )
    paid_at = fields.Datetime(readonly=True)
    received_at = fields.Datetime(
        readonly=True, default=fields.Datetime.now, index=True
    )
    balance_after = fields.Monetary(
        readonly=True, help="Balance of the paybill or till that the message gave."
    )
    is_confirmed = fields.Boolean(
        string="Payment Seen",
        readonly=True,
        default=True,
        help="A message told of this payment. Without one, only its reversal is known.",
    )
    state = fields.Selection(
        [
            ("new", "New"),
            ("unmatched", "Without a Customer"),
            ("booked", "Booked"),
            ("review", "To Review"),
            ("revoked", "Cancelled"),
        ],
        compute="_compute_state",
        store=True,
        required=True,
        readonly=True,
        default="new",
        index=True,
        tracking=True,
        help="Without a customer: nobody could be found for certain. To review: "
        "messages contradict each other, a person decides. Cancelled: the network took "
        "the money back.",
    )
    partner_id = fields.Many2one(
        related="contract_id.partner_id", string="Client", store=True, index=True
    )
    contract_id = fields.Many2one(
        "isp.contract",
        readonly=True,
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        tracking=True,
    )
    connection_id = fields.Many2one(
        "isp.connection",
        readonly=True,
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        tracking=True,
    )
    match_rule = fields.Selection(
        RULES, string="Found by", readonly=True, tracking=True
    )
    review_reason = fields.Char(
        string="Why a Person Is Needed", readonly=True, tracking=True
    )
    payment_ids = fields.One2many("account.payment", "isp_receipt_id", readonly=True)
    payment_id = fields.Many2one(
        "account.payment",
        string="Payment That Counts",
        compute="_compute_payment_id",
        store=True,
        help="The one payment of this receipt that counts.",
    )
    inbox_ids = fields.One2many("isp.sms.inbox", "receipt_id", readonly=True)
    reversal_code = fields.Char(
        readonly=True, help="The network's number of the reversal."
    )
    reversal_amount = fields.Monetary(readonly=True)
    reversed_at = fields.Datetime(readonly=True)
    payment_count = fields.Integer(compute="_compute_counts")
    message_inbox_count = fields.Integer(compute="_compute_counts")

    # Two routes may bring the same code at the same moment; one row stays.
    _code_uniq = models.UniqueIndex(
        "(provider, code)", "This receipt code is known already."
    )
    # Serves the list of money without a customer.
    _open_idx = models.Index("(company_id, id) WHERE state IN ('unmatched', 'review')")

    # === COMPUTE === #

    @api.depends("payment_ids.isp_revoked")
    def _compute_payment_id(self):
        for receipt in self:
            live = receipt.payment_ids.filtered(lambda p: not p.isp_revoked)
            receipt.payment_id = live[:1]

    @api.depends("payment_id", "reversal_code")
    def _compute_state(self):
        """Follow the payment, whoever made or cancelled it."""
        for receipt in self:
            if receipt.payment_id:
                is_open = receipt.state in ("new", "unmatched", "revoked")
                receipt.state = "booked" if is_open else receipt.state
            elif receipt.reversal_code and receipt.state != "review":
                receipt.state = "revoked"
            elif receipt.state == "booked":
                # The money is still in the wallet, only nobody's any more.
                receipt.state = "unmatched"
            else:
                receipt.state = receipt.state or "new"

    def _compute_counts(self):
        payments = self.env["account.payment"]._read_group(
            [("isp_receipt_id", "in", self.ids)], ["isp_receipt_id"], ["__count"]
        )
        # Messages are for the back office only, their number is not.
        messages = (
            self.env["isp.sms.inbox"]
            .sudo()
            ._read_group([("receipt_id", "in", self.ids)], ["receipt_id"], ["__count"])
        )
        payment_counts = {receipt.id: count for receipt, count in payments}
        message_counts = {receipt.id: count for receipt, count in messages}
        for receipt in self:
            receipt.payment_count = payment_counts.get(receipt.id, 0)
            receipt.message_inbox_count = message_counts.get(receipt.id, 0)

    # === CRUD === #

    @api.ondelete(at_uninstall=False)
    def _unlink_except_kept(self):
        raise UserError(
            self.env._("Receipts are kept: the network's code must count only once.")
        )

    # === ACTIONS === #

    def action_assign(self):
        """Open the choice of a customer for money that has none."""
        return self._open_assignment(self.env._("Assign to a customer"))

    def action_move(self):
        """Open the choice of another customer for money booked on the wrong one."""
        return self._open_assignment(self.env._("Move to another customer"))

    def _open_assignment(self, title):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": "isp.money.assign",
            "view_mode": "form",
            "target": "new",
            "context": {"default_receipt_id": self.id},
        }

    def action_match_again(self):
        """Look for the customer again, after a number or a phone was set right."""
        self._require_clerk()
        # Rows are written by code only; the group was checked above.
        receipts = self.sudo().filtered(lambda r: r.state == "unmatched")
        for company, group in receipts.grouped("company_id").items():
            group.with_company(company)._match_and_book()

    def action_settle(self):
        """End a review and leave the receipt as it is booked."""
        self._require_clerk()
        for receipt in self.sudo().filtered(lambda r: r.state == "review"):
            receipt._message_log(
                body=self.env._(
                    "Reviewed by %(user)s: %(reason)s",
                    user=self.env.user.name,
                    reason=receipt.review_reason or "",
                )
            )
            if receipt.payment_id:
                state = "booked"
            else:
                state = "revoked" if receipt.reversal_code else "unmatched"
            receipt.write({"state": state, "review_reason": False})

    def action_view_payments(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "account.action_account_payments"
        )
        action["domain"] = [("isp_receipt_id", "=", self.id)]
        action["context"] = {"create": False}
        return action

    def action_view_messages(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_sms_inbox_action"
        )
        action["domain"] = [("receipt_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_view_contract(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "isp.contract",
            "res_id": self.contract_id.id,
            "view_mode": "form",
        }

    def _require_clerk(self):
        if not self.env.user.has_group("mybizna_isp.isp_group_clerk"):
            raise AccessError(self.env._("Only back-office staff assigns money."))

    # === BOOKING === #

    def _match_and_book(self):
        """Book receipts of the current company whose customer is certain.

        The others wait for a person, each with its reason.
        """
        matches = self._match()
        certain = self.browse(r.id for r in self if matches[r].contract)
        for receipt in self - certain:
            receipt.write(
                {"state": "unmatched", "review_reason": matches[receipt].reason}
            )
        for receipt in certain:
            match = matches[receipt]
            receipt._name_customer(match.contract, match.connection, match.rule)
        certain._create_payments()

    def _name_customer(self, contract, connection, rule):
        self.write(
            {
                "contract_id": contract.id,
                "connection_id": connection.id,
                "match_rule": rule,
                "review_reason": False,
            }
        )

    def _create_payments(self):
        """Book receipts, whose customer is named, in one batch."""
        if not self:
            return
        payments = self.env["isp.contract"]._create_payments(
            [receipt._prepare_payment_vals() for receipt in self]
        )
        rules = dict(self._fields["match_rule"]._description_selection(self.env))
        self._message_log_batch(
            bodies={
                receipt.id: self.env._(
                    "Booked on %(contract)s, found by: %(rule)s. Payment %(payment)s.",
                    contract=receipt.contract_id.display_name,
                    rule=rules[receipt.match_rule],
                    payment=payment.name,
                )
                for receipt, payment in zip(self, payments, strict=True)
            }
        )

    def _prepare_payment_vals(self):
        self.ensure_one()
        return {
            "contract_id": self.contract_id.id,
            "connection_id": self.connection_id.id,
            "amount": self.amount,
            "currency_id": self.currency_id.id,
            "journal_id": self.collection_id.journal_id.id,
            "date": self._get_payment_date(),
            "memo": " ".join(filter(None, (self.code, self.account_ref))),
            "receipt_id": self.id,
        }

    def _get_payment_date(self):
        """Return the local day of payment, never one in the future.

        Where that day is closed, posting finds an open one and keeps this as the date
        of the bank.
        """
        company = self.company_id
        day = company._isp_to_local(self.paid_at or self.received_at).date()
        return min(day, company._isp_today())
