"""A real FreeRADIUS over PostgreSQL or MariaDB, and radclient to ask it.

Debian's schema and queries are read where the package puts them (GPL: not part
of this repository), so what runs here is what runs at a provider's.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from .process import ServerError, end, free_port, wait_until

TEMPLATE = Path(__file__).parent / "raddb" / "radiusd.conf"
# Only root and the group freerad may read Debian's; others may name a copy.
DEBIAN_SQL = Path(
    os.environ.get("ISP_FREERADIUS_SQL")
    or "/etc/freeradius/3.0/mods-config/sql/main/postgresql"
)
# FreeRADIUS's driver, and where Debian's files for it are.
DIALECTS = {
    "postgresql": ("rlm_sql_postgresql", DEBIAN_SQL),
    "mysql": ("rlm_sql_mysql", DEBIAN_SQL.with_name("mysql")),
}
DICTIONARIES = "/usr/share/freeradius"
LIBRARIES = "/usr/lib/freeradius"

_RECEIVED = re.compile(r"^Received (\S+) Id ", re.MULTILINE)
_ATTRIBUTE = re.compile(r'^\t([A-Za-z0-9-]+) = (?:"(.*)"|(.*))$')


@dataclass
class Answer:
    """What radclient got.

    :param accepted: an Access-Accept (or Accounting-Response) came.
    :param attributes: name → values of the reply, quotes taken off.
    :param raw: the output of radclient.
    """

    accepted: bool
    attributes: dict[str, list[str]] = field(default_factory=dict)
    raw: str = ""


def _read_debian(name, dialect="postgresql"):
    folder = DIALECTS[dialect][1]
    try:
        return (folder / name).read_text()
    except FileNotFoundError:
        raise ServerError(
            "FreeRADIUS's SQL files are missing: apt-get install freeradius "
            f"freeradius-{dialect} freeradius-utils"
        ) from None
    except PermissionError:
        raise ServerError(
            f"{folder} can't be read by this user: run as root, add the user to "
            "the group freerad, or name a copy in ISP_FREERADIUS_SQL."
        ) from None


def create_schema(connection, dialect="postgresql") -> None:
    """Load Debian's FreeRADIUS schema through a connection of psycopg2, or one of
    PyMySQL that takes several statements; commits."""
    with connection.cursor() as cursor:
        cursor.execute(_read_debian("schema.sql", dialect))
        while dialect == "mysql" and cursor.nextset():
            pass
    if dialect == "mysql" or not connection.autocommit:
        connection.commit()


class FreeRadius:
    """`with FreeRadius(folder, …) as radius: radius.auth("alice", "secret")`.

    Started by root it drops to the system user `freerad` once it has read its
    configuration.

    :param workdir: directory for the configuration; made when missing.
    :param host: of the database, a name, address or socket directory.
    :param auth_port: UDP; None takes a free port, as for `acct_port`.
    :param secret: shared with the routers; None makes one.
    :param time_zone: zone the server lives in; None is that of this machine.
    :param dialect: "postgresql" or "mysql".
    :param coa_port: UDP port on which it plays a router that drops sessions.
    """

    def __init__(
        self,
        workdir,
        host="127.0.0.1",
        port=5432,
        dbname="radius",
        user="radius",
        password="",
        auth_port=None,
        acct_port=None,
        secret=None,
        time_zone=None,
        dialect="postgresql",
        coa_port=None,
    ):
        self.workdir = Path(workdir).absolute()
        self.auth_port = auth_port or free_port(socket.SOCK_DGRAM)
        self.acct_port = acct_port or free_port(socket.SOCK_DGRAM)
        self.secret = secret or secrets.token_hex(12)
        self.coa_port = coa_port or free_port(socket.SOCK_DGRAM)
        self.time_zone = time_zone
        self.dialect = dialect
        self.process = None
        self._database = (str(host), str(port), dbname, user, password or "")

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc_info):
        self.stop()

    def write_config(self) -> None:
        """Write the configuration into `workdir`."""
        _read_debian("queries.conf", self.dialect)
        driver, folder = DIALECTS[self.dialect]
        self.workdir.mkdir(parents=True, exist_ok=True)
        host, port, dbname, user, password = map(_quote, self._database)
        words = {
            "DIR": str(self.workdir),
            "LIBDIR": LIBRARIES,
            "DROP_ROOT": "user = freerad\n\tgroup = freerad" * (os.geteuid() == 0),
            "SECRET": self.secret,
            "DB_HOST": host,
            "DB_PORT": port,
            "DB_USER": user,
            "DB_PASSWORD": password,
            "DB_NAME": dbname,
            "DIALECT": self.dialect,
            "DRIVER": driver,
            "QUERIES": str(folder / "queries.conf"),
            "COA_PORT": str(self.coa_port),
            "AUTH_PORT": str(self.auth_port),
            "ACCT_PORT": str(self.acct_port),
        }
        config = re.sub(r"@(\w+)@", lambda m: words[m[1]], TEMPLATE.read_text())
        self._write("radiusd.conf", config)
        self._write("dictionary", "")
        self._write("secret", self.secret + "\n")

    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""
        program = shutil.which("freeradius", path=f"{os.environ['PATH']}:/usr/sbin")
        if not program:
            raise ServerError("FreeRADIUS is missing: apt-get install freeradius")
        folder = str(self.workdir)
        return [program, "-f", "-l", "stdout", "-d", folder, "-D", DICTIONARIES]

    def start(self) -> None:
        """Start and wait until it answers.

        :raise ServerError: it ended, or did not answer within 30 seconds.
        """
        self.write_config()
        environ = dict(os.environ)
        if self.time_zone:
            environ["TZ"] = self.time_zone
        with open(self.workdir / "radius.log", "wb") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, env=environ, cwd="/"
            )
        self.wait()

    def wait(self, seconds: float = 30) -> None:
        """Wait for the first answer to a Status-Server packet."""
        wait_until(self._alive, seconds, f"FreeRADIUS is mute: {self.log()[-800:]}")

    def stop(self) -> None:
        end(self.process, signal.SIGTERM)
        self.process = None

    def log(self) -> str:
        path = self.workdir / "radius.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def auth(self, login: str, password: str, **attributes) -> Answer:
        """Ask for access with PAP, as a router would.

        :param attributes: further ones, `_` for `-`: `NAS_Port=7`.
        :raise ServerError: no answer came.
        """
        request = {"User-Name": login, "User-Password": password, **attributes}
        return self._ask("auth", self.auth_port, request)

    def acct_start(self, login: str, session: str, **attributes) -> Answer:
        return self._account("Start", login, session, attributes)

    def acct_stop(self, login: str, session: str, **attributes) -> Answer:
        return self._account("Stop", login, session, attributes)

    def count_accepted(self, passwords: dict[str, str]) -> int:
        """Return how many logins of many at once are let in."""
        return self._count(
            "auth",
            self.auth_port,
            [
                {"User-Name": login, "User-Password": password}
                for login, password in passwords.items()
            ],
        )

    def count_started(self, logins) -> int:
        """Let a session of each login begin; return how many were noted."""
        return self._count(
            "acct",
            self.acct_port,
            [
                {
                    "User-Name": login,
                    "Acct-Status-Type": "Start",
                    "Acct-Session-Id": f"s-{login}",
                }
                for login in logins
            ],
        )

    def _count(self, kind, port, requests):
        lines = []
        for request in requests:
            request = {"NAS-IP-Address": "127.0.0.1", **request}
            lines += [f"{k} = {_radclient_value(v)}" for k, v in request.items()]
            if kind == "auth":
                lines.append("Message-Authenticator = 0x00")
            lines.append("")
        raw = self._radclient(kind, port, lines, tries=5, seconds=3)
        good = {"Access-Accept", "Accounting-Response"}
        return sum(word in good for word in _RECEIVED.findall(raw))

    def _account(self, status, login, session, attributes):
        request = {
            "User-Name": login,
            "Acct-Status-Type": status,
            "Acct-Session-Id": session,
            **attributes,
        }
        return self._ask("acct", self.acct_port, request)

    def _ask(self, kind, port, attributes):
        attributes = {"NAS-IP-Address": "127.0.0.1", "NAS-Port": 1, **attributes}
        lines = [
            f"{name.replace('_', '-')} = {_radclient_value(value)}"
            for name, value in attributes.items()
        ]
        if kind == "auth":
            lines.append("Message-Authenticator = 0x00")
        raw = self._radclient(kind, port, lines, tries=3, seconds=3)
        received = _RECEIVED.findall(raw)
        if not received:
            raise ServerError(f"FreeRADIUS gave no answer: {raw[-400:]}")
        answer = Answer(received[-1] in ("Access-Accept", "Accounting-Response"))
        answer.raw = raw
        for line in raw[raw.rindex("Received ") :].splitlines():
            if found := _ATTRIBUTE.match(line):
                text = found[3] if found[2] is None else found[2]
                answer.attributes.setdefault(found[1], []).append(text)
        return answer

    def _alive(self):
        if self.process and self.process.poll() is not None:
            raise ServerError(f"FreeRADIUS ended at once: {self.log()[-800:]}")
        raw = self._radclient(
            "status",
            self.auth_port,
            ["Message-Authenticator = 0x00"],
            tries=1,
            seconds=0.3,
        )
        return bool(_RECEIVED.search(raw))

    def _radclient(self, kind, port, lines, tries, seconds):
        # No shell, and the secret is in a file: neither a login nor the secret
        # can become part of a command line.
        command = ["radclient", "-x", "-r", str(tries), "-t", str(seconds)]
        command += ["-d", str(self.workdir), "-D", DICTIONARIES]
        command += ["-S", str(self.workdir / "secret"), f"127.0.0.1:{port}", kind]
        try:
            done = subprocess.run(
                command,
                input="\n".join(lines) + "\n",
                capture_output=True,
                text=True,
                errors="replace",
                timeout=tries * seconds + 30,
            )
        except FileNotFoundError:
            raise ServerError(
                "radclient is missing: apt-get install freeradius-utils"
            ) from None
        return done.stdout + done.stderr

    def _write(self, name, text):
        path = self.workdir / name
        path.touch(mode=0o600)
        path.write_text(text)


def _quote(text):
    """Escape a value for a double-quoted word of FreeRADIUS's configuration."""
    return re.sub(r'(["\\$%])', r"\\\1", text)


def _radclient_value(value):
    if isinstance(value, int):
        return str(value)
    # radclient takes escapes off twice: once from the word, once from the value.
    text = str(value).replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
