"""Invoices per second of the billing run beside OCA `contract` and plain Odoo.

All on one database, in one process, for the same clients with the same product and
tax. Plain Odoo is what a good script does: `account.move` created and posted in
batches of a hundred. Rounds take turns, so that a noisy machine hits all of them.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import _peer
from _common import FULL, database, environment, median, run, say
from _provider import make_company, make_lines, make_package

BATCH = 100
SMALL = 500
LARGE = 20000 if FULL else 5000
PEER = 100
ROUNDS = 2


@dataclass
class Round:
    """One measured piece of work."""

    invoices: int
    seconds: float
    cpu: float
    database: float
    queries: int

    @property
    def per_second(self):
        return self.invoices / self.seconds

    @property
    def queries_each(self):
        return self.queries / self.invoices

    @property
    def milliseconds_each(self):
        return 1000 * self.seconds / self.invoices

    @property
    def cpu_each(self):
        """Milliseconds of processor: Odoo's, and its database connection's."""
        return 1000 * (self.cpu + self.database) / self.invoices


def measured(env, work):
    """Call `work()` on a fresh cache and return a `Round` of what it posted."""
    env.cr.commit()
    env.invalidate_all()
    posted, backend = _count_posted(env), env.cr._cnx.get_backend_pid()
    queries, cpu, began = env.cr.sql_log_count, time.process_time(), time.monotonic()
    database_cpu = _cpu_of(backend)
    work()
    env.cr.commit()
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    database_cpu = _cpu_of(backend) - database_cpu
    queries = env.cr.sql_log_count - queries
    posted = _count_posted(env) - posted
    return Round(posted, seconds, cpu, database_cpu, queries)


def _cpu_of(pid):
    """Return the seconds of processor that a process has used (see proc(5))."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(after_name[11]) + int(after_name[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _count_posted(env):
    env.cr.execute(
        "SELECT count(*) FROM account_move "
        "WHERE state = 'posted' AND move_type = 'out_invoice'"
    )
    return env.cr.fetchone()[0]


def bill(env, package, count, prefix):
    """Prepare lines that are due and let the billing run's own method bill them."""
    lines = make_lines(env, package, count, prefix)
    # As the worker would have by now: billing makes way while access waits.
    env["isp.access.dirty"].search([]).unlink()
    _analyze(env)
    outcome = measured(env, env["isp.connection"]._cron_bill)
    if outcome.invoices != count:
        attention = lines.filtered("needs_attention")[:1].needs_attention
        raise SystemExit(
            f"Of {count} lines {outcome.invoices} were billed; the first reason: "
            f"{attention or 'none on the lines, see the log'}"
        )
    return outcome, lines


def _analyze(env):
    """Do now what PostgreSQL would do by itself a minute later."""
    env.cr.execute("ANALYZE")
    env.cr.commit()


def peer(env, package, partners, **context):
    """Let OCA `contract` invoice the same clients by its own cron method."""
    env = env(context={**env.context, **context})
    contracts = _peer.make_contracts(env, package, partners)
    _analyze(env)
    outcome = measured(env, lambda: _peer.invoice_and_post(env))
    if outcome.invoices != len(contracts):
        raise SystemExit(f"{_peer.PEER} posted {outcome.invoices} of {len(contracts)}.")
    return outcome


def plain(env, package, partners, **context):
    """Create and post the same invoices without the addon's models."""
    Move = env["account.move"].with_context(**context)
    product, today = package.product_id, env.company._isp_today()

    def work():
        for first in range(0, len(partners), BATCH):
            moves = Move.create(
                [
                    {
                        "move_type": "out_invoice",
                        "partner_id": partner.id,
                        "invoice_date": today,
                        "invoice_line_ids": [
                            (0, 0, {"product_id": product.id, "quantity": 1.0})
                        ],
                    }
                    for partner in partners[first : first + BATCH]
                ]
            )
            moves.action_post()
            env.cr.commit()

    return measured(env, work)


def _add(report, name, rounds):
    report.figure(
        name,
        {
            "invoices": sum(r.invoices for r in rounds),
            "per_second": median([r.per_second for r in rounds]),
            "per_second_of_rounds": [round(r.per_second, 1) for r in rounds],
            "queries_per_invoice": median([r.queries_each for r in rounds]),
            "cpu_ms_per_invoice": median([r.cpu_each for r in rounds]),
            "of_which_database": median(
                [1000 * r.database / r.invoices for r in rounds]
            ),
        },
    )


def _ratio(ours, theirs, name):
    """Return the median of a figure's ratios, round by round."""
    pairs = zip(ours, theirs, strict=True)
    return median([getattr(a, name) / getattr(b, name) for a, b in pairs])


def _take_turns(env, package):
    """Return the rounds of all that is compared, by name."""
    rounds = {name: [] for name in ("engine", "peer", "quiet_peer", "plain", "quiet")}
    for number in range(ROUNDS):
        say(f"Round {number + 1} of {ROUNDS}")
        outcome, lines = bill(env, package, SMALL, f"small{number}x")
        some, others = lines.partner_id[:PEER], lines.partner_id[PEER : 2 * PEER]
        rounds["engine"].append(outcome)
        rounds["peer"].append(peer(env, package, some))
        rounds["quiet_peer"].append(peer(env, package, others, tracking_disable=True))
        rounds["plain"].append(plain(env, package, some))
        rounds["quiet"].append(plain(env, package, others, tracking_disable=True))
    return rounds


def _judge(report, rounds, large):
    engine = rounds["engine"]
    report.at_least(
        "billing_run / OCA contract, invoices per second",
        4.0,
        _ratio(engine, rounds["peer"], "per_second"),
    )
    report.at_least(
        "billing_run / OCA contract, invoices per second of processor",
        4.0,
        _ratio(rounds["peer"], engine, "cpu_each"),
    )
    report.at_most(
        f"processor time per invoice, {LARGE} lines / {SMALL} lines",
        1.2,
        _ratio([large], engine[-1:], "cpu_each"),
    )
    report.at_most(
        f"queries per invoice, {LARGE} lines / {SMALL} lines",
        1.05,
        _ratio([large], engine[-1:], "queries_each"),
    )


def measure(report):
    folder = _peer.fetch()
    with (
        database("billing", [_peer.MODULE], folder) as name,
        environment(name, folder) as env,
    ):
        make_company(env)
        package = make_package(env)
        say("Warming up")
        _round, lines = bill(env, package, 20, "warm")
        plain(env, package, lines.partner_id)
        peer(env, package, lines.partner_id)
        rounds = _take_turns(env, package)
        say(f"{LARGE} lines")
        large, _lines = bill(env, package, LARGE, "large")
        _add(report, f"billing_run_{SMALL}", rounds["engine"])
        _add(report, f"billing_run_{LARGE}", [large])
        _add(report, "oca_contract", rounds["peer"])
        _add(report, "oca_contract_without_tracking", rounds["quiet_peer"])
        _add(report, "plain_odoo", rounds["plain"])
        _add(report, "plain_odoo_without_tracking", rounds["quiet"])
        _judge(report, rounds, large)


if __name__ == "__main__":
    run("billing", measure)
