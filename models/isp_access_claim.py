import json
import logging
import uuid
from datetime import UTC, timedelta

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL, split_every

from ..tools.access_exchange import Entry, Task
from ..tools.access_types import login_key

_logger = logging.getLogger(__name__)

ROWS_PER_TASK = 500
HALF_OPEN_ROWS = 5
# Devices talked to at once, and those among them that didn't answer last time.
POOL_SIZE = 32
SUSPECT_THREADS = 8
# Longer than an exchange may take: who took it and died frees it by this.
LEASE = timedelta(seconds=60)


class IspAccess(models.Model):
    """The claim: what is to be done, and for whom, in one short transaction."""

    _inherit = "isp.access"

    # === CLAIM: what there is to do === #

    @api.model
    def _claim(self, busy=(), runs=None):
        """Take due rows under a lease and return them as plain data.

        Payers come first. To be committed at once by the caller: nothing is sent
        before that.

        :param busy: ids of gateways that this run talks to already
        :param dict runs: gateway id → number of this run of the worker there
        :return: list of `tools.access_exchange.Task`, one per gateway
        """
        self._consume_dirty()
        tasks = []
        for gateway in self._get_free_gateways(busy):
            task = self._claim_gateway(gateway, (runs or {}).get(gateway.id))
            if task:
                tasks.append(task)
        return tasks

    @api.model
    def _claim_gateway(self, gateway, run):
        """Return the task of one gateway, or None; its faults hold up no other."""
        try:
            with self.env.cr.savepoint():
                rows = self._hold_cuts(gateway, self._pick_due(gateway))
                return self._prepare_task(gateway, rows, run)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            _logger.exception("Gateway %s can't be claimed", gateway.id)
            gateway._record_fault(error)
        return None

    @api.model
    def _has_work(self, busy=()):
        """Tell whether a claim would find something, by one cheap query."""
        [[found]] = self.env.execute_query(
            SQL(
                # What another transaction takes just now is its own.
                "SELECT EXISTS (SELECT FROM isp_access_dirty LIMIT 1 "
                "FOR UPDATE SKIP LOCKED) OR EXISTS (%s)",
                self._get_due_sql(SQL("access.id"), busy),
            )
        )
        return found

    @api.model
    def _count_due(self):
        [[dirty, due]] = self.env.execute_query(
            SQL(
                "SELECT (SELECT count(*) FROM isp_access_dirty), "
                "(SELECT count(*) FROM (%s) AS due)",
                self._get_due_sql(SQL("access.id"), ()),
            )
        )
        return dirty + due

    @api.model
    def _get_due_sql(self, columns, busy):
        self.flush_model()
        self.env["isp.gateway"].flush_model()
        return SQL(
            """
            SELECT %(columns)s
              FROM isp_access access
              JOIN isp_gateway gateway ON gateway.id = access.gateway_id
             WHERE access.next_try <= %(now)s
               AND (access.lease_until IS NULL OR access.lease_until <= %(now)s)
               AND gateway.active AND gateway.mode = 'control'
               AND gateway.state <> 'identity_error'
               AND NOT COALESCE(gateway.by_sql_file, FALSE)
               AND (gateway.lease_until IS NULL OR gateway.lease_until <= %(now)s)
               AND gateway.id <> ALL(%(busy)s)
            """,
            columns=columns,
            now=fields.Datetime.now(),
            busy=list(busy),
        )

    @api.model
    def _get_free_gateways(self, busy):
        """Return gateways with something due that nobody talks to, healthy first."""
        rows = self.env.execute_query(
            self._get_due_sql(SQL("DISTINCT access.gateway_id"), busy)
        )
        # The worker reads the gateways' secrets.
        gateways = self.env["isp.gateway"].sudo().browse(row[0] for row in rows)
        return self._share_threads(
            gateways.sorted(lambda g: (g.fail_count, g.id)), gateways.browse(busy)
        )

    @api.model
    def _share_threads(self, gateways, busy):
        """Leave out what finds no thread: those that didn't answer last time get a
        share, so that they never keep the others waiting."""
        failing = gateways.filtered("fail_count")
        share = max(SUSPECT_THREADS - len(busy.filtered("fail_count")), 0)
        gateways = (gateways - failing) | failing[:share]
        return gateways[: max(POOL_SIZE - len(busy), 0)]

    def _pick_due(self, gateway):
        """Return the due rows of a gateway: who may be on comes first."""
        on_sql = (
            self.env["isp.connection"]
            .sudo()
            ._search([("access", "in", ["on", "limited"])])
            .subselect()
        )
        due_sql = self._get_due_sql(
            SQL(
                "access.id, access.connection_id IN %s AS is_on, access.applied_on, "
                "access.next_try",
                on_sql,
            ),
            (),
        )
        rows = self.env.execute_query(
            SQL(
                """
                %s AND access.gateway_id = %s
                ORDER BY is_on DESC, COALESCE(applied_on, FALSE), next_try, access.id
                LIMIT %s
                """,
                due_sql,
                gateway.id,
                # After an outage a few first: the rest would be read for nothing.
                HALF_OPEN_ROWS if gateway.fail_count else ROWS_PER_TASK,
            )
        )
        return self.sudo().browse(row[0] for row in rows)

    # === CLAIM: lease === #

    def _prepare_task(self, gateway, rows, run=None):
        """Lease a gateway and its due rows; return the task, or None if all is done.

        Rows whose wish is what was proved already are settled here, without a word
        to the device.
        """
        wishes, entries, settled = self._plan_rows(gateway, rows)
        self._settle(settled)
        if not entries:
            return None
        token = uuid.uuid4().hex
        until = fields.Datetime.now() + LEASE
        guard = gateway._prepare_guard(rows, run)
        self._write_lease(gateway, token, until, guard.mark.run)
        self._write_sent(entries, token, until)
        return Task(
            gateway_id=gateway.id,
            gateway_type=gateway.type,
            settings=gateway._prepare_settings(),
            token=token,
            wishes=wishes,
            entries=entries,
            guard=guard,
        )

    def _plan_rows(self, gateway, rows):
        """Return what rows of one gateway need, as plain data; writes nothing.

        :return: (`login_key` → wish, list of `Entry`, list of (id, record) of rows
            that need no word to the device)
        """
        plans, settled = self._split_settled(rows)
        now = fields.Datetime.now()
        changed = {
            row.id: (
                row._get_changed_at(record, now),
                row._get_speed_changed_at(record, now),
            )
            for row, _wish, record, _gone in plans
        }
        wanted = {
            login_key(record["login"]): row._prepare_wish(wish, *changed[row.id])
            for row, wish, record, _gone in plans
            if record["present"]
        }
        gone = {login for _row, _wish, _record, names in plans for login in names}
        removals = self._get_removals(gateway, gone, wanted)
        entries = []
        for row, _wish, record, names in plans:
            logins = [login for login in sorted(names) if login_key(login) in removals]
            if record["present"]:
                logins.insert(0, record["login"])
            if logins:
                entries.append(row._prepare_entry(record, logins, *changed[row.id]))
            else:
                settled.append((row.id, record))
        return {**removals, **wanted}, entries, settled

    def _split_settled(self, rows):
        """Return rows with (wish, record, logins to go), and those in step already."""
        wishes = rows.connection_id._get_desired_access()
        plans, settled = [], []
        for row in rows:
            wish, record = row._prepare_wish_and_record(wishes[row.connection_id.id])
            kept = login_key(record["login"]) if record["present"] else None
            gone = [name for name in row.logins or () if login_key(name) != kept]
            # A wish that was sent and not proved may stand on the device by now.
            is_proved = row.sent is None or row.sent is False
            if is_proved and not gone and row.applied == record:
                settled.append((row.id, record))
            else:
                plans.append((row, wish, record, gone))
        return plans, settled

    def _prepare_wish(self, wish, changed_at, speed_changed_at=None):
        """Return a wish that also clears reply attributes we set and no longer want."""
        self.ensure_one()
        known = [
            record.get("extra") or {} for record in (self.applied, self.sent) if record
        ]
        cleared = {name: None for extra in known for name in extra}
        return {
            **wish,
            "extra": {**cleared, **(wish.get("extra") or {})},
            "fresh_since": changed_at.replace(tzinfo=UTC) if changed_at else None,
            "speed_since": speed_changed_at.replace(tzinfo=UTC)
            if speed_changed_at
            else None,
        }

    def _prepare_entry(self, record, logins, changed_at, speed_changed_at):
        self.ensure_one()
        return Entry(
            access_id=self.id,
            connection_id=self.connection_id.id,
            company_id=self.company_id.id,
            version=self.version,
            attempts=self.attempts,
            record=record,
            logins=tuple(logins),
            changed_at=changed_at or None,
            speed_changed_at=speed_changed_at or None,
        )

    @api.model
    def _get_removals(self, gateway, gone, wanted):
        """Return wishes that take logins away which nobody has on the gateway now."""
        names = {login_key(login): login for login in gone}
        names = {key: login for key, login in names.items() if key not in wanted}
        if not names:
            return {}
        # A login may have passed to another line, which then decides over it.
        Connection = self.env["isp.connection"].sudo()
        Connection.flush_model(["gateway_id", "username", "state"])
        self.env.cr.execute(
            "SELECT id FROM isp_connection WHERE gateway_id = ANY(%s) "
            "AND lower(username) = ANY(%s) AND state <> 'closed'",
            [gateway._get_twins().ids, list(names)],
        )
        owners = Connection.browse(row[0] for row in self.env.cr.fetchall())
        passed_on = {
            login_key(wish["login"])
            for wish in owners._get_desired_access().values()
            if wish["present"]
        }
        return {
            key: {"login": login, "present": False}
            for key, login in names.items()
            if key not in passed_on
        }

    @api.model
    def _settle(self, settled):
        """Mark rows as in step whose wish is what was proved already."""
        for batch in split_every(1000, settled, list):
            self.env.cr.execute_values(
                """
                UPDATE isp_access access
                   SET state = 'applied', error = NULL, attempts = 0, next_try = NULL,
                       applied = v.record, checked_at = v.now, sent = NULL,
                       applied_on = COALESCE((v.record->>'on')::bool, FALSE)
                  FROM (VALUES %s) AS v (id, record, now)
                 WHERE access.id = v.id
                """,
                [
                    (row_id, json.dumps(record), fields.Datetime.now())
                    for row_id, record in batch
                ],
                template="(%s, %s::jsonb, %s::timestamp)",
            )
        self.invalidate_model()

    @api.model
    def _write_lease(self, gateway, token, until, run):
        """Write that a gateway is talked to, and as which run: before it is."""
        self.env.cr.execute(
            "UPDATE isp_gateway SET lease_until = %s, lease_token = %s, mark_run = %s "
            "WHERE id = %s",
            [until, token, run, gateway.id],
        )
        gateway.invalidate_recordset()

    @api.model
    def _write_sent(self, entries, token, until):
        """Write what is about to be sent, before it is: a crash then forgets nothing.

        :param datetime|None until: end of the lease
        """
        if not entries:
            return
        self.env.cr.execute_values(
            """
            UPDATE isp_access access
               SET lease_until = v.until, lease_token = v.token, sent = v.record,
                   logins = v.logins, login = COALESCE(v.login, access.login),
                   changed_at = v.changed_at, speed_changed_at = v.speed_changed_at
              FROM (VALUES %s) AS v
                   (id, record, logins, login, changed_at, speed_changed_at, until,
                    token)
             WHERE access.id = v.id
            """,
            [
                (
                    entry.access_id,
                    json.dumps(entry.record),
                    json.dumps(entry.logins),
                    entry.record.get("login"),
                    entry.changed_at,
                    entry.speed_changed_at,
                    until,
                    token,
                )
                for entry in entries
            ],
            template="(%s, %s::jsonb, %s::jsonb, %s, %s::timestamp, %s::timestamp, "
            "%s::timestamp, %s)",
            page_size=ROWS_PER_TASK,
        )
        self.invalidate_model()
