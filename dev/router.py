"""A simulated MikroTik router, as a background service of the demo.

`make demo` starts `python -m dev.router` in the virtual environment. It speaks
RouterOS to Odoo, and a line of text to whoever dials in by its PPPoE logins.
"""

import json
import secrets
import signal
import socket
import socketserver
import sys
import threading
from pathlib import Path

from .services import start_beside, tell_facts
from .state import ROOT, RUN, alive, terminate

PID = RUN / "router.pid"
FACTS = RUN / "router.json"
NAME = "MikroTik (simulated)"
ACCEPTED = "connected"


def start():
    """Start the router in the background and wait until it listens."""
    start_beside("dev.router", str(FACTS), FACTS, "a simulated MikroTik router")


def stop():
    return terminate(PID, signal.SIGTERM)


def is_running():
    return bool(alive(PID))


def link():
    """Return the gateway's fields that lead to this router."""
    facts = json.loads(FACTS.read_text())
    return {
        "type": "routeros",
        "ip_address": "127.0.0.1",
        "port": facts["port"],
        "username": facts["user"],
        "password": facts["password"],
    }


def ask(username, password):
    """Dial in as a subscriber's modem does; return what the router says."""
    facts = json.loads(FACTS.read_text())
    with socket.create_connection(("127.0.0.1", facts["dial_port"]), 5) as phone:
        phone.sendall(f"{json.dumps([username, password])}\n".encode())
        return phone.makefile().read()


class _Phone(socketserver.StreamRequestHandler):
    def handle(self):
        login, password = json.loads(self.rfile.readline())
        router = self.server.router
        said = router.dial(login, password)
        if not said:
            _id, session = router.find("/ppp/active", name=login)[-1]
            said = (
                f"{login} {ACCEPTED}: address {session['address']}, "
                f"rate-limit {session['rate']}"
            )
        self.wfile.write(f"pppoe: {said}\n".encode())


def _serve(place):
    """Run the router until SIGTERM; called in the virtual environment."""
    sys.path.insert(0, str(ROOT / "tests"))
    from servers.routeros import Router, Server

    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    user, password = "isp", secrets.token_hex(8)
    router = Router(user, password)
    with Server(router) as server:
        phone = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Phone)
        phone.daemon_threads = True
        phone.router = router
        threading.Thread(target=phone.serve_forever, daemon=True).start()
        facts = {
            "port": server.port,
            "dial_port": phone.server_address[1],
            "user": user,
            "password": password,
        }
        tell_facts(Path(place), facts)
        done.wait()


if __name__ == "__main__":
    _serve(sys.argv[1])
