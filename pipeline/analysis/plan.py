"""Estimates what a report page costs before anything runs: runs by stage, device hours, disk space.

Jobs that only convert, draw or write a page take almost no time and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import machine
from pipeline.analysis import cost, work
from pipeline.config import needs
from pipeline.config.experiments import Experiment
from pipeline.config.model import Config

START_SECONDS = 8.0  # time of a job before its first batch
COPIES = 2  # MLflow keeps a copy of each model


@dataclass(frozen=True)
class StageCost:
    """The cost of a stage's runs: device hours, bytes on disk, peak memory of a search in bytes."""

    stage: str
    n_runs: int
    n_done: int
    hours: float
    size: float
    peak: float


def plan(
    config: Config, experiments: Mapping[str, Experiment], page: str, results: Path
) -> list[StageCost]:
    """The cost of the runs that a report page needs, by stage.

    Args:
        config: includes the strategy labels that experiments define.
        experiments: all experiments by name.
        page: "index", "paper" or the name of an experiment.
        results: the folder `results/{preset}` with the finished runs.
    """
    chosen = [experiments[name] for name in needs.on_page(config, page, experiments)]
    places = needs.all_runs(config, chosen)
    kinds = {place: replace(place, seed=0, rseed=None) for place in places}  # all seeds cost alike
    costs = {kind: work.of_run(config, kind) for kind in dict.fromkeys(kinds.values())}
    device = device_of(config)
    stages = []
    for stage in dict.fromkeys(place.stage for place in places):
        runs = [place for place in places if place.stage == stage]
        computing = sum(cost.hours(costs[kinds[place]], device) for place in runs)
        stages.append(
            StageCost(
                stage,
                len(runs),
                sum((results / place.folder / "metrics.json").exists() for place in runs),
                computing + START_SECONDS * len(runs) / 3600,
                sum(costs[kinds[place]].size for place in runs) * COPIES,
                max(costs[kinds[place]].peak for place in runs),
            )
        )
    return stages


def device_of(config: Config) -> str:
    """A CPU core, or this machine's GPU if its speed was measured, else a V100 (`rates.json`)."""
    if not machine.has_gpu(config.device):
        return cost.CORE
    measured = {device for device, _ in cost.rates()}
    return next((name for name in machine.gpu_models() if name in measured), cost.V100.name)


def announce(config: Config, experiments: Mapping[str, Experiment], page: str) -> str:
    """The plan of a page as text; `results` is in the working folder."""
    lines = plan(config, experiments, page, Path("results", config.preset))
    total = StageCost(
        "total",
        sum(line.n_runs for line in lines),
        sum(line.n_done for line in lines),
        sum(line.hours for line in lines),
        sum(line.size for line in lines),
        max(line.peak for line in lines),
    )
    rows = [("stage", "runs", "done", "device hours", "disk", "memory")]
    for line in (*lines, total):
        counts = f"{line.n_runs:,}", f"{line.n_done:,}"
        rows.append((line.stage, *counts, _hours(line.hours), _size(line.size), _size(line.peak)))
    head = f"Plan of {page}, preset {config.preset}, if nothing is done yet:"
    device = device_of(config)
    end = f"Hours of one {device}, accurate to a factor of two: {_hours(total.hours / 24)} days."
    memory = (
        "Memory is the peak of a search step on its device, scaled from measured peaks; "
        "search.<space>.micro_batch_size lowers it."
    )
    return "\n".join([head, *_aligned(rows), end, memory, *_advice(config, device)])


def _advice(config: Config, device: str) -> list[str]:
    """Advice on how to get the numbers of another device."""
    if device == cost.CORE and config.device != "cpu":
        return ["This machine has no GPU. For hours of a GPU add --set device=cuda"]
    if device == cost.V100.name:
        times = ", ".join(f"{g.name} {g.bandwidth / cost.V100.bandwidth:.1f}" for g in cost.GPUS)
        return [
            f"Newer GPUs are faster by at most these factors: {times}. "
            "`make gpu-check` measures the speed of your GPU, which this command then uses."
        ]
    return []


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines of text; the first column is aligned left, the others are aligned right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


def _size(size: float) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{size / 1e3:,.0f} kB" if size else "-"
