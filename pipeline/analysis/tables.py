"""An experiment as tables: ours with interval and number of seeds, the paper's number, difference.

One table a data set searched on; rows as the experiment lists them. A column that the paper
prints (`Row.paper`) carries the printed number; for trainings on several data sets it belongs to
the first, the one that the row names first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.analysis import measures
from pipeline.analysis.intervals import Summary, summarise
from pipeline.analysis.measures import Measure, by_seed
from pipeline.analysis.runs import Run
from pipeline.config.experiments import Experiment, Printed, Row

TABLE_COLUMNS = tuple(
    f"{name}_{part}" for name in ("cifar10", "cifar100", "imagenet16") for part in ("valid", "test")
)


@dataclass(frozen=True)
class Cell:
    """One number of ours beside the paper's.

    Attributes:
        ours: None if no run has it.
        expected: number of seeds that should be there.
        applies: whether this row measures this column at all.
    """

    measure: Measure
    ours: Summary | None
    paper: Printed | None
    expected: int
    applies: bool
    made_by_other_code: bool
    values: dict[int, float]

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's, in the column's unit."""
        if self.ours is None or self.paper is None:
            return None
        return self.ours.mean - self.paper.mean

    @property
    def verdict(self) -> str:
        """The difference in a word."""
        if self.ours is None or self.difference is None:
            return ""
        if self.ours.half_width is not None and abs(self.difference) <= self.ours.half_width:
            return "within our interval"
        if round(self.difference, self.measure.decimals) == 0:
            return "equal"
        return "better" if (self.difference < 0) == self.measure.lower_is_better else "worse"


@dataclass(frozen=True)
class Line:
    """One row of a table."""

    row: Row
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """An experiment on one data set; `places` are ranks and regrets in NAS-Bench-201."""

    dataset: str
    columns: tuple[Measure, ...]
    lines: tuple[Line, ...]
    place_columns: tuple[Measure, ...]
    places: tuple[Line, ...]
    lacks_table: bool


def tables(
    experiment: Experiment,
    runs: Sequence[Run],
    n_seeds: int,
    n_retrain_seeds: int,
    source_digest: str,
) -> list[Table]:
    """The tables of an experiment.

    Args:
        experiment: rows and printed numbers.
        runs: of the whole study; each row takes its own.
        n_seeds: seeds of a search.
        n_retrain_seeds: seeds of the training of a found network.
        source_digest: of the present code; what other code made is marked.
    """
    datasets = dict.fromkeys(name for row in experiment.rows for name in row.datasets)

    def line(row: Row, dataset: str, columns: Sequence[Measure]) -> Line:
        own = runs_of(row, dataset, runs)
        expected = n_seeds if row.searched else n_retrain_seeds
        cells = (_cell(row, dataset, column, own, expected, source_digest) for column in columns)
        return Line(row, tuple(cells))

    result = []
    for dataset in datasets:
        rows = [row for row in experiment.rows if dataset in row.datasets]
        own = [run for row in rows for run in runs_of(row, dataset, runs)]
        columns = _columns(rows, dataset, own)
        ranked = [c for c in measures.ranked_columns(own) if c in TABLE_COLUMNS]
        place_columns = [kind(c) for c in ranked for kind in (measures.rank, measures.regret)]
        queried = [run for run in own if run.stage == "query"]
        result.append(
            Table(
                dataset,
                tuple(columns),
                tuple(line(row, dataset, columns) for row in rows),
                tuple(place_columns),
                tuple(line(row, dataset, place_columns) for row in rows if row.query),
                bool(queried) and not ranked,
            )
        )
    return result


def runs_of(row: Row, dataset: str, runs: Sequence[Run]) -> list[Run]:
    """The runs that a row shows for one data set."""
    key = (row.space, dataset, row.strategy)
    return [run for run in runs if (run.space, run.dataset, run.strategy) == key]


def _columns(rows: Sequence[Row], dataset: str, runs: Sequence[Run]) -> list[Measure]:
    """Columns of one table: looked up, trained, counted, timed."""
    printed = {key for row in rows for key in row.paper.get(dataset, {})}
    known = {key for run in runs if run.stage == "query" for key in run.metrics}
    looked_up = [column for column in TABLE_COLUMNS if column in printed or column in known]
    columns = [measures.table_column(column) for column in looked_up]
    for target in dict.fromkeys(name for row in rows for name in row.targets(dataset)):
        columns.append(measures.test_error(target))
        if "top5_error" in printed:
            columns.append(measures.top5_error(target))
    columns += [measures.PARAMS, measures.MACS]
    if any(row.searched for row in rows):
        columns.append(measures.seconds("search", runs))
    return columns


def _cell(
    row: Row, dataset: str, column: Measure, own: Sequence[Run], expected: int, source_digest: str
) -> Cell:
    values = by_seed(column, own)
    targets = row.targets(dataset)
    applies = {
        "query": row.query,
        "retrain": column.target in targets,
        "genotype": True,
        "search": row.searched,
    }[column.stage]
    is_printed = column.target is None or column.target in targets[:1]
    makers = {run.provenance.get("source_digest") for run in own if column.of(run) is not None}
    return Cell(
        measure=column,
        ours=summarise(values.values()) if values else None,
        paper=row.paper.get(dataset, {}).get(column.key) if is_printed else None,
        expected=expected if row.searched or column.stage == "retrain" else 1,
        applies=applies,
        made_by_other_code=bool(makers - {source_digest}),
        values=values,
    )
