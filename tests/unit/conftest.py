import sys
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

HERE = Path(__file__).resolve().parent
# The repository's root for `tools`, tests/ and this folder for what the tests share.
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent), str(HERE)]

# The same examples in every run, and nothing written beside the sources.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "mybizna_isp_hypothesis")
settings.register_profile("unit", database=None, deadline=None, derandomize=True)
settings.load_profile("unit")
