"""An experiment as tables: our mean with its interval, the paper's number, and the difference.

Each data set used in a search has separate tables. If networks are trained on several data sets,
the paper's error is shown only for the first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.analysis import apart, measures
from pipeline.analysis.evidence import Evidence, runs_of
from pipeline.analysis.intervals import CONFIDENCE, Summary, paired_difference, welch
from pipeline.analysis.measures import TABLE_COLUMNS, TEST_COLUMNS, Measure, by_seed
from pipeline.analysis.runs import ORDER, FinishedRun
from pipeline.config.claims import LEAST
from pipeline.config.experiments import KEPT, Experiment, Printed, Row, is_searched
from pipeline.nasbench.protocols import DIGITS
from pipeline.paths import Place


@dataclass(frozen=True)
class Cell:
    """A cell of a table: our mean over seeds, and the paper's number.

    Attributes:
        ours: None if no run has a value.
        expected: number of seeds that should have run.
        applies: whether runs of this row measure this column.
        made_by_other_code: the `runs` whose code has changed since.
        paper_dataset: the paper's data set, if ours is a smaller replacement; else empty.
        values: our value for each seed.
        runs: the runs that gave the values, by seed.
        n_failed: number of seeds without a value because a run failed or diverged.
    """

    measure: Measure
    ours: Summary | None
    paper: Printed | None
    expected: int
    applies: bool
    made_by_other_code: tuple[FinishedRun, ...]
    paper_dataset: str = ""
    values: Mapping[int, float] = field(default_factory=dict)
    runs: tuple[FinishedRun, ...] = ()
    n_failed: int = 0

    @property
    def best(self) -> float | None:
        """The best value of several runs; None if neither low nor high values are better."""
        if len(self.values) < 2 or self.measure.stage not in ("retrain", "query"):
            return None
        better = {True: min, False: max}.get(self.measure.lower_is_better)  # type: ignore[arg-type]
        return better(self.values.values()) if better else None

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's, in the column's unit; None for different data sets."""
        if self.ours is None or self.paper is None or self.paper_dataset:
            return None
        if not self.measure.comparable:
            return None
        return self.ours.mean - self.paper.mean

    @property
    def standard_errors(self) -> float | None:
        """The difference in standard errors, if the paper states its number of runs."""
        ours, paper = self.ours, self.paper
        if self.difference is None or ours is None or ours.deviation is None:
            return None
        if paper is None or paper.std is None or paper.n is None:
            return None
        error = math.sqrt(ours.deviation**2 / ours.n + paper.std**2 / paper.n)
        return self.difference / error if error else None

    @property
    def verdict(self) -> str:
        """Whether our mean differs from the paper's (Welch's test at 5 %), or why that is unknown.

        If the paper states no number of runs, we assume `LEAST`.
        """
        if self.ours is None or self.paper is None or self.difference is None:
            return ""
        if self.measure.lower_is_better is None:
            return ""
        if self.ours.n < LEAST or self.ours.deviation is None:
            return f"no verdict: n < {LEAST}"
        if self.paper.std is None:
            return "no verdict: no deviation printed"
        ours = (self.ours.mean, self.ours.deviation, self.ours.n)
        _, _, p = welch(ours, (self.paper.mean, self.paper.std, self.paper.n or LEAST))
        if p > 1 - CONFIDENCE:
            return "within"
        return "better" if (self.difference < 0) == self.measure.lower_is_better else "worse"


@dataclass(frozen=True)
class Line:
    """One row of a table, and the genotypes that its runs found."""

    row: Row
    cells: tuple[Cell, ...]
    genotypes: tuple[FinishedRun, ...] = ()


@dataclass(frozen=True)
class ResultTable:
    """Some columns of an experiment."""

    caption: str
    columns: tuple[Measure, ...]
    lines: tuple[Line, ...]

    def differences(self, reference: str) -> list[tuple[Line, list[Summary | None]]]:
        """Differences from a reference strategy in the same space, paired over shared seeds.

        There is an entry for each row of searches that shares at least two seeds with the
        reference. A difference is None if neither low nor high values of the column are better.
        """
        differences = []
        for line in self.lines:
            base = [
                other
                for other in self.lines
                if (other.row.strategy, other.row.space) == (reference, line.row.space)
            ]
            row = line.row
            if not base or base[0] is line or not row.searched or row.repeats:
                continue
            paired = [
                paired_difference(a.values, b.values)
                if a.measure.lower_is_better is not None
                else None
                for a, b in zip(line.cells, base[0].cells, strict=True)
            ]
            if any(gap and gap.n > 1 for gap in paired):
                differences.append((line, paired))
        return differences


@dataclass(frozen=True)
class Part:
    """An experiment on one data set; `lacks_benchmark`: the benchmark's table is missing."""

    dataset: str
    tables: tuple[ResultTable, ...]
    lacks_benchmark: bool


def parts(experiment: Experiment, evidence: Evidence) -> list[Part]:
    """The tables of an experiment, grouped by (data set, data set that it replaces, if any)."""
    keys = dict.fromkeys((name, row.stands_for) for row in experiment.rows for name in row.datasets)
    return [_part(experiment, *key, evidence) for key in keys]


def _part(experiment: Experiment, dataset: str, stood_for: str, evidence: Evidence) -> Part:
    rows = [r for r in experiment.rows if dataset in r.datasets and r.stands_for == stood_for]
    stands_for = measures.dataset_title(stood_for or experiment.stands_for.get(dataset, ""))
    searched = "searched " if any(is_searched(row.strategy) for row in rows) else ""
    where = f"{searched}on {dataset}" + (f" in place of {stands_for}" if stands_for else "")
    queried = [row for row in rows if row.query]
    runs = [run for row in rows for run in runs_of(row, dataset, evidence.runs)]
    looked_up, places = _benchmark_columns(rows, dataset, runs)
    benchmark = "nasbench_digits" if dataset == DIGITS else "NAS-Bench-201"
    trained = [row for row in rows if row.has_genotype]
    candidates = [
        (f"Looked up in {benchmark}", looked_up, queried),
        (f"Place among all architectures of {benchmark}", places, queried),
        ("Trained here", _own_columns(trained, dataset, runs) if trained else [], trained),
    ]
    tables = tuple(
        ResultTable(
            f"{caption}, {where}",
            tuple(columns),
            tuple(_line(row, dataset, columns, evidence, stands_for) for row in wanted),
        )
        for caption, columns, wanted in candidates
        if columns and wanted
    )
    return Part(
        dataset, tables, lacks_benchmark=any(r.stage == "query" for r in runs) and not places
    )


def _line(
    row: Row, dataset: str, columns: Sequence[Measure], evidence: Evidence, stands_for: str
) -> Line:
    runs = runs_of(row, dataset, evidence.runs)
    cells = (_cell(row, dataset, column, runs, evidence) for column in columns)
    return Line(
        row,
        tuple(replace(cell, paper_dataset=stands_for) for cell in cells),
        tuple(run for run in runs if run.stage == "genotype"),
    )


def _benchmark_columns(
    rows: Sequence[Row], dataset: str, runs: Sequence[FinishedRun]
) -> tuple[list[Measure], list[Measure]]:
    """Columns for accuracies in the benchmark, and for ranks and regrets on test sets."""
    printed = {key for row in rows for key in row.paper.get(dataset, {})}
    known = {key for run in runs if run.stage == "query" for key in run.metrics}
    looked_up = [column for column in TABLE_COLUMNS if column in printed | known]
    ranked = [column for column in measures.ranked_columns(runs) if column in TEST_COLUMNS]
    places = [kind(column) for column in ranked for kind in (measures.rank, measures.regret)]
    return [measures.table_column(column) for column in looked_up], places


def _own_columns(rows: Sequence[Row], dataset: str, runs: Sequence[FinishedRun]) -> list[Measure]:
    """The columns measured here by training, counting and timing."""
    printed = {key for row in rows for key in row.paper.get(dataset, {})}
    targets = dict.fromkeys(name for row in rows for name in row.targets(dataset))
    columns = []
    if any(run.stage == "trial" for run in runs):
        columns.append(measures.held_out_error(dataset))
    for target in targets:
        columns.append(measures.test_error(target))
        if "top5_error" in printed:
            columns.append(measures.top5_error(target))
    # Sizes are those on the first data set; on others only classifier and stem differ in size.
    firsts = dict.fromkeys(name for row in rows for name in row.targets(dataset)[:1])
    sized: list[str | None] = [*firsts] or [None]
    for size_of in sized:
        columns += [measures.params(size_of), measures.macs(size_of)]
    if any(row.searched for row in rows) or "search_gpu_days" in printed:
        columns.append(measures.search_time(runs))
    return columns


def _cell(
    row: Row, dataset: str, column: Measure, runs: Sequence[FinishedRun], evidence: Evidence
) -> Cell:
    values = by_seed(column, runs)
    having = tuple(run for run in runs if by_seed(column, [run]))
    targets = row.targets(dataset)
    applies = (
        not row.not_run
        and {
            "query": row.query,
            "retrain": column.target in targets,
            "genotype": True,
            "trial": evidence.keeps_one(row),
            "search": row.searched,
        }[column.stage]
    )
    is_printed = column.target is None or column.target in targets[:1]
    n_seeds = len(row.own_seeds(range(evidence.n_seeds)))
    foreign = evidence.n_retrain_seeds if column.stage == "retrain" else 1
    of_kept = evidence.keeps_one(row) and column.stage not in ("search", "trial")
    return Cell(
        measure=column,
        ours=measures.summary(column, runs),
        paper=row.paper.get(dataset, {}).get(column.printed_key) if is_printed else None,
        expected=row.repeats or (n_seeds if row.searched and not of_kept else foreign),
        applies=applies,
        made_by_other_code=tuple(
            run for run in having if apart.changed_since(run, evidence.source_digest)
        ),
        values=values,
        runs=having,
        n_failed=_n_failed(row, dataset, column, evidence.failed) + _n_diverged(column, runs),
    )


def _n_failed(row: Row, dataset: str, column: Measure, failed: Sequence[Place]) -> int:
    """Number of seeds for which the column's stage or an earlier stage failed."""
    seeds = set()
    for place in failed:
        label = place.strategy.removeprefix(KEPT)
        same_run = (place.stage, place.target) == (column.stage, column.target)
        before = place.stage in ("search", "genotype")[: ORDER.index(column.stage)]
        same = (place.space, place.dataset, label) == (row.space, dataset, row.strategy)
        if same and (same_run or before):
            seeds.add(place.seed if row.searched else place.rseed)
    return len(seeds)


def _n_diverged(column: Measure, runs: Sequence[FinishedRun]) -> int:
    """Runs whose value is not a number."""
    values = [value for run in runs if (value := column.of(run)) is not None]
    return sum(map(math.isnan, values))
