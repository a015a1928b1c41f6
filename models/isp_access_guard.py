from datetime import datetime

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

# What is bought for less than a week ends all the time: its ends are not counted.
SHORT_CYCLE_DAYS = 7


class IspAccess(models.Model):
    """Cuts that wait: a slip has time to be put right, and many at once are asked for.

    Openings never wait. Whether something is a cut follows from the facts alone: what
    was proved is more than the line may have now.
    """

    _inherit = "isp.access"

    held = fields.Selection(
        [
            ("settle", "Time to undo a slip"),
            ("mass", "One of many: a person decides"),
        ],
        string="Cut Waits",
        readonly=True,
        help="Why the line is still on though it should not be.",
    )
    loss_since = fields.Datetime(readonly=True)
    is_cut_allowed = fields.Boolean(readonly=True)

    # Serves the list and the count of cuts that a person has to decide on.
    _held_idx = models.Index("(gateway_id) WHERE held = 'mass'")

    @api.model
    def _mark_by_clock(self):
        """Override: what nobody decided on within a day is asked again, and what is
        held though it may be on again goes its way."""
        held = self.sudo().search([("held", "=", "mass")])
        for gateway, rows in held.grouped("gateway_id").items():
            losses = self._get_losses(gateway, rows.ids)
            if regained := [i for i in rows.ids if i not in losses]:
                self._forget_holds(gateway, regained)
                self._set_pending(SQL("access.id = ANY(%s)", regained))
        self.env["isp.gateway"].sudo()._ask_again_about_cuts()
        return super()._mark_by_clock()

    # === HOLDING === #

    @api.model
    def _hold_cuts(self, gateway, rows):
        """Hold back cuts that have to wait; return the rows that may go on.

        :param rows: due rows of one gateway
        """
        losses = self._get_losses(gateway, rows.ids)
        self._forget_holds(gateway, [i for i in rows.ids if i not in losses])
        settling = {i: loss for i, loss in losses.items() if loss["settles_at"]}
        self._hold_settling(settling)
        held = set(settling)
        asked = {i: loss for i, loss in losses.items() if loss["is_asked"]}
        if asked:
            many = self._hold_many(gateway, asked)
            held |= many - self._get_otherwise_changed(rows, many)
        return rows.filtered(lambda row: row.id not in held)

    @api.model
    def _get_otherwise_changed(self, rows, held):
        """Return ids of held rows whose line got another login, password or speed, or
        whose device may have forgotten it: a subscriber who is still on by mercy must
        not be refused for it."""
        rows = rows.filtered(lambda row: row.id in held)
        wishes = rows.connection_id._get_desired_access()
        return {
            row.id
            for row in rows
            if row._is_on_by_mercy(wish := wishes[row.connection_id.id])
            and (row.sent or row._prepare_wish_and_record(wish)[1] != row.applied)
        }

    def _is_on_by_mercy(self, wish):
        """Whether a cut waits for a person and nothing but the cut would be kept back.

        A plan that others have is never sent at the speed it had once.
        """
        return (
            self.held == "mass"
            and not self.is_cut_allowed
            and wish["present"]
            and wish["gateway_id"] == self.gateway_id.id
            and wish["plan"] == self.applied["plan"]
        )

    def _prepare_wish_and_record(self, wish):
        """Override: a line whose cut waits stays on."""
        if not self._is_on_by_mercy(wish):
            return super()._prepare_wish_and_record(wish)
        applied = self.applied
        wish = {**wish, "on": applied["on"], "walled": applied["walled"]}
        for name in ("ends_at", "expires_at"):
            moment = applied.get(name)
            wish[name] = datetime.fromisoformat(moment) if moment else None
        return wish, {**self._prepare_record(wish), "access": applied["access"]}

    @api.model
    def _hold_settling(self, losses):
        rows = [
            (
                row.id,
                losses[row.id]["since"],
                losses[row.id]["settles_at"],
                row._say_settling(losses[row.id]["settles_at"]),
            )
            for row in self.browse(losses)
        ]
        if not rows:
            return
        self.env.cr.execute_values(
            """
            UPDATE isp_access access
               SET held = 'settle', loss_since = v.since, next_try = v.settles_at,
                   error = v.error
              FROM (VALUES %s) AS v (id, since, settles_at, error)
             WHERE access.id = v.id
            """,
            rows,
            template="(%s, %s::timestamp, %s::timestamp, %s)",
            page_size=1000,
        )
        self.invalidate_model()
        # The job runs again when the first of them is over.
        self.env["isp.access.dirty"]._wake(min(row[2] for row in rows))

    def _say_settling(self, moment):
        return self.env._(
            "No longer paid, because somebody changed that. It is cut at %(moment)s; "
            "undone before then, nothing happens.",
            moment=self.connection_id._say_moment(moment),
        )

    @api.model
    def _hold_many(self, gateway, asked):
        """Hold all cuts of a gateway where they are too many to be trusted.

        What is held stays so, however few are left: somebody was asked.

        :return: set of ids of rows that are held
        """
        waiting = self._get_losses(gateway)
        waiting = [i for i, loss in waiting.items() if loss["is_asked"]]
        if len(waiting) <= gateway._get_cut_limit():
            waiting = [i for i, loss in asked.items() if loss["held"] == "mass"]
        if not waiting:
            return set()
        self.env.cr.execute(
            # Those that are due, too, have their turn: they may have changed otherwise.
            "UPDATE isp_access SET held = 'mass', state = 'pending', "
            "next_try = CASE WHEN id <> ALL(%s) THEN next_try END, "
            "error = %s WHERE id = ANY(%s)",
            [
                list(asked),
                self.env._(
                    "Many lines of this gateway would be cut at once. Look at them on "
                    "the gateway and decide."
                ),
                waiting,
            ],
        )
        self.invalidate_model()
        gateway.invalidate_recordset(["held_count"])
        gateway._ask_about_cuts()
        return set(waiting)

    @api.model
    def _forget_holds(self, gateway, ids):
        """Rows that are no cuts any more are as if they had never been."""
        self.env.cr.execute(
            "UPDATE isp_access SET held = NULL, loss_since = NULL, "
            "is_cut_allowed = NULL WHERE id = ANY(%s) AND (held IS NOT NULL "
            "OR loss_since IS NOT NULL OR is_cut_allowed IS NOT NULL)",
            [ids],
        )
        if self.env.cr.rowcount:
            self.invalidate_model()
            gateway.invalidate_recordset(["held_count"])
            gateway._stop_asking()

    @api.model
    def _allow_cuts(self, connection_ids):
        """Let held cuts of these lines be sent; for the worker, out of a wake-up."""
        self.env.cr.execute(
            "UPDATE isp_access SET is_cut_allowed = TRUE "
            "WHERE connection_id = ANY(%s) AND held = 'mass'",
            [list(connection_ids)],
        )
        self.invalidate_model()

    # === FACTS === #

    @api.model
    def _get_losses(self, gateway, ids=None):
        """Return the rows whose line would lose access on a gateway now.

        :param ids: among these rows only
        :return: id → dict of ``held``, ``since``, ``settles_at`` (until when a loss
            that a person caused waits, else None) and ``is_asked`` (counts among those
            that are too many at once, and nobody has let it go yet)
        """
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT id, held, since,
                       CASE WHEN settles_at > %(now)s THEN settles_at END AS settles_at,
                       NOT is_allowed AND NOT (is_short AND ends_at <= %(now)s)
                       AND (settles_at IS NULL OR settles_at <= %(now)s) AS is_asked
                  FROM (SELECT *, CASE WHEN is_unpaid
                               THEN LEAST(since + settle, ends_at) END AS settles_at
                          FROM (%(losses)s) AS loss) AS loss
                """,
                now=fields.Datetime.now(),
                losses=self._get_losses_sql(gateway, ids),
            )
        )
        return {row.pop("id"): row for row in rows}

    @api.model
    def _get_losses_sql(self, gateway, ids):
        """Return a query of losses with what is known of them.

        ``is_unpaid``: off for want of money, not by a suspension or the end of a
        contract. ``ends_at``: when what was proved was to end; none is never.
        """
        Connection = self.env["isp.connection"].sudo().with_context(active_test=False)
        for model in ("res.company", "isp.package", "isp.connection", "isp.access"):
            self.env[model].flush_model()
        among = Domain.TRUE
        if ids is not None:
            # The database would look at all lines else.
            among = Domain("id", "in", self.browse(ids).connection_id.ids)
        found = {
            name: Connection._search(domain & among).subselect()
            for name, domain in (
                ("on", Connection._get_on_domain()),
                ("limited", Connection._get_limited_domain()),
                ("usable", Connection._get_usable_domain()),
            )
        }
        return SQL(
            """
            SELECT access.id, access.held,
                   COALESCE(access.loss_since, %(now)s) AS since,
                   COALESCE(access.is_cut_allowed, FALSE) AS is_allowed,
                   connection.id IN %(usable)s
                   AND COALESCE(connection.gateway_id, access.gateway_id)
                       = access.gateway_id AS is_unpaid,
                   -- What was proved before an upgrade tells only what devices know.
                   COALESCE((access.applied->>'ends_at')::timestamp,
                       (access.applied->>'expires_at')::timestamptz
                       AT TIME ZONE 'UTC' - company.isp_deadman_slack_hours
                       * interval '1 hour') AS ends_at,
                   company.isp_settle_minutes * interval '1 minute' AS settle,
                   cycle.duration_type = 'hours' OR (cycle.duration_type = 'days'
                       AND cycle.duration < %(short)s) AS is_short
              FROM isp_access access
              JOIN isp_connection connection ON connection.id = access.connection_id
              JOIN res_company company ON company.id = connection.company_id
              JOIN isp_package package ON package.id = connection.package_id
              JOIN isp_billing_cycle cycle ON cycle.id = package.billing_cycle_id
             WHERE access.gateway_id = %(gateway)s AND %(among)s
               AND access.applied->>'present' = 'true'
               AND CASE access.applied->>'access'
                   WHEN 'on' THEN 2 WHEN 'limited' THEN 1 ELSE 0 END
                 > CASE WHEN connection.gateway_id IS NULL
                          OR COALESCE(connection.username, '') = ''
                          OR package.access_kind = 'none' THEN 0
                        WHEN connection.gateway_id <> access.gateway_id
                         AND NOT EXISTS (
                             SELECT FROM isp_access other
                              WHERE other.connection_id = connection.id
                                AND other.gateway_id = connection.gateway_id
                                AND other.applied->>'present' = 'true') THEN 0
                        WHEN connection.id IN %(on)s THEN 2
                        WHEN connection.id IN %(limited)s THEN 1 ELSE 0 END
            """,
            **found,
            now=fields.Datetime.now(),
            short=SHORT_CYCLE_DAYS,
            gateway=gateway.id,
            among=SQL("TRUE") if ids is None else SQL("access.id = ANY(%s)", ids),
        )
