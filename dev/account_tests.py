"""`make test-account`: Odoo's own accounting tests under the ledger's rules.

A test-only addon puts a contract on every customer document. What then fails is
compared with dev/account_expected.py: a failure that is not listed there, a listed one
that no longer fails, or one that fails for another reason than its rule, counts.
"""

import re
import time

from . import odoo, postgres
from .account_expected import CLASSES, PLAIN, POSTED, REFUSED
from .state import CHECKOUT, LOGS, MODULE, ROOT, free_port, locked, say
from .testing import Result, run_odoo

STAMP, KENYA = "isp_stamp", "isp_ke"
HOLDER = ROOT / "tests" / "addons"


def _addons_path():
    """Return Odoo's folders, ours, and the one of the addons for tests."""
    config = odoo.config_file().read_text()
    known = re.search(r"^addons_path = (.*)$", config, re.M)[1]
    return f"--addons-path={known},{HOLDER}"


def _install(database, modules):
    """Make a database with these modules; return whether they are installed."""
    postgres.copy(postgres.base_template(), database)
    if not modules:
        return True
    arguments = ["-d", database, _addons_path(), "--no-http", "--stop-after-init"]
    run_odoo([*arguments, "-i", ",".join(modules)], "odoo-account-install")
    names = ", ".join(f"'{name}'" for name in modules)
    count = postgres.sql(
        "SELECT count(*) FROM ir_module_module "
        f"WHERE name IN ({names}) AND state = 'installed'",
        database,
    )
    return count == str(len(modules))


def _run(database, tags, name):
    port = ["--http-port", str(free_port()), "--gevent-port", str(free_port())]
    arguments = ["-d", database, _addons_path(), *port, "--stop-after-init"]
    _status, log, path = run_odoo([*arguments, "--test-tags", tags], name)
    return log, path


def _by_name(tests):
    """Return a dict of the log's {(logger, Class.test): text} by `Class.test`."""
    return {test: text for (_logger, test), text in tests.items()}


def _judge(result, log, path, expected):
    """Compare what failed with what had to.

    :param expected: a dict of test names to the pattern of what it says when it fails
    """
    failed = {**_by_name(log.failed), **_by_name(log.skipped)}
    started = [test for _logger, test in log.started]
    for test in started:
        record = failed.pop(test, None)
        pattern = expected.get(test)
        if record is None and pattern is not None:
            result.fail(test, "It passes, but is listed among those that fail.")
        elif record is not None and pattern is None:
            result.fail(test, record)
        elif record is not None and not re.search(pattern, record):
            result.fail(test, f"It fails, but not as listed ({pattern}):\n{record}")
        else:
            result.passed += 1
    for test, record in failed.items():
        result.fail(test, record)
    for test in expected.keys() - set(started):
        result.fail(test, f"It is listed, but did not run; see {path}.")
    if log.summary is None:
        result.fail("Odoo", f"It did not come to an end; see {path}.")


def _expected(is_plain):
    rules = PLAIN if is_plain else [*PLAIN, *REFUSED]
    return {test: rule.says for rule in rules for test in rule.tests}


def _odoos_own(result, is_plain):
    say("Odoo's tests" + (" without the addon" if is_plain else ", a contract on all"))
    database = f"try_{CHECKOUT}_account"
    modules = [] if is_plain else [MODULE, STAMP]
    if not _install(database, modules):
        result.fail("Installation", f"{modules} are not installed; see {LOGS}.")
        return
    tags = ",".join(f"/account:{name}" for name in CLASSES)
    log, path = _run(database, tags, "odoo-account")
    _judge(result, log, path, _expected(is_plain))
    for record in log.bad:
        result.fail("A warning of ours in Odoo's log", record)
    if not is_plain:
        query = "SELECT last_value FROM isp_stamp_posted"
        count = int(postgres.sql(query, database))
        name = "Documents of contracts were posted"
        result.check(count >= POSTED, f"{name}: {count}", f"Wanted {POSTED} at least.")


def _kenya(result):
    say("Kenya's fiscal device signs posted documents")
    database = f"try_{CHECKOUT}_ke"
    if not _install(database, [MODULE, KENYA]):
        result.fail("Installation", f"{KENYA} is not installed; see {LOGS}.")
        return
    log, path = _run(database, f"/{KENYA}", "odoo-account-ke")
    if not log.started:
        result.fail(KENYA, f"No test ran; see {path}.")
    _judge(result, log, path, {})


def main(is_plain=False):
    """Run the tests; the databases are this checkout's, so one run at a time.

    :param bool is_plain: run Odoo's tests without any addon of ours instead
    """
    with locked(f"test-account-{CHECKOUT}"):
        began = time.monotonic()
        odoo.prepare()
        postgres.base_template()
        LOGS.mkdir(parents=True, exist_ok=True)
        result = Result()
        _odoos_own(result, is_plain)
        if not is_plain:
            _kenya(result)
        return result.report(began)
