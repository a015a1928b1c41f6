from odoo import api, fields, models


class IspAccessDirty(models.Model):
    """One row says: the wish of this connection may have changed; look again.

    Rows are only inserted and, by the worker, deleted. Inserts never conflict, so
    that a payment and a worker never wait for each other.
    """

    _name = "isp.access.dirty"
    _description = "Access to Look At"
    _log_access = False
    _order = "id"

    # Not a many2one: a foreign key would lock the connection's row.
    connection_id = fields.Integer(required=True)
    is_forced = fields.Boolean()
    is_cut_allowed = fields.Boolean()
    # A person's wish: what was open at this moment is to be dropped.
    disconnect_at = fields.Datetime()

    # === BUSINESS === #

    @api.model
    def _mark(self, connection_ids, forced=False, allowed=False):
        """Wake the worker for connections, at the commit of this transaction.

        :param connection_ids: database ids of `isp.connection`
        :param bool forced: ask the device even where nothing seems to have changed
        :param bool allowed: let a cut go that waits for a person's decision
        """
        ids = sorted(set(connection_ids))
        if not ids:
            return
        self.env.cr.execute(
            "INSERT INTO isp_access_dirty (connection_id, is_forced, is_cut_allowed) "
            "SELECT id, %s, %s FROM unnest(%s) AS id",
            [forced, allowed, ids],
        )
        self._wake()

    @api.model
    def _mark_disconnected(self, connection_ids):
        """Have the worker drop what these lines have open now."""
        self.env.cr.execute(
            "INSERT INTO isp_access_dirty (connection_id, is_forced, disconnect_at) "
            "SELECT id, TRUE, %s FROM unnest(%s) AS id",
            [fields.Datetime.now(), list(connection_ids)],
        )
        self._wake()

    @api.model
    def _flush_pending(self):
        """Mark what this transaction changed; runs once, just before its commit."""
        self._mark(self.env.cr.precommit.data.pop("isp.access.dirty", ()))

    @api.model
    def _wake(self, at=None):
        """Have the convergence job run after the commit, or at a moment."""
        cron = self.env.ref(
            "mybizna_isp.isp_access_cron_converge", raise_if_not_found=False
        )
        if cron:
            # Whoever changes a connection may wake the job, not read it.
            cron.sudo()._trigger(at)
