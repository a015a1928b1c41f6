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

from . import odoo, postgres, system
from .services import require_port, tail
from .state import (
    CHECKOUT,
    LOGS,
    ROOT,
    RUN,
    SetupError,
    alive,
    pg_environment,
    radius_acct_port,
    radius_port,
    say,
    terminate,
    wait_until,
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
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / "radius.log"
    say(f"Starting FreeRADIUS on 127.0.0.1:{radius_port()} (log: {log})")
    FACTS.unlink(missing_ok=True)
    # The state folder on the command line tells `alive` that the process is ours.
    command = [str(odoo.python()), "-m", "dev.radius", str(RUN / "radius")]
    with open(log, "w") as handle:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**odoo.environment(), "PYTHONPATH": ""},
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
        )
    PID.write_text(f"{process.pid}\n")

    def answers():
        if process.poll() is not None:
            raise SetupError(f"FreeRADIUS did not start; see {log}.\n{tail(log)}")
        return FACTS.exists()

    wait_until(answers, 60, f"FreeRADIUS does not answer; see {log}.")
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
        half = FACTS.with_suffix(".part")
        half.write_text(json.dumps(facts))
        half.chmod(0o600)
        half.replace(FACTS)
        done.wait()


if __name__ == "__main__":
    _serve(sys.argv[1])
