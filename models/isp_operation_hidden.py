from odoo import fields, models


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
        """Look for the few hidden documents, by their index, never through all."""
        if operator != "in":
            return NotImplemented
        is_hidden = [("isp_hidden", "=", True)]
        if True in value and False in value:
            return []
        # Who reads operations need not be allowed to read documents.
        return [("move_id", "any!" if True in value else "not any!", is_hidden)]
