"""The runs and data sets that experiments need, and the experiments on a page of the report."""
# Tested in tests/config/test_config.py.

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline import registry
from pipeline.config.experiments import Experiment, Row, is_searched, shown_strategy
from pipeline.config.jobs import ReportJob
from pipeline.config.model import Config
from pipeline.errors import InputError
from pipeline.paths import Place


def all_runs(config: Config | ReportJob, experiments: Iterable[Experiment]) -> list[Place]:
    """The runs of several experiments, each once."""
    return list(
        dict.fromkeys(place for experiment in experiments for place in runs(config, experiment))
    )


def runs(config: Config | ReportJob, experiment: Experiment) -> Iterator[Place]:
    """All runs that an experiment needs, searches included."""
    for row in experiment.rows:
        if row.not_run:
            continue
        for dataset in row.datasets:
            if row.has_genotype:
                yield from _runs_of(config, row, dataset)
            elif row.repeats:
                place = (row.space, dataset, row.strategy)
                yield Place("queries", *place, repeats=row.repeats)
            else:
                yield Place("query", row.space, dataset, row.strategy)


def _runs_of(config: Config | ReportJob, row: Row, dataset: str) -> Iterator[Place]:
    seeds = row.own_seeds(config.seeds)
    shown = shown_strategy(row, config.seeds)
    if shown != row.strategy:
        for seed in seeds:
            yield from _found(Place("trial", row.space, dataset, row.strategy, seed))
    # Without a search there is only one genotype.
    for seed in seeds if is_searched(shown) else (0,):
        place = Place("genotype", row.space, dataset, shown, seed)
        yield from _found(place)
        for stage in ("query", "removal", "ranking"):
            if getattr(row, stage):
                yield place.at(stage)
        for target in row.targets(dataset):
            for rseed in config.retrain_seeds:
                yield place.at("retrain", target, rseed)


def _found(place: Place) -> Iterator[Place]:
    """The search and genotype of a run, then the run."""
    if is_searched(place.strategy):
        yield place.at("search")
    yield place.at("genotype")
    if place.stage != "genotype":
        yield place


def seeds_of(
    config: Config, experiments: Iterable[Experiment], space: str, dataset: str, strategy: str
) -> list[int]:
    """The seeds for which some rows search with one strategy."""
    return sorted(
        {
            place.seed
            for place in all_runs(config, experiments)
            if (place.stage, place.space, place.dataset, place.strategy)
            == ("search", space, dataset, strategy)
        }
    )


def on_page(config: Config, page: str, experiments: Mapping[str, Experiment]) -> list[str]:
    """Names of the experiments on a page of the report.

    Raises:
        InputError: `page` is not "paper", "index" (the configured experiments) or an experiment.
    """
    if page == "paper":
        return [n for kind in ("table", "figure") for n in experiments if n.startswith(kind)]
    if page == "index":
        return list(config.experiments)
    if page not in experiments:
        raise InputError(
            f"report: no experiment {page!r}; {registry.nearest(page, [*experiments])}"
        )
    return [page]


def asked_for(
    config: Config, targets: Iterable[str], experiments: Mapping[str, Experiment]
) -> list[str]:
    """Names of the experiments on the target pages, else of the configured ones."""
    names = {Path(target).stem for target in targets}  # of rules, and of files such as table5.html
    named = [page for page in ("paper", *experiments) if page in names]
    pages = named if named and not names & {"all", "index"} else ["index", *named]
    return list(
        dict.fromkeys(name for page in pages for name in on_page(config, page, experiments))
    )


def datasets_of(experiments: Mapping[str, Experiment]) -> list[str]:
    """Data sets of rows with genotypes, for searches and for final training."""
    return sorted(
        {
            name
            for experiment in experiments.values()
            for row in experiment.rows
            if not row.not_run and row.has_genotype
            for dataset in row.datasets
            for name in (dataset, *row.targets(dataset))
        }
    )
