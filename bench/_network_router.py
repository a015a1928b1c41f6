"""10,000 suspensions on one router, against librouteros one by one.

The peer is what the field's scripts do: librouteros, a login found by its name and
then changed. A router a round trip of 20 ms away takes 1 ms for a command.
"""

import os
import time
from dataclasses import replace

from _common import say
from _router import PASSWORD, SECRET, USER, Router

from tools.access_types import Desired
from tools.routeros.driver import RouterOs
from tools.routeros.settings import RouterOsSettings

LOGINS = int(os.environ.get("ISP_BENCH_LOGINS") or 10_000)
ONE_BY_ONE = 200
ROUND_TRIP, COMMAND = 0.02, 0.001
BOOKS = "isp:0b1c2d3e"
# As the worker hands them to a gateway.
BATCH = 500


def measure_router(report):
    """Measure and set the targets of `report`."""
    with Router() as router:
        say(f"A router with {LOGINS} logins")
        router.do("fill", LOGINS, BOOKS)
        router.set("rtt", ROUND_TRIP)
        router.set("cost", COMMAND)
        rate = _one_by_one(router)
        report.figure("router_one_by_one_per_second", round(rate, 1))
        off = _wishes(on=False)
        seconds, commands = _timed(router, lambda driver: driver.converge(off))
        report.equals("router_suspended", LOGINS, router.do("count_disabled"))
        report.figure("router_suspend_seconds", round(seconds, 1))
        report.at_most("router_commands_per_user", 1.1, round(commands / LOGINS, 4))
        ratio = LOGINS / seconds / rate
        report.at_least("router_rate_against_one_by_one", 20, round(ratio, 1))
        seconds, commands = _timed(router, lambda driver: driver.converge(off))
        report.figure("router_unchanged_seconds", round(seconds, 1))
        report.at_most("router_commands_if_unchanged", LOGINS * 0.01, commands)
        other = [replace(w, password=f"p{n}") for n, w in enumerate(off)]
        seconds, commands = _timed(router, lambda driver: driver.converge(other))
        report.figure("router_passwords_seconds", round(seconds, 1))
        report.at_most("router_commands_per_password", 1.1, round(commands / LOGINS, 4))
        seconds, commands = _timed(router, lambda d: _in_batches(d, _wishes()))
        report.figure("router_batches_seconds", round(seconds, 1))
        report.at_most(
            "router_commands_per_user_in_batches", 1.1, round(commands / LOGINS, 4)
        )


def _wishes(**values):
    given = {"password": "s3cret", "on": True, "plan": "isp_plan_1"}
    given |= {"rate_up": 5_000_000, "rate_down": 10_000_000, **values}
    return [
        Desired(f"user{number}", tag=f"{BOOKS}:{number}", **given)
        for number in range(LOGINS)
    ]


def _timed(router, work):
    settings = RouterOsSettings(
        host="127.0.0.1",
        port=router.port,
        user=USER,
        password=PASSWORD,
        books=BOOKS,
        operation_timeout=60,
    )
    commands, began = router.do("count"), time.monotonic()
    with RouterOs(settings) as driver:
        work(driver)
    return time.monotonic() - began, router.do("count") - commands


def _in_batches(driver, wishes):
    for start in range(0, len(wishes), BATCH):
        driver.converge(wishes[start : start + BATCH])


def _one_by_one(router):
    import librouteros
    from librouteros.query import Key

    api = librouteros.connect("127.0.0.1", USER, PASSWORD, port=router.port)
    secrets = api.path(*SECRET.strip("/").split("/"))
    began = time.monotonic()
    for number in range(ONE_BY_ONE):
        [row] = secrets.select(Key(".id")).where(Key("name") == f"user{number}")
        secrets.update(**{".id": row[".id"], "disabled": "yes"})
    seconds = time.monotonic() - began
    api.close()
    return ONE_BY_ONE / seconds
