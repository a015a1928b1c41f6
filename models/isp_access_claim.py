import uuid
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL, split_every

from ..tools.access_exchange import Entry, Task

DIRTY_LIMIT = 20_000
ROWS_PER_TASK = 500
# Longer than an exchange may take: who took it and died frees it by this.
LEASE = timedelta(seconds=60)
COMPARE_EVERY = timedelta(minutes=15)
COMPARE_BATCH = 500


class IspAccess(models.Model):
    """The claim: what is to be done, and for whom, in one short transaction."""

    _inherit = "isp.access"

    # === CLAIM: what there is to do === #

    @api.model
    def _claim(self, busy=()):
        """Take due rows under a lease and return them as plain data.

        Payers come first. To be committed at once by the caller: nothing is sent
        before that.

        :param busy: ids of gateways that this run talks to already
        :return: list of `tools.access_exchange.Task`, one per gateway
        """
        self._consume_dirty()
        tasks = []
        for gateway in self._get_free_gateways(busy):
            task = self._prepare_task(gateway, self._pick_due(gateway))
            if task:
                tasks.append(task)
        return tasks

    @api.model
    def _has_work(self, busy=()):
        """Tell whether a claim would find something, by one cheap query."""
        [[found]] = self.env.execute_query(
            SQL(
                "SELECT EXISTS (SELECT FROM isp_access_dirty) OR EXISTS (%s) "
                "OR EXISTS (%s)",
                self._get_due_sql(SQL("access.id"), busy),
                self._get_probes_sql(busy),
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
               AND NOT COALESCE(gateway.by_sql_file, FALSE)
               AND (gateway.lease_until IS NULL OR gateway.lease_until <= %(now)s)
               AND gateway.id <> ALL(%(busy)s)
            """,
            columns=columns,
            now=fields.Datetime.now(),
            busy=list(busy),
        )

    @api.model
    def _get_probes_sql(self, busy):
        self.env["isp.gateway"].flush_model()
        return SQL(
            """
            SELECT id FROM isp_gateway
             WHERE is_probe_requested AND active
               AND NOT COALESCE(by_sql_file, FALSE)
               AND (lease_until IS NULL OR lease_until <= %(now)s)
               AND id <> ALL(%(busy)s)
            """,
            now=fields.Datetime.now(),
            busy=list(busy),
        )

    @api.model
    def _get_free_gateways(self, busy):
        """Return gateways with something due that nobody talks to, healthy first."""
        rows = self.env.execute_query(
            SQL(
                "%s UNION %s",
                self._get_due_sql(SQL("access.gateway_id"), busy),
                self._get_probes_sql(busy),
            )
        )
        # The worker reads the gateways' secrets.
        gateways = self.env["isp.gateway"].sudo().browse(row[0] for row in rows)
        return gateways.sorted(lambda g: (g.fail_count, g.id))

    def _pick_due(self, gateway):
        """Return the due rows of a gateway: who may be on and is not yet comes first."""
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
                ROWS_PER_TASK,
            )
        )
        return self.sudo().browse(row[0] for row in rows)

    # === CLAIM: wake-ups into rows === #

    @api.model
    def _consume_dirty(self):
        """Turn wake-ups into pending rows, on every gateway a line is or was on."""
        rows = self.env.execute_query(
            SQL(
                """
                DELETE FROM isp_access_dirty WHERE id IN (
                    SELECT id FROM isp_access_dirty ORDER BY id LIMIT %s
                    FOR UPDATE SKIP LOCKED
                ) RETURNING connection_id, is_forced
                """,
                DIRTY_LIMIT,
            )
        )
        if not rows:
            return
        self._insert_missing(sorted({connection_id for connection_id, _forced in rows}))
        forced_ids = {connection_id for connection_id, forced in rows if forced}
        plain_ids = {connection_id for connection_id, _forced in rows} - forced_ids
        for connection_ids, forced in ((plain_ids, False), (forced_ids, True)):
            if connection_ids:
                self._set_pending(
                    SQL("access.connection_id = ANY(%s)", sorted(connection_ids)),
                    forced,
                )

    @api.model
    def _insert_missing(self, connection_ids):
        """Make the rows of lines that were never on their gateway."""
        Connection = self.env["isp.connection"]
        Connection.flush_model(["gateway_id", "username", "state", "company_id"])
        self.env.execute_query(
            SQL(
                """
                INSERT INTO isp_access (connection_id, gateway_id, company_id, login,
                    state, version, attempts, applied_on)
                SELECT id, gateway_id, company_id, username, 'pending', 0, 0, FALSE
                  FROM isp_connection
                 WHERE id = ANY(%s) AND gateway_id IS NOT NULL
                   AND COALESCE(username, '') <> '' AND state <> 'closed'
                ON CONFLICT (connection_id, gateway_id) DO NOTHING
                RETURNING id
                """,
                list(connection_ids),
            )
        )

    @api.model
    def _set_pending(self, condition, forced=False):
        """Give rows a new wish: due now, or held with the reason in words.

        :param SQL condition: on `access`
        :param bool forced: ask the device even where nothing seems to have changed
        """
        # Settings and health of all gateways, whoever runs this.
        Gateway = self.env["isp.gateway"].sudo().with_context(active_test=False)
        self.flush_model()
        for gateway in Gateway.search([]):
            reason, next_try = gateway._get_hold()
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE isp_access access
                       SET state = 'pending', version = COALESCE(version, 0) + 1,
                           attempts = 0, error = %(reason)s, next_try = %(next_try)s,
                           sent = CASE WHEN %(forced)s
                                       THEN COALESCE(sent, applied, '{}'::jsonb)
                                       ELSE sent END
                     WHERE gateway_id = %(gateway)s AND %(condition)s
                    """,
                    reason=reason,
                    next_try=next_try,
                    forced=forced,
                    gateway=gateway.id,
                    condition=condition,
                )
            )
        self.invalidate_model()

    # === CLAIM: lease === #

    def _prepare_task(self, gateway, rows):
        """Lease a gateway and its due rows; return the task, or None if all is done.

        Rows whose wish is what was proved already are settled here, without a word
        to the device.
        """
        wishes = rows.connection_id._get_desired_access()
        token = uuid.uuid4().hex
        entries, wanted, settled, leased = [], {}, [], []
        for row in rows:
            wish = wishes[row.connection_id.id]
            record = row._prepare_record(wish)
            gone = set(row.logins or ())
            if record["present"]:
                gone.discard(record["login"])
            is_same = row.sent is False or row.sent is None
            is_same = is_same and not gone and row.applied == record
            if is_same or not (record["present"] or gone):
                settled.append((row.id, record))
                continue
            if record["present"]:
                wanted[record["login"]] = wish
            logins = sorted(gone | ({record["login"]} if record["present"] else set()))
            entries.append(
                Entry(
                    access_id=row.id,
                    connection_id=row.connection_id.id,
                    company_id=row.company_id.id,
                    version=row.version,
                    attempts=row.attempts,
                    record=record,
                    logins=tuple(logins),
                )
            )
            leased.append((row.id, record, logins, record.get("login") or row.login))
        self._settle(settled)
        if not entries and not gateway.is_probe_requested:
            return None
        self._write_lease(gateway, token, leased)
        wanted.update(self._get_removals(gateway, entries, wanted))
        return Task(
            gateway_id=gateway.id,
            gateway_type=gateway.type,
            settings=gateway._prepare_settings(),
            token=token,
            wishes=wanted,
            entries=entries,
            is_probe=bool(gateway.is_probe_requested),
        )

    @api.model
    def _get_removals(self, gateway, entries, wanted):
        """Return wishes that take logins away which nobody has on the gateway now."""
        names = {login for entry in entries for login in entry.logins} - wanted.keys()
        if not names:
            return {}
        # A login may have passed to another line, which then decides over it.
        owners = self.env["isp.connection"].sudo().search(
            [
                ("gateway_id", "=", gateway.id),
                ("username", "in", sorted(names)),
                ("state", "!=", "closed"),
            ]
        )
        passed_on = {
            wish["login"]
            for wish in owners._get_desired_access().values()
            if wish["present"]
        }
        return {login: None for login in names - passed_on}

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
                [(row_id, _json(record), fields.Datetime.now()) for row_id, record in batch],
                template="(%s, %s::jsonb, %s::timestamp)",
            )
        self.invalidate_model()

    @api.model
    def _write_lease(self, gateway, token, leased):
        until = fields.Datetime.now() + LEASE
        self.env.cr.execute(
            "UPDATE isp_gateway SET lease_until = %s, lease_token = %s WHERE id = %s",
            [until, token, gateway.id],
        )
        if leased:
            self.env.cr.execute_values(
                """
                UPDATE isp_access access
                   SET lease_until = v.until, lease_token = v.token, sent = v.record,
                       logins = v.logins, login = v.login
                  FROM (VALUES %s) AS v (id, record, logins, login, until, token)
                 WHERE access.id = v.id
                """,
                [
                    (row_id, _json(record), _json(logins), login, until, token)
                    for row_id, record, logins, login in leased
                ],
                template="(%s, %s::jsonb, %s::jsonb, %s, %s::timestamp, %s)",
            )
        self.invalidate_model()
        gateway.invalidate_recordset()

    # === CLOCK AND FULL COMPARE === #

    @api.model
    def _mark_by_clock(self):
        """Make rows due whose access ended or began by the clock alone."""
        ids = [row[0] for row in self.env.execute_query(self._get_clock_sql())]
        if ids:
            self._set_pending(SQL("access.id = ANY(%s)", ids))
        self._insert_unknown()
        return len(ids)

    @api.model
    def _insert_unknown(self):
        """Wake the lines that should be on a gateway and have no row there."""
        self.env["isp.connection"].flush_model()
        self.env.cr.execute(
            """
            INSERT INTO isp_access_dirty (connection_id, is_forced)
            SELECT id, FALSE FROM isp_connection connection
             WHERE gateway_id IS NOT NULL AND COALESCE(username, '') <> ''
               AND state <> 'closed'
               AND NOT EXISTS (
                   SELECT FROM isp_access access
                    WHERE access.connection_id = connection.id
                      AND access.gateway_id = connection.gateway_id)
             LIMIT %s
            """,
            [DIRTY_LIMIT],
        )

    @api.model
    def _compare_next(self):
        """Compare wishes with proofs for the rows not looked at for longest.

        The place reached is in the rows themselves, so that a next run goes on there.

        :return: how many rows were compared; 0 once all are fresh
        """
        now = fields.Datetime.now()
        rows = self.sudo().search(
            [
                "|",
                ("checked_at", "=", False),
                ("checked_at", "<", now - COMPARE_EVERY),
                "|",
                ("state", "=", "applied"),
                "&",
                ("state", "=", "error"),
                ("next_try", "=", False),
            ],
            order="checked_at NULLS FIRST, id",
            limit=COMPARE_BATCH,
        )
        if not rows:
            return 0
        differing = [
            row.id for row in rows if (row.sent or row.applied) != row.desired
        ]
        if differing:
            self._set_pending(SQL("access.id = ANY(%s)", differing))
        self.env.cr.execute(
            "UPDATE isp_access SET checked_at = %s WHERE id = ANY(%s)", [now, rows.ids]
        )
        self.invalidate_model()
        return len(rows)
