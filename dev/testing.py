"""`make test`: every runner, one count."""

import os
import subprocess

from . import odoo, postgres
from .state import ROOT

UNIT = ROOT / "tests" / "unit"


def pytest(arguments, **kwargs):
    """Run pytest on the tests that need no Odoo."""
    environment = {**os.environ, **postgres.environment()}
    environment.pop("PYTHONPATH", None)
    # Importing the addon's own __init__ would import Odoo: stay below it.
    options = ["-c", UNIT / "pytest.ini", "--rootdir", UNIT, "-p", "no:cacheprovider"]
    command = [odoo.python(), "-m", "pytest", *options, *(arguments or [UNIT])]
    return subprocess.run(command, env=environment, cwd=ROOT, **kwargs)
