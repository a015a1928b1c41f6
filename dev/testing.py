"""`make test`: every runner, one count."""

import os
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from . import odoo, odoolog, postgres, system
from .state import CHECKOUT, LOGS, MODULE, ROOT, free_port, locked, say

UNIT = ROOT / "tests" / "unit"
# Odoo is ended when it says nothing at all for this long.
SILENCE = 900
KEPT = "odoo.sql_db: bad query: DELETE FROM"
# Clients and products stay: posted invoices name them.
LEFTOVERS = """
SELECT 'model ' || model FROM ir_model WHERE model LIKE 'isp.%'
UNION ALL SELECT 'table ' || relname FROM pg_class
    WHERE relkind IN ('r', 'v', 'm') AND relname LIKE 'isp\\_%'
UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger
    WHERE NOT tgisinternal AND tgname LIKE '%isp\\_%'
UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE proname LIKE 'isp\\_%'
UNION ALL SELECT 'xml id ' || name FROM ir_model_data WHERE module = '{module}'
    AND (model LIKE 'ir.%' OR model LIKE 'isp.%' OR model LIKE 'res.groups%')
"""
GUARDS = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'isp\\_guard%'"
# As if somebody had helped himself with SQL.
DAMAGE = """
DROP FUNCTION isp_guard_line() CASCADE;
DROP TRIGGER isp_guard ON account_move;
"""


@dataclass
class Result:
    """The count of all runners; `problems` explains each failure."""

    passed: int = 0
    problems: list = field(default_factory=list)

    def check(self, good, name, detail):
        """Count one check of ours as a test."""
        if good:
            self.passed += 1
            say(f"{name}: good")
        else:
            self.fail(name, detail)

    def fail(self, name, detail):
        self.problems.append((name, detail.rstrip()))

    def report(self, began):
        """Print what failed and the count; return the exit status.

        :param float began: time.monotonic() at the start
        """
        for name, detail in self.problems:
            print(f"\n{'-' * 70}\nFAILED {name}\n{detail[-6000:]}")
        if self.problems:
            print(f"\nFailed: {', '.join(name for name, _detail in self.problems)}")
            print(f"The whole logs are in {LOGS}")
        print(f"Took {time.monotonic() - began:.0f} s.")
        print(f"{self.passed} passed, {len(self.problems)} failed", flush=True)
        return 1 if self.problems or not self.passed else 0


def pytest(arguments, **kwargs):
    """Run pytest on the tests that need no Odoo."""
    environment = odoo.environment()
    environment.pop("PYTHONPATH")
    # Importing the addon's own __init__ would import Odoo: stay below it.
    options = ["-c", UNIT / "pytest.ini", "--rootdir", UNIT, "-p", "no:cacheprovider"]
    command = [odoo.python(), "-m", "pytest", *options, *(arguments or [UNIT])]
    return subprocess.run(command, env=environment, cwd=ROOT, **kwargs)


def _unit(result, expression):
    say("Plain Python tests of tools/ (pytest)")
    report = LOGS / "unit.xml"
    report.unlink(missing_ok=True)
    options = ["-q", "--color=no", "--tb=short", "--continue-on-collection-errors"]
    options += [f"--junitxml={report}"]
    if expression:
        options += ["-k", expression]
    status = pytest([UNIT, *options], stdin=subprocess.DEVNULL).returncode
    cases = list(ET.parse(report).iter("testcase")) if report.exists() else []
    for case in cases:
        name = f"{case.get('classname')}.{case.get('name')}"
        wrong = [child for child in case if child.tag in ("failure", "error")]
        wrong += case.findall("skipped")
        if wrong:
            text = f"{wrong[0].get('message') or ''}\n{wrong[0].text or ''}"
            result.fail(name, text)
        else:
            result.passed += 1
    if not cases:
        result.fail("pytest", f"No test ran (status {status}); see the lines above.")
    elif status and not any(list(case) for case in cases):
        result.fail("pytest", f"pytest ended with status {status}.")


def run_odoo(arguments, name):
    """Run Odoo, show the tests as they start; return (status, Log, log file)."""
    path = LOGS / f"{name}.log"
    log = odoolog.Log()
    process = subprocess.Popen(
        odoo.command(arguments),
        env=odoo.environment(),
        cwd=odoo.RUN,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )

    def lines():
        with open(path, "w") as handle:
            for line in process.stdout:
                signal.alarm(SILENCE)
                handle.write(line)
                handle.flush()
                yield line

    def silent(_signal, _frame):
        os.killpg(process.pid, signal.SIGKILL)

    signal.signal(signal.SIGALRM, silent)
    signal.alarm(SILENCE)
    try:
        for record in odoolog.records(lines()):
            log.add(record, lambda text: print(text, flush=True))
        status = process.wait()
    finally:
        signal.alarm(0)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
    return status, log, path


def _module_state(database):
    query = f"SELECT state FROM ir_module_module WHERE name = '{MODULE}'"
    return postgres.sql(query, database) or "not in the list of modules"


def _judge_log(result, log, path, step):
    for record in log.bad:
        result.fail(f"{step}: a warning of ours in Odoo's log", record)
    if log.foreign:
        say(f"{step}: {log.foreign} warnings of Odoo itself, not counted; see {path}")


def _tail(path, count=25):
    return "".join(path.read_text(errors="replace").splitlines(True)[-count:])


def _in_odoo(result, tags):
    say(f"Tests in Odoo ({tags})")
    database = f"try_{CHECKOUT}_tests"
    postgres.copy(postgres.base_template(), database)
    server = ["-d", database, "--http-port", str(free_port()), "--stop-after-init"]
    arguments = [*server, "-i", MODULE, "--test-tags", tags]
    status, log, path = run_odoo(arguments, "odoo-tests")
    state = _module_state(database)
    result.check(
        state == "installed",
        "Installation",
        f"{MODULE} is in state `{state}`.\n{_tail(path)}",
    )
    result.passed += log.passed
    for (logger, test), record in log.failed.items():
        result.fail(f"{logger}.{test}", record)
    for (logger, test), reason in log.skipped.items():
        result.fail(f"{logger}.{test}", f"Skipped, so it proves nothing: {reason}")
    if not log.started:
        result.fail("Odoo", f"No test ran for {tags}.\n{_tail(path)}")
    elif log.summary is None or (status and not log.failed and not log.bad):
        result.fail("Odoo", f"Odoo ended with status {status}.\n{_tail(path)}")
    _judge_log(result, log, path, "Tests")
    return path


def _lifecycle(result):
    """Install with demo data, upgrade, uninstall; each counts as a test."""
    say("Demo data, upgrade and uninstallation")
    database = f"try_{CHECKOUT}_life"
    postgres.copy(postgres.base_template(), database)
    postgres.allow_demo(database)
    server = ["-d", database, "--no-http", "--stop-after-init"]
    steps = {
        "demo": ([*server, "--with-demo", "-i", MODULE], "installed"),
        "upgrade": ([*server, "-u", MODULE], "installed"),
        "uninstall": (["module", "uninstall", "-d", database, MODULE], "uninstalled"),
    }
    guards = ""
    for step, (arguments, wanted) in steps.items():
        if step == "upgrade":
            guards = postgres.sql(GUARDS, database)
            postgres.sql(DAMAGE, database)
        status, log, path = run_odoo(arguments, f"odoo-{step}")
        state = _module_state(database)
        # Odoo finds out by trying which records others still need, and keeps them.
        bad = [text for text in log.bad if KEPT not in text]
        detail = "".join(bad) or _tail(path)
        result.check(
            not status and state == wanted and not bad,
            f"Step {step}",
            f"Status {status}, {MODULE} is in state `{state}`.\n{detail}",
        )
        if state != wanted:
            return
        if step == "upgrade":
            healed = postgres.sql(GUARDS, database)
            detail = f"{healed} triggers of the guard, {guards} before the damage."
            result.check(healed == guards, "An upgrade heals the guard", detail)
    left = postgres.sql(LEFTOVERS.format(module=MODULE), database)
    result.check(not left, "Nothing is left behind", f"After uninstallation:\n{left}")


def _choose(tags):
    """Split TAGS into (pytest expression or None, Odoo tags or None, lifecycle?).

    `unit` or `unit:EXPRESSION` names pytest, `lifecycle` the steps of a module's
    life, all else goes to Odoo's --test-tags.
    """
    words = [word for word in (tags or "").replace(" ", ",").split(",") if word]
    if not words:
        return "", f"/{MODULE}", True
    unit = [word[5:] for word in words if word == "unit" or word.startswith("unit:")]
    rest = [w for w in words if w != "lifecycle" and not w.startswith("unit")]
    expression = " or ".join(filter(None, unit)) if unit else None
    return expression, ",".join(rest) or None, "lifecycle" in words


def main(tags):
    """Run the tests; the databases are this checkout's, so one run at a time."""
    with locked(f"test-{CHECKOUT}"):
        return _main(tags)


def _main(tags):
    began = time.monotonic()
    odoo.prepare()
    system.need("radius", "mariadb", "browser", "pdf")
    postgres.base_template()
    LOGS.mkdir(parents=True, exist_ok=True)
    result = Result()
    unit, in_odoo, lifecycle = _choose(tags)
    if unit is not None:
        _unit(result, unit)
    if in_odoo:
        _in_odoo(result, in_odoo)
    if lifecycle:
        _lifecycle(result)
    return result.report(began)
