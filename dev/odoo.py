"""Odoo 19: find or fetch it, its Python packages, its configuration."""

import hashlib
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from . import system
from .state import (
    CHECKOUT,
    DATA,
    HOME,
    MODULE,
    ROOT,
    RUN,
    SetupError,
    fresh_folder,
    gevent_port,
    locked,
    odoo_port,
    output,
    pg_environment,
    pg_port,
    run,
    say,
    search_path,
)

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# The Debian package of Odoo links to files of these; from sid like itself …
SISTERS = (
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-roboto-unhinted",
    "fonts-montserrat",
    "fonts-glyphicons-halflings",
    "fonts-ocr-b",
    "fonts-dejavu-core",
)
# … but for two: sid's Font Awesome lacks the web fonts that Odoo's icons need.
OLDER_SISTERS = ("fonts-font-awesome", "fonts-inconsolata")
OLDER_SUITE = "bookworm"
PACKAGES = "usr/lib/python3/dist-packages"
LEFT_OUT = "mail/static/lib/selfie_segmentation/selfie_segmentation.js"
NO_DOWNLOAD = (
    "Check the network, then start again; or set ODOO_PATH to an existing "
    "Odoo 19 (the folder with odoo-bin)."
)
REQUIREMENTS = ROOT / "dev" / "requirements.txt"
REQUIREMENTS_LINT = ROOT / "dev" / "requirements-lint.txt"
UNPACKED = HOME / "odoo19"
LINK = RUN / "python"


def venv_of(requirements):
    """Return the folder of the virtual environment for a requirements file."""
    version = ".".join(map(str, sys.version_info[:3]))
    content = requirements.read_bytes() + version.encode()
    return HOME / f"venv-{hashlib.sha256(content).hexdigest()[:8]}"


def python(requirements=REQUIREMENTS):
    return venv_of(requirements) / "bin" / "python"


def make_venv(requirements=REQUIREMENTS):
    """Make a virtual environment with exactly the packages of a file."""
    venv = venv_of(requirements)
    stamp = venv / "complete"
    if stamp.exists():
        return
    name = requirements.relative_to(ROOT)
    say(f"Python packages of {name} into {venv} (a minute or so)")
    why = f"Check the network and the free space, remove {venv} and start again."
    shutil.rmtree(venv, ignore_errors=True)
    run([sys.executable, "-m", "venv", venv], why)
    pip = [python(requirements), "-m", "pip", "--disable-pip-version-check"]
    quiet = [] if sys.stdout.isatty() else ["-qq"]
    run(
        [*pip, "install", *quiet, "-r", requirements],
        why,
        stdin=subprocess.DEVNULL,
    )
    stamp.touch()


def _package_version(package):
    """Return the version (19, 0) of the `odoo` package in a folder, or None."""
    try:
        text = (package / "release.py").read_text()
    except OSError:
        return None
    found = re.search(r"^version_info = \((\d+), (\d+)", text, re.M)
    return (int(found[1]), int(found[2])) if found else None


def _is_odoo19(package):
    return (_package_version(package) or (0,))[0] == 19


def _importable():
    """Return the folder of the `odoo` that this Python can import, or None."""
    code = "import odoo.release as r; print(r.__file__)"
    # What we put on the path ourselves is a link to what is looked for here.
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    others = os.pathsep.join(path for path in paths if path != str(LINK))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": others},
    )
    return Path(done.stdout.strip()).parent if done.returncode == 0 else None


def _fetch():
    """Fetch Debian sid's odoo-19 and unpack it; nothing is installed."""
    if not system.is_debian():
        raise SetupError(f"Odoo 19 is fetched from Debian's archive. {NO_DOWNLOAD}")
    mirror = system.debian_mirror()
    say("Fetching Odoo 19 from Debian sid (about 125 MB; unpacked, not installed)")
    apt = fresh_folder(HOME / "apt")
    debs = fresh_folder(apt / "debs")
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True)
    sources = apt / "sources.list"
    signed = f"[signed-by={KEYRING}]" if Path(KEYRING).exists() else ""
    suites = ("sid", OLDER_SUITE)
    sources.write_text("".join(f"deb {signed} {mirror} {s} main\n" for s in suites))
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/none",
        "Dir::State::Lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        # A frozen mirror will do: its signature is checked all the same.
        "Acquire::Check-Valid-Until": "false",
    }
    get = ["apt-get", *(f"-o{key}={value}" for key, value in options.items())]
    run([*get, "update"], NO_DOWNLOAD)
    older = [f"{name}/{OLDER_SUITE}" for name in OLDER_SISTERS]
    wanted = [f"{name}/sid" for name in ("odoo-19", *SISTERS)]
    run([*get, "download", *wanted, *older], NO_DOWNLOAD, cwd=debs)
    say("Unpacking Odoo 19 (1.2 GB)")
    half = fresh_folder(HOME / "odoo19.part")
    for deb in sorted(debs.glob("*.deb")):
        run(["dpkg", "-x", deb, half], "Check the free space and start again.")
    # Left out by Debian; without it each page's bundle reports an error.
    absent = half / PACKAGES / "odoo/addons" / LEFT_OUT
    if not absent.exists():
        absent.parent.mkdir(parents=True, exist_ok=True)
        absent.touch()
    broken = output(["find", half, "-xtype", "l"], "find failed.").split()
    if broken:
        raise SetupError(f"Odoo's package lacks what it links to: {broken[0]}")
    shutil.rmtree(UNPACKED, ignore_errors=True)
    half.rename(UNPACKED)
    shutil.rmtree(apt)


def locate(fetch=True):
    """Return (folder of the `odoo` package, its addons folders).

    In this order: $ODOO_PATH, the `odoo` this Python can import, the download.
    """
    wish = os.environ.get("ODOO_PATH")
    if wish:
        package = Path(wish).absolute() / "odoo"
        if not _is_odoo19(package):
            package = Path(wish).absolute()
        if not _is_odoo19(package):
            raise SetupError(
                f"ODOO_PATH={wish} holds no Odoo 19. Name the folder with odoo-bin."
            )
    else:
        package = _importable()
        if not package or not _is_odoo19(package):
            package = UNPACKED / PACKAGES / "odoo"
            if fetch and not _is_odoo19(package):
                with locked("odoo"):
                    if not _is_odoo19(package):
                        _fetch()
    # Packages hold all addons within; a checkout of the sources has two folders.
    addons = [package / "addons"]
    if not (addons[0] / "account").is_dir():
        addons.append(package.parent / "addons")
    return package, addons


def _relink(link, target):
    if link.is_symlink() and link.readlink() == target:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    new = link.with_name(f"{link.name}.{os.getpid()}")
    new.symlink_to(target)
    new.replace(link)


def config_file():
    """Write Odoo's configuration of this checkout and return its path."""
    package, folders = locate()
    _relink(LINK / "odoo", package)
    # An addon's technical name is the name of its folder, whatever ours is called.
    _relink(RUN / "addons" / MODULE, ROOT)
    options = {
        "addons_path": ",".join(map(str, [*folders, RUN / "addons"])),
        "admin_passwd": "admin",
        "data_dir": DATA,
        "db_host": "127.0.0.1",
        "db_port": pg_port(),
        "db_user": "odoo",
        "db_password": "odoo",
        "http_interface": "127.0.0.1",
        "http_port": odoo_port(),
        "gevent_port": gevent_port(),
        "max_cron_threads": 0,
        "list_db": "True",
    }
    path = RUN / "odoo.conf"
    text = "".join(f"{key} = {value}\n" for key, value in options.items())
    path.write_text(f"[options]\n{text}")
    path.chmod(0o600)
    return path


def _freeradius():
    there = system.which("freeradius")
    return system.freeradius_sql(HOME / "freeradius-sql") if there else {}


def environment(**extra):
    """Return the variables for Odoo, tests and measurements."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "ODOO_RC")}
    return {
        **kept,
        "PYTHONPATH": str(LINK),
        "PATH": search_path(python().parent),
        "PYTHONUNBUFFERED": "1",
        **pg_environment(),
        **_freeradius(),
        **extra,
    }


def command(arguments):
    """Return the command line that runs Odoo's own program with our configuration.

    `arguments` as for odoo-bin; leading words such as `shell` are its sub-command.
    """
    verb = list(itertools.takewhile(lambda a: not a.startswith("-"), arguments))
    rest = list(arguments)[len(verb) :]
    config = ["-c", str(config_file())]
    return [str(python()), "-m", "odoo", *verb, *config, *rest]


def call(arguments, **kwargs):
    """Run Odoo in the foreground; return its exit status."""
    return subprocess.run(
        command(arguments), env=environment(), cwd=RUN, **kwargs
    ).returncode


def prepare():
    """Get all that Odoo needs before it can start."""
    system.check_python()
    HOME.mkdir(parents=True, exist_ok=True)
    system.need("base")
    with locked("venv"):
        make_venv()
    locate()
    config_file()


def describe():
    """Return lines that let another person run Odoo without this program."""
    package, folders = locate()
    return [
        f"odoo package   {package}",
        f"addons         {' '.join(map(str, folders))} {RUN / 'addons'}",
        f"python         {python()}",
        f"configuration  {config_file()}",
        f"command        PYTHONPATH={LINK} {shlex.join(command([]))}",
        f"checkout id    {CHECKOUT}",
    ]
