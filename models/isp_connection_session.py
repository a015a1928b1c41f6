from odoo import api, fields, models
from odoo.exceptions import UserError


class IspConnection(models.Model):
    """What a line has open, what it moved, and how it tried to get in."""

    _inherit = "isp.connection"

    session_ids = fields.One2many("isp.session", "connection_id", readonly=True)
    attempt_ids = fields.One2many("isp.login.attempt", "connection_id", readonly=True)
    attempts_text = fields.Char(
        string="Asked",
        compute="_compute_attempts_text",
        help="When the gateway was last asked for attempts to log in.",
    )
    is_online = fields.Boolean(
        string="Online",
        compute="_compute_online",
        search="_search_is_online",
        help="A session is open, and its router was heard of within a quarter hour.",
    )
    online_text = fields.Char(
        string="Online or Not",
        compute="_compute_online",
        help="What is open now, or when the line was last seen.",
    )

    # === COMPUTE === #

    @api.depends_context("lang", "tz")
    @api.depends("session_ids.stopped_at", "session_ids.updated_at")
    def _compute_online(self):
        Session = self.env["isp.session"]
        live = Session.search(
            [("connection_id", "in", self.ids), ("state", "=", "live")]
        ).grouped("connection_id")
        for connection in self:
            sessions = live.get(connection, Session)
            connection.is_online = bool(sessions)
            connection.online_text = connection._say_session(sessions)

    def _search_is_online(self, operator, value):
        if operator != "in":
            return NotImplemented
        live = [("session_ids", "any", [("state", "=", "live")])]
        if True in value and False in value:
            return []
        return live if True in value else ["!", *live]

    def _compute_attempts_text(self):
        # Not kept on the line: worker and business never write the same row.
        last = {}
        for job in self.env["isp.gateway.job"].search(
            [("kind", "=", "attempts"), ("gateway_id", "in", self.gateway_id.ids)],
            order="id",
        ):
            last[job.params["connection_id"]] = job
        for connection in self:
            job = last.get(connection._origin.id)
            connection.attempts_text = job and job._say_attempts()

    def _say_session(self, sessions):
        """Return what is open on a line, else when it was last seen, or False."""
        if not sessions:
            last = self.env["isp.session"].search(
                [("connection_id", "=", self._origin.id)],
                order="updated_at desc",
                limit=1,
            )
            return last.updated_at and self.env._(
                "Offline, last seen %(moment)s",
                moment=self._say_moment(last.stopped_at or last.updated_at),
            )
        newest = sessions[:1]
        words = {
            "since": self._say_moment(newest.started_at),
            "address": newest.address or newest.login,
            "count": len(sessions),
        }
        if len(sessions) > 1:
            return self.env._(
                "Online with %(count)s sessions, the last since %(since)s, %(address)s",
                **words,
            )
        return self.env._("Online since %(since)s, %(address)s", **words)

    # === ACTIONS === #

    def action_disconnect(self):
        """Drop what these lines have open; those that may be on dial in again."""
        self.check_access("write")
        for connection in self:
            connection._check_disconnectable()
        # A wake-up is all that is written; the worker does the rest.
        self.env["isp.access.dirty"].sudo()._mark_disconnected(self.ids)
        return self.gateway_id._notify(
            self.env._(
                "Its sessions are being dropped. What came of it is in the access log "
                "in a few seconds."
            )
        )

    def _check_disconnectable(self):
        self.ensure_one()
        if not (self.username and self.gateway_id) or self.state == "closed":
            raise UserError(
                self.env._(
                    "%(connection)s has no login on a gateway: there is nothing to "
                    "drop.",
                    connection=self.display_name,
                )
            )
        self.gateway_id._check_disconnectable()

    def action_ask_attempts(self):
        """Have the worker ask the gateway for the last attempts to log in."""
        self.ensure_one()
        self.check_access("read")
        gateway = self.gateway_id
        if not (self.username and gateway):
            raise UserError(
                self.env._(
                    "%(connection)s has no login on a gateway: nobody can have tried.",
                    connection=self.display_name,
                )
            )
        gateway._check_connectable()
        self.env["isp.gateway.job"]._ask(gateway, "attempts", connection_id=self.id)
        return gateway._notify(
            self.env._("The gateway is being asked. Reload in a few seconds.")
        )

    def action_view_sessions(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_session_action"
        )
        action["domain"] = [("connection_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_view_usage(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_usage_report_action"
        )
        action["domain"] = [("connection_id", "=", self.id)]
        return action
