"""A private MariaDB that is thrown away afterwards."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from .process import ServerError, as_user, end, free_port, wait_until


def _find(name):
    program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        raise ServerError("MariaDB is missing: apt-get install mariadb-server")
    return program


class MariaDbServer:
    """`with MariaDbServer() as server:` a server on 127.0.0.1, whose root needs no
    password there. As root of the system it runs as the system user `mysql`.

    :param port: TCP port; None takes a free one.
    """

    user = "root"
    host = "127.0.0.1"

    def __init__(self, port: int | None = None):
        self.port = port or free_port()
        self.process = None
        self._user = as_user("mysql")
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
        self._dir = Path(tempfile.mkdtemp(prefix="isp_my_"))
        if self._user:
            os.chown(self._dir, self._user["user"], self._user["group"])
        made = subprocess.run(
            [_find("mariadb-install-db"), "--no-defaults", "--skip-test-db"]
            + ["--auth-root-authentication-method=normal"]
            + ["--skip-name-resolve", f"--datadir={self._dir / 'data'}"],
            capture_output=True,
            text=True,
            cwd=self._dir,
            **self._user,
        )
        if made.returncode:
            raise ServerError(f"mariadb-install-db failed: {made.stderr.strip()}")
        self.resume()

    def resume(self):
        """Start the server process on the data, also after `pause`."""
        options = {
            "datadir": self._dir / "data",
            "socket": self._dir / "socket",
            "pid-file": self._dir / "pid",
            "bind-address": self.host,
            "port": self.port,
            "innodb-flush-log-at-trx-commit": 0,
            "innodb-buffer-pool-size": "128M",
            "character-set-server": "utf8mb4",
            "max-connections": 60,
        }
        flags = [f"--{key}={value}" for key, value in options.items()]
        with open(self._dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                [_find("mariadbd"), "--no-defaults", "--skip-name-resolve", *flags],
                stdout=log,
                stderr=log,
                cwd=self._dir,
                **self._user,
            )
        wait_until(self._answers, 60, f"MariaDB did not start: {self.log()[-800:]}")

    def pause(self):
        """End the server process at once, keep the data."""
        end(self.process, signal.SIGKILL)

    def stop(self):
        end(self.process, signal.SIGKILL)
        if self._dir:
            shutil.rmtree(self._dir, ignore_errors=True)
            self._dir = None

    def log(self) -> str:
        return (self._dir / "log").read_text(errors="replace")

    def _answers(self):
        import pymysql

        if self.process.poll() is not None:
            raise ServerError(f"MariaDB ended at once: {self.log()[-800:]}")
        try:
            self.connect(None).close()
        except pymysql.err.OperationalError:
            return False
        return True

    def connect(self, dbname: str | None = None, **further):
        """Return a PyMySQL connection in autocommit, as root, that takes several
        statements at once."""
        import pymysql
        from pymysql.constants import CLIENT

        further.setdefault("user", self.user)
        return pymysql.connect(
            host=self.host,
            port=self.port,
            database=dbname,
            charset="utf8mb4",
            autocommit=True,
            client_flag=CLIENT.MULTI_STATEMENTS,
            **further,
        )

    def create_database(self, name: str) -> None:
        """Make an empty database, instead of one of that name."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
                cursor.execute(f"CREATE DATABASE `{name}`")
        finally:
            connection.close()
