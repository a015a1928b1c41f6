"""Who may import what: read from the sources, so that no installation is needed."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MANIFEST = ast.literal_eval((ROOT / "__manifest__.py").read_text())
OWN = {"requests", "librouteros", "dateutil"}
# What any Odoo has installed for itself.
ODOOS = {"odoo", "psycopg2", "werkzeug", "markupsafe", "lxml", "pytz", "babel"}
SHIPPED = [
    path
    for folder in ("models", "controllers", "wizards", "tools")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def imports(path, everywhere=True):
    """Yield the top names of absolute imports; of module level only, if so asked."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def relative_imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.level, node.module or ""


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_nothing_but_the_three_named_libraries_is_needed_to_load(path):
    foreign = set(imports(path, everywhere=False)) - set(sys.stdlib_module_names)
    assert foreign <= OWN | ODOOS


def test_the_manifest_names_these_libraries_and_no_more():
    names = MANIFEST["external_dependencies"]["python"]
    assert {name.removeprefix("python-") for name in names} == OWN


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tools").rglob("*.py")), ids=lambda path: path.stem
)
def test_a_tool_knows_nothing_of_odoo_nor_of_our_models(path):
    assert "odoo" not in set(imports(path))
    depth = len(path.relative_to(ROOT / "tools").parts)
    assert all(level <= depth for level, _module in relative_imports(path))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "models").rglob("*.py")), ids=lambda path: path.stem
)
def test_a_model_speaks_to_no_network(path):
    network = {"socket", "ssl", "http", "urllib", "requests", "librouteros", "pyrad"}
    assert not network & set(imports(path))
