"""What all measurements share: a database of their own, figures, the last line.

A file whose name begins with `_` is no measurement: `make bench` passes it over.
"""

import configparser
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time

from dev import postgres
from dev.services import tail
from dev.state import CHECKOUT, LOGS, MODULE, RUN, SetupError, main_guard, pg_port

FULL = bool(os.environ.get("FULL"))


def command(arguments):
    """Return the command that runs Odoo as `make` has set it up for us."""
    return [sys.executable, "-m", "odoo", "-c", _given("ISP_ODOO_CONF"), *arguments]


def _addons_path(folder):
    """Return Odoo's option for one more folder of addons; none without a folder."""
    if not folder:
        return []
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(_given("ISP_ODOO_CONF"))
    return [f"--addons-path={parser['options']['addons_path']},{folder}"]


def variables():
    """Return the variables for Odoo's own processes: ours, without this folder."""
    first = os.environ.get("PYTHONPATH", "").split(os.pathsep)[0]
    return {**os.environ, "PYTHONPATH": first}


def _given(name):
    if not os.environ.get(name):
        raise SetupError("Start measurements with `make bench` or `make bench-NAME`.")
    return os.environ[name]


def say(text):
    """Print progress; standard output is for the result alone."""
    print(f"  {text}", file=sys.stderr, flush=True)


def percentile(values, percent):
    """Return the value that `percent` of `values` do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(rank - 1, 0)]


def spread(values, digits=2):
    """Return how measured seconds (or the like) are distributed."""
    return {
        "n": len(values),
        "p50": round(percentile(values, 50), digits),
        "p95": round(percentile(values, 95), digits),
        "max": round(max(values), digits),
    }


def median(values, digits=2):
    return round(statistics.median(values), digits)


class Report:
    """Figures and targets of one measurement."""

    def __init__(self, name):
        self.name = name
        self.figures = {}
        self.targets = {}

    def figure(self, name, value):
        self.figures[name] = value
        say(f"{name}: {value}")

    def target(self, name, want, got, ok):
        self.targets[name] = {"want": want, "got": got, "ok": bool(ok)}
        say(f"{'met' if ok else 'MISSED'}: {name}, want {want}, got {got}")

    def at_least(self, name, limit, got):
        self.target(name, f">= {limit}", got, got >= limit)

    def at_most(self, name, limit, got):
        self.target(name, f"<= {limit}", got, got <= limit)

    def equals(self, name, expected, got):
        self.target(name, expected, got, got == expected)

    def finish(self):
        """Print the result as the last line; return the exit status."""
        result = {"name": self.name, "figures": self.figures, "targets": self.targets}
        print(json.dumps(result), flush=True)
        return int(not all(target["ok"] for target in self.targets.values()))


def run(name, measure):
    """Call `measure(report)` and end the program; SIGTERM cleans up like Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    sys.exit(main_guard(lambda: _measure(name, measure)))


def _measure(name, measure):
    began = time.monotonic()
    report = Report(name)
    # Others on the same machine spoil absolute figures, and ratios less.
    report.figure("load_before", round(os.getloadavg()[0], 1))
    measure(report)
    report.figure("seconds_in_all", round(time.monotonic() - began))
    return report.finish()


@contextlib.contextmanager
def database(name, others=(), folder=None):
    """Make a database with the addon, without demo data; drop it afterwards.

    `others` are further addons to install, `folder` is where they are found.
    """
    name = f"bench_{name}_{CHECKOUT}"
    LOGS.mkdir(parents=True, exist_ok=True)
    say(f"Preparing the database {name}")
    postgres.copy(_given("ISP_BASE_TEMPLATE"), name)
    try:
        log = LOGS / f"{name}-install.log"
        modules = ",".join([MODULE, *others])
        once = ["-d", name, "-i", modules, "--no-http", "--stop-after-init"]
        install = command([*_addons_path(folder), *once])
        with open(log, "w") as handle:
            status = subprocess.run(
                install, env=variables(), cwd=RUN, stdout=handle, stderr=handle
            ).returncode
        state = f"SELECT state FROM ir_module_module WHERE name = '{MODULE}'"
        if status or postgres.sql(state, name) != "installed":
            raise SetupError(f"{modules} was not installed; see {log}.\n{tail(log)}")
        yield name
    finally:
        postgres.drop(name)


@contextlib.contextmanager
def environment(name, folder=None):
    """Give Odoo's environment on a database, in this process, as the superuser.

    Nothing is committed by itself; at the end all connections are closed.
    """
    from odoo.api import SUPERUSER_ID, Environment
    from odoo.modules.registry import Registry
    from odoo.sql_db import close_all
    from odoo.tools import config

    log = LOGS / f"{name}.log"
    log.unlink(missing_ok=True)
    options = ["-c", _given("ISP_ODOO_CONF"), "-d", name, "--logfile", str(log)]
    options += _addons_path(folder)
    config.parse_config(options, setup_logging=True)
    try:
        with Registry(name).cursor() as cr:
            yield Environment(cr, SUPERUSER_ID, {"lang": "en_US"})
    finally:
        Registry.delete(name)
        close_all()


def connect(name):
    """Return a connection to one of our databases, in autocommit."""
    import psycopg2

    connection = psycopg2.connect(
        host="127.0.0.1", port=pg_port(), user="odoo", dbname=name
    )
    connection.autocommit = True
    return connection
