"""The runs of a results folder from which tables and figures are made."""
# Tested in tests/analysis/test_tables.py.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline import provenance
from pipeline.analysis import apart
from pipeline.analysis.runs import FinishedRun
from pipeline.config.experiments import KEPT, Experiment, Row
from pipeline.config.jobs import ReportJob
from pipeline.paths import Place


@dataclass(frozen=True)
class Evidence:
    """The runs from which the tables of all experiments are made.

    `runs` have the expected settings. The tables do not use `apart`, runs with other settings.
    """

    runs: Sequence[FinishedRun]
    n_seeds: int
    n_retrain_seeds: int
    source_digest: str
    failed: tuple[Place, ...] = ()
    apart: tuple[FinishedRun, ...] = ()

    @classmethod
    def of(
        cls, job: ReportJob, finished: Sequence[FinishedRun], failed: tuple[Place, ...] = ()
    ) -> Evidence:
        """Collect the finished and failed runs for the report that `job` describes."""
        digest = provenance.source_digest()
        kept, others = apart.split(finished, job.planned)
        n_seeds = (len(job.seeds), len(job.retrain_seeds))
        return cls(kept, *n_seeds, digest, failed, tuple(others))

    def keeps_one(self, row: Row) -> bool:
        """Whether one of several searches is kept and trained."""
        return row.select and len(row.own_seeds(range(self.n_seeds))) > 1


def runs_of(row: Row, dataset: str, runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """The runs of a row for one data set.

    If one of several found cells was kept, stages other than search and trial have only its runs.
    """
    place = (row.space, dataset, row.strategy)
    matching = [run for run in runs if _place(run) == place and run.repeats == row.repeats]
    label = f"{KEPT}{row.strategy}"
    kept = [run for run in runs if row.select and _place(run) == (row.space, dataset, label)]
    if not kept:
        return matching
    return [*(run for run in matching if run.stage in ("search", "trial")), *kept]


def runs_of_stage(
    experiment: Experiment, evidence: Evidence, stage: str
) -> Iterator[tuple[Row, str, list[FinishedRun]]]:
    """(row, data set, runs of the stage), wherever the experiment has such runs."""
    for row in experiment.rows:
        for dataset in row.datasets:
            matching = [run for run in runs_of(row, dataset, evidence.runs) if run.stage == stage]
            if matching:
                yield row, dataset, matching


def _place(run: FinishedRun) -> tuple[str, str, str]:
    return run.space, run.dataset, run.strategy
