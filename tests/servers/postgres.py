"""A private PostgreSQL cluster that is thrown away afterwards."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from .process import ServerError, as_user, end, free_port, wait_until


def find_binaries() -> Path:
    """Return the directory of initdb: on the PATH, or Debian's newest."""
    on_path = shutil.which("initdb")
    if on_path:
        # A link may stand alone: its target has the other programs beside it.
        return Path(on_path).resolve().parent
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parts[-3]),
    )
    if not found:
        raise ServerError("PostgreSQL is missing: apt-get install postgresql")
    return found[-1].parent


class PostgresServer:
    """`with PostgresServer() as server:` a cluster on 127.0.0.1, trusting all.

    Roles with a password are asked for it: see `require_password`. As root it
    runs as the system user `postgres`, because PostgreSQL refuses root.

    :param port: TCP port; None takes a free one.
    """

    user = "isp_test"
    host = "127.0.0.1"

    def __init__(self, port: int | None = None):
        self.port = port or free_port()
        self.process = None
        self._bin = find_binaries()
        self._user = as_user("postgres")
        self._dir = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc_info):
        self.stop()

    def start(self):
        self._dir = Path(tempfile.mkdtemp(prefix="isp_pg_"))
        if self._user:
            os.chown(self._dir, self._user["user"], self._user["group"])
        made = subprocess.run(
            [self._bin / "initdb", "-D", self._dir / "data", "-A", "trust"]
            + ["-U", self.user, "--locale=C.UTF-8", "-E", "UTF8", "-N"],
            capture_output=True,
            text=True,
            cwd=self._dir,
            **self._user,
        )
        if made.returncode:
            raise ServerError(f"initdb failed: {made.stderr.strip()}")
        self.resume()

    def resume(self):
        """Start the server process of the cluster, also after `pause`."""
        options = {
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": self._dir,
            "fsync": "off",
            "log_connections": "on",
            "max_connections": 60,
        }
        flags = [word for key in options for word in ("-c", f"{key}={options[key]}")]
        with open(self._dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._dir / "data", *flags],
                stdout=log,
                stderr=log,
                cwd=self._dir,
                **self._user,
            )
        wait_until(self._answers, 30, f"PostgreSQL did not start: {self.log()[-800:]}")

    def pause(self):
        """End the server process at once, keep the data."""
        end(self.process, signal.SIGQUIT)

    def stop(self):
        end(self.process, signal.SIGQUIT)
        if self._dir:
            shutil.rmtree(self._dir, ignore_errors=True)
            self._dir = None

    def log(self) -> str:
        return (self._dir / "log").read_text(errors="replace")

    def require_password(self, role: str) -> None:
        """Let TCP connections of `role` in with its password only."""
        rules = self._dir / "data" / "pg_hba.conf"
        rules.write_text(
            f"host all {role} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}"
        )
        self.process.send_signal(signal.SIGHUP)

    def _answers(self):
        if self.process.poll() is not None:
            raise ServerError(f"PostgreSQL ended at once: {self.log()[-800:]}")
        checked = subprocess.run(
            [self._bin / "pg_isready", "-q", "-h", self.host, "-p", str(self.port)],
            capture_output=True,
        )
        return checked.returncode == 0

    def connect(self, dbname: str = "postgres", **further):
        """Return a psycopg2 connection in autocommit, as the owner."""
        import psycopg2

        further.setdefault("user", self.user)
        connection = psycopg2.connect(
            host=self.host, port=self.port, dbname=dbname, **further
        )
        connection.autocommit = True
        return connection

    def create_database(self, name: str) -> None:
        """Make an empty database, instead of one of that name."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
                cursor.execute(f'CREATE DATABASE "{name}"')
        finally:
            connection.close()
