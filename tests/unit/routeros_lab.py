"""A simulated RouterOS and a driver for it, for the tests that talk to one."""

import time

from servers.routeros import Router, Server

from tools.access_types import Desired
from tools.routeros.driver import RouterOs
from tools.routeros.settings import RouterOsSettings

USER, PASSWORD = "isp", "isp-secret"
BOOKS = "isp:3f9a1b2c"
TAG = f"{BOOKS}:17"
MAC = "AA:BB:CC:00:11:22"
SECRET, ACTIVE = "/ppp/secret", "/ppp/active"


def wish(login="mary", **values):
    """Return a wish for a subscriber who may be on the net, unless told otherwise."""
    given = {
        "password": "s3cret",
        "on": True,
        "rate_up": 5_000_000,
        "rate_down": 10_000_000,
        "plan": "isp_plan_1",
        "tag": TAG,
    }
    return Desired(login, **{**given, **values})


def many(count, **values):
    """Return wishes for so many subscribers."""
    return [
        wish(f"user{number}", tag=f"{BOOKS}:{number}", **values)
        for number in range(count)
    ]


def gone(login="mary"):
    """Return the wish that a login is not on the router any more."""
    return Desired(login, present=False)


class Lab:
    def __init__(self, server):
        self.server = server

    @property
    def router(self) -> Router:
        return self.server.router

    def settings(self, **changes):
        values = {
            "host": "127.0.0.1",
            "port": self.server.port,
            "user": USER,
            "password": PASSWORD,
            "books": BOOKS,
        }
        return RouterOsSettings(**{**values, **changes})

    def driver(self, **changes):
        return RouterOs(self.settings(**changes))

    def converge(self, *wishes, seconds=20, **changes):
        with self.driver(**changes) as driver:
            return driver.converge(wishes, time.monotonic() + seconds)

    def say(self, *wishes, **changes):
        """Converge; return ("applied", "") of the first wish if it is fulfilled."""
        outcome = self.converge(*wishes, **changes)[wishes[0].login]
        return outcome.state, outcome.error

    def secret(self, name="mary"):
        return self.router.row(SECRET, name=name)

    def writes(self, work):
        """Return the writing commands of `work()`, as (menu, verb, values)."""
        before = len(self.router.writes)
        work()
        return self.router.writes[before:]


def new_lab(**given):
    """Return a lab's server, not started."""
    return Server(Router(USER, PASSWORD), **given)
