"""The whole configuration as one frozen model; each default names its source."""
# Tested in tests/config/test_config.py.

from __future__ import annotations

from typing import Any, Literal

from pydantic import create_model

from pipeline import registry
from pipeline.config.cluster import ClusterSettings
from pipeline.config.experiments import StrategyLabel
from pipeline.config.folders import FolderSettings
from pipeline.config.looks import RankingSettings, RemovalSettings
from pipeline.config.own_images import OwnTrain
from pipeline.config.recipes import (
    ImageNetSearch,
    ImageNetTrain,
    NasBench201Search,
    NasBench201Train,
    RobustDartsSearch,
    RobustDartsTrain,
    SearchSettings,
    TrainSettings,
    TrialTrain,
)
from pipeline.settings import (
    DARTS,
    OURS,
    PAPER,
    ROBUST_DARTS,
    ExpandedPath,
    Names,
    Seeds,
    Settings,
    factory,
    setting,
)

# Other spaces use the recipe of the paper's CIFAR-10 experiments.
SEARCH_RECIPES: dict[str, type[SearchSettings]] = {
    "darts_imagenet": ImageNetSearch,
    "nasbench201": NasBench201Search,
    "s1": RobustDartsSearch,
    "s2": RobustDartsSearch,
    "s3": RobustDartsSearch,
    "s4": RobustDartsSearch,
}


class SplitSettings(Settings):
    """How the training set is split into a part for the weights and one for the value function."""

    seed: int = setting(0, "seed of the split, the same for all runs", OURS, ge=0)
    weights_fraction: float | None = setting(
        None,
        "share of images for the weights; none: the data set's default (half; ImageNet 10 %)",
        PAPER,
        gt=0,
        lt=1,
    )
    value_fraction: float | None = setting(
        None,
        "share for the value function; none: the data set's default (half; ImageNet 2.5 %)",
        PAPER,
        gt=0,
        lt=1,
    )
    balanced: bool = setting(
        False, "split each class separately, in the same shares", "default: one draw from all"
    )


class RetrainSettings(Settings):
    """Recipes that train found networks, by kind of network and data."""

    darts: TrainSettings = factory(TrainSettings, "DARTS cells on small images", PAPER)
    robust_darts: RobustDartsTrain = factory(
        RobustDartsTrain, "cells of S1 to S4 on CIFAR-100 and SVHN", ROBUST_DARTS
    )
    trial: TrialTrain = factory(
        TrialTrain, "short trainings that choose one of several found cells", DARTS
    )
    nasbench201: NasBench201Train = factory(
        NasBench201Train, "NAS-Bench-201 cells on small images", PAPER
    )
    folder: ImageNetTrain = factory(
        ImageNetTrain, "ImageNet and other built-in folders (verb `transfer`)", PAPER
    )
    own: OwnTrain = factory(OwnTrain, "folders under `datasets` (verb `transfer`)", OURS)


class StageResources(Settings):
    """Resources that a rule requests, locally and on a cluster."""

    threads: int = setting(1, "CPU threads; torch's threads as well", OURS, ge=1)
    mem_mb: int = setting(4000, "memory in MB", OURS, ge=1)
    runtime: int = setting(60, "time limit in minutes", OURS, ge=1)


class TrainingResources(StageResources):
    """Resources of a stage that can use several GPUs at once (torchrun)."""

    gpus: int = setting(1, "GPUs per node, if the device is a GPU", OURS, ge=1)
    nodes: int = setting(1, "machines per job; more than one needs SLURM", OURS, ge=1)


def _resources(model: type[StageResources] = StageResources, **values: int) -> Any:
    return factory(lambda: model(**values), "resources of the stage's rules", OURS)


class Resources(Settings):
    """Resources by stage; a GPU is requested automatically if the device is one."""

    prepare: StageResources = _resources(mem_mb=4000, runtime=60)
    search: TrainingResources = _resources(
        TrainingResources, threads=4, mem_mb=16000, runtime=24 * 60
    )
    genotype: StageResources = _resources(mem_mb=2000, runtime=10)
    trial: StageResources = _resources(threads=4, mem_mb=16000, runtime=24 * 60)
    query: StageResources = _resources(mem_mb=2000, runtime=10)
    retrain: TrainingResources = _resources(
        TrainingResources, threads=4, mem_mb=16000, runtime=3 * 24 * 60
    )
    transfer: TrainingResources = _resources(
        TrainingResources, threads=8, mem_mb=64000, runtime=7 * 24 * 60
    )
    report: StageResources = _resources(mem_mb=2000, runtime=20)


def _search_of(space: str) -> Any:
    recipe = SEARCH_RECIPES.get(space, SearchSettings)
    return (recipe, factory(recipe, f"search in the space {space}", PAPER))


# One field for each registered space.
SpaceSearches = create_model(
    "SpaceSearches",
    __base__=Settings,
    __doc__="The search recipe of every registered space.",
    **{space: _search_of(space) for space in registry.names("spaces")},
)


class Config(Settings):
    """All settings; `config/config.yaml` is generated from this model."""

    preset: str = setting(
        "demo", "sizes of all runs: a file in `presets/`", OURS, pattern=r"^[A-Za-z0-9_]+$"
    )
    experiments: Names = setting(
        ("demo",), "experiments that `all` builds and the report shows", OURS
    )
    seeds: Seeds = setting((0, 1, 2, 3), "seeds of the searches", PAPER, min_length=1)
    retrain_seeds: Seeds = setting(
        (0,), "seeds of the training of each found network", PAPER, min_length=1
    )
    data_root: ExpandedPath = setting(
        "data", "folder of the data sets; the variable SHAPLEY_NAS_DATA overrides it", OURS
    )
    download: bool = setting(False, "download missing data sets if torchvision can", OURS)
    device: Literal["auto", "cpu", "cuda"] = setting("auto", "auto: CUDA if there is a GPU", OURS)
    deterministic: bool = setting(True, "on GPUs use deterministic, slower kernels", OURS)
    tracking: bool = setting(True, "mirror runs to MLflow", OURS)
    mlflow_experiment: str = setting("shapley-nas", "MLflow experiment of the runs", OURS)
    nasbench_table: str = setting(
        "nas_bench_201/nas_bench_201.csv.gz", "compact NAS-Bench-201 table, below data_root", OURS
    )
    split: SplitSettings = factory(SplitSettings, "split of the training set", PAPER)
    datasets: dict[str, FolderSettings] = factory(dict, "your own image folders by name", OURS)
    stand_ins: dict[str, str] = factory(
        dict, "data set of an experiment -> a small one that replaces it", OURS
    )
    only_datasets: Names = setting(
        (), "run experiments on these data sets only; empty: on all that they name", OURS
    )
    genotypes: dict[str, str] = factory(
        dict, "your own genotype files by name, for `file_<name>` strategies", OURS
    )
    strategies: dict[str, StrategyLabel] = factory(
        dict, "further strategy labels; each algorithm is already a label", OURS
    )
    search: SpaceSearches = factory(SpaceSearches, "searches, by space", PAPER)
    removal: RemovalSettings = factory(RemovalSettings, "removal of operations (Figure 2)", PAPER)
    ranking: RankingSettings = factory(
        RankingSettings, "strength against accuracy (Figure 5)", PAPER
    )
    retrain: RetrainSettings = factory(RetrainSettings, "training of found networks", PAPER)
    resources: Resources = factory(Resources, "threads, memory, time by stage", OURS)
    cluster: ClusterSettings = factory(ClusterSettings, "names on a cluster", OURS)
