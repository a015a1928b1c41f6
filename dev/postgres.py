"""A private PostgreSQL cluster, and databases copied from ready-made templates."""

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from . import odoo, system
from .state import (
    DATA,
    HOME,
    LOGS,
    SetupError,
    locked,
    output,
    pg_environment,
    pg_port,
    port_taken,
    run,
    say,
    wait_until,
)

BASE_MODULES = [
    "base",
    "web",
    "account",
    "sms",
    "portal",
    "mail",
    "product",
    "analytic",
]
# Speed before safety: these databases can be made anew at any time.
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
shared_buffers = 256MB
work_mem = 16MB
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = 2GB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
"""


def _owner():
    """Return who runs the server: PostgreSQL refuses root."""
    if os.geteuid():
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {
                "user": entry.pw_uid,
                "group": entry.pw_gid,
                "extra_groups": [],
                "cwd": "/",
            }
    raise SetupError("Root may not run PostgreSQL: create a system user `postgres`.")


def folder():
    """Return the cluster's folder.

    Root's own folders are closed to the server's user, so root's cluster stands
    in /var/lib, named after the state folder.
    """
    if os.geteuid():
        return HOME / "postgres"
    name = hashlib.sha256(str(HOME).encode()).hexdigest()[:6]
    return Path(f"/var/lib/mybizna_isp-{name}/postgres")


def _server_log():
    return folder().parent / "postgres.log"


def program(name):
    return system.pg_bin() / name


def call(name, *arguments, why="See the message above.", **kwargs):
    """Run one of PostgreSQL's client programs against the cluster."""
    variables = {**os.environ, **pg_environment()}
    return output([program(name), *arguments], why, env=variables, **kwargs).strip()


def sql(text, database="postgres"):
    """Run SQL text and return its rows as unaligned text."""
    return call("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", text)


def ready():
    """Tell whether our cluster answers on the port."""
    try:
        return sql("SHOW data_directory") == str(folder())
    except SetupError:
        return False


def _pg_ctl(action, *arguments):
    command = [program("pg_ctl"), action, "-D", folder(), "-s", *arguments]
    run(
        command,
        f"See {_server_log()}.",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        **_owner(),
    )


def _create():
    say(f"Creating a private PostgreSQL cluster in {folder()}")
    parent = folder().parent
    parent.mkdir(parents=True, exist_ok=True)
    owner = _owner()
    if owner:
        os.chown(parent, owner["user"], owner["group"])
    shutil.rmtree(folder(), ignore_errors=True)
    initdb = [program("initdb"), "-D", folder(), "-U", "odoo", "-A", "trust"]
    initdb += ["-E", "UTF8", "--locale=C.UTF-8", "-N"]
    output(initdb, "The cluster could not be made.", **owner)
    with open(folder() / "postgresql.conf", "a") as conf:
        conf.write(SETTINGS)


def running_port():
    """Return the port on which our cluster runs, None when it does not."""
    try:
        lines = (folder() / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), 0)
        return int(lines[3])
    except PermissionError:
        return int(lines[3])
    except (OSError, ValueError, IndexError):
        return None


def start():
    """Start the cluster, creating it first where it is missing."""
    system.need("base")
    with locked("postgres"):
        if ready():
            return
        if running_port() not in (None, pg_port()):
            raise SetupError(
                f"PostgreSQL of {HOME} runs on port {running_port()}. Use that "
                f"(ISP_PG_PORT={running_port()}), another MYBIZNA_ISP_HOME, or "
                "end it: make stop"
            )
        if port_taken(pg_port()):
            raise SetupError(
                f"Port {pg_port()} is in use by something else. "
                "Choose another for PostgreSQL: make ISP_PG_PORT=5462 …"
            )
        if not (folder() / "PG_VERSION").exists():
            _create()
        say(f"Starting PostgreSQL on 127.0.0.1:{pg_port()}")
        _pg_ctl("start", "-w", "-t", "60", "-l", _server_log(), "-o", f"-p {pg_port()}")
        wait_until(ready, 30, f"PostgreSQL does not answer; see {_server_log()}.")


def stop():
    """Stop the cluster unless others still work with it; tell whether it stopped."""
    if not system.pg_bin() or not running_port():
        return False
    # Whatever port it was started with.
    os.environ["ISP_PG_PORT"] = str(running_port())
    if not ready():
        return False
    others = sql(
        "SELECT string_agg(DISTINCT datname, ', ') FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    if others:
        say(f"PostgreSQL stays up: databases in use are {others}")
        return False
    _pg_ctl("stop", "-m", "fast", "-w")
    return True


def exists(name):
    return name in sql("SELECT datname FROM pg_database").split()


def filestore(name):
    return DATA / "filestore" / name


def drop(name):
    call("dropdb", "--if-exists", "--force", name)
    shutil.rmtree(filestore(name), ignore_errors=True)


def copy(template, name):
    """Make database `name` anew as a copy of `template`, with its files."""
    drop(name)
    call("createdb", "-T", template, name)
    # Files of the store never change once written, so that a link is a copy.
    if filestore(template).exists():
        shutil.copytree(filestore(template), filestore(name), copy_function=os.link)
    sql(
        "UPDATE ir_config_parameter SET value = gen_random_uuid() "
        "WHERE key IN ('database.uuid', 'database.secret')",
        name,
    )


def allow_demo(name):
    """Let the demo data of our addon be loaded without that of Odoo's modules."""
    sql("UPDATE ir_module_module SET demo = true WHERE state = 'installed'", name)


def base_template():
    """Return the name of the template with the addon's dependencies installed."""
    start()
    package, _folders = odoo.locate()
    content = ",".join(BASE_MODULES) + (package / "release.py").read_text()
    name = f"isp_base_{hashlib.sha256(content.encode()).hexdigest()[:8]}"
    with locked("template"):
        if not exists(name):
            _make_template(name)
    return name


def _make_template(name):
    half = f"{name}_part"
    log = LOGS / f"{name}.log"
    LOGS.mkdir(parents=True, exist_ok=True)
    drop(half)
    say(f"Making the template database {name} (two minutes, once; log: {log})")
    arguments = ["-d", half, "-i", ",".join(BASE_MODULES), "--stop-after-init"]
    with open(log, "w") as handle:
        status = odoo.call([*arguments, "--no-http"], stdout=handle, stderr=handle)
    installed = exists(half) and sql(
        "SELECT count(*) FROM ir_module_module WHERE state = 'installed' AND name IN "
        f"({','.join(repr(module) for module in BASE_MODULES)})",
        half,
    )
    if status or installed != str(len(BASE_MODULES)):
        raise SetupError(f"Odoo could not install its own modules; see {log}.")
    sql(f"ALTER DATABASE {half} RENAME TO {name}")
    if filestore(half).exists():
        shutil.rmtree(filestore(name), ignore_errors=True)
        filestore(half).rename(filestore(name))
    sql(f"ALTER DATABASE {name} IS_TEMPLATE true ALLOW_CONNECTIONS false")
