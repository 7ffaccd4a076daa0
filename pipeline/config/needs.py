"""What experiments need: which runs, of which data sets, on which page.

A run is named by its folder below `results/{preset}`; Snakemake, the report and the plan all take
the names from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline import registry
from pipeline.config.experiments import Experiment, Row, is_searched, shown_strategy
from pipeline.config.jobs import ReportJob
from pipeline.config.model import Config
from pipeline.errors import InputError


def runs(config: Config | ReportJob, experiment: Experiment) -> Iterator[tuple[str, str]]:
    """(folder of a stage below `results/{preset}`, stage) for all that an experiment needs.

    Searches go without saying: a genotype follows from one.
    """
    for row in experiment.rows:
        if row.not_run:
            continue
        for dataset in row.datasets:
            if row.has_genotype:
                yield from _runs_of(config, row, dataset)
            else:
                yield _looked_up(row, dataset)


def _runs_of(config: Config | ReportJob, row: Row, dataset: str) -> Iterator[tuple[str, str]]:
    shown = shown_strategy(row, config.seeds)
    if shown != row.strategy:
        for seed in config.seeds:
            base = f"{row.space}/{dataset}/{row.strategy}/seed{seed}"
            yield f"{base}/genotype", "genotype"
            yield f"{base}/trial", "trial"
    # A genotype from elsewhere is one genotype: only its training has seeds.
    for seed in config.seeds if is_searched(shown) else (0,):
        base = f"{row.space}/{dataset}/{shown}/seed{seed}"
        yield f"{base}/genotype", "genotype"
        for stage in ("query", "removal", "ranking"):
            if getattr(row, stage):
                yield f"{base}/{stage}", stage
        for target in row.targets(dataset):
            for rseed in config.retrain_seeds:
                yield f"{base}/retrain/{target}/rseed{rseed}", "retrain"


def _looked_up(row: Row, dataset: str) -> tuple[str, str]:
    """A row of the table itself, or many seeds of a strategy that trains nothing."""
    base = f"{row.space}/{dataset}/{row.strategy}"
    if row.repeats:
        return f"{base}/seeds{row.repeats}/queries", "queries"
    return f"{base}/seed0/query", "query"


def on_page(config: Config, page: str, found: Mapping[str, Experiment]) -> list[str]:
    """Names of the experiments of a report page: all of the paper, the configured, or the named.

    Raises:
        InputError: no experiment is called so.
    """
    if page == "paper":
        return [n for kind in ("table", "figure") for n in found if n.startswith(kind)]
    if page == "index":
        return list(config.experiments)
    if page not in found:
        raise InputError(f"report: no experiment {page!r}; {registry.nearest(page, [*found])}")
    return [page]


def datasets_of(experiments: Mapping[str, Experiment]) -> list[str]:
    """Every data set that some experiments search or train on."""
    return sorted(
        {
            name
            for experiment in experiments.values()
            for row in experiment.rows
            if not row.not_run
            for dataset in row.datasets
            for name in (dataset, *row.targets(dataset))
        }
    )
