"""Questions and answers on one connection: many under way at once, never mixed up.

Each command carries a tag, and its answer carries the same one. A connection that
failed in any way but a trap is closed for good, because a late answer could otherwise
be taken for that of another question.
"""

import contextlib
import selectors
import socket
import ssl
import time
from dataclasses import dataclass, field

from ..access_types import TransportError
from .wire import Reader, WireError, encode_sentence

WINDOW = 50
# Commands under way before it is known how fast a router is.
FIRST = 4
# Ids that one command takes; a sentence stays small for the smallest router.
IDS = 100

_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True)
class Command:
    """A command and its words, such as ("/ppp/secret/print", ("?name=mary",))."""

    path: str
    words: tuple[str, ...] = field(default=(), repr=False)


@dataclass
class Trap:
    """A refusal of one command.

    :param category: RouterOS's number of the kind of refusal, or "".
    """

    message: str
    category: str = ""


@dataclass
class Reply:
    """What a command brought: rows, the value it returned, or why it was refused."""

    rows: list[dict[str, str]] = field(default_factory=list, repr=False)
    returned: str = ""
    trap: Trap | None = None


class Exchange:
    """Commands and their replies on a socket that is logged in.

    :param where: how a person knows the router.
    :param timeout: seconds without a finished sentence while an answer is due.
    """

    def __init__(self, sock: socket.socket, where: str, timeout: float):
        self._sock = sock
        self._where = where
        self._timeout = timeout
        self._reader = Reader()
        self._count = 0
        self._sock.setblocking(False)

    def close(self) -> None:
        """End the connection; every later command fails."""
        sock, self._sock = self._sock, None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()

    def run(
        self,
        commands: list[Command],
        deadline: float | None,
        stop_at: float | None = None,
    ) -> list[Reply | None]:
        """Return the reply to each command, in their order.

        :param deadline: moment of `time.monotonic()`; None is no limit.
        :param stop_at: moment by which answers should be there: what a router as
            slow as this one would not answer until then is not sent, its reply is
            None.
        :raise TransportError: the connection is closed; which commands the router
            carried out is not known.
        """
        if self._sock is None:
            raise TransportError(f"The connection to {self._where} was closed.")
        try:
            return self._run(commands, deadline, stop_at)
        except BaseException as error:
            self.close()
            if isinstance(error, WireError):
                raise TransportError(
                    f"{self._where} answers in no way of RouterOS's API: {error}"
                ) from None
            if isinstance(error, OSError):
                raise TransportError(
                    f"The connection to {self._where} was lost: {error.strerror}."
                ) from None
            raise

    def _run(self, commands, deadline, stop_at):
        replies = [None] * len(commands)
        waiting, unsent = {}, list(enumerate(commands))[::-1]
        out = bytearray()
        began = heard = time.monotonic()
        while True:
            sent = len(commands) - len(unsent)
            room = _get_room(sent - len(waiting), began, stop_at)
            while unsent and len(waiting) < room:
                place, command = unsent.pop()
                self._count += 1
                tag = str(self._count)
                waiting[tag] = replies[place] = Reply()
                words = (command.path, *command.words, f".tag={tag}")
                out += encode_sentence(words)
            if not waiting:
                return replies
            if deadline is not None and time.monotonic() > deadline:
                raise TransportError(f"{self._where} was not done in the time given.")
            sentences = self._receive()
            for sentence in sentences:
                self._take(sentence, waiting)
            is_sent = self._send(out)
            if sentences:
                heard = time.monotonic()
            elif not is_sent:
                self._wait(bool(out), heard + self._timeout, deadline)

    def _receive(self):
        """Return the sentences that are there, without waiting."""
        sentences = []
        with contextlib.suppress(*_LATER):
            # Some at a time, so that sending goes on beside a long answer.
            for _round in range(16):
                data = self._sock.recv(65536)
                if not data:
                    raise TransportError(f"{self._where} ended the connection.")
                sentences += self._reader.feed(data)
        return sentences

    def _send(self, out):
        """Send what the socket takes; return whether anything went."""
        if not out:
            return False
        with contextlib.suppress(*_LATER):
            del out[: self._sock.send(out)]
            return True
        return False

    def _wait(self, is_writing, silent_at, deadline):
        """Wait until something may go on, at most until the time is over."""
        now = time.monotonic()
        if now >= silent_at:
            raise TransportError(
                f"{self._where} doesn't answer: nothing came for "
                f"{self._timeout:.0f} seconds."
            )
        left = (silent_at if deadline is None else min(silent_at, deadline)) - now
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if is_writing else 0)
        # Not `select`, which knows no socket of a number above 1023.
        with selectors.PollSelector() as selector:
            selector.register(self._sock, events)
            selector.select(max(0.0, left))

    def _take(self, sentence, waiting):
        """Put one sentence of an answer where it belongs."""
        kind, *words = sentence
        if kind == "!fatal":
            reason = words[0] if words else "without a reason"
            raise TransportError(f"{self._where} ended the connection: {reason[:200]}")
        values, tag = _parse(words)
        if tag not in waiting:
            raise WireError("an answer belongs to no question.")
        reply = waiting[tag]
        if kind == "!re":
            reply.rows.append(values)
        elif kind == "!trap":
            message = values.get("message", "without a reason")
            if reply.trap:
                message = f"{reply.trap.message}; {message}"
            reply.trap = Trap(message, values.get("category", ""))
        elif kind == "!done":
            reply.returned = values.get("ret", "")
            del waiting[tag]
        # RouterOS 7.18 says so before the end of an answer without rows.
        elif kind != "!empty":
            raise WireError(f"{kind[:20]!r} begins no answer.")


def _get_room(answered, began, stop_at):
    """Return how many commands may be under way at once."""
    if stop_at is None:
        return WINDOW
    now = time.monotonic()
    if now >= stop_at:
        return 0
    if not answered:
        return FIRST
    # A test may have stopped the clock.
    in_time = (stop_at - now) * answered / max(now - began, 0.001)
    return min(WINDOW, max(1, int(in_time)))


def _parse(words):
    """Return (attributes, tag); what is neither is left out."""
    values, tag = {}, ""
    for word in words:
        if word.startswith("="):
            name, _sign, value = word[1:].partition("=")
            values[name] = value
        elif word.startswith(".tag="):
            tag = word[5:]
    return values, tag
