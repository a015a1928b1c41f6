"""FreeRADIUS's tables in Odoo's database, against a database of their own.

Authentications a second at 100,000 logins from either, taken in turns by one radclient,
on a quiet system and while a billing run goes on; and the time from the commit of a
payment to RADIUS's Access-Accept.
"""

import contextlib
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _common import connect, database, environment, say, spread
from _provider import make_company, make_lines, make_package
from _server import Server

from dev import postgres, system
from dev.state import ROOT, SetupError, pg_port

sys.path.insert(0, str(ROOT / "tests"))
from servers.freeradius import DICTIONARIES, FreeRadius, create_schema

USERS = int(os.environ.get("ISP_BENCH_LOGINS") or 100_000)
DUE_LINES = int(os.environ.get("ISP_BENCH_LINES") or 1500)
# Many short turns: what others do on the machine changes within seconds, and five turns
# of 4,000 made up differences of a third where there are none.
REQUESTS = 400
ROUNDS = 40
PAYERS = int(os.environ.get("ISP_BENCH_PAYERS") or 20)
RATIO = 1.2
ACCEPT_SECONDS = 0.1
FILL = """
    INSERT INTO {schema}.radcheck (username, attribute, op, value)
    SELECT 'u' || n, 'Cleartext-Password', ':=', 'pw-u' || n
      FROM generate_series(1, {users}) AS n;
    INSERT INTO {schema}.radcheck (username, attribute, op, value)
    SELECT 'u' || n, 'Expiration', ':=', '01 Jan 2037 00:00:00'
      FROM generate_series(1, {users}) AS n;
    INSERT INTO {schema}.radusergroup (username, groupname, priority)
    SELECT 'u' || n, 'isp_plan_bench', 10 FROM generate_series(1, {users}) AS n;
    INSERT INTO {schema}.radgroupreply (groupname, attribute, op, value)
    VALUES ('isp_plan_bench', 'Mikrotik-Rate-Limit', ':=', '5M/10M');
"""
TABLES = ("radcheck", "radusergroup", "radgroupreply")


def measure_local(report):
    """Measure and set the targets of `report`."""
    system.need("radius")
    with contextlib.ExitStack() as stack:
        roles = []
        # Registered first, done last: a role goes when its databases have gone.
        stack.callback(_drop_roles, roles)
        name = stack.enter_context(database("network_local"))
        login = _prepare(name)
        roles.append(login["role"])
        beside = stack.enter_context(_database_beside(f"{name}_radius", login["role"]))
        _fill(name, "isp_radius")
        _fill(beside, "public")
        here = _start(stack, name, login["role"], login["password"])
        there = _start(stack, beside, login["role"], login["password"])
        say(f"Authentications among {USERS} logins, in turns")
        _ask_in_turns(report, "quiet", here, there, ROUNDS)
        _pay(report, name, here)
        with Server(name, "--max-cron-threads=1"):
            _wake_billing(name)
            _ask_in_turns(
                report, "billing", here, there, ROUNDS, lambda: _count_due(name)
            )


@contextlib.contextmanager
def _database_beside(name, role):
    postgres.drop(name)
    postgres.call("createdb", name)
    try:
        connection = connect(name)
        create_schema(connection)
        # As it is in the schema: like is compared with like.
        connection.cursor().execute(
            f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}; "
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}; "
            f'ALTER ROLE {role} IN DATABASE "{name}" SET synchronous_commit = off'
        )
        connection.close()
        yield name
    finally:
        postgres.drop(name)


def _drop_roles(roles):
    for role in roles:
        postgres.sql(f"DROP ROLE IF EXISTS {role}", "postgres")


def _prepare(name):
    with environment(name) as env:
        make_company(env)
        gateway = env["isp.gateway"].create(
            {"name": "Here", "type": "radius_local", "mode": "control", "tz": "UTC"}
        )
        login = gateway._make_login()
        if login["statements"]:
            raise SetupError("Odoo's role may not make roles here.")
        env.cr.commit()
        make_lines(env, make_package(env, gateway_id=gateway.id), PAYERS, "here")
        far = env["isp.gateway"].create({"name": "Far", "mode": "watching"})
        package = make_package(env, gateway_id=far.id, name="Far")
        make_lines(env, package, PAYERS, "far")
        lines = env["isp.connection"].search([])
        while waiting := lines.filtered(lambda line: not line.invoice_id):
            env["isp.connection"]._cron_bill()
            if waiting == lines.filtered(lambda line: not line.invoice_id):
                raise SetupError(f"Not billed: {waiting[0].needs_attention}")
        env["isp.access"]._cron_converge()
        say(f"{DUE_LINES} lines that are due for billing")
        make_lines(env, package, DUE_LINES, "line")
        env["ir.cron"].search([]).nextcall = "2099-01-01"
        env["ir.cron.trigger"].search([]).unlink()
        env.cr.commit()
        return login


def _fill(name, schema):
    with contextlib.closing(connect(name)) as connection:
        rows = connection.cursor()
        rows.execute(FILL.format(schema=schema, users=USERS))
        for table in TABLES:
            rows.execute(f"VACUUM ANALYZE {schema}.{table}")


def _start(stack, name, user, password):
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    place = {"host": "127.0.0.1", "port": pg_port(), "dbname": name}
    return stack.enter_context(
        FreeRadius(folder, **place, user=user, password=password, time_zone="UTC")
    )


# === AUTHENTICATIONS === #


def _ask_in_turns(report, when, here, there, rounds, goes_on=lambda: True):
    rates = {"schema": [], "database": []}
    servers = {"schema": here, "database": there}
    for server in servers.values():
        _rate(server)
    for _number in range(rounds):
        # Whatever drifts meets both.
        for key in random.sample(sorted(servers), len(servers)):
            rate = _rate(servers[key])
            if not goes_on():
                break
            rates[key].append(rate)
    if not (rates["schema"] and rates["database"]):
        raise SetupError("The billing run ended before anything was measured.")
    for key, values in rates.items():
        report.figure(f"{when}: authentications per second, {key}", _round(values))
    ratio = statistics.median(rates["database"]) / statistics.median(rates["schema"])
    report.at_most(
        f"{when}: a database of its own / the schema", RATIO, round(ratio, 3)
    )


def _round(values):
    return {
        "n": len(values),
        "median": round(statistics.median(values)),
        "min": round(min(values)),
        "max": round(max(values)),
    }


def _rate(server):
    """Return how many of so many random logins are let in a second."""
    requests = Path(server.workdir) / "requests"
    with open(requests, "w") as file:
        for _number in range(REQUESTS):
            login = f"u{random.randint(1, USERS)}"
            file.write(
                f'User-Name = "{login}"\nUser-Password = "pw-{login}"\n'
                "NAS-IP-Address = 127.0.0.1\nMessage-Authenticator = 0x00\n\n"
            )
    command = [system.which("radclient"), "-q", "-s", "-p", "64", "-r", "3", "-t", "5"]
    command += ["-d", str(server.workdir), "-D", DICTIONARIES, "-f", str(requests)]
    command += ["-S", str(server.workdir / "secret")]
    began = time.monotonic()
    done = subprocess.run(
        [*command, f"127.0.0.1:{server.auth_port}", "auth"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    seconds = time.monotonic() - began
    text = done.stdout + done.stderr
    accepted = re.search(r"Accepted\s*:\s*(\d+)|approved:\s*(\d+)", text, re.IGNORECASE)
    if not accepted or int(accepted[1] or accepted[2]) != REQUESTS:
        raise SetupError(f"Not all were let in: {text[-400:]}")
    return REQUESTS / seconds


# === PAYMENTS === #


def _pay(report, name, radius):
    say("Payments, each with a commit of its own")
    with environment(name) as env:
        took = {"here": [], "far": []}
        queries = {"here": [], "far": []}
        waits, asks, commits = [], [], {"here": [], "far": []}
        lines = env["isp.connection"].search([("username", "=like", "here%")])
        for line in lines:
            other = line.search([("username", "=", f"far{line.username[4:]}")])
            for key, one in (("far", other), ("here", line)):
                before, began = env.cr.sql_log_count, time.monotonic()
                _make_payment(env, one)
                committing = time.monotonic()
                env.cr.commit()
                committed = time.monotonic()
                commits[key].append(committed - committing)
                took[key].append(committed - began)
                queries[key].append(env.cr.sql_log_count - before)
            if not radius.auth(line.username, f"pw-{line.username}").accepted:
                raise SetupError(f"{line.username} was not let in by its payment.")
            accepted = time.monotonic()
            waits.append(accepted - committed)
            # What asking costs anyhow, at that moment: a radclient is started for it.
            radius.auth("u1", "pw-u1")
            asks.append(time.monotonic() - accepted)
    for key, words in (("far", "without"), ("here", "with")):
        report.figure(f"a payment {words} the schema, seconds", spread(took[key], 3))
        report.figure(
            f"the commit of that {words} the schema, seconds", spread(commits[key], 3)
        )
        report.figure(
            f"a payment {words} the schema, queries", statistics.median(queries[key])
        )
    wait = spread(waits, 3)
    report.figure("from commit to Access-Accept, seconds", wait)
    report.figure("an Access-Accept of any login then, seconds", spread(asks, 3))
    report.at_most("from commit to Access-Accept, median", ACCEPT_SECONDS, wait["p50"])


def _make_payment(env, line):
    journal = env["account.journal"].search(
        [("type", "=", "bank"), ("company_id", "=", line.company_id.id)], limit=1
    )
    env["isp.contract"]._create_payments(
        [
            {
                "contract_id": line.contract_id.id,
                "connection_id": line.id,
                "amount": line.invoice_id.amount_residual,
                "currency_id": line.currency_id.id,
                "journal_id": journal.id,
                "date": line.company_id._isp_today(),
                "memo": "bench",
                "receipt_id": False,
            }
        ]
    )


# === BILLING MEANWHILE === #


def _wake_billing(name):
    due = _count_due(name)
    with environment(name) as env:
        env.ref("mybizna_isp.isp_connection_cron_bill")._trigger()
        env.cr.commit()
    limit = time.monotonic() + 60
    while _count_due(name) == due:
        if time.monotonic() > limit:
            raise SetupError("The billing run did not start.")
        time.sleep(0.1)


def _count_due(name):
    with contextlib.closing(connect(name)) as connection:
        rows = connection.cursor()
        rows.execute(
            "SELECT count(*) FROM isp_connection "
            "WHERE state = 'active' AND invoice_id IS NULL"
        )
        return rows.fetchone()[0]
