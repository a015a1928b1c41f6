import time

from .radius_common import RadiusCommon

GIGAWORD = 2**32


class SessionCommon(RadiusCommon):
    """Routers that account to a real FreeRADIUS, which the worker reads."""

    def setUp(self):
        super().setUp()
        for table in ("radacct", "radpostauth"):
            self.radius_db.query(f"DELETE FROM {table}")
        self.Session = self.env["isp.session"]

    def _account(self, status, login, session="s1", **attributes):
        """Send what a router sends; `ago` seconds are on its own clock."""
        if "ago" in attributes:
            attributes["Event-Timestamp"] = int(time.time()) - attributes.pop("ago")
        answer = self.radius._account(
            status,
            login,
            session,
            {name.replace("_", "-"): value for name, value in attributes.items()},
        )
        self.assertTrue(answer.accepted)

    def _read_sessions(self, gateway=None):
        """Have the worker read a gateway's sessions; return the job."""
        job = self.env["isp.gateway.job"]._ask(gateway or self.gateway, "sessions")
        self._work()
        self.assertEqual(job.state, "done", job.summary)
        return job

    def _get_sessions(self, login):
        return self.Session.search([("login", "=", login)], order="started_at, id")

    def _get_usage(self, connection=None):
        """Return (upload, download) of all days."""
        rows = self.env["isp.usage.day"].search(
            [("connection_id", "=", connection.id if connection else False)]
        )
        return sum(rows.mapped("upload")), sum(rows.mapped("download"))
