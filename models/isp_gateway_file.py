import base64
import uuid
from dataclasses import asdict, replace

from odoo import fields, models
from odoo.exceptions import UserError

from ..tools.access_exchange import Entry, Outcome, Said, Task, export
from ..tools.access_types import DriverError, login_key


class IspGateway(models.Model):
    """Gateways without a connection: changes leave as a file a person runs there."""

    _inherit = "isp.gateway"

    # Not a plain attachment: whoever sees the gateway could read that, and it holds
    # the subscribers' passwords.
    sql_file = fields.Binary(
        string="SQL File",
        attachment=True,
        readonly=True,
        copy=False,
        exportable=False,
        groups="mybizna_isp.isp_group_network",
    )
    sql_file_name = fields.Char(readonly=True, copy=False)
    sql_file_at = fields.Datetime(string="Made", readonly=True, copy=False)
    sql_file_rows = fields.Json(
        readonly=True, copy=False, groups="mybizna_isp.isp_group_network"
    )

    # === ACTIONS === #

    def action_make_sql_file(self):
        """Write all waiting changes of this gateway into an SQL file."""
        self.ensure_one()
        self.check_access("write")
        if not self.by_sql_file:
            raise UserError(
                self.env._(
                    "Gateway %(gateway)s is connected directly. Tick By SQL File to "
                    "get its changes as a file.",
                    gateway=self.name,
                )
            )
        # Rows are the worker's; this is the worker's part for a gateway without one.
        Access = self.env["isp.access"].sudo()
        Access._consume_dirty()
        rows = Access.search(
            [("gateway_id", "=", self.id), ("state", "!=", "applied")], order="id"
        )
        wishes, entries, settled = Access._plan_rows(self.sudo(), rows)
        Access._settle(settled)
        if not entries:
            raise UserError(
                self.env._(
                    "Gateway %(gateway)s: nothing has changed since the last file that "
                    "was marked as applied.",
                    gateway=self.name,
                )
            )
        try:
            text, refused = export(self.type, self._prepare_settings(), wishes)
        except DriverError as error:
            raise UserError(str(error)) from error
        token, now = uuid.uuid4().hex, fields.Datetime.now()
        suffix = "rsc" if self.type == "routeros" else "sql"
        Access._write_sent(entries, token, None)
        entries = self._set_refused_apart(entries, refused, token, now)
        self.write(
            {
                "sql_file": base64.b64encode(text.encode()),
                "sql_file_name": f"{self.name}-{now:%Y%m%d-%H%M%S}.{suffix}",
                "sql_file_at": now,
                "sql_file_rows": {
                    "token": token,
                    "entries": [
                        asdict(replace(entry, changed_at=None, speed_changed_at=None))
                        for entry in entries
                    ],
                },
            }
        )
        self.message_post(
            body=self.env._(
                "%(user)s made an SQL file with %(count)s lines.",
                user=self.env.user.name,
                count=len(entries),
            )
        )

    def action_mark_sql_file_applied(self):
        """Take the lines of the last SQL file to be in step: a person ran it."""
        self.ensure_one()
        self.check_access("write")
        if not self.sql_file_rows:
            raise UserError(
                self.env._(
                    "Gateway %(gateway)s: there is no SQL file to mark. Make one "
                    "first.",
                    gateway=self.name,
                )
            )
        meant = self.env.context.get("isp_sql_file_name", self.sql_file_name)
        if meant != self.sql_file_name:
            raise UserError(
                self.env._(
                    "Gateway %(gateway)s: a newer file, %(name)s, was made meanwhile. "
                    "Run that one, too, and mark it then.",
                    gateway=self.name,
                    name=self.sql_file_name,
                )
            )
        entries = [
            Entry(**{**values, "logins": tuple(values["logins"])})
            for values in self.sql_file_rows["entries"]
        ]
        task = self._prepare_file_task(self.sql_file_rows["token"], entries)
        reply = self.env._(
            "SQL file marked as applied by %(user)s", user=self.env.user.name
        )
        said = [(entry, Said("applied", "", reply)) for entry in task.entries]
        now = fields.Datetime.now()
        Access = self.env["isp.access"].sudo()
        Access._record_proved(task, said, now)
        Access._record_log(task, said, Outcome(), now)
        Access.invalidate_model()
        self.write({"sql_file": False, "sql_file_name": False, "sql_file_rows": False})
        self.message_post(body=reply)

    # === BUSINESS === #

    def _set_refused_apart(self, entries, refused, token, now):
        """Mark rows that could not go into the file; return the entries that did."""
        written, said = [], []
        for entry in entries:
            reasons = [refused.get(login_key(login)) for login in entry.logins]
            reasons = [reason for reason in reasons if reason]
            if reasons:
                said.append((entry, Said("error", "", reasons[0])))
            else:
                written.append(entry)
        # The worker's part again, for a gateway without a worker.
        Access = self.env["isp.access"].sudo()
        Access._record_refused(self._prepare_file_task(token, entries), said, now)
        Access.invalidate_model()
        return written

    def _prepare_file_task(self, token, entries):
        return Task(
            gateway_id=self.id,
            gateway_type=self.type,
            settings={},
            token=token,
            wishes={},
            entries=entries,
        )
