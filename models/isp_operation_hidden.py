from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL


class IspOperation(models.Model):
    """Operations of documents that were cancelled within their own period."""

    _inherit = "isp.operation"

    isp_hidden = fields.Boolean(
        related="move_id.isp_hidden",
        string="Hidden",
        search="_search_isp_hidden",
        help="Its document was cancelled in the same reporting period: the pair is "
        "left out of statements and lists.",
    )

    def _search_isp_hidden(self, operator, value):
        """Ask of each row, by the index of the few hidden documents.

        A list of all hidden ones would be read anew for every page.
        """
        if operator != "in":
            return NotImplemented
        if True in value and False in value:
            return Domain.TRUE
        self.env["account.move"].flush_model(["isp_hidden"])
        # Who reads operations need not be allowed to read documents.
        hidden = Domain.custom(
            to_sql=lambda _model, alias, _query: SQL(
                "EXISTS (SELECT FROM account_move hidden "
                "WHERE hidden.id = %s AND hidden.isp_hidden)",
                SQL.identifier(alias, "move_id"),
            ),
            predicate=lambda operation: operation.isp_hidden,
        )
        return hidden if True in value else ~hidden
