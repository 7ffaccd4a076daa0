"""Renders `docs/cost.md`: the cost of the paper's searches and trainings (`cost.py`)."""
# Tested in tests/analysis/test_cost.py.

from __future__ import annotations

from pathlib import Path

from pipeline.analysis import work
from pipeline.analysis.cost import CORE, GPUS, V100, hours, hours_on
from pipeline.config import load
from pipeline.config.model import Config
from pipeline.paths import Place

# The runs on the page, with the settings of the preset `paper`, and published hours.
RUNS = {
    "Shapley-NAS, CIFAR-10": (Place("search", "darts", "cifar10", "shapley", 0), 7.2),
    "DARTS, CIFAR-10": (Place("search", "darts", "cifar10", "darts", 0), 9.6),
    "PC-DARTS, CIFAR-10": (Place("search", "darts", "cifar10", "pc_darts", 0), 2.4),
    "DARTS, NAS-Bench-201": (Place("search", "nasbench201", "cifar10", "darts", 0), 3.0),
    "Shapley-NAS, ImageNet": (Place("search", "darts_imagenet", "imagenet", "shapley", 0), 101),
    "PC-DARTS, ImageNet": (Place("search", "darts_imagenet", "imagenet", "pc_darts", 0), 92),
    "Training, CIFAR-10": (Place("retrain", "darts", "cifar10", "shapley", target="cifar10"), 36),
    "Training, ImageNet": (Place("retrain", "darts", "cifar10", "shapley", target="imagenet"), 576),
}
HEAD = """\
# What the paper's searches and trainings cost

<!-- Rendered by `python -m pipeline cost`; change pipeline/analysis/cost_page.py. -->

The hours are the number of floating-point operations of a run, divided by the speed of the device.
The speed of a V100 comes from published times of runs on a V100 or on other GPUs of that time. The
speed of a CPU core is measured. **The hours for a V100 are within a factor of two of the hours
printed in the papers** (column `printed`). The largest factor in the table is {most:.1f}. We have
run nothing on a GPU. For newer GPUs the table has a range of hours. The upper end is the time on a
V100. The lower end is this time divided by the ratio of the GPUs' memory bandwidths (NVIDIA's data
sheets). Runs that spend most of their time launching small kernels are near the upper end. Prices
are from cloud surveys of May 2026.

| run | operations | V100, hours | printed | {gpus} | CPU core, hours |
| --- | ---: | ---: | ---: | {lines} | ---: |
"""
TAIL = """
`pipeline/analysis/rates.json` lists the published times with their sources: Tables 3 and 4 of the
paper, or the papers of DARTS, PC-DARTS and NAS-Bench-201. For each kind of network, the speed of a
V100 is the geometric mean of the speeds in the listed runs. The hours of Shapley-NAS are for the
coalitions that the paper describes. The released code evaluates other coalitions. Searches on
ImageNet are a separate kind: decoding images limits their speed more than the GPU does.

`make gpu-check` measures the speeds of your own GPU. From then on, `python -m pipeline plan` uses
these speeds. For a whole table of the paper, `plan` adds up the hours of all runs. For
Table 3, for example, these runs include a training for each row and seed.
"""


def render(folder: Path = Path("config")) -> str:
    """The page, for runs of the preset `paper`."""
    config = load.resolve({"preset": "paper"}, folder)
    config = load.with_labels(config, load.experiments(config, folder))
    lines = [_line(config, name, place, printed) for name, (place, printed) in RUNS.items()]
    most = max(factor(config, place, printed) for place, printed in RUNS.values())
    gpus = " | ".join(f"{gpu.name}, hours | US dollars" for gpu in GPUS)
    head = HEAD.format(most=most, gpus=gpus, lines=" | ".join(["---: | ---:"] * len(GPUS)))
    return head + "\n".join(lines) + "\n" + TAIL


def factor(config: Config, place: Place, printed: float) -> float:
    """Factor between our estimate for a V100 and the printed hours; at least 1."""
    ratio = hours(work.of_run(config, place), V100.name) / printed
    return max(ratio, 1 / ratio)


def _line(config: Config, name: str, place: Place, printed: float) -> str:
    run = work.of_run(config, place)
    cells = [name, f"{run.operations:.1e}", _number(hours(run, V100.name)), f"{printed:g}"]
    for gpu in GPUS:
        fewest, most = hours_on(run, gpu)
        cells += [_range(fewest, most), _range(fewest * gpu.price[0], most * gpu.price[1])]
    return f"| {' | '.join([*cells, _number(hours(run, CORE))])} |"


def _range(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
