import contextlib
import socket
import tempfile
import threading
import time

import psycopg2

from odoo import fields
from odoo.tools import config

from ..tools.access_exchange import exchange
from .common import IspCommon
from .servers.freeradius import FreeRadius, create_schema


def get_server():
    """Return how to reach the PostgreSQL that Odoo itself uses, as a dict."""
    return {
        "host": config["db_host"] or "127.0.0.1",
        "port": int(config["db_port"] or 5432),
        "user": config["db_user"] or "odoo",
        "password": config["db_password"] or "",
    }


def talk(task):
    """What a thread of the worker does."""
    return exchange(task, time.monotonic() + 8)


@contextlib.contextmanager
def administration():
    connection = psycopg2.connect(dbname="postgres", **get_server())
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


class Mute:
    """A port that takes connections and never says a word."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.calls = []
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info):
        # A listener that a thread waits on only wakes up by a shutdown.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for call in self.calls:
            call.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.calls.append(self.socket.accept()[0])


class Forward:
    """A port that hands every connection to the real server, from now on."""

    def __init__(self, port):
        self.port = port

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _accept(self):
        server = get_server()
        with contextlib.suppress(OSError):
            while True:
                here = self.socket.accept()[0]
                there = socket.create_connection((server["host"], server["port"]))
                for source, target in ((here, there), (there, here)):
                    threading.Thread(
                        target=self._pump, args=(source, target), daemon=True
                    ).start()

    @staticmethod
    def _pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class RadiusDatabase:
    """A database with FreeRADIUS' own schema beside Odoo's, for one test class."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        with administration() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{self.name}"')
        self.connection = psycopg2.connect(dbname=self.name, **get_server())
        create_schema(self.connection)
        self.connection.autocommit = True
        return self

    def __exit__(self, *exc_info):
        self.connection.close()
        with administration() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    def query(self, query, *params):
        with self.connection.cursor() as cursor:
            cursor.execute(query, params)
            return cursor.fetchall() if cursor.description else None

    def clear_mark(self):
        """What a new device lacks; the books of the last test were rolled back."""
        self.query("DELETE FROM radgroupreply WHERE groupname = 'isp_mark'")

    def clear(self):
        for table in ("radcheck", "radreply", "radusergroup"):
            self.query(f"DELETE FROM {table}")

    def count_writes(self):
        """Have the database itself note each row that is written."""
        self.query(
            """
            CREATE TABLE written (name text);
            CREATE FUNCTION note() RETURNS trigger AS $$ BEGIN
                INSERT INTO written SELECT COALESCE(
                    to_jsonb(COALESCE(NEW, OLD))->>'username',
                    to_jsonb(COALESCE(NEW, OLD))->>'groupname');
                RETURN NULL;
            END $$ LANGUAGE plpgsql;
            """
        )
        for table in (
            "radcheck",
            "radreply",
            "radusergroup",
            "radgroupcheck",
            "radgroupreply",
        ):
            self.query(
                f"CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION note()"
            )

    def take_writes(self):
        """Return the names of logins and groups that were written, and forget them."""
        return sorted(
            name for (name,) in self.query("DELETE FROM written RETURNING name")
        )

    def get_groups(self, login):
        return self.query(
            "SELECT groupname FROM radusergroup WHERE username = %s "
            "ORDER BY priority, groupname",
            login,
        )

    def get_check(self, login, attribute):
        return [
            value
            for (value,) in self.query(
                "SELECT value FROM radcheck WHERE username = %s AND attribute = %s",
                login,
                attribute,
            )
        ]


class RadiusCommon(IspCommon):
    """The provider of `IspCommon` with a real FreeRADIUS as its gateway."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.radius_db = cls.enterClassContext(
            RadiusDatabase(f"{cls.env.cr.dbname}_radius")
        )
        workdir = cls.enterClassContext(tempfile.TemporaryDirectory())
        server = get_server()
        cls.radius = cls.enterClassContext(
            FreeRadius(
                workdir,
                host=server["host"],
                port=server["port"],
                dbname=cls.radius_db.name,
                user=server["user"],
                password=server["password"],
            )
        )
        cls.gateway = cls._create_gateway("Tower 1", mode="control")
        cls.package.gateway_id = cls.gateway
        # What is taken away in a test is cut at once, but where that is the matter.
        cls.company.isp_settle_minutes = 0
        cls.cron = cls.env.ref("mybizna_isp.isp_access_cron_converge").sudo()

    def setUp(self):
        super().setUp()
        self.radius_db.clear()
        self.radius_db.clear_mark()

    @classmethod
    def _create_gateway(cls, name, database=None, **values):
        server = get_server()
        # Control is taken by a person's button, or by the system.
        gateway = (
            cls.env["isp.gateway"]
            .sudo()
            .create(
                {
                    "name": name,
                    "ip_address": server["host"],
                    "port": server["port"],
                    "username": server["user"],
                    "password": server["password"] or "gateway-secret",
                    "database": database or cls.radius_db.name,
                    **values,
                }
            )
        )
        return gateway.sudo(False)

    @classmethod
    def _create_line(cls, login, **values):
        """A line in service without money: off until something opens it."""
        connection = cls._create_connection(username=login, **values)
        connection.sudo().state = "active"
        return connection

    @classmethod
    def _open(cls, connection, hours=24):
        """Let a line be on without money for some hours from now."""
        return cls.env["isp.extension"].create(
            {
                "connection_id": connection.id,
                "kind": "free",
                "date_from": fields.Datetime.now(),
                "date_to": cls._soon(hours=hours),
            }
        )

    def _converge(self):
        """Commit, as far as a test can, and let the scheduled action run."""
        self.env.cr.flush()
        with self.enter_registry_test_mode():
            self.cron.method_direct_trigger()

    def _work(self):
        """Commit, as far as a test can, and let gateways be asked."""
        self.env.cr.flush()
        with self.enter_registry_test_mode():
            self.env.ref(
                "mybizna_isp.isp_gateway_job_cron_work"
            ).sudo().method_direct_trigger()
        self.env.invalidate_all()

    @staticmethod
    def _soon_monotonic():
        return time.monotonic() + 8

    def _get_row(self, connection, gateway=None):
        return self.env["isp.access"].search(
            [
                ("connection_id", "=", connection.id),
                ("gateway_id", "=", (gateway or self.gateway).id),
            ]
        )

    def _is_accepted(self, login, password="secret"):
        return self.radius.auth(login, password).accepted
