import json
import random
from dataclasses import replace
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import split_every

from ..tools.access_exchange import Said
from ..tools.access_guard import parse
from ..tools.access_types import login_key

ROW_TRIES = 3
# Wrong credentials tried over and over fill the device's log and may ban us.
AUTH_PAUSE = timedelta(hours=6)
UNANSWERED = Said("unanswered")


def get_back_off(failures):
    """Return how long to wait after that many failures in a row, as a timedelta.

    30 s, doubled each time up to 15 min, and up to a fifth more or less so that
    gateways which fell together do not return together.
    """
    seconds = min(30 * 2 ** min(failures - 1, 10), 900)
    return timedelta(seconds=round(seconds * random.uniform(0.8, 1.2)))


class IspAccess(models.Model):
    """The record: what came of an exchange, in a transaction of its own."""

    _inherit = "isp.access"

    @api.model
    def _record(self, task, outcome, keep_lease=False):
        """Write down what one gateway answered.

        Only rows whose lease is still this task's are touched, and "in step" is said
        only of the wish that was sent.

        :param task: a `tools.access_exchange.Task`
        :param outcome: its `tools.access_exchange.Outcome`
        :param bool keep_lease: the thread may still be talking to the gateway
        """
        now = fields.Datetime.now()
        # Health is the worker's to write, whoever pressed the button.
        gateway = self.env["isp.gateway"].sudo().browse(task.gateway_id)
        is_put_back = gateway._was_put_back(task, outcome)
        if is_put_back:
            gateway._write_again(parse(outcome.found))
        if is_put_back or gateway._was_overtaken(task, outcome):
            # Nothing was written; a moment later it is.
            outcome = replace(outcome, health="up", error="", said={})
        next_try = gateway._record_health(task, outcome, now, keep_lease)
        if gateway._has_settings_of(task):
            self._move_others(gateway, outcome, next_try, now)
        said = [(entry, _get_answer(entry, outcome)) for entry in task.entries]
        self._record_proved(task, said, now)
        self._record_refused(task, said, now)
        self._record_unanswered(task, said, outcome, next_try, now)
        self._record_log(task, said, outcome, now)
        self._wake_for_retry(gateway, now)
        self.invalidate_model()

    @api.model
    def _record_proved(self, task, said, now):
        rows = [
            (
                entry.access_id,
                entry.version,
                _json(entry.record),
                bool(entry.record.get("on")),
                _json(_get_left(entry)),
                task.token,
                now,
            )
            for entry, answer in said
            if answer.outcome in ("applied", "unchanged")
        ]
        self._update_rows(
            rows,
            "id, version, record, is_on, logins, token, now",
            "(%s, %s, %s::jsonb, %s, %s::jsonb, %s, %s::timestamp)",
            """
                   applied = v.record, applied_on = v.is_on, applied_at = v.now,
                   checked_at = v.now, logins = v.logins,
                   sent = CASE WHEN {same} OR sent = v.record THEN NULL
                               ELSE sent END,
                   lease_until = NULL, lease_token = NULL,
                   held = CASE WHEN {waits} THEN held END,
                   loss_since = CASE WHEN {waits} THEN loss_since END,
                   is_cut_allowed = CASE WHEN {waits} THEN is_cut_allowed END,
                   state = CASE WHEN {same} THEN 'applied' ELSE state END,
                   error = CASE WHEN {same} THEN NULL ELSE error END,
                   attempts = CASE WHEN {same} THEN 0 ELSE attempts END,
                   next_try = CASE WHEN {same} THEN NULL ELSE next_try END
            """,
        )

    @api.model
    def _record_refused(self, task, said, now):
        """A device that says no yields "needs attention" and, three times, a retry.

        So does one that may still hold a session, though its rows are as wished.
        """
        rows = []
        for entry, answer in said:
            if answer.outcome not in ("error", "unfinished"):
                continue
            is_proved = answer.outcome == "unfinished"
            attempts = entry.attempts + 1
            retry = now + get_back_off(attempts) if attempts < ROW_TRIES else None
            if answer.kind == "dependency" and attempts == 1:
                # What it needs is made in the same breath; the order was wrong.
                retry = now
            rows.append(
                (
                    entry.access_id,
                    entry.version,
                    attempts,
                    answer.reply,
                    retry,
                    _json(entry.record) if is_proved else None,
                    bool(entry.record.get("on")),
                    now,
                    task.token,
                )
            )
        self._update_rows(
            rows,
            "id, version, attempts, error, retry, record, is_on, now, token",
            "(%s, %s, %s, %s, %s::timestamp, %s::jsonb, %s, %s::timestamp, %s)",
            """
                   lease_until = NULL, lease_token = NULL,
                   applied = COALESCE(v.record, applied),
                   applied_at = CASE WHEN v.record IS NULL THEN applied_at
                                     ELSE v.now END,
                   applied_on = CASE WHEN v.record IS NULL THEN applied_on
                                     ELSE v.is_on END,
                   state = CASE WHEN {same} THEN 'error' ELSE state END,
                   error = CASE WHEN {same} THEN v.error ELSE access.error END,
                   attempts = CASE WHEN {same} THEN v.attempts ELSE access.attempts END,
                   next_try = CASE WHEN {same} THEN v.retry ELSE next_try END
            """,
        )

    @api.model
    def _record_unanswered(self, task, said, outcome, next_try, now):
        """Rows nothing is known of stay waiting; the device may have heard us.

        Those a slow device only found no time for are next.
        """
        is_late = _is_late(outcome)
        rows = [
            (
                entry.access_id,
                entry.version,
                outcome.error or None,
                next_try
                or (now if is_late else now + get_back_off(entry.attempts + 1)),
                0 if is_late else 1,
                task.token,
            )
            for entry, answer in said
            if answer.outcome == "unanswered"
        ]
        self._update_rows(
            rows,
            "id, version, error, retry, more, token",
            "(%s, %s, %s, %s::timestamp, %s, %s)",
            """
                   lease_until = NULL, lease_token = NULL, state = 'pending',
                   error = v.error, next_try = v.retry,
                   attempts = attempts + CASE WHEN {same} THEN v.more ELSE 0 END
            """,
        )

    @api.model
    def _update_rows(self, rows, columns, template, assignments):
        same = "access.version = v.version"
        # A question stays open, and leave given meanwhile is for what comes next.
        waits = f"(held = 'mass' AND (is_cut_allowed IS NOT TRUE OR NOT {same}))"
        for batch in split_every(1000, rows, list):
            self.env.cr.execute_values(
                f"""
                UPDATE isp_access access
                   SET {assignments.format(same=same, waits=waits)}
                  FROM (VALUES %s) AS v ({columns})
                 WHERE access.id = v.id AND access.lease_token = v.token
                """,
                batch,
                template=template,
                page_size=1000,
            )

    @api.model
    def _record_log(self, task, said, outcome, now):
        """Append the exchange; a mute gateway gets one line, not one per login, and
        what a slow one found no time for none."""
        is_late = _is_late(outcome)
        rows = [
            self._prepare_log_row(task, entry, answer, outcome, now)
            for entry, answer in said
            if answer.outcome != "unanswered" or not (entry.attempts or is_late)
        ]
        if outcome.health != "up":
            answer = Said("unanswered", "connect", outcome.error)
            rows.append(self._prepare_log_row(task, None, answer, outcome, now))
        if rows:
            self.env.cr.execute_values(
                "INSERT INTO isp_access_log (access_id, connection_id, gateway_id, "
                "company_id, login, at, commands, reply, outcome, duration_ms) "
                "VALUES %s",
                rows,
                page_size=1000,
            )

    @api.model
    def _prepare_log_row(self, task, entry, answer, outcome, now):
        gateway = self.env["isp.gateway"].browse(task.gateway_id)
        return (
            entry and entry.access_id,
            entry and entry.connection_id,
            task.gateway_id,
            entry.company_id if entry else gateway.company_id.id,
            ", ".join(entry.logins) if entry else None,
            now,
            answer.commands or None,
            answer.reply or outcome.error or None,
            answer.outcome,
            outcome.duration_ms,
        )

    @api.model
    def _move_others(self, gateway, outcome, next_try, now):
        """Let the gateway's other rows follow its health."""
        if outcome.health == "up":
            self.env.cr.execute(
                "UPDATE isp_access SET next_try = %s WHERE gateway_id = %s "
                "AND state = 'pending' AND next_try > %s AND held IS NULL",
                [now, gateway.id, now],
            )
            return
        self.env.cr.execute(
            """
            UPDATE isp_access
               SET next_try = %s,
                   error = CASE WHEN state = 'pending' THEN %s ELSE error END
             WHERE gateway_id = %s AND next_try < COALESCE(%s::timestamp, 'infinity')
            """,
            [next_try, outcome.error, gateway.id, next_try],
        )

    @api.model
    def _wake_for_retry(self, gateway, now):
        self.env.cr.execute(
            "SELECT min(next_try) FROM isp_access WHERE gateway_id = %s "
            "AND next_try > %s",
            [gateway.id, now],
        )
        [[moment]] = self.env.cr.fetchall()
        if moment:
            self.env["isp.access.dirty"]._wake(moment)


def _is_late(outcome):
    """Whether what was not answered only found no time on a slow device."""
    return outcome.health == "up" and bool(outcome.said)


def _json(value):
    return json.dumps(value)


def _get_left(entry):
    """Return the logins that stay on the gateway once an entry is proved."""
    return [entry.record["login"]] if entry.record["present"] else []


def _get_answer(entry, outcome):
    """Return what came of a row: the worst that came of its logins."""
    answers = [outcome.said.get(login_key(login), UNANSWERED) for login in entry.logins]
    for worst in ("unanswered", "error", "unfinished", "applied", "unchanged"):
        found = [answer for answer in answers if answer.outcome == worst]
        if found:
            break
    return Said(
        worst,
        "\n".join(answer.commands for answer in answers if answer.commands),
        "\n".join(answer.reply for answer in found if answer.reply),
        found[0].kind,
    )
