"""20 gateways of which 5 are mute: what the mute cost the healthy.

The worker as it runs: an environment, simulated routers with a way of 20 ms, and five
ports that take connections and never say a word.
"""

import contextlib
import socket
import threading
import time
from datetime import timedelta

from _common import database, environment, say
from _provider import make_company, make_package
from _router import PASSWORD, USER, Router

GATEWAYS, MUTE = 20, 5
LINES = 40
ROUND_TRIP, COMMAND = 0.02, 0.001
LIMIT = 2.0


def measure_mute(report):
    """Measure and set the targets of `report`."""
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(database("network_mute"))
        ports = []
        for _number in range(GATEWAYS - MUTE):
            router = stack.enter_context(Router())
            router.set("rtt", ROUND_TRIP)
            router.set("cost", COMMAND)
            ports.append(router.port)
        mute = [stack.enter_context(_mute()) for _number in range(MUTE)]
        with environment(name) as env:
            say(f"{GATEWAYS} gateways with {LINES} lines each")
            healthy = _make(env, ports)
            _open_all(env, healthy)
            alone = _converge(env, healthy)
            report.figure("healthy_alone_seconds", round(alone, 2))
            silent = _make(env, mute)
            for gateway in healthy | silent:
                _change_all(env, gateway)
            seconds = _converge(env, healthy)
            report.figure("healthy_beside_mute_seconds", round(seconds, 2))
            report.at_most("seconds_that_mute_cost", LIMIT, round(seconds - alone, 2))


@contextlib.contextmanager
def _mute():
    listener = socket.create_server(("127.0.0.1", 0))
    calls = []

    def accept():
        with contextlib.suppress(OSError):
            while True:
                calls.append(listener.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for call in calls:
            call.close()


def _make(env, ports):
    """Make a gateway for each port, with lines that are off."""
    if not env["isp.package"].search([]):
        make_company(env)
        make_package(env)
    package = env["isp.package"].search([], limit=1)
    partner = env["res.partner"].create({"name": "Bench"})
    gateways = env["isp.gateway"]
    for port in ports:
        gateways |= env["isp.gateway"].create(
            {
                "name": f"Router {port}",
                "type": "routeros",
                "ip_address": "127.0.0.1",
                "port": port,
                "username": USER,
                "password": PASSWORD,
                "mode": "control",
            }
        )
    for gateway in gateways:
        lines = env["isp.connection"].create(
            [
                {
                    "partner_id": partner.id,
                    "package_id": package.id,
                    "gateway_id": gateway.id,
                    "username": f"g{gateway.id}-{number}",
                    "password": "secret",
                }
                for number in range(LINES)
            ]
        )
        lines.write({"state": "active"})
    env.cr.commit()
    return gateways


def _open_all(env, gateways):
    from odoo import fields

    now = fields.Datetime.now()
    lines = env["isp.connection"].search([("gateway_id", "in", gateways.ids)])
    env["isp.extension"].create(
        [
            {
                "connection_id": line.id,
                "kind": "free",
                "date_from": now,
                "date_to": now + timedelta(days=9),
            }
            for line in lines
        ]
    )
    env.cr.commit()


def _change_all(env, gateway):
    lines = env["isp.connection"].search([("gateway_id", "=", gateway.id)])
    lines.write({"password": "another"})
    env.cr.commit()


def _converge(env, gateways):
    """Let the worker run; return the seconds until these gateways are in step."""
    began, name = time.monotonic(), env.cr.dbname
    done = {}
    over = threading.Event()

    def watch():
        from _common import connect

        with contextlib.closing(connect(name)) as connection:
            cursor = connection.cursor()
            while not over.wait(0.05):
                cursor.execute(
                    "SELECT count(*) FROM isp_access WHERE gateway_id = ANY(%s) "
                    "AND state = 'applied'",
                    [gateways.ids],
                )
                if cursor.fetchone()[0] == LINES * len(gateways):
                    cursor.execute("SELECT count(*) FROM isp_access_dirty")
                    if not cursor.fetchone()[0]:
                        done["at"] = time.monotonic()
                        return

    thread = threading.Thread(target=watch)
    thread.start()
    env["isp.access"]._converge()
    thread.join(5)
    over.set()
    thread.join()
    return done.get("at", float("inf")) - began
