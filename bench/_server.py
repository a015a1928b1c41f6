"""Odoo's own server for a measurement, on ports of its own, and playSMS's requests."""

import contextlib
import http.client
import random
import string
import subprocess
import threading
import time
from datetime import datetime, timedelta, timezone
from urllib.parse import quote_plus

from _common import command, say, variables

from dev.services import tail
from dev.state import LOGS, RUN, SetupError, free_port

NAIROBI = timezone(timedelta(hours=3))
STOP_SECONDS = 30


class Answer:
    """Status, and seconds from opening the connection to the last byte."""

    def __init__(self, status, seconds):
        self.status = status
        self.seconds = seconds


class Server:
    """`with Server(database, "--max-cron-threads=1") as server:`"""

    def __init__(self, database, *options):
        self.database = database
        self.options = options
        self.port = free_port()
        self.log = LOGS / f"{database}-server.log"
        self.process = None

    def __enter__(self):
        own = ["-d", self.database, "--db-filter", f"^{self.database}$"]
        own += ["--http-port", str(self.port), "--gevent-port", str(free_port())]
        say(f"Starting Odoo {' '.join(self.options)} (log: {self.log})")
        with open(self.log, "a") as handle:
            # A session of its own: Ctrl-C reaches us, and we end it in order.
            self.process = subprocess.Popen(
                command([*own, *self.options]),
                env=variables(),
                cwd=RUN,
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc_info):
        self.stop()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _wait(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                if self.get("/web/health").status == 200:
                    return
            time.sleep(0.2)
        raise SetupError(f"Odoo does not answer; see {self.log}.\n{tail(self.log)}")

    def get(self, path, seconds=60):
        """Ask as PHP does: a connection for each request, no header of its own."""
        began = time.monotonic()
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            client.putrequest("GET", path, skip_accept_encoding=True)
            client.putheader("Connection", "close")
            client.endheaders()
            answer = client.getresponse()
            answer.read()
            return Answer(answer.status, time.monotonic() - began)
        finally:
            client.close()


def new_code():
    """Return a receipt code that no other message has, in M-Pesa's form."""
    return "U" + "".join(random.choices(string.ascii_uppercase + string.digits, k=9))


def paybill_text(code, amount, account):
    """Return what Safaricom tells the owner of a paybill about a payment."""
    now = datetime.now(NAIROBI)
    clock = f"{now.hour % 12 or 12}:{now:%M} {'AM' if now.hour < 12 else 'PM'}"
    return (
        f"{code} Confirmed. on {now.day}/{now.month}/{now:%y} at {clock} "
        f"Ksh{amount:,.2f} received from MARY WANJIRU 254700111222. "
        f"Account Number {account} New Utility balance is Ksh54,321.00"
    )


def playsms_path(token, text):
    """Return the address playSMS calls for a message: all of it in the query."""
    values = {
        "message": text,
        # playSMS 1.4.8 loses a sender made of letters.
        "sender": "",
        "receiver": "0700000009",
        "datetime": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        "smsc": "modem1",
    }
    query = "&".join(f"{name}={quote_plus(value)}" for name, value in values.items())
    return f"/isp/playsms/{token}?{query}"


class Burst:
    """Requests sent by several threads, as fast as they are answered or at a rate.

    :param list paths: addresses, each asked once
    :param int threads: how many clients at a time
    :param float rate: requests a second in all; None means without a pause
    """

    def __init__(self, server, paths, threads, rate=None):
        self.server = server
        self.answers = []
        self._todo = list(enumerate(paths))[::-1]
        self._interval = 1 / rate if rate else 0
        self._lock = threading.Lock()
        self._began = time.monotonic()
        clients = [threading.Thread(target=self._work) for _n in range(threads)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.seconds = time.monotonic() - self._began

    def _work(self):
        while True:
            with self._lock:
                if not self._todo:
                    return
                number, path = self._todo.pop()
            pause = self._began + number * self._interval - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            try:
                answer = self.server.get(path)
            except OSError as error:
                answer = Answer(type(error).__name__, 0.0)
            with self._lock:
                self.answers.append(answer)

    @property
    def per_second(self):
        return len(self.answers) / self.seconds

    def good(self):
        """Return the seconds of the requests that were answered 200."""
        return [answer.seconds for answer in self.answers if answer.status == 200]
