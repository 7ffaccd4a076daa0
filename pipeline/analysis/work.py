"""How much a stage computes and writes, before it has run: counted roughly, without torch.

Multiply-adds of a discrete network are those of the paper's published cells, scaled by cells,
channels squared and pixels (facts of `docs/cost.md`); those of a supernet follow from its
operations, per edge at C channels on H x W pixels

    DARTS           H W (102 C + 6 C²)    two separable (applied twice) and two dilated convolutions
    S1 to S4        H W (51 C + 3 C²)     two operations, about half of that
    NAS-Bench-201   H W · 10 C²           convolutions 3x3 and 1x1

and 8 C² H W a cell for its input. A reduction halves H W · C and keeps H W · C²; the first term is
taken as if it kept it too. A training step is three passes, a step of alpha by gradient another
three, an evaluation of the value function one. All this is right within a factor of two or three.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline import registry
from pipeline.config import jobs
from pipeline.config.model import Config
from pipeline.config.recipes import SearchSettings, SupernetSettings, TrainSettings
from pipeline.data import find
from pipeline.paths import Place

PASSES = 3  # forward, and backward with respect to images and to weights
PARAMETER_BYTES = 4
# Multiply-adds and parameters of shapley_nas_cifar10 and of the densest NAS-Bench-201 cell.
CIFAR = (558_218_880, 3_603_358, 36, 20, 32)
IMAGENET = (565_511_424, 5_138_848, 48, 14, 224)
NASBENCH201 = (220_119_680, 1_531_546, 16, 5, 32)
REFERENCES = {"cifar10": CIFAR, "imagenet": IMAGENET, "nasbench201": NASBENCH201}
# Images that NAS-Bench-201's and image folders' data sets train on where no count is known.
N_TRAIN = {"imagenet": 1_281_167, "imagenet16": 151_700}


@dataclass(frozen=True)
class Work:
    """Of one job.

    Attributes:
        operations: floating-point operations, two a multiply-add.
        size: bytes that it leaves on disk.
    """

    operations: float = 0.0
    size: float = 0.0


def of_stage(config: Config, place: Place) -> Work:
    """The work of one run."""
    stage, space, dataset, strategy = place.stage, place.space, place.dataset, place.strategy
    if stage == "search":
        return _search(config, space, dataset, strategy)
    if stage == "queries":
        return Work(_search(config, space, dataset, strategy).operations * place.repeats)
    if stage == "genotype":
        job = jobs.genotype_job(config, space, dataset, strategy)
        return Work(size=_network(job.layout, job.channels, job.cells, dataset, config)[1])
    if stage == "trial":
        trial = jobs.trial_job(config, space, dataset)
        operations = _training(config, trial.layout, trial.train, dataset).operations
        return Work(operations * (1 - trial.train.held_out))
    if stage == "retrain":
        target = str(place.target)
        retrain = jobs.retrain_job(config, space, target)
        return _training(config, retrain.layout, retrain.train, target)
    return Work()


def _training(config: Config, layout: str, recipe: TrainSettings, dataset: str) -> Work:
    macs, size = _network(layout, recipe.channels, recipe.cells, dataset, config)
    n = recipe.limit_train or n_train(config, dataset)
    return Work(PASSES * 2 * macs * n * recipe.epochs, size)


def _network(
    layout: str, channels: int, cells: int, dataset: str, config: Config
) -> tuple[float, float]:
    """Multiply-adds of an image, bytes of the weights."""
    macs, params, c, n, side = REFERENCES[layout]
    scale = (channels / c) ** 2 * cells / n
    pixels = (find(dataset, config.datasets).image_size / side) ** 2
    return macs * scale * pixels, PARAMETER_BYTES * params * scale


def _search(config: Config, space: str, dataset: str, strategy: str) -> Work:
    job = jobs.search_job(config, space, strategy)
    if not registry.entry("strategies", job.algorithm).trains_supernet:
        return Work()
    recipe, settings = job.search, job.settings
    weights, _ = find(dataset, config.datasets).search_fractions
    n = n_train(config, dataset) * (config.split.weights_fraction or weights)
    n = min(n, recipe.limit_train or n)
    passes = PASSES * n * recipe.epochs
    if "permutations" in settings:
        n_players = registry.get("spaces", space)(recipe.supernet).n_players
        estimates = max(recipe.epochs - recipe.warmup_epochs, 0) if "step" in settings else 1
        passes += settings["permutations"] * n_players * settings["value_images"] * estimates
    if "step" not in settings:
        passes *= 2  # steps of alpha by gradient, on the other half
    macs = supernet_macs(space, recipe.supernet, find(dataset, config.datasets).image_size)
    return Work(2 * macs * passes, _history_size(space, recipe) + _supernet_size(space, recipe))


def supernet_macs(space: str, shape: SupernetSettings, side: int) -> float:
    """Multiply-adds of a supernet for one image."""
    one = registry.get("spaces", space)(shape)
    side = shape.image_size or side
    c = shape.channels / shape.partial_channels
    if one.family == "nasbench201":
        return float(10 * c**2 * len(one.edges) * side**2 * 3 * shape.cells)
    share = one.n_operations / 7
    edges = len(one.edges) * share * (102 * c + 6 * c**2)
    stem = 64 if space.endswith("imagenet") else 1
    return float((edges + 8 * shape.channels**2) * side**2 / stem * shape.cells)


def _supernet_size(space: str, recipe: SearchSettings) -> float:
    """Weights that a search leaves, scaled from the supernets of the two families at C = 16."""
    shape = recipe.supernet
    one = registry.get("spaces", space)(shape)
    of_family = {"nasbench201": (1_692_826, 5), "darts": (1_930_618, 8)}
    params, cells = of_family[one.family]
    scale = (shape.channels / 16) ** 2 * shape.cells / cells / shape.partial_channels
    return PARAMETER_BYTES * params * scale


def _history_size(space: str, recipe: SearchSettings) -> float:
    """Alpha over epochs as float64, and what an epoch writes into history and journal."""
    one = registry.get("spaces", space)(recipe.supernet)
    return float(recipe.epochs * (8 * one.n_players + 1000))


def n_train(config: Config, dataset: str) -> int:
    """Training images of a data set; for folders an order of magnitude."""
    known = find(dataset, config.datasets).n_train
    return known or N_TRAIN.get(dataset, 10_000)
