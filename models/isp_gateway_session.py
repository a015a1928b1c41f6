import json

from odoo import fields, models
from odoo.exceptions import UserError


class IspGateway(models.Model):
    """What a gateway told of its sessions."""

    _inherit = "isp.gateway"

    # Up to where the gateway's own record was read: [moment, number of the row].
    sessions_mark = fields.Json(readonly=True, copy=False)
    sessions_read_at = fields.Datetime(
        string="Sessions Read", readonly=True, copy=False
    )
    session_count = fields.Integer(
        compute="_compute_session_count", help="Sessions that are live now."
    )

    def _compute_session_count(self):
        groups = self.env["isp.session"]._read_group(
            [("gateway_id", "in", self.ids), ("state", "=", "live")],
            ["gateway_id"],
            ["__count"],
        )
        counts = {gateway.id: count for gateway, count in groups}
        for gateway in self:
            gateway.session_count = counts.get(gateway.id, 0)

    def write(self, vals):
        """Override: another database has a record of its own."""
        if not {"type", "ip_address", "port", "database", "dialect"}.isdisjoint(vals):
            vals = {**vals, "sessions_mark": False}
        return super().write(vals)

    def _record_sessions_read(self, mark):
        """Note up to where sessions were read.

        By SQL: `write` is for people, and the row is shared with the health.
        """
        self.env.cr.execute(
            "UPDATE isp_gateway SET sessions_mark = COALESCE(%s::jsonb, sessions_mark),"
            " sessions_read_at = %s WHERE id = %s",
            [mark and json.dumps(mark), fields.Datetime.now(), self.id],
        )
        self.invalidate_recordset()

    def _check_disconnectable(self):
        """Raise a sentence where nothing of this gateway can be dropped."""
        self.ensure_one()
        if self.mode != "control" or self.by_sql_file:
            raise UserError(
                self.env._(
                    "%(gateway)s: nothing is sent to this gateway, so nothing can be "
                    "dropped there. Press Take Control on it first.",
                    gateway=self.name,
                )
            )

    def action_read_sessions(self):
        """Have the worker read the sessions of these gateways now."""
        self.check_access("read")
        for gateway in self:
            gateway._check_connectable()
            # Who may see a gateway may have it read; jobs are the system's to make.
            self.env["isp.gateway.job"]._ask(gateway, "sessions")
        return self._notify(
            self.env._("Its sessions are being read. Reload in a few seconds.")
        )

    def action_view_sessions(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_session_action"
        )
        action["domain"] = [("gateway_id", "=", self.id)]
        action["context"] = {"search_default_live": 1}
        return action

    def action_view_usage(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_usage_report_action"
        )
        action["domain"] = [("gateway_id", "=", self.id)]
        return action
