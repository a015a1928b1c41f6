"""`make lint`: the linters on a copy of the tree that carries the addon's name.

The OCA tools look for the manifest by walking up and stop at the git root; where
that root is the addon itself they check nothing and say nothing.
"""

import os
import shutil
import subprocess
import xml.etree.ElementTree as ET

from . import odoo, system
from .state import HOME, MODULE, ROOT, RUN, fresh_folder, locked, say

OUTSIDE = ("dev", "bench", "tools")
# Left out: matters of taste (upper case in the XML header, eval on numbers, the
# order of attributes).
OCA_CHECKS = [
    "oca-checks-odoo-module",
    "--disable=xml-header-wrong,xml-field-numeric-without-eval,xml-tag-position",
]


def _files():
    """Return the files of the working tree: tracked, or new and not ignored."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (ROOT / ".git").exists() and shutil.which("git"):
        safe = ["-c", f"safe.directory={ROOT}"]
        done = subprocess.run(
            [listing[0], *safe, *listing[1:]], cwd=ROOT, capture_output=True, check=True
        )
        names = sorted({os.fsdecode(n) for n in done.stdout.split(b"\0") if n})
        return [ROOT / name for name in names if (ROOT / name).is_file()]
    return [p for p in ROOT.rglob("*") if p.is_file() and "__pycache__" not in p.parts]


def _export():
    target = fresh_folder(RUN / "lint") / MODULE
    for path in _files():
        copy = target / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    return target


def _malformed_xml(tree):
    for path in sorted([*tree.rglob("*.xml"), *tree.rglob("*.svg")]):
        try:
            ET.parse(path)
        except ET.ParseError as error:
            yield f"{path.relative_to(tree)}: {error}"


def _call(name, command, tree):
    say(name)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    bin_folder = odoo.python(odoo.REQUIREMENTS_LINT).parent
    environment["PATH"] = f"{bin_folder}:{environment.get('PATH', '')}"
    done = subprocess.run(
        [bin_folder / command[0], *command[1:]],
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.stdout.strip():
        print(done.stdout.rstrip(), flush=True)
    return done.returncode == 0


def main():
    system.check_python()
    HOME.mkdir(parents=True, exist_ok=True)
    system.need("base")
    with locked("venv"):
        odoo.make_venv(odoo.REQUIREMENTS_LINT)
    tree = _export()
    # Plain Python beside the addon; rules for Odoo's models do not fit it.
    python_files = [p.relative_to(tree) for p in sorted(tree.rglob("*.py"))]
    python_files = [str(p) for p in python_files if p.parts[0] not in OUTSIDE]
    checks = {
        "ruff check": ["ruff", "check", "--no-cache", "."],
        "ruff format": ["ruff", "format", "--no-cache", "--check", "--diff", "."],
        "pylint-odoo": ["pylint", "--rcfile=.pylintrc", *python_files],
        "oca-checks-odoo-module": [*OCA_CHECKS, str(tree)],
    }
    failed = [name for name in checks if not _call(name, checks[name], tree)]
    say("XML is well formed")
    malformed = list(_malformed_xml(tree))
    for line in malformed:
        print(line)
    failed += ["XML"] if malformed else []
    if failed:
        names = ", ".join(failed)
        print(f"Lint found faults: {names}. `ruff format` mends the layout.")
        return 1
    print("Lint found nothing.")
    return 0
