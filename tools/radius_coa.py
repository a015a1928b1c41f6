"""Drop sessions by RADIUS Disconnect-Request, or give them another speed by CoA-Request
(RFC 5176), many at once.

pyrad makes and checks the packets and is imported where they are made; the talk is our
own, because one identifier a packet allows for 256 on their way and pyrad sends one.
"""

import collections
import contextlib
import importlib.util
import ipaddress
import math
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from .access_types import Kick, Session

DICTIONARY = Path(__file__).with_name("radius.dictionary")
# Error-Cause (RFC 5176 3.5): the session is gone; it was asked for in the wrong way.
_GONE, _OTHER_WORDS = 503, (401, 402, 404)
_CAUSES = {
    403: "it takes itself for another router",
    405: "it doesn't offer this",
    406: "it doesn't offer this",
    407: "an attribute is invalid",
    501: "it is not allowed to",
    504: "the session can't be removed",
    506: "it has no resources left",
    508: "more than one session matches",
}
# A small router's receive buffer holds few packets, and a busy one is slow: as many are
# on their way as it keeps up with (RFC 5080 2.2.1 asks for congestion control).
_AT_LEAST, _AT_MOST = 8, 64


class Target(NamedTuple):
    """Where the requests for a router go; `secret` is shared with it."""

    host: str
    port: int
    secret: str

    def __repr__(self):
        return f"Target({self.host}:{self.port})"


def is_available() -> bool:
    """Return whether pyrad is installed."""
    return importlib.util.find_spec("pyrad") is not None


def find_secret(routers: Iterable[tuple[str, str]], address: str) -> str | None:
    """Return the secret of the router with this address, or None.

    :param routers: (address, network or name, secret) as in FreeRADIUS's table `nas`;
        the narrowest network wins.
    """
    best = None, -1
    for name, secret in routers:
        with contextlib.suppress(ValueError):
            network = ipaddress.ip_network(name.strip(), strict=False)
            if ipaddress.ip_address(address) in network and network.prefixlen > best[1]:
                best = secret, network.prefixlen
    return best[0]


def disconnect(
    sessions: Iterable[Session],
    find_target: Callable[[str], Target | None],
    timeout: float = 1.5,
    tries: int = 3,
    deadline: float | None = None,
) -> dict[Session, Kick]:
    """Ask routers to drop sessions; return what came of each.

    :param find_target: where to ask for a router's address; None where no secret is
        known.
    :param timeout: seconds to wait for an answer before asking again.
    :param deadline: moment of `time.monotonic()` at which all ends.
    """
    return change(dict.fromkeys(sessions, {}), find_target, timeout, tries, deadline)


def change(
    changes: Mapping[Session, Mapping[str, str]],
    find_target: Callable[[str], Target | None],
    timeout: float = 1.5,
    tries: int = 3,
    deadline: float | None = None,
) -> dict[Session, Kick]:
    """Ask routers to give sessions other attributes; the others as `disconnect`.

    :param changes: what a session is to have by name of the attribute; a session for
        which that is empty is dropped.
    """
    from pyrad.dictionary import Dictionary

    said, talks = {}, {}
    words = Dictionary(str(DICTIONARY))
    for session, wanted in changes.items():
        target = find_target(session.nas)
        if target is None:
            said[session] = Kick("refused", f"no secret of {session.nas} is known")
            continue
        if target not in talks:
            talks[target] = _Talk(target, words, timeout, tries, said)
        talks[target].waiting.append(_Request(session, wanted))
    with selectors.DefaultSelector() as selector:
        try:
            for talk in talks.values():
                talk.open(selector)
            _run([talk for talk in talks.values() if talk.socket], selector, deadline)
        finally:
            for talk in talks.values():
                talk.close()
    return said


def _run(talks, selector, deadline):
    while talks:
        now = time.monotonic()
        if deadline is not None and now >= deadline:
            for talk in talks:
                talk.give_up("no time was left to drop it")
            return
        for talk in talks:
            talk.send(now)
        talks = [talk for talk in talks if talk.in_flight]
        moments = [r.ask_again for talk in talks for r in talk.in_flight.values()]
        if not moments:
            continue
        wake = min(*moments, math.inf if deadline is None else deadline)
        for key, _events in selector.select(max(0, wake - time.monotonic())):
            key.data.receive()


class _Request:
    """One session to change or to drop, and how it was named last."""

    def __init__(self, session, wanted):
        self.session = session
        self.wanted = wanted
        self.tries = 0
        self.ask_again = 0.0
        self.packet = None
        self.raw = b""
        self.names = collections.deque(_identify(session))


def _identify(session):
    """Yield what may name a session to a router, the most exact first."""
    user = {"User-Name": session.login}
    address = {}
    with contextlib.suppress(ValueError):
        address["Framed-IP-Address"] = str(ipaddress.IPv4Address(session.address))
    yield {**user, "Acct-Session-Id": session.session_id, **address}
    if address:
        yield {**user, **address}
    if session.caller:
        yield {**user, "Calling-Station-Id": session.caller}


class _Talk:
    """All that is said to one router: one socket, so 256 identifiers."""

    def __init__(self, target, words, timeout, tries, said):
        self.waiting = collections.deque()
        self.in_flight = {}
        self.socket = None
        self._target = target
        self._words = words
        self._timeout = timeout
        self._tries = tries
        self._said = said
        self._next_id = 0
        self._at_once = _AT_LEAST
        self._has_answered = False

    def open(self, selector):
        try:
            family, kind, protocol, _name, address = socket.getaddrinfo(
                self._target.host, self._target.port, type=socket.SOCK_DGRAM
            )[0]
            self.socket = socket.socket(family, kind, protocol)
            self.socket.setblocking(False)
            self.socket.connect(address)
        except OSError:
            self.close()
            self.give_up(f"{self._target.host} can't be reached")
            return
        selector.register(self.socket, selectors.EVENT_READ, self)

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def give_up(self, text):
        """Call every session silent that is not settled yet."""
        for request in (*self.in_flight.values(), *self.waiting):
            self._said[request.session] = Kick("silent", text)
        self.in_flight.clear()
        self.waiting.clear()

    def send(self, now):
        """Ask for what is waiting, and again for what got no answer in time."""
        late = [r for r in self.in_flight.values() if r.ask_again <= now]
        if late:
            self._at_once = max(_AT_LEAST, self._at_once // 2)
        for request in reversed(late):
            if request.tries < self._tries:
                # It keeps its identifier: a late answer is an answer.
                request.ask_again = math.inf
                self.waiting.appendleft(request)
                continue
            del self.in_flight[request.packet.id]
            text = f"{self._target.host} does not answer"
            self._said[request.session] = Kick("silent", text)
            if not self._has_answered:
                # The others would wait for nothing.
                self.give_up(text)
                return
        under_way = len(self.in_flight) - sum(
            request.ask_again == math.inf for request in self.in_flight.values()
        )
        while self.waiting and under_way < self._at_once:
            request = self.waiting.popleft()
            if request.packet is None:
                self._make(request)
                self.in_flight[request.packet.id] = request
            elif self.in_flight.get(request.packet.id) is not request:
                continue
            self._put(request, now)
            under_way += 1

    def _make(self, request):
        from pyrad import packet

        while self._next_id in self.in_flight:
            self._next_id = (self._next_id + 1) % 256
        request.packet = packet.CoAPacket(
            packet.CoARequest if request.wanted else packet.DisconnectRequest,
            id=self._next_id,
            secret=self._target.secret.encode(),
            dict=self._words,
            message_authenticator=True,
        )
        self._next_id = (self._next_id + 1) % 256
        for name, value in {**request.names.popleft(), **request.wanted}.items():
            request.packet[name] = value
        # Routers drop what is older than five minutes (RFC 5176 6.3).
        request.packet["Event-Timestamp"] = int(time.time())
        request.raw = request.packet.RequestPacket()

    def _put(self, request, now):
        request.tries += 1
        request.ask_again = now + self._timeout
        # A full buffer or a closed port is an answer that did not come.
        with contextlib.suppress(OSError):
            self.socket.send(request.raw)

    def receive(self):
        """Take all answers that are there; what is forged or late is no answer."""
        from pyrad import packet

        while True:
            try:
                raw = self.socket.recv(4096)
            except BlockingIOError:
                return
            except OSError:
                continue
            request = self.in_flight.get(raw[1]) if len(raw) >= 20 else None
            if request is None:
                continue
            try:
                reply = request.packet.CreateReply(packet=raw)
                is_true = request.packet.VerifyReply(reply, raw)
            except packet.PacketError:
                continue
            if is_true:
                self._settle(request, reply, raw[1])

    def _settle(self, request, reply, number):
        from pyrad import packet

        self._has_answered = True
        self._at_once = min(_AT_MOST, self._at_once + 1)
        del self.in_flight[number]
        host = self._target.host
        cause = (reply.get("Error-Cause") or [0])[0]
        if reply.code == packet.DisconnectACK:
            kick = Kick("gone", "dropped")
        elif reply.code == packet.CoAACK:
            kick = Kick("changed", "done")
        elif cause == _GONE:
            kick = Kick("gone", "was gone already")
        elif cause in _OTHER_WORDS and request.names:
            request.packet = None
            request.tries = 0
            if request.ask_again < math.inf:
                self.waiting.appendleft(request)
            return
        else:
            why = _CAUSES.get(cause, "it doesn't know the session so")
            kick = Kick("refused", f"{host} refused: {why} (Error-Cause {cause})")
        self._said[request.session] = kick
