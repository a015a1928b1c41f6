"""FreeRADIUS with its own database, as a background service of the demo.

`make demo` starts `python -m dev.radius` in the virtual environment; that process
keeps the server of tests/servers/ alive until it is told to end.
"""

import json
import os
import signal
import subprocess
import sys
import threading

from . import postgres, system
from .services import require_port, start_beside, tell_facts
from .state import (
    CHECKOUT,
    ROOT,
    RUN,
    alive,
    pg_environment,
    radius_acct_port,
    radius_port,
    terminate,
)

PID = RUN / "radius.pid"
FACTS = RUN / "radius.json"
DATABASE = f"isp_radius_{CHECKOUT}"
# The addon's role may write what a subscriber is; it only reads the accounting.
ROLE = "isp_addon"
RIGHTS = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
        CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE}';
    END IF;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON radcheck, radreply, radusergroup, radgroupcheck, radgroupreply TO {ROLE};
GRANT SELECT, UPDATE ON radacct TO {ROLE};
GRANT SELECT ON nas, radpostauth TO {ROLE};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {ROLE};
"""


def start():
    """Start FreeRADIUS in the background and wait until it answers."""
    require_port(radius_port(), "ISP_RADIUS_PORT", "FreeRADIUS")
    if not postgres.exists(DATABASE):
        postgres.call("createdb", DATABASE)
    what = f"FreeRADIUS on 127.0.0.1:{radius_port()}"
    start_beside("dev.radius", str(RUN / "radius"), FACTS, what)
    postgres.sql(RIGHTS, DATABASE)


def stop():
    return terminate(PID, signal.SIGTERM)


def is_running():
    return bool(alive(PID))


def ask(username, password):
    """Ask for access as a router does; return radclient's own words."""
    facts = json.loads(FACTS.read_text())
    request = (
        f'User-Name = "{username}"\nUser-Password = "{password}"\n'
        "Message-Authenticator = 0x00\nNAS-IP-Address = 127.0.0.1\n"
    )
    command = [system.which("radclient"), "-x", "-r", "1", "-t", "5"]
    command += [f"127.0.0.1:{facts['auth_port']}", "auth", facts["secret"]]
    done = subprocess.run(command, input=request, capture_output=True, text=True)
    return done.stdout + done.stderr


def _serve(folder):
    """Run FreeRADIUS until SIGTERM; called in the virtual environment."""
    sys.path.insert(0, str(ROOT / "tests"))
    import psycopg2
    from servers.freeradius import FreeRadius, create_schema

    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    server = pg_environment()
    place = {"host": server["PGHOST"], "port": int(server["PGPORT"])}
    place |= {"dbname": DATABASE, "user": server["PGUSER"], "password": ""}
    connection = psycopg2.connect(**place)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('radcheck')")
        is_new = cursor.fetchone()[0] is None
    if is_new:
        create_schema(connection)
    connection.close()
    os.makedirs(folder, exist_ok=True)
    ports = {"auth_port": radius_port(), "acct_port": radius_acct_port()}
    with FreeRadius(folder, **place, **ports) as radius:
        facts = {"auth_port": radius.auth_port, "secret": radius.secret}
        tell_facts(FACTS, facts)
        done.wait()


if __name__ == "__main__":
    _serve(sys.argv[1])
