"""Invoices per second of the billing run beside plain Odoo on the same database.

Plain Odoo is what a good script does: `account.move` created and posted in batches
of a hundred, for the same clients, with the same product and tax. Rounds of both
take turns, so that a noisy machine hits both.
"""

import time
from dataclasses import dataclass

from _common import FULL, database, environment, median, run, say
from _provider import make_company, make_lines, make_package

BATCH = 100
SMALL = 100
LARGE = 500
ROUNDS = 3


@dataclass
class Round:
    """One measured piece of work."""

    invoices: int
    seconds: float
    cpu: float
    queries: int

    @property
    def per_second(self):
        return self.invoices / self.seconds

    @property
    def queries_each(self):
        return self.queries / self.invoices

    @property
    def cpu_each(self):
        return 1000 * self.cpu / self.invoices

    @property
    def milliseconds_each(self):
        return 1000 * self.seconds / self.invoices


def measured(env, work):
    """Call `work()` on a fresh cache and return a `Round` of what it posted."""
    env.cr.commit()
    env.invalidate_all()
    posted = _count_posted(env)
    queries, cpu, began = env.cr.sql_log_count, time.process_time(), time.monotonic()
    work()
    env.cr.commit()
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    queries = env.cr.sql_log_count - queries
    return Round(_count_posted(env) - posted, seconds, cpu, queries)


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
    outcome = measured(env, env["isp.connection"]._cron_bill)
    if outcome.invoices != count:
        attention = lines.filtered("needs_attention")[:1].needs_attention
        raise SystemExit(
            f"Of {count} lines {outcome.invoices} were billed; the first reason: "
            f"{attention or 'none on the lines, see the log'}"
        )
    return outcome, lines


def plain(env, package, lines, **context):
    """Create and post the same invoices without the addon's models."""
    Move = env["account.move"].with_context(**context)
    product = package.product_id
    partners = lines.partner_id.ids
    today = env.company._isp_today()

    def work():
        for first in range(0, len(partners), BATCH):
            moves = Move.create(
                [
                    {
                        "move_type": "out_invoice",
                        "partner_id": partner,
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
        },
    )


def _ratio(ours, theirs, name):
    """Return the median of a figure's ratios, round by round."""
    pairs = zip(ours, theirs, strict=True)
    return median([getattr(a, name) / getattr(b, name) for a, b in pairs])


def measure(report):
    with database("billing") as name, environment(name) as env:
        make_company(env)
        package = make_package(env)
        say("Warming up")
        _round, lines = bill(env, package, 20, "warm")
        plain(env, package, lines)
        engine, baseline, quiet, small = [], [], [], []
        for number in range(ROUNDS):
            say(f"Round {number + 1} of {ROUNDS}")
            outcome, _lines = bill(env, package, SMALL, f"small{number}x")
            small.append(outcome)
            outcome, lines = bill(env, package, LARGE, f"large{number}x")
            engine.append(outcome)
            baseline.append(plain(env, package, lines))
            quiet.append(plain(env, package, lines[:SMALL], tracking_disable=True))
        _add(report, f"billing_run_{LARGE}", engine)
        _add(report, f"billing_run_{SMALL}", small)
        _add(report, "plain_odoo", baseline)
        _add(report, "plain_odoo_without_tracking", quiet)
        report.at_least(
            "billing_run / plain_odoo, invoices per second",
            1.0,
            _ratio(engine, baseline, "per_second"),
        )
        report.at_most(
            f"queries per invoice, {LARGE} lines / {SMALL} lines",
            1.05,
            _ratio(engine, small, "queries_each"),
        )
        report.figure(
            f"milliseconds_per_invoice_{LARGE}_over_{SMALL}",
            _ratio(engine, small, "milliseconds_each"),
        )
        report.figure(
            "cpu_billing_run_over_plain_odoo", _ratio(engine, baseline, "cpu_each")
        )
        if FULL:
            outcome, _lines = bill(env, package, 3000, "full")
            _add(report, "billing_run_3000", [outcome])


if __name__ == "__main__":
    run("billing", measure)
