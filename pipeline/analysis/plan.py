"""What a report page will cost before anything runs: jobs by rule, device hours, disk.

The jobs are those that Snakemake would plan from nothing; a test holds them against it. Hours
and bytes are estimates (`work.py`, `cost.py`), an order of magnitude. Time on a CPU is counted in
device hours of a core as well, never in GPU hours.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.analysis import work
from pipeline.analysis.cost import GPUS, UTILISATION
from pipeline.config import jobs, needs
from pipeline.config.experiments import TABLE, Experiment
from pipeline.config.model import Config
from pipeline.config.trainings import is_folder
from pipeline.machine import has_gpu
from pipeline.nasbench.protocols import DIGITS
from pipeline.paths import Place

RULES = {
    "prepare": "prepare_data",
    "convert": "convert_table",
    "search": "search_architecture",
    "draw_or_look_up": "search_without_training",
    "genotype": "export_genotype",
    "trial": "try_genotype",
    "query": "query_table",
    "reference": "query_reference",
    "queries": "search_table",
    "removal": "remove_operations",
    "ranking": "rank_architectures",
    "retrain": "retrain_network",
    "transfer": "transfer_network",
    "draw": "draw_figure",
    "claims": "judge_claims",
    "report": "write_report",
}
ASKS_TABLE = ("query", "reference", "queries", "ranking")
# Operations a second of one CPU core on these networks, least and most; and what a job spends
# before its first batch. Assumptions, as the utilisation of a GPU.
CORE = (2e9, 2e10)
START_SECONDS = 8.0
COPIES = 2  # MLflow keeps a copy of each model


@dataclass(frozen=True)
class RuleCost:
    """Jobs of one rule."""

    rule: str
    n_jobs: int
    n_done: int
    hours: tuple[float, float]
    size: float


def plan(
    config: Config, experiments: Mapping[str, Experiment], page: str, results: Path, table: bool
) -> list[RuleCost]:
    """The jobs behind a report page, by rule.

    Args:
        config: with the labels of all experiments.
        experiments: all of them, by name.
        page: index, paper or an experiment.
        results: `results/{preset}`, for what is done already.
        table: whether a NAS-Bench-201 table is at hand, that is converted first.
    """
    chosen = [experiments[name] for name in needs.on_page(config, page, experiments)]
    places = needs.all_runs(config, chosen)
    by_stage: dict[str, list[tuple[bool, work.Work]]] = {stage: [] for stage in RULES}
    known: dict[Place, work.Work] = {}
    for dataset in _prepared(places):
        done = (results / "data" / dataset / "manifest.json").exists()
        by_stage["prepare"].append((done, work.Work()))
    for place in places:
        stage = _stage_of(config, place)
        done = (results / place.folder / "metrics.json").exists()
        key = replace(place, seed=0, rseed=None)
        if key not in known:
            known[key] = work.of_stage(config, place)
        by_stage[stage].append((done, known[key]))
    converts = any(
        place.dataset != DIGITS and _stage_of(config, place) in ASKS_TABLE for place in places
    )
    if table and converts:
        converted = (results / "data" / "nas_bench_201" / "table.npy").exists()
        by_stage["convert"].append((converted, work.Work()))
    for experiment in chosen:
        for stage, folder, wanted in (
            ("draw", "figures", experiment.figure),
            ("claims", "claims", experiment.claims),
        ):
            if wanted:
                made = (results / "report" / folder / experiment.name).exists()
                by_stage[stage].append((made, work.Work()))
    by_stage["report"].append(((results / "report" / f"{page}.html").exists(), work.Work()))
    on_gpu = has_gpu(config.device)
    return [_line(RULES[stage], own, on_gpu) for stage, own in by_stage.items() if own]


def announce(config: Config, experiments: Mapping[str, Experiment], page: str) -> str:
    """The plan of a page as text, for what lies in this folder."""
    results = Path("results", config.preset)
    data_root = Path(os.environ.get("SHAPLEY_NAS_DATA", config.data_root))
    table = (data_root / config.nasbench_table).exists()
    return render(plan(config, experiments, page, results, table), config, page)


def render(lines: Sequence[RuleCost], config: Config, page: str) -> str:
    """The plan as text, widths aligned."""
    on_gpu = has_gpu(config.device)
    device = GPUS[0].name if on_gpu else "one core of a CPU"
    head = ("rule", "jobs", "done", "device hours", "disk")
    rows = [
        (one.rule, f"{one.n_jobs:,}", f"{one.n_done:,}", _hours(one.hours), _size(one.size))
        for one in lines
    ]
    low, high = (sum(one.hours[i] for one in lines) for i in (0, 1))
    total = (
        "total",
        f"{sum(one.n_jobs for one in lines):,}",
        f"{sum(one.n_done for one in lines):,}",
        _hours((low, high)),
        _size(sum(one.size for one in lines)),
    )
    widths = [max(len(row[i]) for row in (head, *rows, total)) for i in range(len(head))]
    text = [
        "  ".join(
            part.ljust(width) if i == 0 else part.rjust(width)
            for i, (part, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows, total)
    ]
    end = f"Hours of {device}, an order of magnitude: {_days((low, high))} device days in all."
    return "\n".join([f"Plan of {page}, preset {config.preset}, from nothing:", *text, end])


def _prepared(places: Sequence[Place]) -> set[str]:
    """Data sets that the runs search or train on."""
    return {name for place in places for name in (place.dataset, place.target) if name}


def _stage_of(config: Config, place: Place) -> str:
    """The key of `RULES`: a training on a folder of images is a transfer."""
    stage, strategy = place.stage, place.strategy
    if stage == "search" and strategy in jobs.labels(config, trains_supernet=False):
        return "draw_or_look_up"
    if stage == "query" and strategy.startswith(TABLE):
        return "reference"
    if stage != "retrain":
        return stage
    return "transfer" if is_folder(config, str(place.target)) else "retrain"


def _line(rule: str, own: Sequence[tuple[bool, work.Work]], on_gpu: bool) -> RuleCost:
    operations = sum(one.operations for _, one in own)
    slow, fast = CORE
    if on_gpu:
        slow, fast = (GPUS[0].peak * share for share in UTILISATION)
    start = START_SECONDS * len(own)
    hours = ((operations / fast + start) / 3600, (operations / slow + start) / 3600)
    size = sum(one.size for _, one in own) * COPIES
    return RuleCost(rule, len(own), sum(done for done, _ in own), hours, size)


def _hours(hours: tuple[float, float]) -> str:
    low, high = (f"{value:,.0f}" if value >= 10 else f"{value:.2g}" for value in hours)
    return low if low == high else f"{low} to {high}"


def _days(hours: tuple[float, float]) -> str:
    return _hours((hours[0] / 24, hours[1] / 24))


def _size(size: float) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{size / 1e3:,.0f} kB" if size else "-"
