"""A real FreeRADIUS on a real PostgreSQL, for the tests that ask it."""

from datetime import datetime, timedelta, timezone

from tools.access_types import Desired
from tools.radius_sql import RadiusSettings, RadiusSql

ROLE, PASSWORD = "isp_writer", "g8way/'secret"
TABLES = ("radcheck", "radreply", "radusergroup", "radgroupcheck", "radgroupreply")
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
    def __init__(self, postgres, radius):
        self.postgres = postgres
        self.radius = radius
        self.connection = postgres.connect("radius")

    def sql(self, statement, *params):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, params or None)
            return cursor.fetchall() if cursor.description else []

    def rows(self, table):
        """Return (id, …) of all rows, with what tells a rewritten row apart."""
        return self.sql(f"SELECT ctid, xmin, * FROM {table} ORDER BY id")

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
            "host": self.postgres.host,
            "port": self.postgres.port,
            "database": "radius",
            "user": ROLE,
            "password": PASSWORD,
        }
        return RadiusSettings(**{**values, **changes})

    def driver(self, **changes):
        return RadiusSql(self.settings(**changes))

    def converge(self, *wishes, **changes):
        with self.driver(**changes) as driver:
            return driver.converge(wishes)

    def auth(self, login, password="s3cret"):
        return self.radius.auth(login, password)

    def statements(self, work):
        """Return what PostgreSQL logged of the gateway's role during `work()`."""
        self.sql(f"ALTER ROLE {ROLE} SET log_statement = 'all'")
        before = len(self.postgres.log())
        try:
            work()
        finally:
            self.sql(f"ALTER ROLE {ROLE} RESET log_statement")
        log = self.postgres.log()[before:]
        return [line for line in log.splitlines() if " LOG:  statement: " in line]
