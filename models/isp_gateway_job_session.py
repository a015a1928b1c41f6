from datetime import UTC, datetime, timedelta

from odoo import api, fields, models

KNOWN_LIMIT = 2000
ATTEMPTS_SHOWN = 5
# A gateway whose sessions couldn't be read is left alone for so long.
PAUSE = timedelta(hours=1)
KEPT = timedelta(days=1)


class IspGatewayJob(models.Model):
    """Questions about sessions, asked by the clock, and about attempts to log in."""

    _inherit = "isp.gateway.job"

    kind = fields.Selection(
        selection_add=[
            ("sessions", "Sessions and usage"),
            ("attempts", "Attempts to log in"),
        ],
        ondelete={"sessions": "cascade", "attempts": "cascade"},
    )

    # === SESSIONS === #

    @api.model
    def _cron_ask_sessions(self):
        """Ask every gateway that can be asked for its sessions."""
        # Gateways are few.
        gateways = self.env["isp.gateway"].search([("by_sql_file", "=", False)])
        for gateway in gateways:
            if not self._has_failed_lately(gateway):
                self._ask(gateway, "sessions")

    @api.model
    def _has_failed_lately(self, gateway):
        """Whether asking again would only fill the gateway's log."""
        last = self.search(
            [
                ("gateway_id", "=", gateway.id),
                ("kind", "=", "sessions"),
                ("state", "in", ("done", "failed")),
            ],
            limit=1,
        )
        if last.state != "failed":
            return False
        has_answered = gateway.last_ok_at and gateway.last_ok_at > last.done_at
        return not has_answered and last.done_at > fields.Datetime.now() - PAUSE

    @api.autovacuum
    def _gc_sessions(self):
        """Forget questions whose answers stand elsewhere."""
        self.search(
            [
                ("kind", "in", ("sessions", "attempts")),
                ("state", "in", ("done", "failed")),
                ("done_at", "<", fields.Datetime.now() - KEPT),
            ],
            limit=10_000,
        ).unlink()

    def _prepare_sessions(self):
        self.ensure_one()
        silent = self.env["isp.session"].search(
            [("gateway_id", "=", self.gateway_id.id), ("state", "=", "stale")],
            order="updated_at desc",
            limit=KNOWN_LIMIT,
        )
        return {
            "since": self._get_watermark(),
            "known": silent.mapped("unique_id"),
            "is_ours": self.gateway_id.mode == "control",
        }

    def _get_watermark(self):
        """Return from where to read on; at first, what would not be forgotten at once.

        What was forgotten is in the usage of its days already.
        """
        mark = self.gateway_id.sessions_mark
        if mark:
            return datetime.fromisoformat(mark[0]), mark[1]
        days = self.gateway_id.company_id.isp_session_days
        if not days:
            return None
        return datetime.now(UTC) - timedelta(days=days), 0

    def _record_sessions(self, content):
        gateway, news = self.gateway_id, content["news"]
        count = self.env["isp.session"]._record_news(gateway, news, content["at"])
        mark = news.mark and [news.mark[0].isoformat(), news.mark[1]]
        gateway._record_sessions_read(mark)
        if news.has_more:
            self._ask(gateway, "sessions")
        said = self.env._("%(count)s sessions are new or have changed.", count=count)
        if content["closed"]:
            said += " " + self.env._(
                "Ended, because nothing was heard of them: %(count)s.",
                count=content["closed"],
            )
        return said

    # === ATTEMPTS TO LOG IN === #

    def _prepare_attempts(self):
        self.ensure_one()
        connection = self._get_asked_connection()
        return {"logins": [connection.username or ""], "limit": ATTEMPTS_SHOWN}

    def _get_asked_connection(self):
        return self.env["isp.connection"].browse(self.params["connection_id"])

    def _say_attempts(self):
        """Return what became of the question, for the line it is about."""
        if self.state in ("waiting", "running"):
            return self.env._("The gateway is being asked; reload in a few seconds.")
        words = {
            "moment": self._get_asked_connection()._say_moment(self.done_at),
            "summary": self.summary or "",
        }
        return self.env._("%(moment)s: %(summary)s", **words)

    def _record_attempts(self, content):
        connection = self._get_asked_connection().exists()
        attempts = self.env["isp.login.attempt"]._replace(
            connection, self.gateway_id, content["attempts"]
        )
        return self.env._("%(count)s attempts to log in.", count=len(attempts))
