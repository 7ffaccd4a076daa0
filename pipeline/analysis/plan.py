"""What a report page will cost before anything runs: runs by stage, device hours, disk.

The runs are those that Snakemake's rules take from `config/needs.py` too. Jobs that only convert,
draw or write a page cost nothing to speak of and are left out. Hours and bytes are estimates
(`cost.py`), an order of magnitude. Time on a CPU is counted in device hours of a core as well,
never in GPU hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.analysis import cost
from pipeline.analysis.cost import GPUS, UTILISATION
from pipeline.config import needs
from pipeline.config.experiments import Experiment
from pipeline.config.model import Config
from pipeline.machine import has_gpu

# Operations per second of one CPU core on these networks, least and most; and what a job spends
# before its first batch. Assumptions, as the utilisation of a GPU.
CORE = (2e9, 2e10)
START_SECONDS = 8.0
COPIES = 2  # MLflow keeps a copy of each model


@dataclass(frozen=True)
class StageCost:
    """The runs of one stage; `hours` are the fewest and the most, `size` is in bytes."""

    stage: str
    n_runs: int
    n_done: int
    hours: tuple[float, float]
    size: float


def plan(
    config: Config, experiments: Mapping[str, Experiment], page: str, results: Path
) -> list[StageCost]:
    """The runs behind a report page, by stage.

    Args:
        config: with the labels of all experiments.
        experiments: all of them, by name.
        page: index, paper or an experiment.
        results: `results/{preset}`, for what is done already.
    """
    chosen = [experiments[name] for name in needs.on_page(config, page, experiments)]
    places = needs.all_runs(config, chosen)
    kinds = {place: replace(place, seed=0, rseed=None) for place in places}  # all seeds cost alike
    work = {kind: cost.of_run(config, kind) for kind in dict.fromkeys(kinds.values())}
    slow, fast = CORE
    if has_gpu(config.device):
        slow, fast = (GPUS[0].peak * share for share in UTILISATION)
    found = []
    for stage in dict.fromkeys(place.stage for place in places):
        own = [place for place in places if place.stage == stage]
        operations = sum(work[kinds[place]].operations for place in own)
        start = START_SECONDS * len(own)
        found.append(
            StageCost(
                stage,
                len(own),
                sum((results / place.folder / "metrics.json").exists() for place in own),
                ((operations / fast + start) / 3600, (operations / slow + start) / 3600),
                sum(work[kinds[place]].size for place in own) * COPIES,
            )
        )
    return found


def announce(config: Config, experiments: Mapping[str, Experiment], page: str) -> str:
    """The plan of a page as text, for what lies in this folder."""
    lines = plan(config, experiments, page, Path("results", config.preset))
    low, high = (sum(one.hours[i] for one in lines) for i in (0, 1))
    total = StageCost(
        "total",
        sum(one.n_runs for one in lines),
        sum(one.n_done for one in lines),
        (low, high),
        sum(one.size for one in lines),
    )
    device = GPUS[0].name if has_gpu(config.device) else "one core of a CPU"
    rows = [
        ("stage", "runs", "done", "device hours", "disk"),
        *(
            (one.stage, f"{one.n_runs:,}", f"{one.n_done:,}", _hours(one.hours), _size(one.size))
            for one in (*lines, total)
        ),
    ]
    head = f"Plan of {page}, preset {config.preset}, from nothing:"
    days = _hours((low / 24, high / 24))
    end = f"Hours of {device}, an order of magnitude: {days} device days in all."
    return "\n".join([head, *_aligned(rows), end])


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of equal columns, the first set to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]


def _hours(hours: tuple[float, float]) -> str:
    low, high = (f"{value:,.0f}" if value >= 10 else f"{value:.2g}" for value in hours)
    return low if low == high else f"{low} to {high}"


def _size(size: float) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{size / 1e3:,.0f} kB" if size else "-"
