"""What starting a server for a test needs: ports, users, waiting."""

import os
import pwd
import socket
import subprocess
import time


class ServerError(Exception):
    """A server could not be started or did not answer; says what to do."""


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """Return a port of 127.0.0.1 that nobody uses at the moment."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def as_user(name: str) -> dict:
    """Return arguments of `subprocess` that run as `name`; none for non-root.

    :raise ServerError: we are root and the system has no such user.
    """
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ServerError(
            f"There is no system user {name!r}: install the Debian package that "
            "makes it (postgresql, freeradius)."
        ) from None
    groups = os.getgrouplist(name, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}


def wait_until(ready, seconds: float, sentence: str):
    """Return the first true answer of `ready()`; raise `ServerError` at the end."""
    limit = time.monotonic() + seconds
    while not (answer := ready()):
        if time.monotonic() > limit:
            raise ServerError(sentence)
        time.sleep(0.02)
    return answer


def end(process: subprocess.Popen | None, signal_no: int, seconds: float = 10) -> None:
    """Ask a process to end, insist after `seconds`."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal_no)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
