"""The measures of runs and how they are shown: title, unit, scale, whether lower is better.

Our metrics are fractions, counts and seconds; those of the NAS-Bench-201 table are percentages.
Tables show the paper's units: percent and millions.
"""
# Tested in tests/analysis/test_tables.py.

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from pipeline.analysis.intervals import Summary, summarise
from pipeline.analysis.runs import FinishedRun
from pipeline.nasbench.cells import N_ARCHITECTURES
from pipeline.nasbench.protocols import ACCURACIES, DIGITS_ACCURACIES

TABLE_COLUMNS = (*ACCURACIES, *DIGITS_ACCURACIES)
TEST_COLUMNS = TABLE_COLUMNS[1::2]
PERCENT = 100.0
MILLIONS = 1e-6
DATASET_TITLES = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "svhn": "SVHN",
    "imagenet": "ImageNet",
    "imagenet16": "ImageNet-16-120",
}


@dataclass(frozen=True)
class Measure:
    """A metric of a stage, shown as a column of tables.

    Attributes:
        stage: the stage whose `metrics.json` holds `key`.
        target: the data set of a retraining; None for other stages.
        scale: factor that converts a stored value to `unit`.
        lower_is_better: None if neither direction is better (sizes, times).
        printed_as: key among the paper's numbers (`Row.paper`), if not `key`.
        comparable: whether a difference from the paper's number is meaningful.
    """

    stage: str
    key: str
    title: str
    unit: str = ""
    scale: float = 1.0
    decimals: int = 2
    lower_is_better: bool | None = True
    target: str | None = None
    printed_as: str | None = None
    comparable: bool = True

    @property
    def printed_key(self) -> str:
        """Its name among the paper's numbers (`Row.paper`)."""
        return self.printed_as or self.key

    def of(self, run: FinishedRun) -> float | None:
        """The run's value in `unit`; None if it has no value."""
        value = run.metrics.get(self.key)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = run.stage == self.stage and run.target == self.target
        return float(value) * self.scale if fits and is_number else None  # type: ignore[arg-type]


def params(target: str | None = None) -> Measure:
    """Parameters of the network trained on `target`; None: of the exported network."""
    return _count("params", "Parameters", 3, target)


def macs(target: str | None = None) -> Measure:
    """Multiply-adds of the network trained on `target`; None: of the exported network."""
    return _count("macs", "Multiply-adds", 2, target)


def _count(key: str, title: str, decimals: int, target: str | None) -> Measure:
    """A count; neither direction is better, and the paper prints it in millions."""
    stage, where = ("retrain", f", {target}") if target else ("genotype", "")
    unit = ("M", MILLIONS, decimals, None)
    return Measure(stage, key, f"{title}{where}", *unit, target=target, printed_as=f"{key}_m")


def test_error(target: str) -> Measure:
    """Top-1 error of the trained network on the test set of `target`."""
    return Measure("retrain", "test_error", f"Test error, {target}", "%", PERCENT, target=target)


def top5_error(target: str) -> Measure:
    """Top-5 error of the trained network on the test set of `target`."""
    return Measure("retrain", "top5_error", f"Top-5 error, {target}", "%", PERCENT, target=target)


def seconds(stage: str, runs: Sequence[FinishedRun], target: str | None = None) -> Measure:
    """Time of a stage, in the unit that suits its longest run."""
    raw = Measure(stage, "seconds", "", target=target)
    longest = max((raw.of(run) or 0.0 for run in runs), default=0.0)
    unit, scale = ("s", 1.0) if longest < 300 else ("min", 1 / 60)
    if longest >= 5 * 3600:
        unit, scale = "h", 1 / 3600
    title = "Search time" if stage == "search" else f"Training time, {target}"
    return Measure(stage, "seconds", title, unit, scale, 1, None, target)


def search_time(runs: Sequence[FinishedRun]) -> Measure:
    """Time of a search on its device; not comparable with the GPU days that the paper prints."""
    return replace(seconds("search", runs), printed_as="search_gpu_days", comparable=False)


def held_out_error(dataset: str) -> Measure:
    """Error of the trials that decide which of several found cells is kept."""
    title = f"Trials: held-out error, {dataset}"
    return Measure("trial", "held_out_error", title, "%", PERCENT)


def table_column(column: str) -> Measure:
    """An accuracy of the NAS-Bench-201 table, which stores percent."""
    return Measure("query", column, column_title(column), "%", lower_is_better=False)


def rank(column: str) -> Measure:
    """Rank of the found architecture in a column of the table; 1 is the best."""
    return Measure("query", f"rank_{column}", f"Rank, {column_title(column)}", decimals=0)


def regret(column: str) -> Measure:
    """Distance to the best architecture of the table in one of its columns."""
    return Measure("query", f"regret_{column}", f"Regret, {column_title(column)}", "points")


def ranked_columns(runs: Iterable[FinishedRun]) -> list[str]:
    """Columns of the table in which the stage `query` ranked the found cells."""
    keys = dict.fromkeys(key for run in runs if run.stage == "query" for key in run.metrics)
    return [key.removeprefix("rank_") for key in keys if key.startswith("rank_")]


def column_title(column: str) -> str:
    """`cifar10_test` as `CIFAR-10 test`."""
    name, _, rest = column.partition("_")
    parts = {"valid": "validation", "12ep": "(12 epochs)", "trainonly": "(half trained)"}
    words = [parts.get(word, word) for word in rest.split("_")]
    return " ".join([dataset_title(name), *words])


def dataset_title(name: str) -> str:
    """`imagenet16` as the paper writes it."""
    return DATASET_TITLES.get(name, name)


def place(dataset: str, stands_for: str) -> str:
    """Text such as `digits in place of CIFAR-10`; only `digits` if it replaces no data set."""
    title = dataset_title(dataset)
    return f"{title} in place of {dataset_title(stands_for)}" if stands_for else title


def summary(measure: Measure, runs: Sequence[FinishedRun]) -> Summary | None:
    """Mean and interval of a measure over runs; None if no run has it."""
    values = by_seed(measure, runs)
    if not values:
        return None
    accuracies = by_seed(table_column(_column(measure)), runs)
    return summarise(values.values(), bounds(measure, runs, [*accuracies.values()]))


def bounds(
    measure: Measure, runs: Sequence[FinishedRun], accuracies: Sequence[float]
) -> tuple[float, float] | None:
    """Bounds of a measure that is looked up in the table; None for any other measure.

    An accuracy lies between the table's median and best, because we assume that no search finds a
    cell below the median. If one of the `accuracies` of the runs is lower, the lower bound is 0.
    """
    column = _column(measure)
    limits = [run.metrics for run in runs if f"median_{column}" in run.metrics]
    if not limits or measure.stage != "query":
        return None
    median, best = (float(limits[0][f"{kind}_{column}"]) for kind in ("median", "best"))
    least, worst = median, N_ARCHITECTURES / 2
    if min(accuracies, default=0.0) < median:
        least, worst = 0.0, float(N_ARCHITECTURES)
    if measure.key.startswith("rank_"):
        return 1.0, worst
    return (0.0, best - least) if measure.key.startswith("regret_") else (least, best)


def _column(measure: Measure) -> str:
    """The column of the table that an accuracy, a rank or a regret refers to."""
    return measure.key.removeprefix("rank_").removeprefix("regret_")


def by_seed(measure: Measure, runs: Iterable[FinishedRun]) -> dict[int, float]:
    """The value for each search seed, averaged over the trainings of the found network.

    If the genotype was not found by a search, training seeds are used. NaN values are left out.
    """
    values: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        if run.stage == "queries" and measure.stage == "query":
            for row in run.history:
                if measure.key in row:
                    values[int(row["seed"])].append(row[measure.key] * measure.scale)
        value = measure.of(run)
        if value is not None and not math.isnan(value):
            by_training = run.rseed is not None and not run.searched
            values[run.rseed if by_training else run.seed].append(value)  # type: ignore[index]
    return {seed: fmean(several) for seed, several in sorted(values.items())}
