"""Messages per second at the webhook beside Odoo's own `/web/health`.

The same real server in the same run, rounds of both in turn. Messages come the way
playSMS sends them: one GET and one connection each, every one with a receipt code of
its own. First with scheduled actions off, which is the intake alone; then with Odoo's
default of two cron threads, which read and book the messages while more come in.
"""

import time

from _common import connect, database, environment, median, run, say, spread
from _provider import make_collection, make_company
from _server import Burst, Server, new_code, paybill_text, playsms_path

from dev.state import SetupError

THREADS = 8
ROUNDS = 3
HEALTH = 300
MESSAGES = 200
PACED = 200
PACE = 20
DRAIN_SECONDS = 120


class Sender:
    """Sends messages and remembers how many were answered 200."""

    def __init__(self, server, token):
        self.server = server
        self.token = token
        self.sent = 0
        self.accepted = 0

    def burst(self, count, rate=None):
        # A reference that is no account number: money without a customer.
        paths = [
            playsms_path(self.token, paybill_text(new_code(), 1500 + n, f"A{n}"))
            for n in range(count)
        ]
        burst = Burst(self.server, paths, THREADS, rate)
        self.sent += count
        self.accepted += len(burst.good())
        if not burst.good():
            raise SetupError(
                f"The webhook answered {burst.answers[0].status}; "
                f"see {self.server.log}."
            )
        return burst


def take_turns(sender):
    """Return the bursts of health requests and of messages, in rounds."""
    health, messages = [], []
    for number in range(ROUNDS):
        say(f"Round {number + 1} of {ROUNDS}")
        health.append(Burst(sender.server, ["/web/health"] * HEALTH, THREADS))
        messages.append(sender.burst(MESSAGES))
    return health, messages


def summary(bursts):
    seconds = [1000 * value for burst in bursts for value in burst.good()]
    return {
        "per_second": median([burst.per_second for burst in bursts], 1),
        "per_second_of_rounds": [round(burst.per_second, 1) for burst in bursts],
        "milliseconds": spread(seconds, 1),
    }


def ratio(health, messages):
    return median(
        [
            ours.per_second / theirs.per_second
            for theirs, ours in zip(health, messages, strict=True)
        ]
    )


def drained(rows, total):
    """Wait until every message was read; return how many were and the seconds."""
    began = time.monotonic()
    while True:
        rows.execute("SELECT count(*) FROM isp_sms_inbox WHERE state NOT IN ('new')")
        done = rows.fetchone()[0]
        seconds = time.monotonic() - began
        if done >= total or seconds > DRAIN_SECONDS:
            return done, seconds
        time.sleep(0.2)


def measure(report):
    with database("webhook") as name:
        with environment(name) as env:
            make_company(env)
            token = make_collection(env).token
        connection = connect(name)
        rows = connection.cursor()
        try:
            measure_intake(report, name, token, rows)
            measure_with_crons(report, name, token, rows)
        finally:
            connection.close()


def measure_intake(report, name, token, rows):
    with Server(name, "--max-cron-threads=0") as server:
        sender = Sender(server, token)
        say("Warming up")
        sender.burst(20)
        health, messages = take_turns(sender)
        paced = sender.burst(PACED, PACE)
    report.figure("health", summary(health))
    report.figure("webhook", summary(messages))
    report.figure(f"webhook_at_{PACE}_per_second", summary([paced]))
    report.at_least(
        "webhook / health, requests per second", 0.4, ratio(health, messages)
    )
    report.equals("answered 200 of those sent", sender.sent, sender.accepted)
    report.equals("different messages stored", sender.sent, count_stored(rows))


def count_stored(rows):
    rows.execute("SELECT count(*), count(DISTINCT text) FROM isp_sms_inbox")
    stored, different = rows.fetchone()
    # A message stored twice shows as well.
    return different if stored == different else f"{stored}, {different} different"


def measure_with_crons(report, name, token, rows):
    rows.execute("SELECT count(*) FROM isp_sms_inbox")
    before = rows.fetchone()[0]
    with Server(name, "--max-cron-threads=2") as server:
        sender = Sender(server, token)
        sender.burst(20)
        say("Waiting until the messages of before are read")
        drained(rows, before + sender.sent)
        health, messages = take_turns(sender)
        done, seconds = drained(rows, before + sender.sent)
    report.figure("health_with_crons", summary(health))
    report.figure("webhook_with_crons", summary(messages))
    report.figure("webhook / health with crons", ratio(health, messages))
    report.figure("seconds_until_all_read_after_the_last", round(seconds, 1))
    report.equals("with crons: answered 200", sender.sent, sender.accepted)
    report.equals(
        "with crons: different messages stored and read", before + sender.sent, done
    )


if __name__ == "__main__":
    run("webhook", measure)
