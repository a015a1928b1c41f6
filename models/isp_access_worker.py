import logging
import random
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from odoo import api, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..tools.access_exchange import Keeper, Outcome, exchange
from .isp_access_claim import POOL_SIZE

_logger = logging.getLogger(__name__)

# One exchange; the whole run must end well within the time a job may take.
EXCHANGE_SECONDS = 8.0
RUN_SECONDS = 20.0
# A thread that overruns its deadline by this much is left to itself.
OVERRUN_SECONDS = 1.5
POLL_SECONDS = 0.25
STEP_TRIES = 6
COMPARE_SECONDS = 3.0


class IspAccess(models.Model):
    """The worker: claims, lets threads talk, writes down what came of it.

    While a thread talks to a device this process has no open transaction, and the
    thread has neither cursor nor environment.
    """

    _inherit = "isp.access"

    # === CRON === #

    @api.model
    def _cron_converge(self):
        """Bring gateways in step with the wishes; safe to run at any time."""
        try:
            self._converge()
        except Exception:
            # What was claimed is freed by its lease; the next run goes on.
            self.env.cr.rollback()
            _logger.exception("Bringing routers in step was cut short")

    @api.model
    def _converge(self):
        self._step(self._hold_copies)
        pool = ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="isp-access")
        keeper = Keeper()
        try:
            self._talk_while_due(pool, keeper)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            keeper.close()
        self._step(self._finish_run)

    def _talk_while_due(self, pool, keeper):
        """Claim, talk and write down until nothing is due or the time is over."""
        started = time.monotonic()
        running, lag, runs = {}, self._new_lag(), {}
        while True:
            in_time = time.monotonic() - started < RUN_SECONDS
            if in_time:
                self._start_tasks(pool, keeper, running, runs)
            if not running and not (in_time and self._look_around(lag)):
                return
            if not running:
                continue
            done, _others = wait(running, POLL_SECONDS, FIRST_COMPLETED)
            for future in done:
                task, _ends = running.pop(future)
                time_left = self._write_down(task, future.result())
                if not time_left:
                    started = float("-inf")
            self._give_up_overdue(running)

    def _start_tasks(self, pool, keeper, running, runs):
        busy = [task.gateway_id for task, _ends in running.values()]
        if not self._step(self._has_work, busy):
            return
        for task in self._step(self._claim, busy, runs):
            # Only now is the number committed.
            runs[task.gateway_id] = task.guard.mark.run
            ends = time.monotonic() + EXCHANGE_SECONDS
            running[pool.submit(exchange, task, ends, keeper)] = (task, ends)

    @api.model
    def _new_lag(self):
        return {"clock": True, "compare_until": time.monotonic() + COMPARE_SECONDS}

    def _look_around(self, lag):
        """Look for what no wake-up told of; return whether there may be work now."""
        if lag.pop("clock", False):
            self._step(self._forget_future)
            self._step(self._mark_by_clock)
            return True
        in_time = time.monotonic() < lag["compare_until"]
        if in_time and self._step(self._compare_next):
            return True
        # A claim may have held what it took, or have set a gateway aside.
        return self._step(self._has_work)

    def _give_up_overdue(self, running):
        """Stop waiting for threads whose device keeps them beyond the deadline."""
        now = time.monotonic()
        for future, (task, ends) in list(running.items()):
            if now > ends + OVERRUN_SECONDS and not future.done():
                del running[future]
                outcome = Outcome(
                    health="down",
                    error=self.env._(
                        "No answer within %(seconds)s seconds.",
                        seconds=round(EXCHANGE_SECONDS),
                    ),
                    duration_ms=round(1000 * (EXCHANGE_SECONDS + OVERRUN_SECONDS)),
                )
                # Its lease stays: the thread might still be talking.
                self._write_down(task, outcome, keep_lease=True)

    def _write_down(self, task, outcome, keep_lease=False):
        """Store an outcome in a transaction of its own; return the time left."""
        count = len(task.entries)
        self._step(self._record, task, outcome, keep_lease, processed=count)
        _logger.info(
            "Gateway %s: %s logins, %s, %s ms",
            task.gateway_id,
            count,
            outcome.health,
            outcome.duration_ms,
        )
        return self.env["ir.cron"]._commit_progress()

    def _step(self, method, *args, processed=0):
        """Run a method and commit; on a conflict look again with a new snapshot."""
        for tries_left in reversed(range(STEP_TRIES)):
            try:
                result = method(*args)
                self.env["ir.cron"]._commit_progress(processed)
                return result
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                self.env.cr.rollback()
                if not tries_left:
                    raise
                time.sleep(random.uniform(0, 0.1))
        return None

    def _finish_run(self):
        """Ask for the next run at once where work is left."""
        remaining = self._count_due()
        if remaining:
            # A slice that leaves work would otherwise sleep until the next interval.
            self.env["isp.access.dirty"]._wake()
        self.env["ir.cron"]._commit_progress(remaining=remaining)

    @api.model
    def _hold_copies(self):
        """Let gateways only watch whose control was taken in another database."""
        Gateway = self.env["isp.gateway"].with_context(active_test=False)
        for gateway in Gateway.search(
            [
                ("mode", "=", "control"),
                ("control_uuid", "!=", Gateway._get_database_uuid()),
            ]
        ):
            gateway.mode = "watching"
            # A log note: a restored copy sends no message to anybody.
            gateway._message_log(
                body=self.env._(
                    "This database is a copy or a restored backup: the gateway is only "
                    "watched. Press Take control once the books are caught up."
                )
            )
