"""A grid of settings in an experiment: each combination becomes a label and a row.

    grid: {settings.step: [0.05, 0.1], settings.momentum: [0.5, 0.8]}

This grid turns each row with a search into four rows. Their labels contain the values, as in
`shapley_step0p05_momentum0p5`.
"""
# Tested in tests/config/test_experiments.py.

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.config.experiments import Experiment, Row, StrategyLabel
from pipeline.errors import InputError

KEY = re.compile(r"(settings|search)(\.\w+)+")


def expanded(
    experiment: Experiment, labels: Mapping[str, StrategyLabel], source: str
) -> Experiment:
    """Replace each row to which a grid applies by one row per combination of the grid's values.

    Raises:
        InputError: a key is not below `settings` or `search`, or two combinations get one name.
    """
    made: dict[str, StrategyLabel] = {}
    rows: list[Row] = []
    for row in experiment.rows:
        grid = experiment.grid if row.grid is None else row.grid
        if not grid or not row.searched or row.strategy not in labels:
            rows.append(row)
            continue
        for name, label, words in _variants(row.strategy, labels[row.strategy], grid, source):
            if made.setdefault(name, label) != label:
                raise InputError(f"{source}: grid: two combinations are called {name!r}")
            changes = {"strategy": name, "label": f"{row.label}, {words}", "paper": {}}
            rows.append(row.model_copy(update=changes))
    update = {"rows": tuple(rows), "strategies": {**experiment.strategies, **made}}
    return experiment.model_copy(update=update)


def _variants(
    strategy: str, base: StrategyLabel, grid: Mapping[str, tuple[Any, ...]], source: str
) -> Iterator[tuple[str, StrategyLabel, str]]:
    """Name, label and description of each combination of values."""
    for key in grid:
        if not KEY.fullmatch(key):
            raise InputError(f"{source}: grid: {key!r}: expected settings.NAME or search.NAME")
    for values in itertools.product(*grid.values()):
        changes = dict(zip(grid, values, strict=True))
        short = {key.rpartition(".")[2]: value for key, value in changes.items()}
        name = "_".join([strategy, *(f"{key}{_word(value)}" for key, value in short.items())])
        words = ", ".join(f"{key} {value}" for key, value in short.items())
        title = f"{base.title or strategy}, {words}"
        content = base.model_dump()
        for key, value in changes.items():
            _put(content, key.split("."), value)
        yield name, StrategyLabel(**{**content, "title": title}), words


def _put(content: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        content = content.setdefault(part, {})
    content[path[-1]] = value


def _word(value: Any) -> str:
    """A value as part of a name: 0.05 is `0p05`, -1 is `m1`."""
    text = str(value).lower().replace(".", "p").replace("-", "m")
    return re.sub(r"[^a-z0-9_]+", "_", text).strip("_")
