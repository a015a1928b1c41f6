from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date


class IspContract(models.Model):
    """What a contract may still be charged, and what else we hold for it."""

    _inherit = "isp.contract"

    is_credit_overdue = fields.Boolean(
        string="Credit Overdue",
        compute="_compute_is_credit_overdue",
        search="_search_is_credit_overdue",
        help="The day has passed by which its credit had to be paid back: nothing is "
        "charged until it is.",
    )
    deposit_held = fields.Monetary(
        compute="_compute_deposit_held",
        help="The client's deposits with us. They are no part of the balance.",
    )

    # === COMPUTE === #

    @api.depends("credit_due", "balance", "company_id.isp_tz")
    def _compute_is_credit_overdue(self):
        for contract in self:
            contract.is_credit_overdue = contract._is_overdue_at(contract.balance)

    def _search_is_credit_overdue(self, operator, value):
        if operator != "in":
            return NotImplemented
        overdue = Domain("balance", "<", 0) & Domain.OR(
            Domain("company_id", "=", company.id)
            & Domain("credit_due", "<", company._isp_today())
            for company in self.env["res.company"].sudo().search([])
        )
        return overdue if True in value else ~overdue

    def _is_overdue_at(self, balance):
        self.ensure_one()
        return bool(
            self.credit_due
            and self.credit_due < self.company_id._isp_today()
            and self.currency_id.compare_amounts(balance, 0) < 0
        )

    def _compute_deposit_held(self):
        # A counter-entry takes its document out of the sum, and stands outside itself.
        # Who reads contracts need not be allowed to read documents.
        operations = self.env["isp.operation"].sudo()
        groups = operations._read_group(
            [
                ("contract_id", "in", self.ids),
                ("kind", "in", ("deposit", "deposit_return")),
                ("move_id.isp_revoked_by_id", "=", False),
            ],
            ["contract_id"],
            ["amount:sum"],
        )
        held = {contract.id: -amount for contract, amount in groups}
        for contract in self:
            contract.deposit_held = held.get(contract.id, 0.0)

    # === WHAT IS REFUSED: called by postings, with the contract locked === #

    def _check_credit_due(self, before):
        """Refuse a debit when credit should have been paid back by now.

        :param float before: the balance before the debit
        """
        if self._is_overdue_at(before):
            raise UserError(
                self.env._(
                    "Contract %(contract)s owes %(debt)s, which had to be paid back by "
                    "%(day)s. Take the payment first, or give it a later day.",
                    contract=self.display_name,
                    debt=self.currency_id.format(-before),
                    day=format_date(self.env, self.credit_due),
                )
            )

    def _check_refund(self):
        """Refuse to pay out more than the client had with us."""
        for contract in self:
            if contract.currency_id.compare_amounts(contract.balance, 0) < 0:
                raise UserError(
                    self.env._(
                        "Contract %(contract)s doesn't have that much with us: this "
                        "would take its balance to %(balance)s. Pay out what is in "
                        "hand at most.",
                        contract=contract.display_name,
                        balance=contract.currency_id.format(contract.balance),
                    )
                )

    def _check_write_off(self):
        """Refuse to write off more than is owed."""
        for contract in self:
            if contract.currency_id.compare_amounts(contract.balance, 0) > 0:
                raise UserError(
                    self.env._(
                        "Contract %(contract)s doesn't owe that much: this would take "
                        "its balance to %(balance)s. Write off what is owed at most.",
                        contract=contract.display_name,
                        balance=contract.currency_id.format(contract.balance),
                    )
                )

    def _check_deposit_held(self):
        """Refuse to return more than is held, or to cancel what was returned."""
        self.env["isp.operation"].flush_model()
        self.env["account.move"].flush_model(["isp_revoked_by_id"])
        self.invalidate_recordset(["deposit_held"], flush=False)
        for contract in self:
            if contract.currency_id.compare_amounts(contract.deposit_held, 0) < 0:
                raise UserError(
                    self.env._(
                        "Contract %(contract)s has less deposit with us than that: "
                        "%(missing)s would be missing. Return what is held at most.",
                        contract=contract.display_name,
                        missing=contract.currency_id.format(-contract.deposit_held),
                    )
                )

    # === CLOSING === #

    def action_ask_close(self):
        """Close contracts at 0; of another one ask what becomes of the money."""
        with_money = self.filtered(
            lambda c: (
                c.state == "active"
                and not (
                    c.currency_id.is_zero(c.balance)
                    and c.currency_id.is_zero(c.deposit_held)
                )
            )
        )
        if not with_money:
            return self.action_close()
        if len(self) > 1:
            raise UserError(
                self.env._(
                    "%(contracts)s has a balance or a deposit. Close such contracts "
                    "one by one.",
                    contracts=", ".join(with_money.mapped("name")),
                )
            )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Close the Contract"),
            "res_model": "isp.contract.close",
            "view_mode": "form",
            "target": "new",
            "context": {"default_contract_id": self.id},
        }
