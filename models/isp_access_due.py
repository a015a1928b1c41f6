from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

DIRTY_LIMIT = 20_000
COMPARE_EVERY = timedelta(minutes=15)
COMPARE_BATCH = 500
# Hosts' clocks differ by less, and nothing is put off for longer.
AHEAD = timedelta(hours=1)
LONGEST_PAUSE = timedelta(days=1)
# Moments of a row that are over by their meaning.
OVER = ("applied_at", "changed_at", "checked_at", "loss_since", "speed_changed_at")


class IspAccess(models.Model):
    """What there is to do: wake-ups, the clock, and a compare of everything."""

    _inherit = "isp.access"

    # === WAKE-UPS INTO ROWS === #

    @api.model
    def _consume_dirty(self):
        """Turn wake-ups into pending rows, on every gateway a line is or was on."""
        rows = self.env.execute_query(
            SQL(
                """
                DELETE FROM isp_access_dirty WHERE id IN (
                    SELECT id FROM isp_access_dirty ORDER BY id LIMIT %s
                    FOR UPDATE SKIP LOCKED
                ) RETURNING connection_id, is_forced, is_cut_allowed,
                            disconnect_at
                """,
                DIRTY_LIMIT,
            )
        )
        if not rows:
            return
        all_ids = {connection_id for connection_id, *_rest in rows}
        self._insert_missing(sorted(all_ids))
        self._allow_cuts({row[0] for row in rows if row[2]})
        forced_ids = {connection_id for connection_id, forced, *_rest in rows if forced}
        plain_ids = all_ids - forced_ids
        for connection_ids, forced in ((plain_ids, False), (forced_ids, True)):
            if connection_ids:
                self._set_pending(
                    SQL("access.connection_id = ANY(%s)", sorted(connection_ids)),
                    forced,
                )
        self._let_sessions_end({row[0]: row[3] for row in rows if row[3]})

    @api.model
    def _let_sessions_end(self, moments):
        """Let sessions from before a moment be out of date, by connection id."""
        if not moments:
            return
        self.env.cr.execute_values(
            "UPDATE isp_access access "
            "SET changed_at = GREATEST(access.changed_at, v.moment) "
            "FROM (VALUES %s) AS v (connection_id, moment) "
            "WHERE access.connection_id = v.connection_id",
            list(moments.items()),
            template="(%s, %s::timestamp)",
            page_size=1000,
        )
        self.invalidate_model()

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
        :param bool forced: ask the device even where nothing seems to have changed, and
            once more where it is being asked already
        """
        # Settings and health of all gateways, whoever runs this.
        Gateway = self.env["isp.gateway"].sudo().with_context(active_test=False)
        self.flush_model()
        # Gateways are few.
        for gateway in Gateway.search([]):  # pylint: disable=no-search-all
            reason, next_try = gateway._get_hold()
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE isp_access access
                       SET state = 'pending', version = COALESCE(version, 0) + 1,
                           attempts = 0, error = %(reason)s, next_try = %(next_try)s,
                           sent = CASE WHEN %(forced)s
                                       THEN COALESCE(sent, applied, '{}'::jsonb)
                                            || '{"is_asked": true}'::jsonb
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

    # === THE CLOCK === #

    @api.model
    def _forget_future(self):
        """Forget moments that only a clock which ran ahead can have written.

        Else a gateway would be left alone, and rows not be compared, until then.
        """
        now = fields.Datetime.now()
        bounds = {"now": now, "soon": now + AHEAD, "late": now + LONGEST_PAUSE}
        self.flush_model()
        self.env["isp.gateway"].flush_model()
        self.env.cr.execute(
            """
            UPDATE isp_gateway
               SET lease_until = CASE WHEN lease_until <= %(soon)s THEN lease_until END,
                   next_try = CASE WHEN next_try <= %(late)s THEN next_try END,
                   last_ok_at = CASE WHEN last_ok_at IS NOT NULL
                                     THEN LEAST(last_ok_at, %(now)s) END,
                   cuts_asked_at = CASE WHEN cuts_asked_at <= %(soon)s
                                        THEN cuts_asked_at END
             WHERE lease_until > %(soon)s OR next_try > %(late)s
                OR last_ok_at > %(soon)s OR cuts_asked_at > %(soon)s
            """,
            bounds,
        )
        columns = [SQL.identifier(name) for name in OVER]
        moments = [
            SQL(
                "%(at)s = CASE WHEN %(at)s > %(now)s THEN %(now)s ELSE %(at)s END",
                at=column,
                now=now,
            )
            for column in columns
        ]
        self.env.cr.execute(
            SQL(
                """
                UPDATE isp_access
                   SET lease_until = CASE WHEN lease_until <= %(soon)s
                                          THEN lease_until END,
                       next_try = CASE WHEN next_try > %(late)s THEN %(now)s
                                  ELSE next_try END,
                       %(moments)s
                 WHERE GREATEST(lease_until, %(columns)s) > %(soon)s
                    OR next_try > %(late)s AND held IS DISTINCT FROM 'settle'
                """,
                moments=SQL(", ").join(moments),
                columns=SQL(", ").join(columns),
                **bounds,
            )
        )
        self.env["isp.gateway"].invalidate_model()
        self.invalidate_model()

    @api.model
    def _get_clock_sql(self):
        """Return a query of ids whose access by the clock is not what was sent last.

        Rows that wait for their turn anyway are left out.
        """
        Connection = self.env["isp.connection"].sudo().with_context(active_test=False)
        self.flush_model()
        Connection.flush_model()
        levels = {
            level: Connection._search([("access", "in", [level])]).subselect()
            for level in ("on", "limited")
        }
        return SQL(
            """(
            SELECT access.id
              FROM isp_access access
              JOIN isp_connection connection
                ON connection.id = access.connection_id
               AND connection.gateway_id = access.gateway_id
             WHERE (access.state = 'applied'
                    -- What is held differs, whatever the device was sent.
                    OR (access.state = 'error' AND access.next_try IS NULL
                        AND access.held IS NULL))
               AND COALESCE(access.sent, access.applied)->>'access'
                   IS DISTINCT FROM CASE
                       WHEN connection.id IN %(on)s THEN 'on'
                       WHEN connection.id IN %(limited)s THEN 'limited'
                       ELSE 'off' END
            )""",
            on=levels["on"],
            limited=levels["limited"],
        )

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
                "&",
                ("state", "=", "error"),
                ("next_try", "=", False),
                ("held", "=", False),
            ],
            order="checked_at NULLS FIRST, id",
            limit=COMPARE_BATCH,
        )
        if not rows:
            return 0
        differing = [row.id for row in rows if (row.sent or row.applied) != row.desired]
        if differing:
            self._set_pending(SQL("access.id = ANY(%s)", differing))
        self.env.cr.execute(
            "UPDATE isp_access SET checked_at = %s WHERE id = ANY(%s)", [now, rows.ids]
        )
        self.invalidate_model()
        return len(rows)
