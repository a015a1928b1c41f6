from odoo import fields, models


class IspContractType(models.Model):
    """One row is a kind of contract: common attributes and the credit policy."""

    _name = "isp.contract.type"
    _description = "Contract Type"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True, help="A short key that imports refer to.")
    description = fields.Text(translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    credit_policy = fields.Selection(
        [
            ("limit", "Not limited unless a limit is set"),
            ("prepaid", "Never below zero"),
        ],
        required=True,
        default="limit",
        help="Not limited: invoices are issued before they are paid; a contract may "
        "still carry a limit of its own. Never below zero: nothing is charged that "
        "the customer's money with us does not cover.",
    )
    attribute_definition = fields.PropertiesDefinition("Contract Attributes")

    _code_uniq = models.Constraint(
        "UNIQUE (code)", "Another contract type has this code already."
    )
