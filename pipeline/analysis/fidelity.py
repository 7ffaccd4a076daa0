"""Renders `docs/fidelity.md`, which compares our code with the authors' code, from YAML files.

`config/fidelity/<strategy>.yaml` has the authors' values. Our values are read from the settings of
the search under the preset `paper`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline import registry
from pipeline.analysis.results_page import table
from pipeline.config import jobs, load
from pipeline.config.generate import flow
from pipeline.config.model import Config
from pipeline.config.validation import validate
from pipeline.config.yaml_text import read_yaml
from pipeline.errors import InputError
from pipeline.settings import Settings

FOLDER = Path("config/fidelity")
COLUMNS = {
    "what": "what",
    "authors": "authors",
    "ours": "ours",
    "source": "source, and why ours differs",
}
HEAD = """# Fidelity

This page compares our code with that of each method's authors. The last column names the source of
the authors' value: a repository and a path in it. If our value differs, the last column also says
**differs** and gives the reason. `python -m pipeline fidelity` writes the page from
`config/fidelity/` and reads the column "ours" from the settings of the preset `paper`. A rule that
several strategies share is listed once, under DARTS (1st order). In the tables below, "the
compact table" is the [converted](nasbench.md) NAS-Bench-201 table.
"""


class Value(Settings):
    """A hyper-parameter in one space."""

    key: str
    authors: Any
    source: str = ""
    why: str = ""


class Rule(Settings):
    """A behaviour that no key controls. If `why` is empty, both codes behave equally."""

    what: str
    authors: str
    ours: str = "the same"
    source: str = ""
    why: str = ""
    test: str = ""


class Fidelity(Settings):
    """The content of one file; `source` is the default source of its values and rules."""

    strategy: str
    source: str
    values: dict[str, list[Value]] = Field(default_factory=dict)
    rules: list[Rule] = Field(default_factory=list)


def read(folder: Path = FOLDER) -> list[Fidelity]:
    """Read all files of the folder, sorted by the name of the strategy.

    Raises:
        InputError: a file is not valid.
    """
    strategies = []
    for path in sorted(folder.glob("*.yaml")):
        content = read_yaml(path)
        strategies.append(validate(Fidelity, content, {str(path): content}))
    return strategies


def effective(config: Config, strategy: str, space: str, key: str) -> Any:
    """The value that a search uses for `search.<key>`, `settings.<key>` or `supernet.<key>`.

    Raises:
        InputError: there is no such key.
    """
    job = jobs.search_job(config, space, strategy).model_dump(mode="json")
    # Only the genotype job has the setting `none_may_win`.
    final = jobs.genotype_job(config, space, "cifar10", strategy).supernet
    known = {**job, "supernet": final.model_dump(mode="json")}
    value: Any = known
    for name in key.split("."):
        if not isinstance(value, dict) or name not in value:
            raise InputError(f"{FOLDER}/{strategy}.yaml: {space}: no key {key}")
        value = value[name]
    return value


def render(folder: Path = FOLDER) -> str:
    """The page."""
    config = load.resolve({"preset": "paper"}, folder.parent)
    return "\n".join([HEAD, *(_section(config, fidelity) for fidelity in read(folder))])


def _section(config: Config, fidelity: Fidelity) -> str:
    title = registry.entry("strategies", fidelity.strategy).title
    values = [
        Rule(
            what=f"{space}: `{value.key}`",
            authors=flow(value.authors),
            ours=flow(effective(config, fidelity.strategy, space, value.key)),
            source=value.source,
            why=value.why,
        )
        for space, values in fidelity.values.items()
        for value in values
    ]
    rows = []
    for rule in [*values, *fidelity.rules]:
        source = rule.source or fidelity.source
        differs = f". **differs**: {rule.why}" if rule.why else ""
        rows.append({**rule.model_dump(), "source": f"{source}{differs}"})
    return f"## {title}\n\n{table(COLUMNS, rows)}\n"
