"""Estimates the work of runs before they start, in floating-point operations and bytes on disk.

A multiply-add is two operations. A backward pass counts as two forward passes. A discrete network
is scaled from a published network (`REFERENCES`) by cells, pixels and squared channels. For a
supernet, the edges are added. On H x W pixels, an edge with C channels has these multiply-adds:

    DARTS           H W (102 C + 6 C²)    2 separable convolutions (each applied twice), 2 dilated
    S1 to S4        H W (51 C + 3 C²)     two operations, about half of the work of DARTS
    NAS-Bench-201   H W · 10 C²           convolutions 3x3 and 1x1

In DARTS' cells, the convolutions at the input need another 8 C² H W. The terms with H W C are not
halved after a reduction cell, although they should be. The counts are accurate to a factor of two.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline import registry
from pipeline.config import jobs
from pipeline.config.jobs import SearchJob
from pipeline.config.model import Config
from pipeline.config.own_images import OwnTrain
from pipeline.config.recipes import SearchSettings, SupernetSettings, TrainSettings
from pipeline.data import find
from pipeline.paths import Place

PASSES = 3  # forward, and backward with respect to images and to weights
PARAMETER_BYTES = 4
# Bytes per image in a training step of a fused supernet, at C = 16, 32 x 32 pixels and float32,
# measured by `bench/memory.py`. DARTS_PEAK (8 cells): bytes that do not depend on
# `partial_channels`, and bytes that are divided by it. NASBENCH_PEAK: bytes outside the cells, and
# for each cell of a stage. STEM_PEAK: bytes per pixel in the stem of ImageNet's supernets.
DARTS_PEAK, NASBENCH_PEAK, STEM_PEAK = (5.0e6, 69.4e6), (0.45e6, 2.27e6), 107
# Factors on these bytes: in bfloat16, and if cells are recomputed in the backward pass.
BFLOAT16_PEAK, CHECKPOINT_PEAK = 0.57, 0.29
# Measured share of a permutation that is evaluated before it is truncated (eta = 0.5).
WALKED = 0.6
# Multiply-adds, parameters, channels, cells and pixels per side: the networks of Shapley-NAS for
# CIFAR-10 and ImageNet, and the largest network of NAS-Bench-201.
REFERENCES = {
    "cifar10": (558_218_880, 3_603_358, 36, 20, 32),
    "imagenet": (598_034_880, 5_423_872, 48, 14, 224),
    "nasbench201": (220_119_680, 1_531_546, 16, 5, 32),
}
# Training images of NAS-Bench-201's data sets and of image folders whose count is unknown.
N_TRAIN = {"imagenet": 1_281_167, "imagenet16": 151_700}


@dataclass(frozen=True)
class Work:
    """The work of one run.

    Attributes:
        operations: floating-point operations.
        size: bytes on disk after the run.
        network: kind of network, as in `cost.rates`.
        peak: peak device memory of a search step in bytes, images included.
    """

    operations: float = 0.0
    size: float = 0.0
    network: str = "network"
    peak: float = 0.0


def of_run(config: Config, place: Place) -> Work:
    """The work of one run."""
    stage, space, dataset, strategy = place.stage, place.space, place.dataset, place.strategy
    if stage == "search":
        return _search(config, space, dataset, strategy)
    if stage == "queries":
        search = _search(config, space, dataset, strategy)
        return Work(search.operations * place.repeats, 0.0, search.network)
    if stage == "genotype":
        job = jobs.genotype_job(config, space, dataset, strategy)
        return Work(size=_network(job.layout, job.channels, job.cells, dataset, config)[1])
    if stage == "trial":
        trial = jobs.trial_job(config, space, dataset)
        training = _training(config, trial.layout, trial.train, dataset)
        return Work(training.operations * (1 - trial.train.held_out), 0.0, training.network)
    if stage == "retrain":
        target = str(place.target)
        retrain = jobs.retrain_job(config, space, target)
        return _training(config, retrain.layout, retrain.train, target)
    return Work()


def _training(config: Config, layout: str, recipe: TrainSettings, dataset: str) -> Work:
    macs, size = _network(layout, recipe.channels, recipe.cells, dataset, config)
    n = recipe.limit_train or n_train(config, dataset)
    if isinstance(recipe, OwnTrain):
        recipe = recipe.for_images(n)
    network = "nasbench201" if layout == "nasbench201" else "network"
    return Work(PASSES * 2 * macs * n * recipe.epochs, size, network)


def _network(
    layout: str, channels: int, cells: int, dataset: str, config: Config
) -> tuple[float, float]:
    """Multiply-adds for one image, bytes of the weights."""
    macs, params, c, n, side = REFERENCES[layout]
    scale = (channels / c) ** 2 * cells / n
    pixels = (find(dataset, config.datasets).image_size / side) ** 2
    return macs * scale * pixels, PARAMETER_BYTES * params * scale


def _search(config: Config, space: str, dataset: str, strategy: str) -> Work:
    job = jobs.search_job(config, space, strategy)
    entry = registry.entry("strategies", job.algorithm)
    if not entry.trains_supernet:
        return Work()
    recipe = job.search
    weights, _ = find(dataset, config.datasets).search_fractions
    n = n_train(config, dataset) * (config.split.weights_fraction or weights)
    n = min(n, recipe.limit_train or n)
    epochs = recipe.stop_epoch or recipe.epochs
    warmup = job.settings.get("warmup_epochs")
    n_warmup = min(recipe.warmup_epochs if warmup is None else warmup, epochs)
    # In a warm-up only the weights are trained.
    passes = n * (PASSES * n_warmup + entry.passes * (epochs - n_warmup))
    passes += _value_passes(job, epochs - n_warmup)
    side = find(dataset, config.datasets).image_size
    cells = registry.get("spaces", space)(recipe.supernet)
    history = recipe.epochs * (8 * cells.n_players + 1000)  # bytes of alpha, history and journal
    size = history + _supernet_size(cells.family, recipe.supernet)
    network = "darts_imagenet" if space.endswith("imagenet") else cells.family
    peak = supernet_peak(space, recipe, side)
    return Work(2 * supernet_macs(space, recipe.supernet, side) * passes, size, network, peak)


def _value_passes(job: SearchJob, epochs: int) -> float:
    """Forward passes of the value function, counted per image."""
    settings = job.settings
    if "permutations" not in settings:
        return 0.0
    cells = registry.get("spaces", job.space)(job.search.supernet)
    players = cells.n_players if settings["renormalise"] else cells.selectable().sum()
    walked = WALKED if "eta" in settings else 1.0
    estimates = epochs if "step" in settings else 1
    return settings["permutations"] * players * walked * settings["value_images"] * estimates


def supernet_macs(space: str, shape: SupernetSettings, side: int) -> float:
    """Multiply-adds of a supernet for one image."""
    cells = registry.get("spaces", space)(shape)
    side = shape.image_size or side
    c = shape.channels / shape.partial_channels
    if cells.family == "nasbench201":
        return float(10 * c**2 * len(cells.edges) * side**2 * 3 * shape.cells)
    share = cells.n_operations / 7
    edges = len(cells.edges) * share * (102 * c + 6 * c**2)
    stem = 64 if space.endswith("imagenet") else 1
    return float((edges + 8 * shape.channels**2) * side**2 / stem * shape.cells)


def supernet_peak(space: str, recipe: SearchSettings, side: int) -> float:
    """Peak bytes of a step on the weights: activations, images, gradients."""
    shape = recipe.supernet
    pixels = (shape.image_size or side) ** 2
    stem, family = 0.0, registry.get("spaces", space)(shape).family
    if family == "nasbench201":
        beside, each = NASBENCH_PEAK
        image_bytes = beside + each * shape.cells
    else:
        beside, through = DARTS_PEAK
        image_bytes = (beside + through / shape.partial_channels) * shape.cells / 8
    if space.endswith("imagenet"):
        stem, pixels = STEM_PEAK * pixels, pixels // 64
    held = image_bytes * shape.channels / 16 * pixels / 32**2
    held *= CHECKPOINT_PEAK if shape.checkpoint else 1
    held = (held + stem) * (BFLOAT16_PEAK if shape.precision == "bfloat16" else 1)
    images = 3 * side**2 * PARAMETER_BYTES
    size = min(recipe.micro_batch_size or recipe.batch_size, recipe.batch_size)
    return size * held + recipe.batch_size * images + _supernet_size(family, shape)


def _supernet_size(family: str, shape: SupernetSettings) -> float:
    """Bytes of a saved supernet, scaled from C = 16."""
    params, cells = {"nasbench201": (1_692_826, 5), "darts": (1_930_618, 8)}[family]
    scale = (shape.channels / 16) ** 2 * shape.cells / cells / shape.partial_channels
    return PARAMETER_BYTES * params * scale


def n_train(config: Config, dataset: str) -> int:
    """Training images of a data set; for folders only an order of magnitude."""
    known = find(dataset, config.datasets).n_train
    return known or N_TRAIN.get(dataset, 10_000)
