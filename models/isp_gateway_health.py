from odoo import fields, models
from odoo.tools import SQL

from ..tools.access_exchange import Outcome
from .isp_access_record import AUTH_PAUSE, get_back_off


class IspGateway(models.Model):
    """What the worker asks of a gateway and writes down about it."""

    _inherit = "isp.gateway"

    def _get_hold(self):
        """Return why nothing goes to this gateway now, and when it is next due.

        :return: (sentence or None, naive UTC or None); no moment means not before
            something changes
        """
        self.ensure_one()
        if not self.active:
            return self.env._("The gateway is archived."), None
        if self.by_sql_file:
            return self.env._(
                "Changes leave as an SQL file: press Make SQL File on the gateway."
            ), None
        if self.mode != "control":
            return self.env._("Watching only: press Take Control on the gateway."), None
        if self.state == "identity_error":
            return self.last_error, None
        now = fields.Datetime.now()
        if self.next_try and self.next_try > now:
            return self.last_error or None, self.next_try
        return None, now

    def _record_health(self, task, outcome, now, keep_lease):
        """Write down whether the gateway answered; return its next try, if it didn't.

        By SQL: `write` is for people, it would take this for new settings.
        """
        self.ensure_one()
        values = {}
        if self._has_settings_of(task):
            values = self._prepare_told_health(outcome, now)
            if outcome.is_marked:
                values["mark_written"] = task.guard.mark.run
        if not keep_lease:
            values.update(lease_until=None, lease_token=None)
        if values:
            self._write_health(values, SQL("lease_token = %s", task.token))
        return values.get("next_try")

    def _has_settings_of(self, task):
        """Whether an exchange was made with the settings as they are: a password that
        was corrected meanwhile is not refused."""
        return task.settings == self._prepare_settings()

    def _record_fault(self, error):
        """Leave this gateway alone for a while: a fault of ours about its lines must
        hold up no other."""
        self.ensure_one()
        now = fields.Datetime.now()
        outcome = Outcome(
            health="down",
            error=self.env._(
                "Its lines could not be prepared (%(kind)s); the server's log has the "
                "details.",
                kind=type(error).__name__,
            ),
        )
        values = self._prepare_health(outcome, now)
        self._write_health(values, SQL("TRUE"))
        self.env["isp.access"]._move_others(self, outcome, values["next_try"], now)

    def _record_probe_health(self, answer):
        """Write down what a test of the connection says of the gateway's health."""
        self.ensure_one()
        now = fields.Datetime.now()
        values = self._prepare_told_health(answer, now)
        self._write_health(values, SQL("TRUE"))
        Access = self.env["isp.access"]
        Access._move_others(self, answer, values["next_try"], now)
        if answer.health == "up":
            self.env["isp.access.dirty"]._wake()

    def _write_health(self, values, condition):
        assignments = SQL(", ").join(
            SQL("%s = %s", SQL.identifier(name), value)
            for name, value in values.items()
        )
        self.env.execute_query(
            SQL(
                "UPDATE isp_gateway SET %s WHERE id = %s AND %s RETURNING id",
                assignments,
                self.id,
                condition,
            )
        )
        self.invalidate_recordset()

    def _prepare_told_health(self, outcome, now):
        if self.state == "identity_error" and outcome.health == "up":
            # Something answers; whether it is the right device, a person says.
            return {"last_ok_at": now, "next_try": None}
        return self._prepare_health(outcome, now)

    def _prepare_health(self, outcome, now):
        if outcome.health == "up":
            return {
                "state": "up",
                "last_ok_at": now,
                "last_error": None,
                "fail_count": 0,
                "next_try": None,
                "down_since": None,
            }
        failures = (self.fail_count or 0) + 1
        values = {
            "state": outcome.health,
            "last_error": outcome.error,
            "fail_count": failures,
            "next_try": now + get_back_off(failures),
            "down_since": self.down_since or now,
        }
        if outcome.health in ("auth_error", "rights_error", "config_error"):
            values["next_try"] = now + AUTH_PAUSE
        if outcome.health == "identity_error":
            # Only a person can tell.
            values.update(next_try=None, mark_found=outcome.found)
        return values
