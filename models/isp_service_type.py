from odoo import fields, models


class IspServiceType(models.Model):
    """One row is a kind of service: internet, calls, SMS, TV and whatever comes."""

    _name = "isp.service.type"
    _description = "Service Type"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True, help="A short key that imports refer to.")
    description = fields.Text(translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)

    _code_uniq = models.Constraint(
        "UNIQUE (code)", "Another service type has this code already."
    )
