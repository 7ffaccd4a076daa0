"""Estimates the cost of runs in advance: counted operations divided by a known speed.

    hours = operations / rate(device, kind of network) / 3600

A rate, in operations per second, is the geometric mean over the rows of `rates.json` with this
device and kind of network. `python -m pipeline gpu-check` adds rows for your GPU. Some published
times come from a GTX 1080 Ti or from unnamed GPUs, but their rows also name the device `V100`.
ImageNet supernets are a separate kind, because their searches also decode images.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import geometric_mean

from pipeline import files
from pipeline.analysis import work

RATES = Path(__file__).with_name("rates.json")
CORE = "CPU core"
# Kind of network -> kind whose speed is used if its own speed is unknown.
ALIKE = {"darts_imagenet": "darts", "nasbench201": "darts", "network": "darts"}


@dataclass(frozen=True)
class Gpu:
    """A device and its price.

    Attributes:
        name: name in `rates.json`, or the product's name.
        bandwidth: of its memory, in bytes per second.
        price: US dollars per hour on demand, lowest and highest.
    """

    name: str
    bandwidth: float
    price: tuple[float, float]


# Bandwidths: NVIDIA's data sheets. Prices: cloud surveys of May 2026 (mercatus-ai.com).
V100 = Gpu("V100", 0.90e12, (0, 0))
GPUS = (
    Gpu("A100 80 GB", 2.04e12, (1.1, 3.0)),
    Gpu("H100 SXM", 3.35e12, (2.5, 5.0)),
)


@cache
def rates(path: Path = RATES) -> dict[tuple[str, str], float]:
    """Operations per second by device and kind of network."""
    speeds: dict[tuple[str, str], list[float]] = {}
    for row in files.read_json(path):
        key = row["device"], row["network"]
        speeds.setdefault(key, []).append(row["operations"] / row["seconds"])
    return {key: geometric_mean(values) for key, values in speeds.items()}


def hours(run: work.Work, device: str) -> float:
    """Hours of a run on a device of `rates.json`."""
    known = rates()
    kind = run.network if (device, run.network) in known else ALIKE[run.network]
    return run.operations / known[device, kind] / 3600


def hours_on(run: work.Work, gpu: Gpu) -> tuple[float, float]:
    """Fewest and most hours of a run on a GPU whose speed was not measured.

    At best, it is faster than a V100 by the ratio of memory bandwidths; at worst, it is no faster.
    """
    most = hours(run, V100.name)
    return most * V100.bandwidth / gpu.bandwidth, most
