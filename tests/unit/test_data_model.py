"""docs/data_model.org shows the models and fields that there are."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "data_model.org").read_text()


def read_models():
    """Return a dict of model → names of the fields that this addon gives it."""
    models = {}
    for path in [*ROOT.glob("models/*.py"), *ROOT.glob("wizards/*.py")]:
        for case in ast.parse(path.read_text()).body:
            if isinstance(case, ast.ClassDef):
                for name in _read_names(case):
                    models.setdefault(name, set()).update(_read_fields(case))
    return models


def _read_names(case):
    values = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in case.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("_name", "_inherit")
    }
    name = values.get("_name") or values.get("_inherit") or []
    return [name] if isinstance(name, str) else name


def _read_fields(case):
    return {
        node.targets[0].id
        for node in case.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func).startswith("fields.")
    }


MODELS = read_models()
NAMES = set(re.findall(r"=((?:isp|account|res)\.[a-z._]+)=", TEXT))


def test_every_model_stands_in_the_data_model():
    own = {name for name in MODELS if name.startswith("isp.")}
    assert own - NAMES == set()


def test_every_model_that_is_stored_stands_in_the_diagram():
    diagram = TEXT.split("#+begin_src mermaid")[1].split("#+end_src")[0]
    drawn = set(re.findall(r"\b(isp_\w+)\b", diagram))
    tables = {name.replace(".", "_") for name in MODELS if name.startswith("isp.")}
    assert drawn <= tables
    # Not tables of the business: mixins, the page Home, and a person's choice.
    unstored = {
        "isp_span_mixin",
        "isp_system_fields_mixin",
        "isp_money_matching",
        "isp_home",
        "isp_access_cut",
        "isp_connection_change_wizard",
        "isp_connection_pause",
        "isp_gateway_control",
        "isp_gateway_import",
        "isp_gateway_import_line",
        "isp_money_assign",
        "isp_money_assign_candidate",
        "isp_operation_add",
        "isp_payment_move",
        "isp_contract_close",
        "isp_gateway_role",
        "isp_package_price",
        "isp_period_reopen",
        "isp_statement",
        "isp_tax_activate",
    }
    assert tables - unstored - drawn == set()


def test_every_name_in_the_tables_exists():
    fields = {f"{model}.{field}" for model in MODELS for field in MODELS[model]}
    numbers = {f"{model}.id" for model in MODELS}
    assert NAMES - set(MODELS) - fields - numbers == set()
