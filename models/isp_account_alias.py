from odoo import api, fields, models
from odoo.exceptions import ValidationError


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
