"""What each job reads of the configuration: the slice that its rule passes on, and nothing more.

Snakemake reruns a rule when its `params` change, so a slice that is too wide reruns too much and
one that is too narrow reruns too little.
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
from pipeline.config.folders import FolderSettings
from pipeline.config.load import merge
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
    """Slice of the verb `prepare`."""

    dataset: str
    split_seed: int
    weights_fraction: float | None
    value_fraction: float | None
    balanced: bool = False
    folders: dict[str, FolderSettings]


class SearchJob(Settings):
    """Slice of the verb `search`; `settings` are the strategy's, defaults filled in."""

    space: str
    algorithm: str
    settings: dict[str, Any]
    search: SearchSettings
    table: str | None = Field(None, description="below data_root, for strategies that search it")


class GenotypeJob(Settings):
    """Slice of the verb `genotype`: where a genotype comes from and how its network is counted."""

    space: str
    genotype: str | None = Field(description="published name or file; none: from the search")
    supernet: SupernetSettings
    layout: str
    channels: int
    cells: int
    auxiliary: bool


class RetrainJob(Settings):
    """Slice of the verbs `retrain` and `transfer`."""

    layout: str
    train: TrainSettings


class TransferJob(RetrainJob):
    """Slice of `transfer`: the recipe of image folders, ImageNet's or for your own."""

    train: ImageNetTrain | OwnTrain


class RemovalJob(Settings):
    """Slice of the verb `removal`."""

    removal: RemovalSettings


class RankingJob(Settings):
    """Slice of the verb `ranking`; `none_may_win` is what the search's genotype is made by."""

    ranking: RankingSettings
    none_may_win: bool = False


class TrialJob(RetrainJob):
    """Slice of `trial`: the short recipe, with held-out images."""

    train: TrialTrain


class WorkflowJob(Settings):
    """Slice of the verb `track`: what must be there before the first job, and the record's name."""

    preset: str
    datasets: tuple[str, ...]
    folders: dict[str, FolderSettings]
    download: bool
    mlflow_experiment: str


def workflow_job(config: Config, datasets: Sequence[str]) -> WorkflowJob:
    """The slice for opening a workflow run over some data sets."""
    return WorkflowJob(
        preset=config.preset,
        datasets=tuple(datasets),
        folders=dict(config.datasets),
        download=config.download,
        mlflow_experiment=config.mlflow_experiment,
    )


class ReportJob(Settings):
    """Slice of the verb `report`."""

    preset: str
    seeds: tuple[int, ...]
    retrain_seeds: tuple[int, ...]
    experiments: tuple[Experiment, ...]
    titles: dict[str, str] = Field(description="display names of strategy labels")
    planned: dict[str, str] = Field({}, description="digests of the settings that runs should have")


def report_job(config: Config, experiments: Sequence[Experiment]) -> ReportJob:
    """The slice for one report page."""
    rows = [row for experiment in experiments for row in experiment.rows if not row.not_run]
    labels = {label for row in rows for label in (row.strategy, shown_strategy(row, config.seeds))}
    # What no search found has no label of its own: it is called as its first row.
    named = {row.strategy: row.label for row in reversed(rows) if not is_searched(row.strategy)}
    return ReportJob(
        preset=config.preset,
        seeds=config.seeds,
        retrain_seeds=config.retrain_seeds,
        experiments=tuple(experiments),
        titles={name: named.get(name) or title_of(config, name) for name in sorted(labels)},
    )


def title_of(config: Config, strategy: str) -> str:
    """Display name of a strategy label; what comes from elsewhere says where it is from."""
    if strategy.startswith(KEPT):
        return f"{title_of(config, strategy.removeprefix(KEPT))}, the one kept"
    if strategy not in config.strategies:
        origin, _, name = strategy.partition("_")
        return f"{name} ({origin})"
    label = config.strategies[strategy]
    return label.title or registry.entry("strategies", label.algorithm).title


def prepare_job(config: Config, dataset: str) -> PrepareJob:
    """The slice for one data set; only its own folder entry is passed on."""
    return PrepareJob(
        dataset=dataset,
        split_seed=config.split.seed,
        weights_fraction=config.split.weights_fraction,
        value_fraction=config.split.value_fraction,
        balanced=config.split.balanced,
        folders={name: entry for name, entry in config.datasets.items() if name == dataset},
    )


def search_job(config: Config, space: str, strategy: str) -> SearchJob:
    """The slice for one search.

    Later wins: the space's recipe < what the strategy's own paper does differently there < preset
    and user < what is said of the algorithm's own label < what this label says. An ablation
    changes one thing of its base, so the base's own changes hold for it too. Likewise the settings:
    the strategy's defaults < what its authors choose in this space < the labels.

    Whether `none` may win is left out where only the final choice reads it: it reruns `genotype`.
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
    """The recipe of a search, with all that departs from the space's."""
    label = _label(config, strategy)
    algorithm = registry.entry("strategies", label.algorithm)
    given = getattr(config.search, space).model_dump(exclude_unset=True)
    values = merge(algorithm.recipes.get(space, {}), given, label.search)
    recipe = SEARCH_RECIPES.get(space, SearchSettings)
    return validate(recipe, values, {f"strategy label {strategy}: search": label.search})


def labels(config: Config, **wanted: bool) -> list[str]:
    """Strategy labels by what their algorithm's entry says, e.g. `trains_supernet=True`."""

    def is_wanted(label: StrategyLabel) -> bool:
        entry = registry.entry("strategies", label.algorithm)
        return all(getattr(entry, key) == value for key, value in wanted.items())

    return [name for name, label in config.strategies.items() if is_wanted(label)]


def genotype_job(config: Config, space: str, dataset: str, strategy: str) -> GenotypeJob:
    """The slice for one genotype, counted as the network that its data set would train."""
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
    """The slice for the drops of Figure 2."""
    return RemovalJob(removal=config.removal)


def ranking_job(config: Config, space: str, dataset: str, strategy: str) -> RankingJob:
    """The slice for the taus of Figure 5, and for what a search would return at each epoch."""
    supernet = genotype_job(config, space, dataset, strategy).supernet
    return RankingJob(ranking=config.ranking, none_may_win=supernet.none_may_win)


def retrain_job(config: Config, space: str, target: str) -> RetrainJob:
    """The slice for training a found network on small images."""
    layout = layout_of(config, space, target)
    return RetrainJob(layout=layout, train=recipe_of(config, space, target))


def trial_job(config: Config, space: str, dataset: str) -> TrialJob:
    """The slice for the short training of one of several found cells."""
    return TrialJob(layout=layout_of(config, space, dataset), train=config.retrain.trial)


def transfer_job(config: Config, space: str, target: str) -> TransferJob:
    """The slice for training a found network on a folder of images."""
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
    """What a label says, over what the label of its algorithm says."""
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
