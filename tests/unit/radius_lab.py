"""A real FreeRADIUS on a real database, for the tests that ask it."""

from datetime import datetime, timedelta, timezone

from tools.access_types import Desired
from tools.radius_sql import RadiusSettings, RadiusSql

ROLE, PASSWORD = "isp_writer", "g8way/'secret"
TABLES = ("radcheck", "radreply", "radusergroup", "radgroupcheck", "radgroupreply")
ALL_TABLES = (*TABLES, "radacct", "radpostauth", "nas")
NOW = datetime.now(timezone.utc).replace(microsecond=0)


def wish(login="alice", **values):
    """Return a wish for a subscriber who may be on the net, unless told otherwise."""
    given = {
        "password": "s3cret",
        "on": True,
        "rate_up": 5_000_000,
        "rate_down": 10_000_000,
        "plan": "isp_plan_1",
        "expires_at": NOW + timedelta(hours=2),
    }
    return Desired(login, **{**given, **values})


def applied(outcome):
    """Return what an outcome says of its wish: ("applied", "") if it is fulfilled."""
    return outcome.state, outcome.error


class Lab:
    """What is the same on both kinds of database."""

    def __init__(self, server, radius):
        self.server = server
        self.radius = radius
        self.connection = server.connect("radius")

    def sql(self, statement, *params):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, params or None)
            return list(cursor.fetchall()) if cursor.description else []

    def empty(self, *tables):
        for table in tables or ALL_TABLES:
            self.sql(f"TRUNCATE {table}")

    def everything(self):
        return {table: self.rows(table) for table in TABLES}

    def check_row(self, login, attribute, value, op=":="):
        self.sql(
            "INSERT INTO radcheck (username, attribute, op, value) "
            "VALUES (%s, %s, %s, %s)",
            *(login, attribute, op, value),
        )

    def groups_of(self, login):
        return self.sql(
            "SELECT groupname, priority FROM radusergroup WHERE username = %s "
            "ORDER BY priority, id",
            login,
        )

    def settings(self, **changes):
        values = {
            "host": self.server.host,
            "port": self.server.port,
            "database": "radius",
            "user": ROLE,
            "password": PASSWORD,
            "dialect": self.dialect,
            "coa_port": self.radius.coa_port,
        }
        return RadiusSettings(**{**values, **changes})

    def driver(self, **changes):
        return RadiusSql(self.settings(**changes))

    def converge(self, *wishes, **changes):
        with self.driver(**changes) as driver:
            return driver.converge(wishes)

    def auth(self, login, password="s3cret", **attributes):
        return self.radius.auth(login, password, **attributes)

    def start(self, login, session, **attributes):
        """Let a session begin, as a router tells it."""
        assert self.radius.acct_start(login, session, **attributes).accepted

    def age(self, seconds, interval=None):
        """Make all open sessions older, and their updates too."""
        self.sql(
            f"UPDATE radacct SET acctstarttime = {self.ago.format('acctstarttime')}, "
            f"acctupdatetime = {self.ago.format('acctupdatetime')}, "
            "acctinterval = COALESCE(%s, acctinterval) WHERE acctstoptime IS NULL",
            *(seconds, seconds, interval),
        )

    def open_sessions(self):
        rows = self.sql(
            "SELECT acctsessionid FROM radacct WHERE acctstoptime IS NULL "
            "ORDER BY acctsessionid"
        )
        return [name for (name,) in rows]


class PgLab(Lab):
    dialect = "postgresql"
    ago = "{0} - %s * interval '1 second'"

    @property
    def postgres(self):
        return self.server

    def rows(self, table):
        """Return (id, …) of all rows, with what tells a rewritten row apart."""
        return self.sql(f"SELECT ctid, xmin, * FROM {table} ORDER BY id")

    def count_statements(self, work):
        """Return how many statements of the gateway's role came during `work()`."""
        self.sql(f"ALTER ROLE {ROLE} SET log_statement = 'all'")
        before = len(self.server.log())
        try:
            work()
        finally:
            self.sql(f"ALTER ROLE {ROLE} RESET log_statement")
        return self.server.log()[before:].count(" LOG:  statement: ")


class MyLab(Lab):
    dialect = "mysql"
    ago = "{0} - INTERVAL %s SECOND"

    def sql(self, statement, *params):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, params or None)
            rows = list(cursor.fetchall()) if cursor.description else []
            while cursor.nextset():
                rows = list(cursor.fetchall()) if cursor.description else rows
            return rows

    def rows(self, table):
        return self.sql(f"SELECT id, t.* FROM {table} AS t ORDER BY id")

    def count_statements(self, work):
        before = self._questions()
        work()
        return self._questions() - before - 1

    def _questions(self):
        ((_name, count),) = self.sql("SHOW GLOBAL STATUS LIKE 'Questions'")
        return int(count)
