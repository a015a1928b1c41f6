"""Seconds from a message at the webhook to RADIUS's Access-Accept.

A real FreeRADIUS answers radclient, which asks again and again until the login is let
in. First on a quiet system; then while a billing run of thousands of lines goes on and
Odoo has one thread for all scheduled actions.
"""

import contextlib
import os
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta

from _common import connect, database, environment, run, say, spread
from _provider import make_collection, make_company, make_lines, make_package
from _server import Server, new_code, paybill_text, playsms_path
from _watch import BillingWatch

from dev import postgres, system
from dev.state import ROOT, SetupError, pg_port

sys.path.insert(0, str(ROOT / "tests"))
from servers.freeradius import FreeRadius, create_schema

BILL_CRON = "mybizna_isp.isp_connection_cron_bill"
DUE_LINES = int(os.environ.get("ISP_BENCH_LINES") or 3000)
ALONE = 24
WANTED = 20
BUSY = 40
LIMIT = 10.0
# Seconds between messages on average; on a fast machine the run ends sooner.
PAUSE = (1.0, 3.0)
AIM = 30
# So many lines, of twenty, are left when the last message is sent.
LEFT = 3
ASK_EVERY = 0.1
# With many payers on the way, radclient is asked when the worker has been there.
ASK_ANYWAY = 2.0
PATIENCE = 90
SYNC_SECONDS = 180
BILLED_SECONDS = 300


@dataclass
class Payer:
    """One subscriber who owes an invoice, and what was measured of the payment."""

    login: str
    account: str
    amount: float
    sent_at: float = 0.0
    answered: float = 0.0
    accepted: float = 0.0
    problem: str = ""
    thread: threading.Thread = field(default=None, repr=False)


class Bench:
    """The parts that are running, and how a payment is measured."""

    def __init__(self, name, rows, radius, server, token):
        self.name = name
        self.rows = rows
        self.radius = radius
        self.server = server
        self.token = token

    def one(self, query, *values):
        self.rows.execute(query, values)
        return self.rows.fetchone()[0]

    def wait(self, condition, seconds, what):
        """Poll; return the seconds it took."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > seconds:
                raise SetupError(f"{what} See {self.server.log}.")
            time.sleep(0.2)
        return time.monotonic() - began

    def is_in(self, payer):
        return self.radius.auth(payer.login, f"pw-{payer.login}").accepted

    def pay(self, payer, sparing=False):
        """Send a payer's message and ask RADIUS until the login is let in.

        :param bool sparing: start radclient only when the worker says it has been
            there, which is after the fact; a radclient for each question would take
            the processor from what is measured
        """
        try:
            self._pay(payer, sparing)
        except Exception as error:  # in a thread: kept for the report
            payer.problem = str(error) or type(error).__name__

    def _pay(self, payer, sparing):
        if self.is_in(payer):
            raise SetupError(f"{payer.login} is let in without a payment.")
        text = paybill_text(new_code(), payer.amount, payer.account)
        path = playsms_path(self.token, text)
        payer.sent_at = time.monotonic()
        answer = self.server.get(path)
        payer.answered = answer.seconds
        if answer.status != 200:
            raise SetupError(f"The webhook answered {answer.status}.")
        with contextlib.closing(connect(self.name)) as connection:
            rows = connection.cursor()
            self._wait_for(payer, rows if sparing else None)
            if not payer.accepted:
                rows.execute(
                    "SELECT state, reason FROM isp_sms_inbox WHERE text LIKE %s",
                    [f"% {payer.account} %"],
                )
                raise SetupError(
                    f"{payer.login} was not let in within {PATIENCE} s; the message is "
                    f"{rows.fetchall()}."
                )

    def _wait_for(self, payer, rows):
        asked = 0.0
        while time.monotonic() - payer.sent_at < PATIENCE:
            overdue = time.monotonic() - asked > ASK_ANYWAY
            if not rows or overdue or self._says_on(rows, payer):
                if self.is_in(payer):
                    payer.accepted = time.monotonic() - payer.sent_at
                    return
                asked = time.monotonic()
            time.sleep(ASK_EVERY)

    def _says_on(self, rows, payer):
        rows.execute(
            "SELECT applied_on FROM isp_access WHERE login = %s", [payer.login]
        )
        return rows.fetchone()[0]


@contextlib.contextmanager
def radius_database(name):
    postgres.drop(name)
    postgres.call("createdb", name)
    try:
        connection = connect(name)
        create_schema(connection)
        connection.close()
        yield name
    finally:
        postgres.drop(name)


def prepare(name, radius_name):
    """Make lines that are due, lines that owe, and the gateway; return the payers."""
    with environment(name) as env:
        make_company(env)
        gateway = env["isp.gateway"].create(
            {
                "name": "FreeRADIUS",
                "ip_address": "127.0.0.1",
                "port": pg_port(),
                "database": radius_name,
                "username": "odoo",
                "password": "odoo",
                "tz": "UTC",
            }
        )
        gateway._take_control()
        package = make_package(env, gateway_id=gateway.id)
        token = make_collection(env).token
        say(f"{ALONE + BUSY} lines that owe an invoice")
        owing = make_lines(env, package, ALONE + BUSY, "payer")
        while waiting := owing.filtered(lambda c: not c.invoice_id):
            env["isp.connection"]._cron_bill()
            if waiting == owing.filtered(lambda c: not c.invoice_id):
                raise SetupError(f"Not billed: {waiting[0].needs_attention}")
        payers = [
            Payer(c.username, c.account_no, c.invoice_id.amount_residual) for c in owing
        ]
        say(f"{DUE_LINES} lines that are on and due for billing")
        make_on(env, make_lines(env, package, DUE_LINES, "line"))
        hold_crons(env)
        return payers, token


def hold_crons(env):
    """From now on only those scheduled actions run that somebody wakes."""
    env["ir.cron"].search([]).nextcall = env.cr.now() + timedelta(days=1)
    env["ir.cron.trigger"].search([]).unlink()
    env.cr.commit()


def make_on(env, lines):
    """Let lines be on without money, as after a migration."""
    now = env.cr.now()
    env["isp.extension"].create(
        [
            {
                "connection_id": line.id,
                "kind": "free",
                "date_from": now - timedelta(hours=1),
                "date_to": now + timedelta(days=20),
            }
            for line in lines
        ]
    )
    env.cr.commit()


def wake(name, cron, *others):
    with environment(name) as env:
        for xml_id in (cron, *others):
            env.ref(xml_id)._trigger()
        env.cr.commit()


def synchronise(bench, report):
    """Let the worker write all logins to FreeRADIUS before anything is measured."""
    say("Waiting until every login stands in RADIUS")
    wake(bench.name, "mybizna_isp.isp_access_cron_converge")
    waiting = (
        "SELECT (SELECT count(*) FROM isp_access_dirty) "
        "+ (SELECT count(*) FROM isp_connection) "
        "- (SELECT count(*) FROM isp_access WHERE state = 'applied')"
    )
    seconds = bench.wait(
        lambda: bench.one(waiting) == 0,
        SYNC_SECONDS,
        "Not every login was written to RADIUS.",
    )
    logins = bench.one("SELECT count(*) FROM isp_access")
    report.figure("first_logins_written_per_second", round(logins / seconds))
    # The compare that follows is over when no transaction is open any more.
    open_ones = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s "
        "AND state <> 'idle' AND pid <> pg_backend_pid()"
    )
    bench.wait(
        lambda: bench.one(open_ones, bench.name) == 0,
        SYNC_SECONDS,
        "Scheduled actions go on and on.",
    )


def measure_alone(bench, report, payers):
    say("Payments on a quiet system")
    for payer in payers:
        bench.pay(payer)
        check([payer])
    accepted = payers
    report.figure("alone", spread([p.accepted for p in accepted]))
    report.figure("alone_webhook_answer", spread([p.answered for p in accepted]))
    return accepted


def measure_busy(bench, report, payers):
    """Send payments while the billing run goes on; return those let in."""
    say(f"Starting the billing run over {DUE_LINES} lines, then payments")
    watch = BillingWatch(bench.name, DUE_LINES)
    wake(bench.name, BILL_CRON)
    bench.wait(lambda: watch.made() > 0, 60, "The billing run did not start.")
    watch.start()
    sent = send_at_intervals(bench, payers, watch)
    watch.stop()
    accepted = check(sent)
    ended = max(p.sent_at + p.accepted for p in accepted)
    made, seconds = watch.made_between(sent[0].sent_at, ended)
    report.equals("while billing, let in of those sent", len(sent), len(accepted))
    report.figure("while_billing", spread([p.accepted for p in accepted]))
    report.figure(
        "while_billing_webhook_answer", spread([p.answered for p in accepted])
    )
    report.figure(
        "billing_meanwhile",
        {
            "invoices": made,
            "seconds": round(seconds, 1),
            "per_second": round(made / seconds, 1),
            "lines_left_when_the_last_was_let_in": watch.left_at(ended),
            "longest_pause_seconds": watch.longest_pause(sent[0].sent_at, ended),
        },
    )
    return accepted, watch.left_at(ended)


def send_at_intervals(bench, payers, watch):
    """Send messages until the lines that are left run out; wait for their ends."""
    sent = []
    for payer in payers:
        if watch.left() < DUE_LINES * LEFT // 20:
            break
        payer.thread = threading.Thread(target=bench.pay, args=[payer, True])
        payer.thread.start()
        sent.append(payer)
        # At random: no rhythm of ours meets a rhythm of theirs.
        time.sleep(get_pause(watch, AIM - len(sent)) * random.uniform(0.5, 1.5))
    for payer in sent:
        payer.thread.join()
    return sent


def get_pause(watch, wanted):
    """Return the mean pause with which so many messages fall into what is left."""
    shortest, longest = PAUSE
    seconds = (watch.left() - DUE_LINES * LEFT // 20) / max(watch.rate(), 1)
    return min(max(seconds / max(wanted, 1), shortest), longest)


def check(payers):
    """Return those let in; say what went wrong with the others."""
    for payer in payers:
        if payer.problem:
            say(f"{payer.login}: {payer.problem}")
    accepted = [payer for payer in payers if payer.accepted]
    if not accepted:
        raise SetupError(f"No payment opened access: {payers[0].problem}")
    return accepted


def set_targets(report, alone, busy, left, bench):
    report.at_most(
        "alone, p95 seconds", LIMIT, spread([p.accepted for p in alone])["p95"]
    )
    report.equals("alone, payments let in", ALONE, len(alone))
    report.at_most(
        "while billing, p95 seconds", LIMIT, spread([p.accepted for p in busy])["p95"]
    )
    report.at_least("while billing, payments let in", WANTED, len(busy))
    report.at_least("lines still to bill when the last was let in", 1, left)
    say("Waiting until the billing run has ended")
    with contextlib.suppress(SetupError):
        bench.wait(
            lambda: not count_unbilled(bench), BILLED_SECONDS, "Not all was billed."
        )
    report.equals(
        "lines of the run without an invoice in the end", 0, count_unbilled(bench)
    )


def count_unbilled(bench):
    return bench.one(
        "SELECT count(*) FROM isp_connection "
        "WHERE state = 'active' AND invoice_id IS NULL"
    )


def measure(report):
    system.need("radius")
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(database("access"))
        radius_name = stack.enter_context(radius_database(f"{name}_radius"))
        payers, token = prepare(name, radius_name)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        radius = stack.enter_context(
            FreeRadius(
                folder,
                host="127.0.0.1",
                port=pg_port(),
                dbname=radius_name,
                user="odoo",
                time_zone="UTC",
            )
        )
        server = stack.enter_context(Server(name, "--max-cron-threads=1"))
        connection = connect(name)
        stack.callback(connection.close)
        bench = Bench(name, connection.cursor(), radius, server, token)
        synchronise(bench, report)
        alone = measure_alone(bench, report, payers[:ALONE])
        busy, left = measure_busy(bench, report, payers[ALONE:])
        set_targets(report, alone, busy, left, bench)


if __name__ == "__main__":
    run("access", measure)
