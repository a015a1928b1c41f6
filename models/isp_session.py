from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

# Three times the longest usual interval between two updates of a session.
STALE_AFTER = timedelta(minutes=15)
FORGET_BATCH = 5000
MEGABYTE = 1e6


class IspSession(models.Model):
    """One row is a live or past session of a login, with its usage.

    Only the worker writes here, from what gateways tell.
    """

    _name = "isp.session"
    _description = "Session"
    _log_access = False
    _order = "started_at desc, id desc"
    _rec_name = "login"
    _check_company_auto = True

    # === FIELDS === #

    gateway_id = fields.Many2one(
        "isp.gateway", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    connection_id = fields.Many2one(
        "isp.connection",
        readonly=True,
        ondelete="set null",
        help="The line that had the login then.",
    )
    partner_id = fields.Many2one(related="connection_id.partner_id", string="Client")
    login = fields.Char(readonly=True, index=True)
    unique_id = fields.Char(required=True, readonly=True)
    session_id = fields.Char(string="Session Name", readonly=True)
    nas = fields.Char(string="Router", readonly=True, help="Its address.")
    started_at = fields.Datetime(string="Started", readonly=True)
    updated_at = fields.Datetime(
        string="Last Heard", readonly=True, help="When the gateway last told of it."
    )
    stopped_at = fields.Datetime(string="Ended", readonly=True)
    address = fields.Char(readonly=True, help="The address the subscriber had.")
    caller = fields.Char(
        string="Device", readonly=True, help="Its MAC address, or what the router has."
    )
    # Bytes; whole numbers are exact far beyond what four bytes would hold.
    upload = fields.Float(
        string="Upload (bytes)", readonly=True, help="What the subscriber sent."
    )
    download = fields.Float(
        string="Download (bytes)", readonly=True, help="What came to the subscriber."
    )
    upload_mb = fields.Float(string="Upload (MB)", compute="_compute_mb")
    download_mb = fields.Float(string="Download (MB)", compute="_compute_mb")
    cause = fields.Char(
        string="End Cause", readonly=True, help="Why it ended, in the router's words."
    )
    duration = fields.Float(string="Hours", compute="_compute_duration")
    state = fields.Selection(
        [("live", "Live"), ("stale", "Nothing heard"), ("ended", "Ended")],
        compute="_compute_state",
        search="_search_state",
        help="Nothing heard: the router never said that it ended, nor anything else "
        "for a quarter of an hour. It counts as ended.",
    )

    # A job that is done twice tells of the same session.
    _session_uniq = models.Constraint(
        "UNIQUE (gateway_id, unique_id, started_at)",
        "This session of the gateway is known already.",
    )
    # Serves the list and the timeline of a line.
    _connection_idx = models.Index(
        "(connection_id, started_at) WHERE connection_id IS NOT NULL"
    )
    # Serves who is on now.
    _open_idx = models.Index("(gateway_id, updated_at) WHERE stopped_at IS NULL")
    # Serves what is forgotten.
    _company_idx = models.Index("(company_id, updated_at)")

    # === COMPUTE === #

    @api.depends("upload", "download")
    def _compute_mb(self):
        for session in self:
            session.upload_mb = session.upload / MEGABYTE
            session.download_mb = session.download / MEGABYTE

    @api.depends("started_at", "stopped_at", "updated_at")
    def _compute_duration(self):
        for session in self:
            end = session.stopped_at or session.updated_at
            start = session.started_at
            length = end - start if start and end else timedelta()
            session.duration = length.total_seconds() / 3600

    @api.depends("stopped_at", "updated_at")
    def _compute_state(self):
        silent_since = fields.Datetime.now() - STALE_AFTER
        for session in self:
            if session.stopped_at:
                session.state = "ended"
            elif session.updated_at and session.updated_at > silent_since:
                session.state = "live"
            else:
                session.state = "stale"

    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        is_open = Domain("stopped_at", "=", False)
        heard = Domain("updated_at", ">", fields.Datetime.now() - STALE_AFTER)
        domains = {
            "ended": ~is_open,
            "live": is_open & heard,
            "stale": is_open & ~heard,
        }
        return Domain.OR(domains[key] for key in value if key in domains)

    # === ACTIONS === #

    def action_disconnect(self):
        """Drop what the lines of these sessions have open, by the worker."""
        return self.connection_id.action_disconnect()

    def action_view_connection(self):
        self.ensure_one()
        return self.connection_id._get_records_action(name=self.env._("Connection"))

    # === CRON === #

    @api.model
    def _cron_forget(self):
        """Delete sessions that ended longer ago than each company keeps them.

        The usage per day stays.
        """
        cron = self.env["ir.cron"]
        companies = self.env["res.company"].search([("isp_session_days", ">", 0)])
        for company in companies:
            while count := self._forget_batch(company):
                if not cron._commit_progress(count):
                    return

    @api.model
    def _forget_batch(self, company):
        before = fields.Datetime.now() - timedelta(days=company.isp_session_days)
        rows = self.env.execute_query(
            SQL(
                """
                DELETE FROM isp_session WHERE id IN (
                    SELECT id FROM isp_session
                     WHERE company_id = %s AND updated_at < %s
                     LIMIT %s)
                RETURNING id
                """,
                company.id,
                before,
                FORGET_BATCH,
            )
        )
        self.invalidate_model()
        return len(rows)
