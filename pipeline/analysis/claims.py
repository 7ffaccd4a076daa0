"""Judges the claims of an experiment by its finished runs; `config/claims.py` has the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.analysis import apart, measurement, runs
from pipeline.analysis.intervals import summarise
from pipeline.analysis.measures import Measure, by_seed
from pipeline.analysis.runs import FinishedRun
from pipeline.config.claims import OPEN, Claim, Condition, overall
from pipeline.config.experiments import Experiment, Row
from pipeline.config.jobs import ReportJob
from pipeline.nasbench.additive import kendall

PLAN = "plan"
DECIMALS = 4

Values = Mapping[int, float]


def measure(job: ReportJob, results: Path) -> dict[str, dict[str, Any]]:
    """Measurements by file name: one for each claim, and one for each experiment's planned runs.

    `results` is `results/{preset}`. Experiments without claims are skipped.

    Raises:
        InputError: `results` is not a folder, or a file of a run is broken.
    """
    finished = apart.as_planned(runs.collect(results), job.planned)
    measurements = {}
    for experiment in job.experiments:
        if not experiment.claims:
            continue
        made = measurement.made(job, experiment, finished)
        parts = {
            name: _claim(claim, experiment, finished) for name, claim in experiment.claims.items()
        }
        parts[PLAN] = {"rows": [_planned(row, job.seeds, finished) for row in experiment.rows]}
        for name, part in parts.items():
            file = f"{experiment.name}_{name.lower()}.json"
            measurements[file] = {"claim": name, "title": experiment.title, **part, **made}
    return measurements


def values(
    label: str, dataset: str, measure: str, finished: Sequence[FinishedRun]
) -> dict[int, float]:
    """A measure by seed; `search/passes` counts image passes, a backward pass as two."""
    stage, _, key = measure.partition("/")
    matching = [run for run in finished if (run.strategy, run.dataset) == (label, dataset)]
    if measure == "search/passes":
        return {
            run.seed: run.metrics["images_forward"] + 2 * run.metrics["images_backward"]
            for run in matching
            if run.stage == stage
        }
    return by_seed(Measure(stage, key, ""), matching)


def compared(
    condition: Condition, experiment: Experiment, finished: Sequence[FinishedRun]
) -> dict[int, float]:
    """The values that a condition compares with its bound, by seed."""
    of = {
        label: values(label, condition.dataset, condition.measure, finished)
        for label in condition.labels
    }
    if condition.order:
        return _agreement(of, _printed(condition, experiment))
    first = of[condition.strategy]
    if not condition.versus:
        return first
    second = of[condition.versus]
    shared = sorted(first.keys() & second.keys())
    if condition.ratio:
        return {seed: first[seed] / second[seed] for seed in shared}
    return {seed: first[seed] - second[seed] for seed in shared}


def _agreement(of: Mapping[str, Values], printed: Mapping[str, float]) -> dict[int, float]:
    """Kendall's tau between our results and the paper's, for each seed that all strategies have."""
    import numpy as np

    shared = set.intersection(*({*by} for by in of.values()))
    theirs = np.array([printed[label] for label in of])
    return {
        seed: kendall(np.array([by[seed] for by in of.values()]), theirs) for seed in sorted(shared)
    }


def _printed(condition: Condition, experiment: Experiment) -> dict[str, float]:
    """The paper's numbers for the strategies that a condition ranks."""
    key = condition.measure.partition("/")[2]
    return {
        row.strategy: row.paper[condition.dataset][key].mean
        for row in experiment.rows
        if row.strategy in condition.order and key in row.paper.get(condition.dataset, {})
    }


def _claim(claim: Claim, experiment: Experiment, finished: Sequence[FinishedRun]) -> dict[str, Any]:
    conditions = [_judged(condition, experiment, finished) for condition in claim.conditions]
    deciding = [judged["verdict"] for judged in conditions if judged["decides"]]
    return {
        "sentence": claim.sentence,
        "section": claim.section,
        "here": claim.here,
        "differs": claim.differs,
        "verdict": overall(deciding),
        "conditions": conditions,
        "picture": _picture(claim, experiment, finished),
    }


def _judged(
    condition: Condition, experiment: Experiment, finished: Sequence[FinishedRun]
) -> dict[str, Any]:
    by = compared(condition, experiment, finished)
    summary = summarise(by.values()) if by else None
    if summary is None:
        verdict = OPEN
    elif condition.hits:
        verdict = condition.verdict_of_seeds(summary.values)
    else:
        verdict = condition.verdict(summary.n, summary.low, summary.high)
    return {
        "says": condition.says,
        "rule": condition.rule,
        "decides": condition.decides,
        "result": _numbers(by),
        "verdict": verdict,
    }


def _numbers(by: Values) -> dict[str, Any] | None:
    """Mean, number of seeds, half-width of the 95 % t interval (or else the value of each seed)."""
    if not by:
        return None
    summary = summarise(by.values())
    known = {"mean": round(summary.mean, DECIMALS), "n": summary.n}
    if summary.half_width is None:
        return {**known, "values": [round(value, DECIMALS) for value in summary.values]}
    return {**known, "half_width": round(summary.half_width, DECIMALS)}


def _picture(
    claim: Claim, experiment: Experiment, finished: Sequence[FinishedRun]
) -> dict[str, Any]:
    """Data of a claim's picture: curves over epochs, or a value per seed, for each label."""
    titles = {row.strategy: row.label for row in reversed(experiment.rows)}
    if claim.curve:
        series = {titles[label]: epochs(label, claim.curve, finished) for label in claim.labels}
        return {"curve": claim.curve, "series": {name: by for name, by in series.items() if by}}
    first = claim.conditions[0]
    same = [
        label
        for condition in claim.conditions
        if (condition.measure, condition.dataset) == (first.measure, first.dataset)
        for label in condition.labels
    ]
    dots = {
        titles[label]: values(label, first.dataset, first.measure, finished)
        for label in dict.fromkeys(same)
    }
    return {"measure": first.measure, "dots": {name: by for name, by in dots.items() if by}}


def epochs(
    label: str, column: str, finished: Sequence[FinishedRun], dataset: str = "cifar10"
) -> dict[int, dict[int, float]]:
    """A column in the history of the stage `ranking`, by seed and by epoch (counted from one)."""
    return {
        run.seed: {int(row["epoch"]) + 1: round(row[column], DECIMALS) for row in run.history}
        for run in finished
        if (run.stage, run.strategy, run.dataset) == ("ranking", label, dataset)
        and all(column in row for row in run.history)
    }


def _planned(row: Row, seeds: Sequence[int], finished: Sequence[FinishedRun]) -> dict[str, Any]:
    """How many seeds of a row are planned and finished, and its results."""
    dataset = row.datasets[0]
    query = values(row.strategy, dataset, f"query/{dataset}_test", finished)
    ranked = "query" if row.repeats else "ranking"  # a run of `queries` has both
    wanted = row.repeats or len(row.own_seeds(seeds))
    return {
        "label": row.label,
        "dataset": dataset,
        "wanted": 0 if row.not_run else wanted,
        "done": len(query),
        "not_run": row.not_run,
        "accuracy": _numbers(query),
        "highest": _numbers(
            values(row.strategy, dataset, f"ranking/highest_{dataset}_test", finished)
        ),
        "tau": _numbers(values(row.strategy, dataset, f"{ranked}/tau_{dataset}_test", finished)),
        "by_epoch": {
            column: epochs(row.strategy, column, finished, dataset)
            for column in (f"{dataset}_test", f"tau_{dataset}_test")
        },
    }
