from datetime import UTC

from odoo import api, fields, models


class IspLoginAttempt(models.Model):
    """One row is one attempt to log in, as the gateway told when it was last asked."""

    _name = "isp.login.attempt"
    _description = "Attempt to Log In"
    _log_access = False
    _order = "at desc, id desc"
    _rec_name = "login"
    _check_company_auto = True

    connection_id = fields.Many2one(
        "isp.connection", required=True, readonly=True, index=True, ondelete="cascade"
    )
    gateway_id = fields.Many2one(
        "isp.gateway", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    login = fields.Char(readonly=True)
    at = fields.Datetime(string="When", readonly=True)
    is_accepted = fields.Boolean(string="Let In", readonly=True)
    reason = fields.Char(
        readonly=True,
        help="Why it was refused, judged by what the gateway holds now: it keeps no "
        "reason of its own.",
    )
    caller = fields.Char(
        string="Device", readonly=True, help="Its MAC address, or what the router has."
    )

    @api.model
    def _replace(self, connection, gateway, attempts):
        """Keep the attempts a gateway told of a line's login, instead of older ones.

        :param attempts: list of `tools.sessions.Attempt`
        """
        self.search([("connection_id", "=", connection.id)]).unlink()
        return self.create(
            [
                {
                    "connection_id": connection.id,
                    "gateway_id": gateway.id,
                    "company_id": gateway.company_id.id,
                    "login": attempt.login,
                    "at": attempt.at.astimezone(UTC).replace(tzinfo=None),
                    "is_accepted": attempt.accepted,
                    "reason": attempt.reason or False,
                    "caller": attempt.caller,
                }
                for attempt in attempts
            ]
        )
