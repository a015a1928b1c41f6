from collections import defaultdict
from dataclasses import replace
from datetime import UTC
from typing import NamedTuple
from zoneinfo import ZoneInfo

from odoo import api, models
from odoo.tools import SQL, split_every

from ..tools.access_types import login_key
from ..tools.sessions import SessionRow, get_days, is_restart, merge

_TEXTS = ("login", "unique_id", "session_id", "nas", "address", "caller", "cause")
_MOMENTS = ("started_at", "updated_at", "stopped_at")
_COLUMNS = (*_TEXTS, *_MOMENTS, "upload", "download")

# Who has a login now, and from when to when others had it: renames are tracked.
_OWNERS = """
    WITH rename AS (
        SELECT message.res_id AS connection_id, message.date,
               lower(btrim(value.old_value_char)) AS login_before
          FROM mail_tracking_value value
          JOIN mail_message message ON message.id = value.mail_message_id
          JOIN ir_model_fields field ON field.id = value.field_id
         WHERE message.model = 'isp.connection'
           AND field.name = 'username'),
    line AS (
        SELECT id, lower(btrim(username)) AS login, create_date,
               CASE WHEN state = 'closed' THEN date_end + 1 END AS ended
          FROM isp_connection connection
         WHERE gateway_id = %(gateway)s
            OR EXISTS (SELECT FROM isp_access access
                        WHERE access.connection_id = connection.id
                          AND access.gateway_id = %(gateway)s))
    SELECT line.login, line.id,
           COALESCE((SELECT max(date) FROM rename
                      WHERE connection_id = line.id), line.create_date),
           line.ended::timestamp
      FROM line WHERE line.login = ANY(%(keys)s)
     UNION ALL
    SELECT rename.login_before, line.id, line.create_date, rename.date
      FROM line JOIN rename ON rename.connection_id = line.id
     WHERE rename.login_before = ANY(%(keys)s)
"""


class Known(NamedTuple):
    """A session that stands in the table, or doesn't yet."""

    session_id: int | None
    connection_id: int | None
    row: SessionRow | None


_UNKNOWN = Known(None, None, None)


class IspSession(models.Model):
    """What is written down of what a gateway told."""

    _inherit = "isp.session"

    @api.model
    def _record_news(self, gateway, news, at):
        """Write down what a gateway told of its sessions, and add up its usage.

        :param news: a `tools.sessions.News`
        :param at: aware moment at which it was read
        :return: how many sessions are new or have changed
        """
        count = 0
        for batch in split_every(1000, news.rows, list):
            count += self._record_rows(gateway, batch)
        if news.is_whole:
            count += self._end_missing(gateway, news.rows, at)
        self.invalidate_model()
        return count

    @api.model
    def _record_rows(self, gateway, rows):
        known = self._get_known(gateway, rows)
        count = self._end_restarted(known, rows)
        owners = self._get_owners(
            gateway,
            {
                login_key(row.login)
                for row in rows
                if not known.get(row.unique_id, _UNKNOWN).connection_id
            },
        )
        zone = ZoneInfo(gateway.company_id._isp_zone())
        deltas = defaultdict(lambda: [0, 0, 0])
        created, changed = [], []
        for row in rows:
            session_id, connection_id, old = known.get(row.unique_id, _UNKNOWN)
            merged = _in_seconds(merge(old, row))
            owner = connection_id or _find_owner(owners, merged)
            if old is None:
                created.append((owner, merged))
                deltas[owner, _get_first_day(merged, zone)][2] += 1
            elif (owner, merged) != (connection_id, old):
                changed.append((session_id, owner, merged))
            for day, amounts in get_days(old, merged, zone).items():
                for place, amount in enumerate(amounts):
                    deltas[owner, day][place] += amount
        self._insert_rows(gateway, created)
        self._update_rows(changed)
        self.env["isp.usage.day"]._add(gateway, deltas)
        return count + len(created) + len(changed)

    @api.model
    def _end_restarted(self, known, rows):
        """End sessions whose name a router uses again, and forget them in `known`.

        What was counted of them stays.
        """
        ended = []
        for row in rows:
            session_id, connection_id, old = known.get(row.unique_id, _UNKNOWN)
            if old and is_restart(old, row):
                stopped_at = old.stopped_at or old.updated_at
                ended.append(
                    (session_id, connection_id, replace(old, stopped_at=stopped_at))
                )
                del known[row.unique_id]
        self._update_rows(ended)
        return len(ended)

    # === ROWS === #

    @api.model
    def _get_known(self, gateway, rows):
        """Return what is known of sessions by unique id, the newest of each.

        :return: unique id → `Known`
        """
        self.flush_model()
        found = self.env.execute_query(
            SQL(
                "SELECT id, connection_id, %s FROM isp_session "
                "WHERE gateway_id = %s AND unique_id = ANY(%s) ORDER BY started_at, id",
                SQL(", ").join(map(SQL.identifier, _COLUMNS)),
                gateway.id,
                [row.unique_id for row in rows],
            )
        )
        known = {}
        for session_id, connection_id, *values in found:
            row = SessionRow(
                **dict(zip(_COLUMNS, map(_read_value, values), strict=True))
            )
            known[row.unique_id] = Known(session_id, connection_id, row)
        return known

    @api.model
    def _insert_rows(self, gateway, rows):
        if not rows:
            return
        self.env.cr.execute_values(
            f"INSERT INTO isp_session (gateway_id, company_id, connection_id, "
            f"{', '.join(_COLUMNS)}) VALUES %s "
            "ON CONFLICT (gateway_id, unique_id, started_at) DO NOTHING",
            [
                (gateway.id, gateway.company_id.id, owner, *_write_values(row))
                for owner, row in rows
            ],
            page_size=1000,
        )

    @api.model
    def _update_rows(self, rows):
        if not rows:
            return
        assignments = ", ".join(f"{name} = v.{name}" for name in _COLUMNS)
        casts = ["%s"] * len(_TEXTS) + ["%s::timestamp"] * len(_MOMENTS) + ["%s"] * 2
        self.env.cr.execute_values(
            f"UPDATE isp_session SET connection_id = v.connection_id, {assignments} "
            f"FROM (VALUES %s) AS v (id, connection_id, {', '.join(_COLUMNS)}) "
            "WHERE isp_session.id = v.id",
            [
                (session_id, owner, *_write_values(row))
                for session_id, owner, row in rows
            ],
            template=f"(%s, %s::int, {', '.join(casts)})",
            page_size=1000,
        )

    @api.model
    def _end_missing(self, gateway, rows, at):
        """End sessions that a device, which told of all open ones, has no more."""
        ended = self.env.execute_query(
            SQL(
                """
                UPDATE isp_session SET stopped_at = %s
                 WHERE gateway_id = %s AND stopped_at IS NULL
                   AND unique_id <> ALL(%s)
                RETURNING id
                """,
                at.astimezone(UTC).replace(tzinfo=None, microsecond=0),
                gateway.id,
                [row.unique_id for row in rows],
            )
        )
        return len(ended)

    # === WHOSE LOGIN IT WAS === #

    @api.model
    def _get_owners(self, gateway, keys):
        """Return who had logins on a gateway, from when to when.

        :return: login key → list of (connection id, from, to), `to` may be None
        """
        self.env["isp.connection"].flush_model()
        rows = self.env.execute_query(
            SQL(
                _OWNERS,
                gateway=gateway.id,
                keys=sorted(keys),
            )
        )
        owners = defaultdict(list)
        for key, connection_id, start, end in rows:
            owners[key].append((connection_id, start, end))
        return owners


def _find_owner(owners, row):
    """Return the id of the line that had a session's login when it began, or None."""
    spans = owners.get(login_key(row.login), [])
    ids = {connection_id for connection_id, _start, _end in spans}
    if len(ids) <= 1:
        # It may be older than our own record of the line.
        return next(iter(ids), None)
    moment = row.started_at or row.updated_at
    moment = moment and moment.astimezone(UTC).replace(tzinfo=None)
    # A line that was closed has its login to the end of the day, which others may
    # have by then.
    newest_first = sorted(spans, key=lambda span: span[1], reverse=True)
    for connection_id, start, end in newest_first:
        if moment and start <= moment and (end is None or moment < end):
            return connection_id
    return None


def _get_first_day(row, zone):
    moment = row.started_at or row.updated_at or row.stopped_at
    return moment.astimezone(zone).date()


def _in_seconds(row):
    """Return a row whose moments are kept as the table keeps them."""
    moments = {
        name: moment.replace(microsecond=0)
        for name in _MOMENTS
        if (moment := getattr(row, name))
    }
    return replace(row, **moments)


def _read_value(value):
    if isinstance(value, float):
        return int(value)
    return value.replace(tzinfo=UTC) if hasattr(value, "tzinfo") else value


def _write_values(row):
    values = [getattr(row, name) for name in _TEXTS]
    for name in _MOMENTS:
        moment = getattr(row, name)
        values.append(moment and moment.astimezone(UTC).replace(tzinfo=None))
    return [*values, row.upload, row.download]
