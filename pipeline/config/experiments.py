"""An experiment: the rows of a table or figure, with the numbers that the paper prints for them.

Each YAML file in `config/experiments/` defines one experiment, which has the name of the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, model_validator

from pipeline.config.claims import Claim
from pipeline.config.folders import FolderSettings
from pipeline.settings import OURS, Names, Seeds, Settings, factory, setting

LABEL = r"^[A-Za-z0-9_]+$"
# Prefix of labels that keep the best cell of several searches.
KEPT = "kept_"
# Prefix of the name of a row of the NAS-Bench-201 table.
TABLE = "table_"


def is_searched(strategy: str) -> bool:
    """Whether a label stands for a search, not for a genotype."""
    return not strategy.startswith(("published_", "file_", KEPT, TABLE))


class StrategyLabel(Settings):
    """An algorithm, and settings that replace its defaults."""

    algorithm: str = Field(description="a registered strategy (`pipeline list strategies`)")
    title: str = setting("", "name shown in tables; empty: the algorithm's title", OURS)
    settings: dict[str, Any] = factory(dict, "settings of the algorithm that differ", OURS)
    search: dict[str, Any] = factory(dict, "search settings that differ for this label", OURS)


class Printed(Settings):
    """A number printed in the paper: errors and accuracies in percent, parameters in millions."""

    mean: float = Field(description="as printed")
    std: float | None = Field(None, description="deviation over runs, where printed")
    n: int | None = Field(None, description="runs behind mean and deviation, where printed")
    best: float | None = Field(None, description="best of the paper's runs, shown next to the mean")


class Row(Settings):
    """One row of a table: the runs of one strategy label and their measurements."""

    label: str = Field(description="name of the row")
    grid: dict[str, tuple[Any, ...]] | None = setting(
        None, "grid of this row instead of the experiment's; {}: no grid", OURS
    )
    strategy: str = setting(
        "",
        "a strategy label, `published_<genotype>`, `file_<genotype>`, a row of the NAS-Bench-201 "
        "table (`table_optimal`, `table_resnet`); empty: the row only quotes the paper",
        OURS,
        pattern=r"^\w*$",
    )
    space: str = setting("darts", "a registered space", OURS, pattern=LABEL)
    datasets: Names = Field(description="data sets searched on", min_length=1)
    query: bool = setting(False, "look the found cell up in the NAS-Bench-201 table", OURS)
    removal: bool = setting(
        False, "measure the accuracy that the supernet loses without operations of two edges", OURS
    )
    ranking: bool = setting(
        False, "compute how well operation strength ranks the architectures of the table", OURS
    )
    repeats: int = setting(
        0, "number of short searches in one job, seeds 0, 1, ..., instead of `seeds`", OURS
    )
    seeds: Seeds = setting((), "seeds of this row; empty: those of the configuration", OURS)
    most_seeds: int = setting(
        0, "use at most this many of the configured seeds; 0: all", OURS, ge=0
    )
    retrain: Names = setting(
        (), "data sets the found network is trained on; `same`: the one searched on", OURS
    )
    paper: dict[str, dict[str, Printed]] = factory(
        dict, "data set searched on -> column of our metrics -> printed number", OURS
    )
    select: bool = setting(
        False,
        "train only the best cell of several searches, chosen by held-out training images",
        OURS,
    )
    not_run: str = setting("", "why the row is not run; empty: it is run", OURS)
    stands_for: str = setting("", "data set of the paper that `datasets` replaces here", OURS)

    @model_validator(mode="after")
    def _quoted(self) -> Row:
        """A row without a strategy is only quoted."""
        if not self.strategy and not self.not_run:
            object.__setattr__(self, "not_run", "published, not run")
        return self

    @property
    def searched(self) -> bool:
        """Whether a search precedes the genotype."""
        return not self.not_run and is_searched(self.strategy)

    @property
    def has_genotype(self) -> bool:
        """Whether each seed has its own genotype, counted and drawn."""
        return not self.repeats and not self.strategy.startswith(TABLE)

    def own_seeds(self, configured: Sequence[int]) -> tuple[int, ...]:
        """The seeds of this row if these seeds are configured."""
        return self.seeds or tuple(configured)[: self.most_seeds or None]

    def targets(self, dataset: str) -> tuple[str, ...]:
        """Data sets that a network found on `dataset` is trained on."""
        return tuple(dataset if target == "same" else target for target in self.retrain)


def with_stand_ins(row: Row, stand_ins: Mapping[str, str]) -> tuple[Row, ...]:
    """Replace data sets of a row by smaller ones, and return one row for each data set.

    `stand_ins` maps data sets to their replacements. A row that uses none of these data
    sets is returned unchanged.
    """
    if not set(stand_ins) & {*row.datasets, *row.retrain}:
        return (row,)
    retrain = tuple(dict.fromkeys(stand_ins.get(target, target) for target in row.retrain))
    return tuple(
        row.model_copy(
            update={
                "datasets": (stand_ins.get(name, name),),
                "retrain": retrain,
                "paper": {stand_ins.get(name, name): _printed_of(row, name, stand_ins)},
                "stands_for": name if {name, *row.retrain} & set(stand_ins) else "",
            }
        )
        for name in row.datasets
    )


def only_on(row: Row, datasets: Sequence[str]) -> Row:
    """Restrict a row to these data sets, if any are given; mark it as `not_run` if none is left."""
    if not datasets or row.not_run:
        return row
    kept = [name for name in row.datasets if name in datasets]
    if not kept:
        return row.model_copy(update={"not_run": f"left out: only on {', '.join(datasets)}"})
    retrain = tuple(name for name in row.retrain if name in ("same", *datasets))
    printed = {name: row.paper[name] for name in kept if name in row.paper}
    return row.model_copy(update={"datasets": tuple(kept), "retrain": retrain, "paper": printed})


def _printed_of(row: Row, name: str, stand_ins: Mapping[str, str]) -> dict[str, Printed]:
    """The paper's numbers for data set `name`, with the name of its replacement in the keys."""
    printed = {}
    for key, value in row.paper.get(name, {}).items():
        of, _, part = key.partition("_")
        if of not in stand_ins:
            printed[key] = value
        elif of == name:
            printed[f"{stand_ins[of]}_{part}"] = value
    return printed


class Experiment(Settings):
    """A table or figure."""

    name: str = Field(pattern=LABEL, description="set from the file's name")
    title: str = Field(description="heading of its tables")
    note: str = setting("", "remark for the reader of the numbers", OURS)
    figure: str = setting("", "figure of the paper to draw (`list figures`)", OURS)
    does_not_show: tuple[str, ...] = setting(
        (), "what a reader must not conclude, quoted with the results", OURS
    )
    strategies: dict[str, StrategyLabel] = factory(dict, "further labels of this experiment", OURS)
    datasets: dict[str, FolderSettings] = factory(dict, "further image folders", OURS)
    reference: str = setting(
        "shapley", "strategy with which all others are compared by paired differences", OURS
    )
    stands_for: dict[str, str] = factory(
        dict, "data set -> the paper's data set that it replaces, whose numbers are shown", OURS
    )
    claims: dict[str, Claim] = factory(
        dict, "claims, named by a letter and a number, each with its rule", OURS
    )
    grid: dict[str, tuple[Any, ...]] = factory(
        dict,
        "`settings.NAME` or `search.NAME` -> values; each searched row is repeated for each "
        "combination, with a new label",
        OURS,
    )
    rows: tuple[Row, ...] = Field(min_length=1, description="what is run, measured and shown")


def shown_strategy(row: Row, seeds: Sequence[int]) -> str:
    """Label of a row's trainings: `kept_...` if only the best of several cells is trained."""
    several = row.select and len(row.own_seeds(seeds)) > 1
    return f"{KEPT}{row.strategy}" if several else row.strategy
