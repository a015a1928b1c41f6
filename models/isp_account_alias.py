from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools import account_number


class IspAccountAlias(models.Model):
    """One row is a further name customers pay to: an old account number, a house."""

    _name = "isp.account.alias"
    _description = "Account Alias"
    _order = "name"

    name = fields.Char(
        string="Alias",
        required=True,
        help="What customers type as account number. An alias has no check digit: a "
        "slip of the finger may name another customer.",
    )
    contract_id = fields.Many2one(
        "isp.contract", required=True, index=True, ondelete="cascade"
    )
    connection_id = fields.Many2one(
        "isp.connection", index="btree_not_null", ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="contract_id.company_id", store=True, index=True, precompute=True
    )

    _name_company_uniq = models.UniqueIndex(
        "(company_id, upper(name))", "Another customer has this alias already."
    )

    @api.constrains("contract_id", "connection_id")
    def _check_connection(self):
        for alias in self.filtered("connection_id"):
            if alias.connection_id.contract_id != alias.contract_id:
                raise ValidationError(
                    self.env._(
                        "Alias %(alias)s: the connection %(connection)s belongs to "
                        "another contract.",
                        alias=alias.name,
                        connection=alias.connection_id.display_name,
                    )
                )

    @api.constrains("name", "contract_id")
    def _check_free(self):
        """Money that comes with an alias must not be meant for somebody else."""
        for alias in self:
            if not alias.name:
                raise ValidationError(
                    self.env._(
                        "An alias of contract %(contract)s is empty. Enter what the "
                        "client types.",
                        contract=alias.contract_id.name,
                    )
                )
            contract, label = next(alias._find_holders(), (None, None))
            if contract:
                raise ValidationError(
                    self.env._(
                        "%(alias)s can't be an alias of contract %(contract)s: it is "
                        "the %(label)s of contract %(holder)s.",
                        alias=alias.name,
                        contract=alias.contract_id.name,
                        label=label,
                        holder=contract.name,
                    )
                )

    def _find_holders(self):
        """Yield each contract that has this name already, and what it is there."""
        self.ensure_one()
        env = self.with_company(self.company_id).sudo().env
        numbers = {
            account_number.normalize(self.name),
            account_number.forgiving(self.name),
        } - {None}
        mine = [("company_id", "=", self.company_id.id)]
        number = [*mine, ("account_no", "in", list(numbers))]
        for contract in env["isp.contract"].search(number):
            yield contract, self.env._("account number")
        for line in env["isp.connection"].search(number):
            yield line.contract_id, self.env._("account number")
        search = env["isp.money.matching"]._search_folded
        for line in search("isp.connection", "username", "lower", {self.name.lower()}):
            # The login a client had before may become what the next line is paid by.
            if line.state != "closed" or line.contract_id != self.contract_id:
                yield line.contract_id, self.env._("login")
        for contract in search("isp.contract", "name", "upper", {self.name.upper()}):
            yield contract, self.env._("contract number")

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        aliases = super().create([self._tidy(vals) for vals in vals_list])
        for alias in aliases:
            alias._log(self.env._("Alias %(alias)s added", alias=alias.name))
        return aliases

    def write(self, vals):
        before = {alias: (alias.contract_id, alias._describe()) for alias in self}
        res = super().write(self._tidy(vals))
        for alias, (contract, description) in before.items():
            body = self.env._(
                "Alias changed from %(before)s to %(after)s",
                before=description,
                after=alias._describe(),
            )
            for one in contract | alias.contract_id:
                one._message_log(body=body)
        return res

    def unlink(self):
        for alias in self:
            alias._log(self.env._("Alias %(alias)s removed", alias=alias.name))
        return super().unlink()

    @api.model
    def _tidy(self, vals):
        # As the matching reads what a payer typed.
        if vals.get("name"):
            return {**vals, "name": " ".join(vals["name"].split())}
        return vals

    def _describe(self):
        self.ensure_one()
        target = self.connection_id or self.contract_id
        return f"{self.name} → {target.display_name}"

    def _log(self, body):
        self.ensure_one()
        self.contract_id._message_log(body=body)
