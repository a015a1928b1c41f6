"""What the billing run does while something else is measured."""

import threading
import time

from _common import connect

BILLED = "SELECT count(*) FROM isp_billing WHERE kind = 'period'"


class BillingWatch:
    """Counts invoices by the clock, in a thread with its own connection."""

    def __init__(self, database, lines):
        self.lines = lines
        self.connection = connect(database)
        self.rows = self.connection.cursor()
        self.first = self._count()
        self.samples = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _count(self):
        self.rows.execute(BILLED)
        return self.rows.fetchone()[0]

    def made(self):
        """Return the invoices made since this was set up; not beside the thread."""
        return self._count() - self.first

    def start(self):
        self.samples.append((time.monotonic(), self.made()))
        self._thread.start()

    def _watch(self):
        while not self._end.wait(0.25):
            self.samples.append((time.monotonic(), self.made()))

    def stop(self):
        self._end.set()
        self._thread.join()
        self.connection.close()

    def left(self):
        return self.lines - self.samples[-1][1]

    def rate(self):
        """Return the invoices a second since the start."""
        (start, before), (now, made) = self.samples[0], self.samples[-1]
        return (made - before) / max(now - start, 0.25)

    def left_at(self, moment):
        return self.lines - self._at(moment)

    def made_between(self, start, end):
        return self._at(end) - self._at(start), end - start

    def _at(self, moment):
        return max((made for at, made in self.samples if at <= moment), default=0)

    def longest_pause(self, start, end):
        """Return the longest time without a new invoice."""
        longest, last = 0.0, (start, None)
        for at, made in self.samples:
            if not start <= at <= end:
                continue
            if made != last[1]:
                last = (at, made)
            longest = max(longest, at - last[0])
        return round(longest, 1)
