"""Simulated routers in a process of their own, with a line of JSON to each.

`with Router() as router: router.set("rtt", 0.02)`; see tests/servers/routeros.py.
"""

import json
import subprocess
import sys

from dev.state import ROOT

USER, PASSWORD = "isp", "bench-secret"
SECRET, PROFILE = "/ppp/secret", "/ppp/profile"


class Router:
    """One router; its process is killed at the end."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = json.loads(self.process.stdout.readline())
        return self

    def __exit__(self, *exc_info):
        self.process.kill()
        self.process.wait()

    def do(self, name, *args):
        """Let the other side call its function of that name; return its answer."""
        self.process.stdin.write(json.dumps([name, *args]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def set(self, name, value):
        """Switch a fault or a delay on or off: an attribute of `servers.routeros`."""
        return self.do("set", name, value)


def _serve():
    sys.path.insert(0, str(ROOT / "tests"))
    from servers import routeros

    router = routeros.Router(USER, PASSWORD)
    with routeros.Server(router) as server:
        print(server.port, flush=True)
        for line in sys.stdin:
            name, *args = json.loads(line)
            print(json.dumps(_ACTIONS[name](server, *args)), flush=True)


def _fill(server, count, books):
    table = server.router[SECRET]
    for number in range(count):
        table.insert(
            name=f"user{number}",
            password="s3cret",
            service="pppoe",
            profile="isp_plan_1",
            comment=f"{books}:{number}",
        )
    server.router[PROFILE].insert(name="isp_plan_1", rate_limit="5000000/10000000")


def _count_disabled(server):
    return len(server.router.find(SECRET, disabled="yes"))


def _edit(server, name, values):
    for _row_id, row in server.router.find(SECRET, name=name):
        row.update(values)


def _delete(server, name):
    table = server.router[SECRET]
    for row_id, _row in server.router.find(SECRET, name=name):
        del table.rows[row_id]


def _get_names(server):
    return sorted(row["name"] for row in server.router[SECRET].rows.values())


def _dial_all(server):
    """Every modem that has no session tries to get one."""
    router = server.router
    for row in list(router[SECRET].rows.values()):
        if not router.find("/ppp/active", name=row["name"]):
            router.dial(row["name"], row.get("password", ""))


def _count_sessions(server, login):
    return len(server.router.find("/ppp/active", name=login))


_ACTIONS = {
    "set": lambda server, name, value: setattr(server, name, value),
    "count": lambda server: server.count,
    "fill": _fill,
    "count_disabled": _count_disabled,
    "release": lambda server: server.release(),
    "names": _get_names,
    "edit": _edit,
    "delete": _delete,
    "dial": lambda server, login, password: server.router.dial(login, password),
    "dial_all": _dial_all,
    "sessions": _count_sessions,
}

if __name__ == "__main__":
    _serve()
