"""A RouterOS simulated at the wire: its API, logins, sessions, and faults on purpose.

Alone: `python -m tests.servers.routeros --port 8728 --user isp --password isp`.
"""

import argparse
import asyncio
import contextlib
import hashlib
import itertools
import os
import threading
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

from .routeros_menus import Refusal, Tables

WRITES = ("add", "set", "unset", "remove", "enable", "disable")
POLICY = "local,telnet,ssh,read,write,test,winbox,password,sniff,sensitive,api"


class Router(Tables):
    """One router: its rows, its users, who is on."""

    def __init__(self, user="isp", password="isp-secret", policy=POLICY):
        super().__init__()
        self.identity, self.serial, self.version = "tower-1", "HF10ABC", "7.18.2"
        self.clock_ahead = timedelta()
        # What stands for a password whose reader lacks the right; "" is nothing.
        self.masked = "*****"
        self.passwords = {}
        self.writes = []
        self.asked = Counter()
        # Command → what happens just before it is carried out.
        self.before = {}
        self._sessions = itertools.count(1)
        self.add_user(user, password, policy)

    def add_user(self, name, password, policy):
        self.passwords[name] = password
        self["/user/group"].insert(name=f"g-{name}", policy=policy)
        self["/user"].insert(name=name, group=f"g-{name}")

    def policies(self, user):
        group = self.row("/user", name=user)["group"]
        return self.row("/user/group", name=group)["policy"].split(",")

    # === SUBSCRIBERS === #

    def dial(self, login, password, mac="02:00:00:00:00:01"):
        """Try a PPPoE login; return "" or what the router's log says."""
        row = self.row("/ppp/secret", name=login)
        if row is None or row.get("disabled") == "true":
            return f"user {login} authentication failed"
        if row.get("password", "") != password:
            return f"user {login} authentication failed"
        if row.get("caller-id") and row["caller-id"].upper() != mac.upper():
            return f"user {login} authentication failed: wrong caller id"
        profile = self.row("/ppp/profile", name=row["profile"])
        if profile is None:
            return f"user {login}: profile not found"
        number = next(self._sessions)
        self["/ppp/active"].insert(
            name=login,
            service="pppoe",
            caller_id=mac,
            address=row.get(
                "remote-address", f"10.9.{number // 250}.{number % 250 + 2}"
            ),
            session_id=f"0x{0x81F00000 + number:x}",
            started=time.time(),
            rate=profile.get("rate-limit", ""),
            lists=profile.get("address-list", ""),
        )
        return ""

    def enter_hotspot(self, login, password=None, mac="02:00:00:00:00:02"):
        """Try a hotspot login; a device with a cookie needs no password."""
        row = self.row("/ip/hotspot/user", name=login)
        cookie = self.find("/ip/hotspot/cookie", user=login, mac_address=mac)
        if row is None or row.get("disabled") == "true":
            return "invalid username or password"
        if row.get("password", "") != password and not cookie:
            return "invalid username or password"
        self["/ip/hotspot/active"].insert(
            user=login, mac_address=mac, address="10.8.0.9", started=time.time()
        )
        if not cookie:
            self["/ip/hotspot/cookie"].insert(user=login, mac_address=mac)
        return ""

    def sessions(self, login):
        """Return the PPP sessions of a login as stored."""
        return [row for _id, row in self.find("/ppp/active", name=login)]

    def session_rate(self, login):
        [row] = self.sessions(login)
        return row["rate"]

    def age(self, login, seconds):
        """Let the sessions of a login have begun that much earlier."""
        for row in self.sessions(login):
            row["started"] -= seconds

    # === COMMANDS === #

    def do(self, user, words):
        """Carry out one command; return (rows, value)."""
        path, _slash, verb = words[0].rpartition("/")
        values = dict(word[1:].partition("=")[::2] for word in words if word[0] == "=")
        queries = [word for word in words if word[0] == "?"]
        self.asked[words[0]] += 1
        self.before.get(words[0], int)()
        if path in _SINGLE and verb == "print":
            return [_SINGLE[path](self)], ""
        if path not in self.tables or verb not in ("print", *WRITES):
            raise Refusal("no such command prefix", "0")
        right = "write" if verb in WRITES else "read"
        if right not in self.policies(user):
            raise Refusal("not enough permissions (9)")
        if verb == "print":
            return self._print(user, path, queries, values)
        self.writes.append((path, verb, dict(values)))
        return [], self._write(path, verb, values)

    def _print(self, user, path, queries, values):
        names = values[".proplist"].split(",") if ".proplist" in values else None
        rows = self.show(path, queries, names)
        if "sensitive" not in self.policies(user):
            for row in rows:
                if row.pop("password", "") and self.masked:
                    row["password"] = self.masked
        return ([], str(len(rows))) if "count-only" in values else (rows, "")

    def _write(self, path, verb, values):
        ids = values.pop(".id", values.pop("numbers", ""))
        ids = ids.split(",") if ids else []
        if verb == "add":
            return self.add(path, values)
        if verb == "remove":
            self.remove(path, ids)
        elif verb == "unset":
            self.unset(path, ids, values["value-name"])
        elif verb == "set":
            self.set(path, ids, values)
        else:
            self.set(path, ids, {"disabled": "yes" if verb == "disable" else "no"})
        return ""

    def clock(self):
        now = datetime.now(timezone.utc) + self.clock_ahead + timedelta(hours=3)
        date, clock = now.strftime("%Y-%m-%d %H:%M:%S").split()
        return {"date": date, "time": clock, "gmt-offset": "+03:00"}


_SINGLE = {
    "/system/identity": lambda box: {"name": box.identity},
    "/system/resource": lambda box: {"version": box.version, "uptime": "1w2d3h4m5s"},
    "/system/routerboard": lambda box: {"model": "hEX", "serial-number": box.serial},
    "/system/clock": Router.clock,
}


# === THE WIRE === #


def length(size):
    """Return how a router announces a word (manual, API)."""
    if size < 0x80:
        return bytes([size])
    if size < 0x4000:
        return bytes([0x80 | size >> 8, size & 0xFF])
    if size < 0x200000:
        return bytes([0xC0 | size >> 16, size >> 8 & 0xFF, size & 0xFF])
    return (0xE0000000 | size).to_bytes(4, "big")


def pack(words):
    data = [word.encode("utf-8", "surrogateescape") for word in words]
    return b"".join(length(len(word)) + word for word in data) + b"\0"


async def read_sentence(reader):
    words = []
    while True:
        first = (await reader.readexactly(1))[0]
        more = sum(first >= mark for mark in (0x80, 0xC0, 0xE0))
        rest = await reader.readexactly(more)
        size = int.from_bytes(bytes([first & (0x7F >> more)]) + rest, "big")
        if size:
            word = await reader.readexactly(size)
            words.append(word.decode("utf-8", "surrogateescape"))
        elif words:
            return words


class Server:
    """A `Router` on a port. Faults are switched on by setting attributes.

    :ivar rtt: seconds an answer travels.
    :ivar cost: seconds a command takes the router.
    :ivar old_login: the way of RouterOS before 6.43.
    :ivar says_empty: `!empty` where there are no rows, as from 7.18 on.
    :ivar silent_after: commands that are still answered; None is all.
    :ivar cut_at: bytes of answers after which the connection is cut.
    :ivar chunk: bytes written at a time; 0 is all at once.
    :ivar is_mixed: answers to commands that came together come interleaved.
    :ivar traps: command → for each of the next ones message and category, or None.
    :ivar max_sessions: how many may be logged in.
    """

    def __init__(self, router=None, port=0, host="127.0.0.1", tls=None):
        self.router = router or Router()
        self.host, self.port, self.tls = host, port, tls
        self.rtt = self.cost = 0.0
        self.old_login, self.says_empty = False, True
        self.silent_after = self.cut_at = self.max_sessions = None
        self.chunk, self.is_mixed, self.traps = 0, False, {}
        self.logins, self.count, self.open = 0, 0, 0
        self.held, self.calls = [], 0

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(self, *exc_info):
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self):
        self._server = await asyncio.start_server(
            self._serve, self.host, self.port, ssl=self.tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self):
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self.calls += 1
        if self.max_sessions is not None and self.open >= self.max_sessions:
            writer.close()
            return
        self.open += 1
        outbox = asyncio.Queue()
        sender = asyncio.ensure_future(self._send(outbox, writer))
        ended = asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
        try:
            with contextlib.suppress(*ended):
                user = await self._log_in(reader, outbox)
                while user:
                    await self._answer(user, reader, outbox)
        finally:
            self.open -= 1
            await outbox.put(None)
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await sender
            writer.close()

    async def _send(self, outbox, writer):
        """Write what is due, in order; then the answer has travelled."""
        sent = 0
        while (item := await outbox.get()) is not None:
            due, data = item
            # A test may have stopped the clock: without delay none is asked.
            if due is not None:
                await asyncio.sleep(max(0, due - time.monotonic()))
            if self.cut_at is not None and sent + len(data) > self.cut_at:
                writer.write(data[: self.cut_at - sent])
                await writer.drain()
                writer.transport.abort()
                return
            sent += len(data)
            step = self.chunk or len(data)
            for at in range(0, len(data), step):
                writer.write(data[at : at + step])
                await writer.drain()
                if self.chunk:
                    await asyncio.sleep(0)

    async def _say(self, outbox, *sentences):
        data = b"".join(pack(words) for words in sentences)
        due = time.monotonic() + self.rtt if self.rtt else None
        await outbox.put((due, data))

    async def _log_in(self, reader, outbox):
        words = await read_sentence(reader)
        values = dict(word[1:].partition("=")[::2] for word in words[1:])
        if words[0] != "/login":
            await self._say(outbox, ("!fatal", "not logged in"))
            return None
        challenge = None
        if self.old_login:
            challenge = os.urandom(16)
            await self._say(outbox, ("!done", f"=ret={challenge.hex()}"))
            words = await read_sentence(reader)
            values = dict(word[1:].partition("=")[::2] for word in words[1:])
            if words[0] != "/login":
                await self._say(outbox, ("!fatal", "not logged in"))
                return None
        self.logins += 1
        name = values.get("name")
        if self._is_right(name, values, challenge):
            await self._say(outbox, ("!done",))
            return name
        text = "cannot log in" if challenge else "invalid user name or password (6)"
        await self._say(outbox, ("!trap", f"=message={text}"), ("!done",))
        return None

    def _is_right(self, name, values, challenge):
        password = self.router.passwords.get(name)
        if password is None:
            return False
        if challenge is None:
            return values.get("password") == password
        digest = hashlib.md5(b"\0" + password.encode() + challenge).hexdigest()
        return values.get("response") == f"00{digest}"

    async def _answer(self, user, reader, outbox):
        """Answer what came; together, if the answers are to be mixed."""
        batch = [await read_sentence(reader)]
        while self.is_mixed and len(batch) < 7:
            try:
                batch.append(await asyncio.wait_for(read_sentence(reader), 0.02))
            except asyncio.TimeoutError:
                break
        answers = []
        for words in batch:
            self.count += 1
            if self.cost:
                await asyncio.sleep(self.cost)
            answer = self._carry_out(user, words)
            if self.silent_after is not None and self.count > self.silent_after:
                self.held.append((outbox, answer))
            else:
                answers.append(answer)
        if self.is_mixed:
            rounds = itertools.zip_longest(*answers[::-1])
            answers = [[each for turn in rounds for each in turn if each]]
        for answer in answers:
            await self._say(outbox, *answer)

    def release(self):
        """Say at last what was held back; its connection may be gone."""
        held, self.held = self.held, []
        self.silent_after = None
        for outbox, answer in held:
            self._run(self._say(outbox, *answer))

    def _carry_out(self, user, words):
        """Return the sentences that answer a command."""
        tags = [word for word in words if word.startswith(".tag=")]
        words = [word for word in words if not word.startswith(".tag=")]
        try:
            planned = self.traps.get(words[0])
            if planned and (refusal := planned.pop(0)):
                raise Refusal(*refusal)
            rows, value = self.router.do(user, words)
        except Refusal as refusal:
            trap = ["!trap", f"=message={refusal.message}"]
            if refusal.category:
                trap.insert(1, f"=category={refusal.category}")
            return [[*trap, *tags], ["!done", *tags]]
        answer = [
            ["!re", *(f"={name}={text}" for name, text in row.items()), *tags]
            for row in rows
        ]
        if self.says_empty and not rows and words[0].endswith("/print"):
            answer.append(["!empty", *tags])
        return [*answer, ["!done", *([f"=ret={value}"] if value else ()), *tags]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8728)
    parser.add_argument("--user", default="isp")
    parser.add_argument("--password", default="isp-secret")
    given = parser.parse_args()
    with Server(Router(given.user, given.password), given.port) as server:
        os.write(1, f"RouterOS simulated on 127.0.0.1:{server.port}\n".encode())
        threading.Event().wait()


if __name__ == "__main__":
    main()
