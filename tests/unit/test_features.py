"""docs/features.org is complete, and what it names as proof exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "features.org"
# How many statements each series has, and what stands before the number.
SERIES = {
    "S0-": 36,
    "S1-": 27,
    "S2-": 52,
    "S3-": 47,
    "S4-": 43,
    "F": 43,
    "U-": 63,
    "N-": 50,
    "R": 9,
}
NAMES = [f"{key}{n}" for key, last in SERIES.items() for n in range(1, last + 1)]
NUMBER = re.compile(r"(S[0-4]-|F|U-|N-|R)\d+")
PROOF = re.compile(
    r"=(?P<path>tests/[\w/]+\.py)::(?:(?P<case>\w+)\.)?(?P<test>test_\w+)="
)


def read_rows(text):
    """Return the rows of all tables of an Org text that begin with a number."""
    rows = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and NUMBER.fullmatch(cells[0]):
            rows.append(cells)
    return rows


def collect_tests(path):
    """Return (class or None, name) of each test that a file defines."""
    tree = ast.parse(path.read_text())
    found = {
        (None, node.name)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    for case in tree.body:
        if isinstance(case, ast.ClassDef):
            found |= {
                (case.name, node.name)
                for node in case.body
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            }
    return found


ROWS = read_rows(TABLE.read_text())


def test_every_statement_has_one_row_in_order():
    assert [row[0] for row in ROWS] == NAMES


def test_no_cell_is_empty():
    bad = [row for row in ROWS if len(row) != 3 or not all(row)]
    assert not bad


def test_a_row_is_open_or_names_its_proof():
    unclear = [
        row[0]
        for row in ROWS
        if row[2] != "open"
        and not all(PROOF.fullmatch(part) for part in row[2].split(", "))
    ]
    assert not unclear


@pytest.mark.parametrize(
    "path", sorted({found["path"] for row in ROWS for found in PROOF.finditer(row[2])})
)
def test_every_test_named_as_proof_exists(path):
    named = {
        (found["case"], found["test"])
        for row in ROWS
        for found in PROOF.finditer(row[2])
        if found["path"] == path
    }
    assert not named - collect_tests(ROOT / path)


def test_tests_of_odoo_that_are_named_are_run_by_odoo():
    tree = ast.parse((ROOT / "tests" / "__init__.py").read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    named = {
        Path(found["path"]).stem
        for row in ROWS
        for found in PROOF.finditer(row[2])
        if not found["path"].startswith("tests/unit/")
    }
    assert not named - imported
