"""Slices of the configuration: a rule passes its job exactly the settings that the job needs.

Snakemake reruns a rule when its slice changes.
"""
# Tested in tests/config/test_config.py.

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from pipeline import registry
from pipeline.config.experiments import (
    KEPT,
    Experiment,
    StrategyLabel,
    is_searched,
    shown_strategy,
)
from pipeline.config.folders import FolderSettings, WrittenFolder
from pipeline.config.layers import merge
from pipeline.config.looks import RankingSettings, RemovalSettings
from pipeline.config.model import SEARCH_RECIPES, Config
from pipeline.config.own_images import OwnTrain
from pipeline.config.recipes import (
    ImageNetTrain,
    SearchSettings,
    SupernetSettings,
    TrainSettings,
    TrialTrain,
)
from pipeline.config.trainings import is_folder, layout_of, recipe_of
from pipeline.config.validation import validate
from pipeline.errors import InputError
from pipeline.settings import Settings


class PrepareJob(Settings):
    """Configuration slice for the verb `prepare`."""

    dataset: str
    split_seed: int
    weights_fraction: float | None
    value_fraction: float | None
    balanced: bool = False
    folders: dict[str, WrittenFolder | FolderSettings]


class SearchJob(Settings):
    """Configuration slice for the verb `search`; `settings` are those of the strategy."""

    space: str
    algorithm: str
    settings: dict[str, Any]
    search: SearchSettings
    table: str | None = Field(None, description="below data_root, for strategies that search it")


class GenotypeJob(Settings):
    """Configuration slice for the verb `genotype`."""

    space: str
    genotype: str | None = Field(description="published name or file; none: from the search")
    supernet: SupernetSettings
    layout: str
    channels: int
    cells: int
    auxiliary: bool


class RetrainJob(Settings):
    """Configuration slice for the verbs `retrain` and `transfer`."""

    layout: str
    train: TrainSettings


class TransferJob(RetrainJob):
    """Configuration slice for the verb `transfer`."""

    train: ImageNetTrain | OwnTrain


class RemovalJob(Settings):
    """Configuration slice for the verb `removal`."""

    removal: RemovalSettings


class RankingJob(Settings):
    """Configuration slice for the verb `ranking`; `none_may_win` is as for the genotype."""

    ranking: RankingSettings
    none_may_win: bool = False


class TrialJob(RetrainJob):
    """Configuration slice for the verb `trial`."""

    train: TrialTrain


class WorkflowJob(Settings):
    """Configuration slice for the verb `track`."""

    preset: str
    datasets: tuple[str, ...]
    folders: dict[str, FolderSettings]
    download: bool
    mlflow_experiment: str


def workflow_job(config: Config, datasets: Sequence[str]) -> WorkflowJob:
    """The configuration slice for a workflow that uses some data sets."""
    return WorkflowJob(
        preset=config.preset,
        datasets=tuple(datasets),
        folders=dict(config.datasets),
        download=config.download,
        mlflow_experiment=config.mlflow_experiment,
    )


class ReportJob(Settings):
    """Configuration slice for the verb `report`."""

    preset: str
    seeds: tuple[int, ...]
    retrain_seeds: tuple[int, ...]
    experiments: tuple[Experiment, ...]
    titles: dict[str, str] = Field(description="display names of strategy labels")
    planned: dict[str, str] = Field({}, description="digests of the settings that runs should have")


def report_job(config: Config, experiments: Sequence[Experiment]) -> ReportJob:
    """The configuration slice for one report page."""
    rows = [row for experiment in experiments for row in experiment.rows if not row.not_run]
    labels = {label for row in rows for label in (row.strategy, shown_strategy(row, config.seeds))}
    # A genotype without a search has no label, so it gets the title of its first row.
    named = {row.strategy: row.label for row in reversed(rows) if not is_searched(row.strategy)}
    return ReportJob(
        preset=config.preset,
        seeds=config.seeds,
        retrain_seeds=config.retrain_seeds,
        experiments=tuple(experiments),
        titles={name: named.get(name) or title_of(config, name) for name in sorted(labels)},
    )


def title_of(config: Config, strategy: str) -> str:
    """Display name of a strategy label; `published_NAME` becomes `NAME (published)`."""
    if strategy.startswith(KEPT):
        return f"{title_of(config, strategy.removeprefix(KEPT))}, the one kept"
    if strategy not in config.strategies:
        origin, _, name = strategy.partition("_")
        return f"{name} ({origin})"
    label = config.strategies[strategy]
    return label.title or registry.entry("strategies", label.algorithm).title


def prepare_job(config: Config, dataset: str) -> PrepareJob:
    """The configuration slice that prepares one data set."""
    return PrepareJob(
        dataset=dataset,
        split_seed=config.split.seed,
        weights_fraction=config.split.weights_fraction,
        value_fraction=config.split.value_fraction,
        balanced=config.split.balanced,
        folders={name: entry for name, entry in config.datasets.items() if name == dataset},
    )


def search_job(config: Config, space: str, strategy: str) -> SearchJob:
    """The configuration slice for one search.

    The recipe is merged from these sources, where later ones override earlier ones: the defaults of
    the space, the strategy's paper, the preset, the user's values, the label named after the
    algorithm, and the label `strategy`. The settings of the strategy are merged from the defaults,
    the authors' values for this space, and the same two labels.

    If a strategy uses `none_may_win` only to choose the genotype, its slice always has false, so
    that a change of the key reruns only `genotype`.
    """
    label = _label(config, strategy)
    algorithm = registry.entry("strategies", label.algorithm)
    where = f"strategy label {strategy}: search"
    values = merge(algorithm.settings_in.get(space, {}), label.settings)
    settings = validate(algorithm.settings_model(), values, {where: label.settings})
    search = _search(config, space, strategy)
    if not algorithm.chooses_cells:
        supernet = search.supernet.model_copy(update={"none_may_win": False})
        search = search.model_copy(update={"supernet": supernet})
    return SearchJob(
        space=space,
        algorithm=label.algorithm,
        settings=settings.model_dump(mode="json"),
        search=search,
        table=config.nasbench_table if algorithm.needs_table else None,
    )


def _search(config: Config, space: str, strategy: str) -> SearchSettings:
    """The recipe of a search."""
    label = _label(config, strategy)
    algorithm = registry.entry("strategies", label.algorithm)
    given = getattr(config.search, space).model_dump(exclude_unset=True)
    values = merge(algorithm.recipes.get(space, {}), given, label.search)
    recipe = SEARCH_RECIPES.get(space, SearchSettings)
    return validate(recipe, values, {f"strategy label {strategy}: search": label.search})


def labels(config: Config, **wanted: bool) -> list[str]:
    """Strategy labels whose algorithm's entry has these values, e.g. `trains_supernet=True`."""

    def is_wanted(label: StrategyLabel) -> bool:
        entry = registry.entry("strategies", label.algorithm)
        return all(getattr(entry, key) == value for key, value in wanted.items())

    return [name for name, label in config.strategies.items() if is_wanted(label)]


def genotype_job(config: Config, space: str, dataset: str, strategy: str) -> GenotypeJob:
    """The configuration slice for one genotype; `space` and `dataset` determine its network."""
    train = recipe_of(config, space, dataset)
    searched = is_searched(strategy)
    chosen_here = searched or strategy.startswith(KEPT)
    return GenotypeJob(
        space=space,
        genotype=None if chosen_here else _foreign_genotype(config, strategy),
        supernet=_search(config, space, strategy).supernet if searched else SupernetSettings(),
        layout=layout_of(config, space, dataset),
        channels=train.channels,
        cells=train.cells,
        auxiliary=train.auxiliary_weight > 0,
    )


def removal_job(config: Config) -> RemovalJob:
    """The configuration slice for the drops of Figure 2."""
    return RemovalJob(removal=config.removal)


def ranking_job(config: Config, space: str, dataset: str, strategy: str) -> RankingJob:
    """The configuration slice for the ranking of Figure 5."""
    supernet = genotype_job(config, space, dataset, strategy).supernet
    return RankingJob(ranking=config.ranking, none_may_win=supernet.none_may_win)


def retrain_job(config: Config, space: str, target: str) -> RetrainJob:
    """The configuration slice for training a found network on small images."""
    layout = layout_of(config, space, target)
    return RetrainJob(layout=layout, train=recipe_of(config, space, target))


def trial_job(config: Config, space: str, dataset: str) -> TrialJob:
    """The configuration slice for a short training of a found network."""
    return TrialJob(layout=layout_of(config, space, dataset), train=config.retrain.trial)


def transfer_job(config: Config, space: str, target: str) -> TransferJob:
    """The configuration slice for training a found network on a folder of images."""
    layout = layout_of(config, space, target)
    if layout == "nasbench201":
        raise InputError(
            f"transfer: trains cells of the DARTS family; a cell of NAS-Bench-201 is trained on "
            f"{target} by `retrain --space {space}`"
        )
    if not is_folder(config, target):
        raise InputError(f"transfer: {target} is no folder of images; use the verb `retrain`")
    return TransferJob(layout=layout, train=recipe_of(config, space, target))


def _label(config: Config, strategy: str) -> StrategyLabel:
    """A label merged over the label of its algorithm."""
    if strategy not in config.strategies:
        known = registry.nearest(strategy, [*config.strategies])
        raise InputError(f"config: strategies: unknown label {strategy!r}; {known}")
    label = config.strategies[strategy]
    base = config.strategies.get(label.algorithm, label)
    model = registry.entry("strategies", label.algorithm).settings_model()
    return label.model_copy(
        update={
            "settings": model.over(base.settings, label.settings),
            "search": merge(base.search, label.search),
        }
    )


def _foreign_genotype(config: Config, strategy: str) -> str:
    origin, _, name = strategy.partition("_")
    if origin == "published":
        registry.get("genotypes", name)
        return name
    if name not in config.genotypes:
        known = registry.nearest(name, [*config.genotypes])
        raise InputError(f"config: genotypes: unknown {name!r}; {known}")
    return config.genotypes[name]
