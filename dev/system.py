"""Debian packages: what is missing is installed, what is there is used."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .state import SetupError, output, run, say, search_path

POLICY = Path("/usr/sbin/policy-rc.d")
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/mybizna-isp.conf")
FREERADIUS_SQL = Path("/etc/freeradius/3.0/mods-config/sql/main/postgresql")


def which(name):
    return shutil.which(name, path=search_path())


def pg_bin():
    """Return the folder with PostgreSQL's server programs, or None."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    found = [folder for folder in folders if (folder / "initdb").exists()]
    if found:
        return max(found, key=lambda folder: float(folder.parent.name))
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


def _has_freeradius_sql(kind):
    return any(Path("/usr/lib").glob(f"**/freeradius/rlm_sql_{kind}.so"))


def chromium():
    """Return the path of a Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(which, names)), None)


def _can_make_venv():
    with contextlib.suppress(ImportError):
        import ensurepip  # noqa: F401
        import venv  # noqa: F401

        return True
    return False


# What each part of the work needs: (is it there?, Debian packages).
NEEDS = {
    "base": [
        (_can_make_venv, ["python3-venv"]),
        (pg_bin, ["postgresql"]),
    ],
    "radius": [
        (lambda: which("freeradius"), ["freeradius"]),
        (lambda: _has_freeradius_sql("postgresql"), ["freeradius-postgresql"]),
        (lambda: which("radclient"), ["freeradius-utils"]),
    ],
    # The other database that providers' RADIUS servers have; tests only.
    "mariadb": [
        (lambda: _has_freeradius_sql("mysql"), ["freeradius-mysql"]),
        (lambda: which("mariadbd"), ["mariadb-server"]),
    ],
    "browser": [(chromium, ["chromium"])],
    # Odoo prints by it.
    "pdf": [(lambda: which("wkhtmltopdf"), ["wkhtmltopdf"])],
}


def os_release():
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {key: value.strip('"') for key, value in pairs}


def is_debian():
    release = os_release()
    family = {release.get("ID"), *release.get("ID_LIKE", "").split()}
    return "debian" in family and bool(shutil.which("apt-get"))


def as_root(command):
    """Return `command`, with sudo in front when we are not root."""
    if os.geteuid() == 0:
        return command
    if not shutil.which("sudo"):
        raise SetupError(
            "This step needs root, and sudo is not installed. "
            f"Run as root: {' '.join(command)}"
        )
    return ["sudo", "env", "DEBIAN_FRONTEND=noninteractive", *command]


def _write_as_root(path, text, mode):
    if path.exists():
        return False
    why = f"{path} could not be written."
    run(as_root(["mkdir", "-p", str(path.parent)]), why)
    run(
        as_root(["tee", str(path)]), why, input=text.encode(), stdout=subprocess.DEVNULL
    )
    run(as_root(["chmod", mode, str(path)]), why)
    return True


@contextlib.contextmanager
def quiet_services():
    """Keep apt from starting services or creating the system's own cluster."""
    made = []
    if _write_as_root(POLICY, "#!/bin/sh\nexit 101\n", "755"):
        made.append(POLICY)
    fresh = not Path("/usr/share/postgresql-common").exists()
    if fresh and _write_as_root(NO_CLUSTER, "create_main_cluster = false\n", "644"):
        made.append(NO_CLUSTER)
    try:
        yield
    finally:
        for path in made:
            run(as_root(["rm", "-f", str(path)]), f"Remove {path} by hand.")


def need(*groups):
    """Install the Debian packages of `groups` that are missing."""
    checks = [check for group in groups for check in NEEDS[group]]
    missing = [name for there, names in checks if not there() for name in names]
    if not missing:
        return
    names = " ".join(missing)
    if not is_debian():
        raise SetupError(
            f"These are missing and only a Debian can get them by itself: {names}. "
            "Install them with your system's package manager and start again."
        )
    say(f"Installing Debian packages: {names}")
    why = "Check the network and /etc/apt, then start again."
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=600"]
    apt += ["-o", "Dpkg::Use-Pty=0"]
    with quiet_services():
        run(as_root([*apt, "update"]), why, env=environment, stdin=subprocess.DEVNULL)
        run(
            as_root([*apt, "install", "--no-install-recommends", *missing]),
            why,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    if "freeradius" in missing and shutil.which("systemctl"):
        # Installed for tests and demo; the machine need not start it at boot.
        disable = as_root(["systemctl", "--quiet", "disable", "freeradius"])
        subprocess.run(disable, check=False, stdin=subprocess.DEVNULL)
    still = [name for there, names in checks if not there() for name in names]
    if still and still != ["python3-venv"]:
        raise SetupError(f"Still missing after the installation: {' '.join(still)}.")


def freeradius_sql(copy):
    """Return variables naming FreeRADIUS's schema and queries, if need be a copy.

    Debian lets only root and freerad read them; others get a copy, by sudo.

    :param Path copy: where that copy is kept
    """
    if os.access(FREERADIUS_SQL / "schema.sql", os.R_OK):
        return {}
    for kind in ("postgresql", "mysql"):
        folder = copy / kind
        if (folder / "schema.sql").exists() or not _has_freeradius_sql(kind):
            continue
        say(f"Copying FreeRADIUS's schema for {kind}, which only root may read")
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("queries.conf", "schema.sql"):
            command = as_root(["cat", str(FREERADIUS_SQL.with_name(kind) / name)])
            text = output(command, "FreeRADIUS's schema could not be read.")
            (folder / name).write_text(text)
    return {"ISP_FREERADIUS_SQL": str(copy / "postgresql")}


def check_python():
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        version = ".".join(map(str, sys.version_info[:2]))
        raise SetupError(
            f"Odoo 19 runs on Python 3.10 to 3.13, this is {version}. "
            "Name another one: make PYTHON=python3.12 …"
        )


def debian_mirror():
    """Return the address of the Debian mirror that this machine already uses."""
    codename = os_release().get("VERSION_CODENAME", "")
    listing = output(
        ["apt-get", "update", "--print-uris"],
        "Debian's apt is needed to fetch Odoo 19, or set ODOO_PATH to a copy of it.",
    )
    found = re.search(rf"'(\S+)/dists/{codename}/InRelease'", listing)
    if codename and found:
        return found[1]
    raise SetupError(
        f"No Debian source for {codename or 'this system'} in /etc/apt. "
        "Set ODOO_PATH to an existing Odoo 19 (the folder with odoo-bin)."
    )
