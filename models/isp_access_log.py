from odoo import fields, models
from odoo.exceptions import UserError


class IspAccessLog(models.Model):
    """One row is one exchange with a device about one login; it never changes."""

    _name = "isp.access.log"
    _description = "Access Log"
    _log_access = False
    _order = "id desc"
    _rec_name = "login"
    _check_company_auto = True

    access_id = fields.Many2one("isp.access", index=True, ondelete="set null")
    connection_id = fields.Many2one(
        "isp.connection", index="btree_not_null", ondelete="set null"
    )
    gateway_id = fields.Many2one("isp.gateway", index=True, ondelete="set null")
    company_id = fields.Many2one("res.company", index=True)
    login = fields.Char(help="The login the exchange was about.")
    at = fields.Datetime(string="When", required=True, index=True)
    commands = fields.Text(help="What was sent, secrets masked.")
    reply = fields.Text(help="What the device answered, or why it did not.")
    outcome = fields.Selection(
        [
            ("applied", "Done and read back"),
            ("unchanged", "Was so already"),
            ("error", "Refused"),
            ("unfinished", "Done, but a session may still be up"),
            ("unanswered", "No answer"),
        ],
        required=True,
    )
    duration_ms = fields.Integer(string="Took (ms)", help="Of the whole exchange.")

    # === CRUD === #

    # Append-only: what is asked for never happens, so nothing is passed on.
    # pylint: disable=method-required-super,no-raise-unlink
    def write(self, vals):
        """Override: what happened stays as it was written."""
        raise UserError(
            self.env._("The access log can't be changed; it is written by the worker.")
        )

    def unlink(self):
        """Override: what happened stays as it was written."""
        raise UserError(
            self.env._(
                "The access log can't be deleted; it is the proof of what was done."
            )
        )
