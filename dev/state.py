"""Where things are kept and which ports they use."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

MODULE = "mybizna_isp"
ROOT = Path(__file__).resolve().parents[1]

# The same checkout always gets the same names; two checkouts get different ones.
CHECKOUT = hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]


def _default_home():
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / MODULE


HOME = Path(os.environ.get("MYBIZNA_ISP_HOME") or _default_home()).absolute()
RUN = HOME / "run" / CHECKOUT
LOGS = RUN / "logs"
DATA = HOME / "odoo-data"


def port(name, default):
    """Return the port set in the environment variable `name`, else `default`."""
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise SetupError(f"{name}={text} is not a port: use a number from 1 to 65535.")
    return int(text)


class SetupError(Exception):
    """A step failed; the text says what to do."""


def odoo_port():
    return port("ISP_HTTP_PORT", 8069)


def gevent_port():
    return port("ISP_GEVENT_PORT", 8072)


def pg_port():
    return port("ISP_PG_PORT", 5461)


def radius_port():
    return port("ISP_RADIUS_PORT", 18120)


def radius_acct_port():
    return port("ISP_RADIUS_ACCT_PORT", 18130)


def demo_db():
    return os.environ.get("ISP_DEMO_DB") or f"isp_demo_{CHECKOUT}"


def pg_environment():
    """Return the variables with which libpq programs reach our PostgreSQL."""
    return {"PGHOST": "127.0.0.1", "PGPORT": str(pg_port()), "PGUSER": "odoo"}


def search_path(*first):
    """Return a PATH with our programs first and the servers' folder in it.

    Debian leaves /usr/sbin, where freeradius is, out of the PATH of users.
    """
    own = os.environ.get("PATH", os.defpath)
    return os.pathsep.join([*map(str, first), own, "/usr/local/sbin", "/usr/sbin"])


def say(text):
    print(f"==> {text}", flush=True)


def port_taken(number):
    """Tell whether something listens on 127.0.0.1:`number`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", number)) == 0


def free_port():
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, what):
    """Poll `condition` until it is true; SetupError with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SetupError(what)
        time.sleep(0.1)


@contextlib.contextmanager
def locked(name):
    """Let one process at a time pass, across checkouts that share the state."""
    HOME.mkdir(parents=True, exist_ok=True)
    with open(HOME / f"{name}.lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Waiting for another run that holds {handle.name}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(command, why, **kwargs):
    """Run `command`; on failure raise SetupError with `why` (what to do)."""
    command = [str(part) for part in command]
    try:
        return subprocess.run(command, check=True, **kwargs)
    except FileNotFoundError as error:
        raise SetupError(f"{command[0]} is missing. {why}") from error
    except subprocess.CalledProcessError as error:
        detail = (error.stderr or error.stdout or "").strip()
        text = f"`{' '.join(command)}` failed (status {error.returncode}). {why}"
        raise SetupError(f"{text}\n{detail}".strip()) from error


def output(command, why, **kwargs):
    """Run `command` and return what it printed."""
    return run(command, why, capture_output=True, text=True, **kwargs).stdout


def alive(pid_file):
    """Return the pid in `pid_file` when that process is ours and runs, else None.

    A number that the system has meanwhile given to a stranger is not ours: the
    command lines of our services name our state folder.
    """
    try:
        pid = int(pid_file.read_text().split()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return None
    return pid if os.fsencode(HOME) in command else None


def terminate(pid_file, signal_number, seconds=15):
    """End the process of `pid_file` and wait for it; return whether it ran."""
    pid = alive(pid_file)
    if pid:
        os.kill(pid, signal_number)
        wait_until(
            lambda: not alive(pid_file),
            seconds,
            f"Process {pid} does not end; see `ps {pid}`.",
        )
    pid_file.unlink(missing_ok=True)
    return bool(pid)


def fresh_folder(path):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def main_guard(function):
    """Call `function`; print a SetupError as a sentence and exit with status 1."""
    # Ends like Ctrl-C, so that what runs below is ended too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return function()
    except SetupError as error:
        print(f"\nStopped: {error}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr, flush=True)
    return 1
