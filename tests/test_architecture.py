"""docs/architecture.md names what exists and the layers that are checked; tests mirror modules."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests import package_picture

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/.-]+(?:/|\.(?:py|yaml|toml|md)))`", PAGE)))


def lines_of_picture():
    """The packages of each line of the list, from the top down."""
    picture = re.search(r"```text\n(.*?)```", PAGE, re.S)[1]
    return [re.split(r"\s{2,}", line)[0] for line in picture.splitlines()]


def layers():
    """The layers of pyproject.toml, from the top down, each a set of packages."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = (c for c in linter["contracts"] if c["name"] == "Layers")
    return [{name.strip() for name in layer.split(":")} for layer in contract["layers"]]


def test_the_page_names_many_files():
    assert len(NAMED) > 30


@pytest.mark.parametrize("name", NAMED)
def test_a_named_file_exists(name):
    assert any((base / name).exists() for base in (ROOT, ROOT / "pipeline")), name


def test_the_picture_shows_the_layers_that_are_checked():
    shown = [set(line.split(" | ")) for line in lines_of_picture()]
    checked = layers()
    assert shown[0] == {"cli"} <= checked[0]
    assert shown[1:-1] == checked[1:-1]
    lowest = set(lines_of_picture()[-1].split(", ")) - {"..."}
    assert lowest <= checked[-1]


def test_the_arrows_are_the_imports_of_today():
    shown = package_picture.PICTURE.read_text(encoding="utf-8")
    told = f"imports have changed; draw them with `{package_picture.COMMAND}`"
    assert shown == package_picture.svg(), told


def test_an_arrow_that_follows_from_others_is_left_out():
    pairs = {("a", "b"), ("b", "c"), ("c", "d"), ("a", "c"), ("a", "d"), ("b", "d")}
    assert package_picture.arrows(pairs) == [("a", "b"), ("b", "c"), ("c", "d")]
    assert package_picture.levels([*pairs]) == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_every_package_is_in_the_picture():
    shown = {name for line in lines_of_picture() for name in line.split(" | ")}
    packages = {path.parent.name for path in (ROOT / "pipeline").glob("*/__init__.py")}
    assert packages <= shown
    drawn = set(re.findall(r">([^<]+)</text>", package_picture.svg()))
    assert packages | {"cli", package_picture.LOWEST} <= drawn


MODULES = sorted(
    path.relative_to(ROOT / "pipeline")
    for path in (ROOT / "pipeline").rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py")
)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_says_where_it_is_tested(module):
    mirrored = ROOT / "tests" / module.with_name(f"test_{module.name}")
    text = (ROOT / "pipeline" / module).read_text(encoding="utf-8")
    named = re.search(r"^# Tested in (tests/[\w/]+\.py)\.$", text, re.M)
    if mirrored.exists():
        assert named is None, "its own file of tests is where one looks"
    else:
        assert named and (ROOT / named[1]).exists()


TREES = {m: ast.parse((ROOT / "pipeline" / m).read_text(encoding="utf-8")) for m in MODULES}
FUNCTIONS = [
    (module, node)
    for module, tree in TREES.items()
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef)
]


def test_stages_and_their_journals_know_nothing_of_mlflow():
    stages = [path for path in MODULES if path.parts[0] in ("stages", "strategies", "training")]
    assert len(stages) > 50
    for module in (*stages, Path("journal.py"), Path("events.py")):
        assert "mlflow" not in (ROOT / "pipeline" / module).read_text(encoding="utf-8").lower()


def test_a_function_fits_a_screen():
    long = [
        f"{module}: {node.name}"
        for module, node in FUNCTIONS
        if node.end_lineno - node.lineno >= 50
    ]
    assert not long


def test_few_modules_are_imported_late_or_for_types_only():
    late = {
        (module, inner.lineno)
        for module, node in FUNCTIONS
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }
    assert len(late) <= 60
    for_types = [
        node
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    assert len(for_types) <= 30
