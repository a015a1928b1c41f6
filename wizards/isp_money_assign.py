from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

MAX_CANDIDATES = 10


class IspMoneyAssign(models.TransientModel):
    """One row is a person's choice whose money a receipt is."""

    _name = "isp.money.assign"
    _description = "Assign Money"

    receipt_id = fields.Many2one(
        "isp.money.receipt", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="receipt_id.company_id")
    currency_id = fields.Many2one(related="receipt_id.currency_id")
    amount = fields.Monetary(related="receipt_id.amount")
    payer_name = fields.Char(related="receipt_id.payer_name")
    payer_phone = fields.Char(related="receipt_id.payer_phone")
    account_ref = fields.Char(related="receipt_id.account_ref")
    payment_id = fields.Many2one(related="receipt_id.payment_id")
    reversal_code = fields.Char(related="receipt_id.reversal_code")
    review_reason = fields.Char(related="receipt_id.review_reason")
    contract_id = fields.Many2one(
        "isp.contract",
        compute="_compute_contract_id",
        store=True,
        readonly=False,
        domain="[('company_id', '=', company_id)]",
    )
    connection_id = fields.Many2one(
        "isp.connection",
        domain="[('company_id', '=', company_id)]",
        help="This line's debt is paid first. Empty: the oldest due of the contract.",
    )
    candidate_ids = fields.One2many(
        "isp.money.assign.candidate",
        "assign_id",
        compute="_compute_candidate_ids",
        store=True,
        readonly=False,
    )

    # === COMPUTE === #

    @api.depends("connection_id")
    def _compute_contract_id(self):
        for assign in self:
            assign.contract_id = assign.connection_id.contract_id or assign.contract_id

    @api.depends("receipt_id")
    def _compute_candidate_ids(self):
        for assign in self:
            assign.candidate_ids = [fields.Command.clear()] + [
                fields.Command.create({"contract_id": contract.id, "hint": hint})
                for contract, hint in assign._find_candidates()
            ]

    # === ACTIONS === #

    def action_assign(self):
        """Book the receipt on the chosen customer; move it if it was booked."""
        self.ensure_one()
        if not self.env.user.has_group("mybizna_isp.isp_group_clerk"):
            raise AccessError(self.env._("Only back-office staff assigns money."))
        if not self.contract_id:
            raise UserError(self.env._("Choose a connection or a contract first."))
        # The person must be allowed to see both; the booking itself is the system's.
        for record in (self.receipt_id, self.contract_id, self.connection_id):
            record.check_access("read")
        receipt = self.receipt_id.sudo().with_company(self.receipt_id.company_id)
        receipt._assign(self.contract_id.sudo(), self.connection_id.sudo())
        return {"type": "ir.actions.act_window_close"}

    # === HINTS === #

    def _find_candidates(self):
        """Return contracts that may be meant, each with why: hints, never proof."""
        self.ensure_one()
        hints = {}
        for contract in self._search_contracts(self._get_phone_domain()):
            hints.setdefault(contract, self.env._("Phone fits"))
        for contract in self._search_contracts(self._get_name_domain()):
            hints.setdefault(contract, self.env._("Name alike"))
        hints.pop(self.receipt_id.contract_id if self.payment_id else None, None)
        return list(hints.items())[:MAX_CANDIDATES]

    def _search_contracts(self, partner_domain):
        if not partner_domain:
            return self.env["isp.contract"]
        domain = Domain("company_id", "=", self.company_id.id)
        domain &= Domain("partner_id", "any", partner_domain)
        return self.env["isp.contract"].search(domain, limit=MAX_CANDIDATES)

    def _get_phone_domain(self):
        """Fit a number that may be masked by its first and its last digits."""
        phone = self.payer_phone or ""
        digits = phone.strip("+").replace(" ", "")
        head = len(digits) - len(digits.lstrip("0123456789"))
        tail = len(digits) - len(digits.rstrip("0123456789"))
        if head == len(digits):
            return Domain("isp_phone", "=", digits) if digits else None
        if tail < 2 or head + tail < 6:
            return None
        start, end = digits[:head].lstrip("0"), digits[-tail:]
        return Domain("isp_phone", "=like", f"%{start}%{end}")

    def _get_name_domain(self):
        words = [w for w in (self.payer_name or "").split() if len(w) > 2]
        if not words:
            return None
        return Domain.AND(Domain("name", "ilike", word) for word in words[:2])


class IspMoneyAssignCandidate(models.TransientModel):
    """One row is a customer whose money it may be."""

    _name = "isp.money.assign.candidate"
    _description = "Candidate for Money"

    assign_id = fields.Many2one("isp.money.assign", required=True, ondelete="cascade")
    contract_id = fields.Many2one("isp.contract", required=True, ondelete="cascade")
    hint = fields.Char()
    partner_id = fields.Many2one(related="contract_id.partner_id")
    account_no = fields.Char(related="contract_id.account_no")
    currency_id = fields.Many2one(related="contract_id.currency_id")
    balance = fields.Monetary(related="contract_id.balance")

    def action_choose(self):
        """Book the receipt on this customer."""
        self.ensure_one()
        self.assign_id.write(
            {"contract_id": self.contract_id.id, "connection_id": False}
        )
        return self.assign_id.action_assign()
