"""A soak: random faults and random changes of the books, then every gateway compared.

Workers are processes of their own, killed at any moment. A round is one change of the
books, one fault and one or two workers. Waits are shortened by moving clocks in the
database, never by telling the worker what to do.

ISP_SOAK_FAULTS rounds (1,000), random numbers from ISP_SOAK_SEED (1).
"""

import contextlib
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter

from _common import connect, database, run, say
from _provider import make_company, make_package
from _soak_books import change_books, make_books
from _soak_gateways import open_gateways

from dev.state import SetupError

FAULTS = int(os.environ.get("ISP_SOAK_FAULTS") or 1000)
SEED = int(os.environ.get("ISP_SOAK_SEED") or 1)
# Where kills are among the faults, and how late in a worker's life.
KILL_SECONDS = 0.8
CALM_RUNS = 12
SHOW_EVERY = 50


class Workers:
    """Forks processes from one that has Odoo loaded and no connection open."""

    def __init__(self, name):
        from odoo.modules.registry import Registry
        from odoo.sql_db import close_all
        from odoo.tools import config

        from dev.state import LOGS

        log = str(LOGS / f"{name}.log")
        options = ["-c", os.environ["ISP_ODOO_CONF"], "-d", name, "--logfile", log]
        config.parse_config(options, setup_logging=True)
        self.name = name
        self.log = log
        Registry(name)
        _shorten_waits()
        close_all()

    def start(self, function, *args):
        """Fork; the child calls function(env, *args), commits and ends."""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            status = self._live(function, args)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _live(self, function, args):
        from odoo.api import SUPERUSER_ID, Environment
        from odoo.modules.registry import Registry

        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        random.seed()
        with Registry(self.name).cursor() as cr:
            function(Environment(cr, SUPERUSER_ID, {"lang": "en_US"}), *args)
            cr.commit()
        return 0

    def call(self, function, *args):
        """Run in a child to its end; raise where it failed."""
        if self.wait(self.start(function, *args)):
            raise SetupError(f"{function.__name__} failed; see above and {self.log}.")

    @staticmethod
    def wait(pid):
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _shorten_waits():
    """A mute device costs its deadline: a short one shows the same."""
    from odoo.addons.mybizna_isp.models import isp_access_worker as worker

    worker.EXCHANGE_SECONDS = 1.5
    worker.OVERRUN_SECONDS = 0.5
    worker.RUN_SECONDS = 4.0
    worker.COMPARE_SECONDS = 0.2


def converge(env):
    """What the scheduled action does; it must never raise."""
    env["isp.access"]._converge()


class Soak:
    def __init__(self, workers, gateways, rng):
        self.workers = workers
        self.gateways = gateways
        self.rng = rng
        self.rows = connect(workers.name).cursor()
        self.counts = Counter()

    def round(self):
        self.workers.call(change_books, self.rng.random())
        gateway = self.rng.choice(self.gateways)
        fault = self.rng.choice(["kill", "two workers", *gateway.faults])
        self.counts[f"{gateway.kind}: {fault}"] += 1
        with contextlib.ExitStack() as stack:
            if fault in gateway.faults:
                stack.enter_context(gateway.fault(fault, self.rng))
            for each in self.gateways:
                each.live()
            pids = [self.workers.start(converge)]
            if fault == "two workers":
                pids.append(self.workers.start(converge))
            if fault == "kill":
                time.sleep(self.rng.uniform(0, KILL_SECONDS))
                os.kill(pids[0], signal.SIGKILL)
            for pid in pids:
                status = self.workers.wait(pid)
                if status and status != -signal.SIGKILL:
                    raise SetupError(f"A worker raised during {fault!r}: see above.")
        self.pass_time()

    def pass_time(self):
        """Let leases and pauses lie in the past, as if hours had gone by."""
        self.rows.execute(
            "UPDATE isp_gateway SET lease_until = NULL, lease_token = NULL, "
            "next_try = NULL"
        )
        self.rows.execute(
            "UPDATE isp_access SET lease_until = NULL, lease_token = NULL, "
            "next_try = least(next_try, now() AT TIME ZONE 'UTC') "
        )

    def calm_down(self):
        """End all faults, look at everything once, and converge until nothing is due.

        :return: the number of runs it took
        """
        self.workers.call(look_at_everything)
        for number in range(CALM_RUNS):
            self.workers.call(converge)
            self.rows.execute("SELECT count(*) FROM isp_access_dirty")
            [dirty] = self.rows.fetchone()
            self.rows.execute(
                "SELECT count(*) FROM isp_access WHERE state <> 'applied'"
            )
            [waiting] = self.rows.fetchone()
            if not dirty and not waiting:
                return number + 1
            self.pass_time()
        self.rows.execute(
            "SELECT login, state, error FROM isp_access WHERE state <> 'applied'"
        )
        for row in self.rows.fetchall():
            say(f"not in step: {row}")
        return CALM_RUNS


def look_at_everything(env):
    env["isp.gateway"].search([]).action_converge_now()


def compare(env, folder):
    """Write one line for each difference between the books and a gateway."""
    from odoo.addons.mybizna_isp.tools.access_driver import open_driver
    from odoo.addons.mybizna_isp.tools.access_types import Desired, login_key

    wrong = []
    for gateway in env["isp.gateway"].search([]):
        lines = env["isp.connection"].search([("gateway_id", "=", gateway.id)])
        wishes = lines._get_desired_access().values()
        wishes = [Desired.from_mapping(wish) for wish in wishes if wish["present"]]
        with open_driver(gateway.type, gateway._prepare_settings()) as driver:
            observed = driver.read()
            known = {login_key(wish.login) for wish in wishes}
            wrong += [
                f"{gateway.name}: {key} is there and should not be"
                for key, seen in observed.items()
                if seen.present and seen.ours and key not in known
            ]
            asked = driver.read([wish.login for wish in wishes])
            wrong += [
                f"{gateway.name}: {op.describe()}" for op in driver.plan(wishes, asked)
            ]
    with open(os.path.join(folder, "wrong"), "w") as handle:
        handle.write("\n".join(wrong))


def expect(env, folder):
    """Write what the books let in: gateway, login, password, decision."""
    import json

    rows = []
    for gateway in env["isp.gateway"].search([]):
        lines = env["isp.connection"].search([("gateway_id", "=", gateway.id)])
        for wish in lines._get_desired_access().values():
            word = "on" if wish["on"] and wish["present"] else "off"
            rows.append([gateway.name, wish["login"], wish["password"], word])
    with open(os.path.join(folder, "expected"), "w") as handle:
        json.dump(rows, handle)


def soak(report):
    import json

    rng = random.Random(SEED)
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(database("soak"))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        gateways = open_gateways(stack, name, folder)
        workers = Workers(name)
        workers.call(make_company)
        workers.call(make_package)
        workers.call(make_books, [gateway.values() for gateway in gateways])
        work = Soak(workers, gateways, rng)
        work.calm_down()
        for number in range(FAULTS):
            work.round()
            if not (number + 1) % SHOW_EVERY:
                say(f"{number + 1} of {FAULTS} faults")
        report.figure("faults", dict(sorted(work.counts.items())))
        report.figure("runs_until_calm", work.calm_down())
        workers.call(compare, folder)
        workers.call(expect, folder)
        with open(os.path.join(folder, "wrong")) as handle:
            wrong = handle.read().splitlines()
        with open(os.path.join(folder, "expected")) as handle:
            expected = json.load(handle)
        by_name = {gateway.name: gateway for gateway in gateways}
        for gateway, login, password, word in expected:
            if word == "off" and by_name[gateway].count_sessions(login):
                wrong.append(f"{gateway}: {login} is off and has a session")
            got = by_name[gateway].decide(login, password)
            if got != word:
                wrong.append(f"{gateway} says {got} to {login}, the books say {word}")
        for line in wrong[:20]:
            say(line)
        report.figure("logins", len(expected))
        report.equals("differences_after_all", 0, len(wrong))


if __name__ == "__main__":
    run("soak", soak)
