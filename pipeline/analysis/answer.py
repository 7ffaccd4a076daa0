"""The top of a report page: the result of the method, its best cell, and charts of all methods.

The *headline* is the first test accuracy or test error that has a result. The *method* is the row
of the reference strategy or, if it lacks this result, the first row that has it.
"""
# Tested in tests/analysis/test_report.py.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.analysis import dots, runs, tables
from pipeline.analysis.architectures import Architecture, anchor_of
from pipeline.analysis.dots import Dots
from pipeline.analysis.drawings import Drawn
from pipeline.analysis.evidence import Evidence
from pipeline.analysis.intervals import CONFIDENCE, welch
from pipeline.analysis.measures import TEST_COLUMNS, Measure
from pipeline.analysis.tables import Cell, Line, Part
from pipeline.config.claims import LEAST
from pipeline.config.experiments import Experiment
from pipeline.config.jobs import ReportJob

SAID = {1: "better than", 0: "no different from", -1: "worse than"}
FEW = f"With fewer than {LEAST} seeds such differences may be chance."


@dataclass(frozen=True)
class Answer:
    """The main result of an experiment, at the top of its section on a report page.

    All fields except `charts`, which compare all methods, are about the method.
    """

    sentence: str  # its result, compared with the others; empty if nothing is measured yet
    best: Architecture | None  # its cell with the best test result
    best_value: str  # the test result of this cell
    n_cells: int  # cells that it found
    charts: tuple[Drawn, ...]


@dataclass(frozen=True)
class Summarised:
    """Title, answer and test results of an experiment, as text."""

    title: str
    sentence: str
    columns: list[str]
    rows: list[list[str]]

    @property
    def markdown(self) -> str:
        """The summary as Markdown."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"**{self.title}**\n\n{self.sentence}\n\n{table}"


def answer(
    experiment: Experiment, parts: Sequence[Part], architectures: Sequence[Architecture]
) -> Answer:
    """The answer of an experiment, from its tables and all architectures on the report page."""
    charts = tuple(chart for part in parts for chart in _charts(part))
    headline = _headline(experiment, parts)
    if headline is None:
        return Answer("", None, "", 0, charts)
    line, measure, cells = headline
    best, value = _best(line, cells[line.row.label], architectures)
    sentence = _sentence(line.row.label, measure, cells)
    return Answer(sentence, best, value, len(line.genotypes), charts)


def summarised(job: ReportJob, results: Path) -> Iterator[Summarised]:
    """A summary of each experiment that has results.

    Raises:
        InputError: `results` is not a folder, or a file of a run is broken.
    """
    evidence = Evidence.of(job, runs.collect(results))
    for experiment in job.experiments:
        parts = tables.parts(experiment, evidence)
        headline = _headline(experiment, parts)
        if headline is None:
            continue
        line, measure, cells = headline
        columns = {
            f"{column.title} (%)": {
                label: cell.ours.words(column.decimals)
                for label, cell in by_label.items()
                if cell.ours
            }
            for part in parts
            for column, by_label in _tests(part).items()
        }
        labels = dict.fromkeys(label for texts in columns.values() for label in texts)
        rows = [[label, *(texts.get(label, "") for texts in columns.values())] for label in labels]
        sentence = _sentence(line.row.label, measure, cells)
        yield Summarised(experiment.title, sentence, ["Method", *columns], rows)


def _headline(
    experiment: Experiment, parts: Sequence[Part]
) -> tuple[Line, Measure, dict[str, Cell]] | None:
    """Row of the method, measure of the headline, and its table cells by row label."""
    for part in parts:
        for measure, cells in _tests(part).items():
            line = _method(experiment, part, cells)
            if line is not None:
                return line, measure, cells
    return None


def _tests(part: Part) -> dict[Measure, dict[str, Cell]]:
    """Measure -> row label -> table cell, for test measures with at least one result of ours."""
    tests: dict[Measure, dict[str, Cell]] = {}
    for table in part.tables:
        for i, measure in enumerate(table.columns):
            if measure.key in (*TEST_COLUMNS, "test_error"):
                cells = {line.row.label: line.cells[i] for line in table.lines}
                cells = {label: cell for label, cell in cells.items() if cell.ours or cell.paper}
                if any(cell.ours for cell in cells.values()):
                    tests[measure] = cells
    return tests


def _method(experiment: Experiment, part: Part, cells: dict[str, Cell]) -> Line | None:
    """The row of the reference strategy; if it has no result, the first row that has one."""
    lines = [
        line
        for table in part.tables
        for line in table.lines
        if line.row.label in cells and cells[line.row.label].ours
    ]
    of_reference = [line for line in lines if line.row.strategy == experiment.reference]
    return next(iter([*of_reference, *lines]), None)


def _sentence(label: str, measure: Measure, cells: dict[str, Cell]) -> str:
    """The method's result, and which methods it is better or worse than."""
    best = cells[label]
    assert best.ours is not None
    others: dict[int, list[str]] = {sign: [] for sign in SAID}
    few = False
    for name, cell in cells.items():
        if cell.ours and name != label:
            sign, tested = _compared(best, cell)
            few = few or not tested
            others[sign].append(f"{name}, {cell.ours.words(measure.decimals)} %")
    n = best.ours.n
    value = f"{best.ours.words(measure.decimals)} % {_named(measure)}"
    said = [f"{SAID[sign]} {_listed(names)}" for sign, names in others.items() if names]
    text = (
        f"{label} reaches {value} ({n} seed{'s' * (n > 1)}){': ' if said else ''}{'; '.join(said)}."
    )
    if best.paper and best.difference is not None:
        text += f" The paper prints {best.paper.mean:.{measure.decimals}f} %."
    return f"{text} {FEW}" if few else text


def _named(measure: Measure) -> str:
    """The name of the headline's measure within a sentence."""
    if measure.stage == "query":
        return f"{measure.title} accuracy"
    return f"test error on {measure.target}"


def _compared(first: Cell, second: Cell) -> tuple[int, bool]:
    """1 if `first` is better, -1 if worse, 0 if no difference is found; and whether it was tested.

    With too few seeds for Welch's test, only the means are compared.
    """
    a, b = first.ours, second.ours
    assert a is not None and b is not None
    lower = first.measure.lower_is_better
    sign = 0 if a.mean == b.mean else 1 if (a.mean < b.mean) == lower else -1
    if min(a.n, b.n) < LEAST or a.deviation is None or b.deviation is None:
        return sign, False
    _, _, p = welch((a.mean, a.deviation, a.n), (b.mean, b.deviation, b.n))
    return (sign if p <= 1 - CONFIDENCE else 0), True


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{'; '.join(first)}; and {last}" if first else last


def _best(
    line: Line, cell: Cell, architectures: Sequence[Architecture]
) -> tuple[Architecture | None, str]:
    """The architecture of the seed with the best result, and this result as text."""
    measure = cell.measure
    sign = 1 if measure.lower_is_better else -1
    by_anchor = {architecture.anchor: architecture for architecture in architectures}
    for seed in sorted(cell.values, key=lambda seed: sign * cell.values[seed]):
        for run in line.genotypes:
            if run.seed == seed and anchor_of(run) in by_anchor:
                words = f"{cell.values[seed]:.{measure.decimals}f} % {_named(measure)}"
                return by_anchor[anchor_of(run)], words
    return None, ""


def _charts(part: Part) -> Iterator[Drawn]:
    """A dot plot of each test measure; for the first one of each stage also a plot against size."""
    tests = _tests(part)
    labels = list(dict.fromkeys(label for cells in tests.values() for label in cells))
    for measure, cells in tests.items():
        rows = [
            Dots(label, labels.index(label), cell.values, _printed(cell))
            for label, cell in cells.items()
        ]
        if len(rows) > 1:
            paper = "; ◆ the paper's" if any(row.paper for row in rows) else ""
            caption = f"{measure.title} (%){paper}"
            words = "; ".join(f"{row.name} {row.words(measure.decimals)}" for row in rows)
            yield Drawn(caption, f"{caption} by seed: {words}", dots.dots(rows))
    first = {measure.stage: measure for measure in reversed(tests)}
    for measure in first.values():
        points = [
            Dots(label, labels.index(label), cell.values, at=size)
            for label, cell in tests[measure].items()
            if cell.ours and (size := _size_of(part, label))
        ]
        if len(points) > 1:
            yield _against_size(measure, points)


def _printed(cell: Cell) -> tuple[float, float] | None:
    """The paper's mean and deviation (0 if not printed) for this data set; None without a mean."""
    if cell.paper is None or cell.paper_dataset:
        return None
    return cell.paper.mean, cell.paper.std or 0.0


def _size_of(part: Part, label: str) -> float | None:
    """Mean number of parameters of a row's networks in millions; None if not counted."""
    lines = (line for table in part.tables for line in table.lines if line.row.label == label)
    cells = (cell for line in lines for cell in line.cells if cell.measure.key == "params")
    return next((cell.ours.mean for cell in cells if cell.ours), None)


def _against_size(measure: Measure, points: Sequence[Dots]) -> Drawn:
    caption = f"{measure.title} (%) against parameters"
    said = "; ".join(
        f"{point.name} {point.words(measure.decimals)} at {point.at:.3f} M" for point in points
    )
    drawn = dots.scatter(points, "parameters (M)")
    return Drawn(
        caption, f"{caption}: {said}", drawn, {point.name: point.index for point in points}
    )
