"""The gateways of the soak: real databases with a real FreeRADIUS, a simulated router,
and what can befall them. A fault lasts as long as its context; a hand edit stays."""

import contextlib
import os
import random
import signal
import sys
import time

from _common import connect
from _router import PASSWORD, SECRET, USER, Router

from dev import postgres
from dev.state import ROOT, pg_port

sys.path.insert(0, str(ROOT / "tests"))
from servers.freeradius import FreeRadius, create_schema
from servers.mariadb import MariaDbServer

ROLE = "isp_soak_radius"
ALL = "SELECT, INSERT, UPDATE, DELETE"
LOGIN_TABLES = ("radcheck", "radreply", "radusergroup")
TABLES = (*LOGIN_TABLES, "radgroupcheck", "radgroupreply", "radacct", "nas")


def open_gateways(stack, name, folder):
    """Return the gateways, which end with `stack`."""
    return [
        stack.enter_context(RadiusGateway("Tower PG", name, f"{folder}/pg")),
        stack.enter_context(MariaGateway("Tower Maria", name, f"{folder}/my")),
        stack.enter_context(RouterGateway("Tower Router")),
    ]


class Gateway:
    """What all have: faults by name, each a method with the words joined by `_`."""

    kind = ""
    faults = ()

    def live(self):
        """Let subscribers do what they do all day."""

    def count_sessions(self, login):
        """Return how many sessions a login has; none are known here."""
        return 0

    @contextlib.contextmanager
    def fault(self, fault, rng):
        with getattr(self, "_" + fault.replace(" ", "_"))(rng) or _nothing():
            yield


class RadiusGateway(Gateway):
    """FreeRADIUS on a database of its own in PostgreSQL."""

    kind = "postgresql"
    faults = (
        "connections cut",
        "table locked",
        "row deleted",
        "password edited",
        "switched on by hand",
        "rows doubled",
        "group edited",
        "no rights",
    )

    def __init__(self, name, database, folder):
        self.name = name
        self.database = f"{database}_radius"
        self.folder = folder
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        postgres.drop(self.database)
        postgres.call("createdb", self.database)
        self.stack.callback(postgres.drop, self.database)
        self.admin = connect(self.database)
        self.stack.callback(self.admin.close)
        create_schema(self.admin)
        self.sql(f"DROP ROLE IF EXISTS {ROLE}")
        self.sql(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'soak'")
        self.stack.callback(self._drop_role)
        self.sql(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE}")
        self.sql(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {ROLE}")
        place = {"host": "127.0.0.1", "port": pg_port(), "user": "odoo"}
        self.radius = self.stack.enter_context(
            FreeRadius(self.folder, dbname=self.database, **place)
        )
        return self

    def __exit__(self, *exc_info):
        self.stack.close()

    def _drop_role(self):
        self.sql(f"DROP OWNED BY {ROLE}")
        self.sql(f"DROP ROLE {ROLE}")

    def values(self):
        return {
            "name": self.name,
            "type": "freeradius",
            "ip_address": "127.0.0.1",
            "port": pg_port(),
            "database": self.database,
            "username": ROLE,
            "password": "soak",
        }

    def decide(self, login, password):
        return "on" if self.radius.auth(login, password).accepted else "off"

    def sql(self, query, *values):
        with self.admin.cursor() as cursor:
            cursor.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def _login(self, rng):
        logins = self.sql("SELECT DISTINCT username FROM radcheck ORDER BY 1")
        return rng.choice(logins)[0] if logins else "nobody"

    def _connections_cut(self, rng):
        return beside(_cut, self.database, ROLE, rng.random())

    def _table_locked(self, rng):
        table = rng.choice(LOGIN_TABLES)
        return beside(_lock, self.database, table, rng.uniform(0.1, 2))

    @contextlib.contextmanager
    def _no_rights(self, rng):
        table = rng.choice(LOGIN_TABLES)
        self.sql(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM {ROLE}")
        try:
            yield
        finally:
            self.sql(f"GRANT ALL ON {table} TO {ROLE}")

    def _row_deleted(self, rng):
        table = rng.choice(LOGIN_TABLES)
        self.sql(f"DELETE FROM {table} WHERE username = %s", self._login(rng))

    def _password_edited(self, rng):
        self.sql(
            "UPDATE radcheck SET value = 'by hand' "
            "WHERE username = %s AND attribute = 'Cleartext-Password'",
            self._login(rng),
        )

    def _switched_on_by_hand(self, rng):
        self.sql(
            "DELETE FROM radusergroup WHERE username = %s "
            "AND groupname = 'isp_disabled'",
            self._login(rng),
        )

    def _rows_doubled(self, rng):
        self.sql(
            "INSERT INTO radusergroup (username, groupname, priority) "
            "SELECT username, groupname, priority FROM radusergroup "
            "WHERE username = %s",
            self._login(rng),
        )

    def _group_edited(self, _rng):
        self.sql(
            "UPDATE radgroupreply SET value = '1k/1k' "
            "WHERE attribute = 'Mikrotik-Rate-Limit'"
        )


class MariaGateway(RadiusGateway):
    """The same on MariaDB."""

    kind = "mariadb"
    faults = tuple(f for f in RadiusGateway.faults if f != "table locked")

    def __enter__(self):
        self.server = self.stack.enter_context(MariaDbServer())
        self.server.create_database(self.database)
        self.admin = self.server.connect(self.database)
        create_schema(self.admin, "mysql")
        self.sql(f"CREATE USER {ROLE}@'127.0.0.1' IDENTIFIED BY 'soak'")
        for table in TABLES:
            self.sql(f"GRANT {ALL} ON {self.database}.{table} TO {ROLE}@'127.0.0.1'")
        place = {"host": self.server.host, "port": self.server.port, "user": "root"}
        self.radius = self.stack.enter_context(
            FreeRadius(self.folder, dbname=self.database, dialect="mysql", **place)
        )
        return self

    def values(self):
        changes = {"port": self.server.port, "dialect": "mysql"}
        return {**super().values(), **changes}

    def _connections_cut(self, rng):
        return beside(_kill, self.server.port, rng.random())

    @contextlib.contextmanager
    def _no_rights(self, rng):
        table = f"{self.database}.{rng.choice(LOGIN_TABLES)}"
        who = f"{ROLE}@'127.0.0.1'"
        self.sql(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM {who}")
        try:
            yield
        finally:
            self.sql(f"GRANT {ALL} ON {table} TO {who}")


class RouterGateway(Gateway):
    """A simulated MikroTik router in a process of its own."""

    kind = "routeros"
    faults = (
        "cut in an answer",
        "silent",
        "slow",
        "trap",
        "secret deleted",
        "secret edited",
        "enabled by hand",
        "too many sessions",
    )

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.router = Router().__enter__()
        return self

    def __exit__(self, *exc_info):
        self.router.__exit__(*exc_info)

    def values(self):
        return {
            "name": self.name,
            "type": "routeros",
            "ip_address": "127.0.0.1",
            "port": self.router.port,
            "username": USER,
            "password": PASSWORD,
        }

    def decide(self, login, password):
        return "off" if self.router.do("dial", login, password) else "on"

    def live(self):
        self.router.do("dial_all")

    def count_sessions(self, login):
        return self.router.do("sessions", login)

    @contextlib.contextmanager
    def _set(self, name, value, after):
        self.router.set(name, value)
        try:
            yield
        finally:
            self.router.set(name, after)

    def _cut_in_an_answer(self, rng):
        return self._set("cut_at", rng.randint(1, 4000), None)

    @contextlib.contextmanager
    def _silent(self, rng):
        count = self.router.do("count")
        with self._set("silent_after", count + rng.randint(0, 12), None):
            yield
            # What was held back is said late, to whoever still listens.
            self.router.do("release")

    def _slow(self, rng):
        return self._set("cost", rng.uniform(0.001, 0.1), 0.0)

    def _too_many_sessions(self, _rng):
        return self._set("max_sessions", 0, None)

    def _trap(self, rng):
        command = rng.choice(["add", "set", "enable", "disable", "remove"])
        traps = [None] * rng.randint(0, 2) + [["failure: out of memory", ""]]
        return self._set("traps", {f"{SECRET}/{command}": traps}, {})

    def _login(self, rng):
        return rng.choice(self.router.do("names") or ["nobody"])

    def _secret_deleted(self, rng):
        self.router.do("delete", self._login(rng))

    def _secret_edited(self, rng):
        self.router.do("edit", self._login(rng), {"password": "by hand"})

    def _enabled_by_hand(self, rng):
        self.router.do("edit", self._login(rng), {"disabled": "false"})


@contextlib.contextmanager
def beside(function, *args):
    """Let a process of its own call `function(ready, *args)` meanwhile.

    Workers are forked: a thread of this process could hold a lock at that moment.
    """
    ready, begun = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            function(lambda: os.write(begun, b"."), *args)
        finally:
            os._exit(0)
    try:
        os.read(ready, 1)
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(ready)
        os.close(begun)


def _cut(ready, database, role, seed):
    """Cut whatever talks to the database as that role, again and again."""
    rng = random.Random(seed)
    cursor = connect(database).cursor()
    ready()
    while True:
        time.sleep(rng.uniform(0, 0.05))
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
            [role],
        )


def _kill(ready, port, seed):
    """Kill whatever talks to MariaDB as that role, again and again."""
    import pymysql

    rng = random.Random(seed)
    connection = pymysql.connect(host="127.0.0.1", port=port, user="root")
    cursor = connection.cursor()
    ready()
    while True:
        time.sleep(rng.uniform(0, 0.05))
        cursor.execute(f"KILL USER {ROLE}@'127.0.0.1'")


def _lock(ready, database, table, seconds):
    connection = connect(database)
    connection.autocommit = False
    connection.cursor().execute(f"LOCK TABLE {table}")
    ready()
    time.sleep(seconds)
    connection.rollback()


@contextlib.contextmanager
def _nothing():
    yield
