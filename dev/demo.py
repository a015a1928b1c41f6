"""`make demo`: a provider to look at, and the main job played for the eye.

A subscriber's login is refused, an M-Pesa SMS arrives the way playSMS forwards it,
the same login is accepted with its speed.
"""

import http.client
import json
import os
import random
import string
import textwrap
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote_plus

from . import odoo, postgres, radius, router, services, system
from .state import LOGS, SetupError, demo_db, odoo_port, pg_port, say, wait_until

NAIROBI = timezone(timedelta(hours=3))
PATIENCE = 60


def _host_time_zone():
    """Return the zone FreeRADIUS reads dates in: that of this machine."""
    local = os.path.realpath("/etc/localtime")
    return os.environ.get("TZ") or local.partition("zoneinfo/")[2] or "UTC"


def _radius_link():
    return {
        "type": "freeradius",
        "ip_address": "127.0.0.1",
        "port": pg_port(),
        "database": radius.DATABASE,
        "username": radius.ROLE,
        "password": radius.ROLE,
        "tz": _host_time_zone(),
    }


def _new_subscriber(name, link):
    """Register one more subscriber through the addon's own methods.

    :param str name: of the gateway
    :param dict link: its fields, which lead to the device
    """
    say("Registering a new subscriber: contract, site, connection, first invoice")
    wish = {"name": name, "link": link}
    script = Path(__file__).with_name("demo_setup.py")
    log = LOGS / "demo-shell.log"
    printed = services.shell(demo_db(), script, log, ISP_DEMO=json.dumps(wish))
    for line in printed.splitlines():
        if line.startswith("ISP_DEMO "):
            return json.loads(line.removeprefix("ISP_DEMO "))
    raise SetupError(
        f"The subscriber could not be made; see {log}.\n{services.tail(log, 30)}"
    )


def _one(query):
    return postgres.sql(query, demo_db())


def _show(text):
    print(textwrap.indent(text.strip(), "    "), flush=True)


def _message(facts, code):
    """Return the text Safaricom sends for a payment to a paybill."""
    now = datetime.now(NAIROBI)
    clock = f"{now.hour % 12 or 12}:{now:%M} {'AM' if now.hour < 12 else 'PM'}"
    return (
        f"{code} Confirmed. on {now.day}/{now.month}/{now:%y} at {clock} "
        f"Ksh{facts['amount']:,.2f} received from MARY WANJIRU 254700111222. "
        f"Account Number {facts['account_no']} "
        f"New Utility balance is Ksh{random.randint(20_000, 90_000):,}.00"
    )


def _sender(accepted):
    """Return the sender as playSMS 1.4.8 leaves it: it loses one made of letters."""
    return "" if not accepted or "+" in accepted else accepted[0]


def _forward(facts, text):
    """Send the message as playSMS does: a bare GET, all values in the query."""
    values = {
        "message": text,
        "sender": _sender(facts["senders"]),
        "receiver": facts["receiver"] or "0700000009",
        "datetime": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        "smsc": "modem1",
    }
    pairs = [f"{facts['params'][k]}={quote_plus(v)}" for k, v in values.items()]
    path = "/isp/playsms/{}?" + "&".join(pairs)
    _show(f"GET {path.format('…')} HTTP/1.1")
    connection = http.client.HTTPConnection("127.0.0.1", odoo_port(), timeout=60)
    connection.putrequest("GET", path.format(facts["token"]), skip_accept_encoding=True)
    connection.putheader("Connection", "close")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode(errors="replace")
    connection.close()
    _show(f"{answer.status} {body}")
    if answer.status != 200:
        raise SetupError("The webhook refused the message; see the lines above.")


def _wait_for_login(facts):
    """Wait until the worker has written the unpaid login to its gateway."""
    state = f"SELECT state FROM isp_access WHERE connection_id = {facts['connection']}"
    error = f"SELECT error FROM isp_access WHERE connection_id = {facts['connection']}"
    log = LOGS / "odoo-server.log"
    try:
        wait_until(lambda: _one(state) == "applied", PATIENCE, "late")
    except SetupError:
        raise SetupError(
            "The login was not written to its gateway within a minute: "
            f"{_one(error) or 'No worker has tried.'} See {log}."
        ) from None


def _wait_for_access(facts, code, ask, accepted):
    """Ask until the login is let in; return (seconds, seconds to book, answer)."""
    began = time.monotonic()
    booked = None
    receipt = (
        "SELECT payment.state FROM isp_money_receipt receipt JOIN account_payment "
        f"payment ON payment.id = receipt.payment_id WHERE receipt.code = '{code}'"
    )
    while time.monotonic() - began < PATIENCE:
        if booked is None and _one(receipt) == "paid":
            booked = time.monotonic() - began
        answer = ask(facts["username"], facts["password"])
        if accepted in answer and booked is not None:
            return time.monotonic() - began, booked, answer
        time.sleep(0.1)
    inbox = _one("SELECT state, reason FROM isp_sms_inbox ORDER BY id DESC LIMIT 1")
    raise SetupError(
        f"Access did not open within {PATIENCE} s. The message is: {inbox}. "
        f"The gateway says:\n{answer}See {LOGS / 'odoo-server.log'}."
    )


def play(name, link, asks, ask, accepted, speed):
    """Play the main job once, with a subscriber of its own.

    :param str asks: who asks whom, in words
    :param ask: called with login and password, returns what is said
    :param str accepted: what is said to who is let in, and `speed` beside it
    """
    facts = _new_subscriber(name, link)
    owes = f"{facts['currency']} {facts['amount']:,.2f}"
    print(
        f"\n{facts['client']}: {facts['package']}, login {facts['username']}, ", end=""
    )
    print(f"account {facts['account_no']}, owes {owes} ({facts['invoice']})")
    _wait_for_login(facts)
    print(f"\n1. {asks}; nothing is paid yet:")
    answer = ask(facts["username"], facts["password"])
    _show(answer)
    if accepted in answer:
        raise SetupError("An unpaid subscriber was not refused; see the lines above.")
    code = "U" + "".join(random.choices(string.ascii_uppercase + string.digits, k=9))
    text = _message(facts, code)
    print("\n2. An M-Pesa message arrives; playSMS forwards it to the webhook:")
    _show(text)
    _forward(facts, text)
    seconds, booked, answer = _wait_for_access(facts, code, ask, accepted)
    residual = _one(
        "SELECT amount_residual FROM account_move WHERE id = (SELECT invoice_id "
        f"FROM isp_connection WHERE id = {facts['connection']})"
    )
    print(f"\n3. Payment {code} posted and reconciled after {booked:.1f} s; ", end="")
    print(f"left to pay on {facts['invoice']}: {float(residual):,.2f}")
    print(f"\n4. The same question, accepted {seconds:.1f} s after the message:")
    _show(answer)
    if float(residual):
        raise SetupError(f"The invoice {facts['invoice']} is not settled.")
    if speed not in answer:
        raise SetupError("The answer carries no speed; see the lines above.")


def _play_radius():
    play(
        "FreeRADIUS",
        _radius_link(),
        "The router asks FreeRADIUS",
        radius.ask,
        "Received Access-Accept",
        "Mikrotik-Rate-Limit",
    )


def _play_router():
    play(
        router.NAME,
        router.link(),
        "A modem dials in to a MikroTik router, which knows the login itself",
        router.ask,
        router.ACCEPTED,
        "rate-limit",
    )


def main():
    odoo.prepare()
    system.need("radius", "pdf")
    postgres.base_template()
    if services.stop_odoo() | radius.stop() | router.stop():
        say("Stopped what an earlier demo had left running")
    radius.start()
    router.start()
    services.install(demo_db())
    services.start_odoo(demo_db(), "--max-cron-threads=4")
    _play_radius()
    _play_router()
    print(
        f"\nOdoo is running: {services.address()} (admin / admin). `make stop` ends it."
    )


def stop():
    """End Odoo, the gateways and PostgreSQL of this checkout."""
    if services.stop_odoo():
        say("Odoo stopped")
    if radius.stop():
        say("FreeRADIUS stopped")
    if router.stop():
        say("The simulated router stopped")
    if postgres.stop():
        say("PostgreSQL stopped")
