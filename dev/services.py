"""Odoo's server as a background service, and measurements against it."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

from . import odoo, postgres
from .state import (
    LOGS,
    MODULE,
    ROOT,
    RUN,
    SetupError,
    alive,
    gevent_port,
    odoo_port,
    port_taken,
    say,
    terminate,
    wait_until,
)

PID = RUN / "odoo.pid"
BENCH = ROOT / "bench"
COMPANY = ROOT / "dev" / "demo_company.py"


def address():
    return f"http://127.0.0.1:{odoo_port()}"


def tail(path, count=15):
    """Return the last lines of a log."""
    if not path.exists():
        return ""
    return "".join(path.read_text(errors="replace").splitlines(True)[-count:])


def healthy():
    """Tell whether Odoo answers HTTP."""
    try:
        with urllib.request.urlopen(f"{address()}/web/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def require_port(number, variable, what):
    if port_taken(number):
        raise SetupError(
            f"Port {number} is in use by something else. "
            f"Choose another for {what}: make demo {variable}={number + 1}"
        )


def start_beside(module, argument, facts, what):
    """Run a module of ours in the virtual environment until it is told to end.

    :param str argument: for it; names our state folder, by which `alive` knows it
    :param Path facts: where it writes what others need to know, once it is ready
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{facts.stem}.log"
    say(f"Starting {what} (log: {log})")
    facts.unlink(missing_ok=True)
    with open(log, "w") as handle:
        process = subprocess.Popen(
            [str(odoo.python()), "-m", module, argument],
            cwd=ROOT,
            env={**odoo.environment(), "PYTHONPATH": ""},
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
        )
    facts.with_suffix(".pid").write_text(f"{process.pid}\n")

    def is_ready():
        if process.poll() is not None:
            raise SetupError(f"{what} did not start; see {log}.\n{tail(log)}")
        return facts.exists()

    wait_until(is_ready, 60, f"{what} does not answer; see {log}.")


def tell_facts(facts, values):
    """Write the file that `start_beside` waits for, whole and for us alone."""
    half = facts.with_suffix(".part")
    with open(os.open(half, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        json.dump(values, file)
    half.replace(facts)


def _run(arguments, log, why, **kwargs):
    """Run Odoo once with its output in `log`; SetupError when it fails."""
    with open(log, "a") as handle:
        if odoo.call(arguments, stdout=handle, stderr=handle, **kwargs):
            raise SetupError(f"{why}; see {log}.\n{tail(log)}")


def shell(database, script, log, **environment):
    """Run a file of `odoo shell` and return what it printed."""
    with open(log, "w") as handle, open(script) as source:
        done = subprocess.run(
            odoo.command(["shell", "-d", database, "--no-http"]),
            env=odoo.environment(**environment),
            cwd=RUN,
            stdin=source,
            text=True,
            stdout=subprocess.PIPE,
            stderr=handle,
        )
    if done.returncode:
        raise SetupError(f"{script} failed; see {log}.\n{tail(log, 30)}")
    return done.stdout


def install(database):
    """Install the addon with its demo data, or upgrade it where it is installed."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / "demo-install.log"
    log.unlink(missing_ok=True)
    query = f"SELECT state FROM ir_module_module WHERE name = '{MODULE}'"
    once = ["--no-http", "--stop-after-init", "-d", database]
    if postgres.exists(database) and postgres.sql(query, database) == "installed":
        say(f"Upgrading {MODULE} in the database {database}")
        options = ["-u", MODULE]
    else:
        say(f"Making a Kenyan company in the new database {database}")
        postgres.copy(postgres.base_template(), database)
        _run([*once, "-i", "l10n_ke"], log, "Odoo could not install l10n_ke")
        shell(database, COMPANY, LOGS / "demo-company.log")
        say(f"Installing {MODULE} with its demo data")
        postgres.allow_demo(database)
        options = ["-i", MODULE, "--with-demo"]
    why = (
        "Odoo could not install the addon. To begin with a new database: "
        f"python3 -m dev dropdb {database}"
    )
    _run([*once, *options], log, why)
    if postgres.sql(query, database) != "installed":
        raise SetupError(f"{why}; see {log}.\n{tail(log)}")


def start_odoo(database, *options):
    """Start Odoo's server in the background and wait until it answers."""
    require_port(odoo_port(), "ISP_HTTP_PORT", "Odoo")
    require_port(gevent_port(), "ISP_GEVENT_PORT", "Odoo's live bus")
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / "odoo-server.log"
    say(f"Starting Odoo on {address()} (log: {log})")
    arguments = ["-d", database, "--db-filter", f"^{database}$", *options]
    with open(log, "w") as handle:
        process = subprocess.Popen(
            odoo.command(arguments),
            env=odoo.environment(),
            cwd=RUN,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
        )
    PID.write_text(f"{process.pid}\n")

    def answers():
        if process.poll() is not None:
            raise SetupError(f"Odoo ended at its start; see {log}.\n{tail(log)}")
        return healthy()

    wait_until(answers, 120, f"Odoo does not answer; see {log}.")


def stop_odoo():
    return terminate(PID, signal.SIGTERM, 30)


def is_running():
    return bool(alive(PID))


def bench(names):
    """Run measurements; return 1 when one of them fails."""
    known = sorted(path.stem for path in BENCH.glob("[a-z]*.py"))
    unknown = [name for name in names if name not in known]
    if unknown or not known:
        raise SetupError(
            f"No measurement {', '.join(unknown)}; there are: {', '.join(known)}"
        )
    odoo.prepare()
    template = postgres.base_template()
    environment = odoo.environment(
        ISP_ODOO_CONF=str(odoo.config_file()), ISP_BASE_TEMPLATE=template
    )
    environment["PYTHONPATH"] += f"{os.pathsep}{ROOT}"
    failed = []
    for name in names or known:
        print(f"==> bench/{name}.py", file=sys.stderr, flush=True)
        command = [str(odoo.python()), str(BENCH / f"{name}.py")]
        if subprocess.run(command, env=environment, cwd=ROOT).returncode:
            failed.append(name)
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
