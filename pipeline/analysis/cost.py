"""What runs cost before they happen: counted work, published rates, an assumed utilisation.

    hours = operations / (peak x utilisation) / 3600
    operations of a training = 2 x 3 x multiply-adds x images x epochs

A multiply-add is two operations; a training step is a forward pass and a backward pass of twice
its work. Nothing here imports torch. The multiply-adds of a discrete network are those of a
published cell (`REFERENCES`), scaled by cells, channels squared and pixels. Those of a supernet
follow from its operations. Per edge at C channels on H x W pixels they are

    DARTS           H W (102 C + 6 C²)    two separable (applied twice) and two dilated convolutions
    S1 to S4        H W (51 C + 3 C²)     two operations, about half of that
    NAS-Bench-201   H W · 10 C²           convolutions 3x3 and 1x1

and the input of each cell takes 8 C² H W. A reduction halves H W · C and keeps H W · C²; the first
term is taken as if it kept it too. A step of alpha by gradient is another training step, an
evaluation of the value function is one forward pass. All this is right within a factor of two or
three. `docs/cost.md` is rendered from it, never typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline import registry
from pipeline.config import jobs, load
from pipeline.config.model import Config
from pipeline.config.recipes import SearchSettings, SupernetSettings, TrainSettings
from pipeline.data import find
from pipeline.paths import Place

PASSES = 3  # forward, and backward with respect to images and to weights
PARAMETER_BYTES = 4
# Multiply-adds, parameters, channels, cells and pixels a side: of the cells that Shapley-NAS
# published for CIFAR-10 and ImageNet, and of the densest NAS-Bench-201 cell.
REFERENCES = {
    "cifar10": (558_218_880, 3_603_358, 36, 20, 32),
    "imagenet": (598_034_880, 5_423_872, 48, 14, 224),
    "nasbench201": (220_119_680, 1_531_546, 16, 5, 32),
}
# Images that NAS-Bench-201's and image folders' data sets train on where no count is known.
N_TRAIN = {"imagenet": 1_281_167, "imagenet16": 151_700}


@dataclass(frozen=True)
class Gpu:
    """A device and what it costs.

    Attributes:
        name: as sold.
        peak: dense bfloat16 tensor operations per second.
        price: US dollars per hour on demand, lowest and highest.
    """

    name: str
    peak: float
    price: tuple[float, float]


# Peaks: NVIDIA's data sheets. Prices: cloud surveys of May 2026 (mercatus-ai.com).
GPUS = (
    Gpu("A100 80 GB", 312e12, (1.1, 3.0)),
    Gpu("H100 SXM", 989e12, (2.5, 5.0)),
)
# An assumption: depthwise convolutions, batch norms and pooling move memory, multiply little, and
# a network of many small kernels waits for their launches.
UTILISATION = (0.005, 0.04)
# The trainings on the page, as the preset `paper` has them.
TRAININGS = {
    "CIFAR-10, 600 epochs": Place("retrain", "darts", "cifar10", "shapley", target="cifar10"),
    "ImageNet, 250 epochs": Place("retrain", "darts", "cifar10", "shapley", target="imagenet"),
}
HEAD = """\
# What the paper's trainings cost

<!-- Rendered by `python -m pipeline cost`; change pipeline/analysis/cost.py. -->

Work is counted from the networks; peaks are NVIDIA's (dense bfloat16), prices those of cloud
surveys of May 2026. Between them stands the utilisation, which nothing here has measured: {low:.1%}
to {high:.1%} of the peak is an assumption for networks of small depthwise convolutions. **The
hours are an order of magnitude**, not better. `images_per_second` of the first epoch on your
GPU replaces it: hours = images x epochs / images_per_second / 3600.

| training | operations | GPU | GPU hours | US dollars |
| --- | --- | --- | --- | --- |
"""
TAIL = """
The paper prints 0.3 GPU days for a search on CIFAR-10 and 4.2 for one on ImageNet, and nothing for
its trainings. Table 3 trains one network a row and seed: multiply. Decoding ImageNet's images takes
CPU cores beside the GPU; too few of them make a run dearer than this.
"""


def render(folder: Path = Path("config")) -> str:
    """The page, for the trainings of the preset `paper` in a folder of configuration."""
    config = load.resolve({"preset": "paper"}, folder)
    lines = [
        _line(name, of_run(config, place).operations, gpu)
        for name, place in TRAININGS.items()
        for gpu in GPUS
    ]
    low, high = UTILISATION
    return HEAD.format(low=low, high=high) + "\n".join(lines) + "\n" + TAIL


def _line(name: str, operations: float, gpu: Gpu) -> str:
    fewest, most = hours(operations, gpu)
    dollars = fewest * gpu.price[0], most * gpu.price[1]
    return (
        f"| {name} | {operations:.1e} | {gpu.name} | {fewest:.0f} to {most:.0f} | "
        f"{dollars[0]:,.0f} to {dollars[1]:,.0f} |"
    )


def hours(operations: float, gpu: Gpu) -> tuple[float, float]:
    """Fewest and most hours on one GPU."""
    low, high = UTILISATION
    return operations / gpu.peak / high / 3600, operations / gpu.peak / low / 3600


@dataclass(frozen=True)
class Work:
    """Of one run.

    Attributes:
        operations: floating-point operations, two a multiply-add.
        size: bytes that it leaves on disk.
    """

    operations: float = 0.0
    size: float = 0.0


def of_run(config: Config, place: Place) -> Work:
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
