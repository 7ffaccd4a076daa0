"""The paths of results, as patterns with the wildcards of Snakemake's rules.

A *run* is the result of one stage. Its folder below `results/{preset}` identifies it:

    {space}/{dataset}/{strategy}/seed{seed}/search/  (or genotype, trial, query, removal, ranking)
    {space}/{dataset}/{strategy}/seed{seed}/retrain/{target}/rseed{rseed}/
    {space}/{dataset}/{strategy}/seeds{repeats}/queries/      the seeds 0 to repeats - 1 in one run
    studies/{study}/...      a run of a study
    data/{dataset}/          a prepared data set
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.errors import InputError

ROOT = "results/{preset}"
LOGS = ROOT + "/logs"
BENCHMARKS = ROOT + "/benchmarks"
DATA = ROOT + "/data/{dataset}"
TARGET_DATA = ROOT + "/data/{target}"
NASBENCH_TABLE = ROOT + "/data/nas_bench_201/table.npy"
NASBENCH_DIGITS = ROOT + "/data/nasbench_digits"
REPORT = ROOT + "/report"

# Logs and benchmarks use these paths too.
STRATEGY = "{space}/{dataset}/{strategy}"
SEED = STRATEGY + "/seed{seed}"
SEEDS = STRATEGY + "/seeds{repeats}"
TRAINING = SEED + "/{target}/rseed{rseed}"

# Stage -> the folder of its runs below `results/{preset}`, in the order of the workflow.
STAGES = {
    "search": SEED + "/search",
    "genotype": SEED + "/genotype",
    "trial": SEED + "/trial",
    "query": SEED + "/query",
    "removal": SEED + "/removal",
    "ranking": SEED + "/ranking",
    "retrain": SEED + "/retrain/{target}/rseed{rseed}",
    "queries": SEEDS + "/queries",
}
SEARCH, GENOTYPE, TRIAL, QUERY, REMOVAL, RANKING, RETRAIN, QUERIES = (
    f"{ROOT}/{folder}" for folder in STAGES.values()
)

# Below `results/{preset}`: the runs of a study.
STUDY = "studies/{study}"
SUPERNET = STUDY + "/{supernet}/search"
WALK = STUDY + "/{supernet}/{walk}"
DRAW = STUDY + "/{supernet}/{draw}"
FORM = STUDY + "/{form}/{rseed}"
STUDY_FOLDER = STUDY + "/data/{folder}"
NETWORK = STUDY + "/{folder}/{network}/{rseed}"
SUMMARY = STUDY + "/summary"

# Below `results/{preset}`: checkpoints and journals, which no rule declares as outputs, and the
# study (a `ReportJob`), which a workflow writes when it starts.
STATE = "state"
PLANNED = STATE + "/study.json"

# Below `results/{preset}`: results of verbs called by hand.
BY_HAND = "by_hand"

NUMBERS = ("seed", "rseed", "repeats")  # wildcards that are numbers; the others are names
WILDCARD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Place:
    """The parts of the path of a run's folder."""

    stage: str  # one of `STAGES`
    space: str
    dataset: str
    strategy: str
    seed: int = 0  # of the search; the first one for `queries`
    target: str | None = None  # data set of a training, else None
    rseed: int | None = None  # seed of a training, else None
    repeats: int = 0  # number of seeds in a run of `queries`, else 0

    @property
    def folder(self) -> str:
        """The folder below `results/{preset}`, with forward slashes."""
        return STAGES[self.stage].format(**vars(self))

    @property
    def base(self) -> str:
        """The folder with all seeds of the search."""
        return STRATEGY.format(**vars(self))

    @property
    def seed_folder(self) -> str:
        """The folder with all stages of the seed."""
        return SEED.format(**vars(self))

    @property
    def title(self) -> str:
        """Short name without the stage: `shapley · darts/digits · s0 · digits64 r1`."""
        seeds = f"{self.repeats} seeds" if self.repeats else f"s{self.seed}"
        training = f" · {self.target} r{self.rseed}" if self.target else ""
        return f"{self.strategy} · {self.space}/{self.dataset} · {seeds}{training}"

    def at(self, stage: str, target: str | None = None, rseed: int | None = None) -> Place:
        """Another stage of the same seed; `target` and `rseed` name a training."""
        return replace(self, stage=stage, target=target, rseed=rseed)


def parse(folder: str) -> Place:
    """The `Place` of a folder below `results/{preset}`.

    Raises:
        InputError: it is not the folder of a run.
    """
    place = find(folder)
    if place is None:
        raise InputError(f"{folder}: not the folder of a run")
    return place


def find(folder: str) -> Place | None:
    """The `Place` of a folder; None if it is not the folder of a run."""
    for stage, regex in _REGEXES.items():
        match = regex.fullmatch(folder)
        if match:
            named: Mapping[str, Any] = {
                name: int(text) if name in NUMBERS else text
                for name, text in match.groupdict().items()
            }
            return Place(stage, **named)
    return None


def ending(folder: Path) -> Place | None:
    """The `Place` of a run's folder below any other folders; None if it is not that of a run."""
    parts = folder.parts
    places = (find("/".join(parts[start:])) for start in range(len(parts)))
    return next((place for place in places if place is not None), None)


def seed_folder(folder: Path) -> Path:
    """The folder with all stages of a seed, from the folder of one of its runs."""
    # A training is at `retrain/{target}/rseed{rseed}`. By hand, the folders above have any names.
    return folder.parents[2] if folder.name.startswith("rseed") else folder.parent


def root_of(folder: Path, inner: str) -> Path | None:
    """The absolute path of `results/{preset}`, above `inner`; None if `folder` is another one."""
    path, end = folder.absolute().as_posix(), f"/{inner}"
    return Path(path.removesuffix(end)) if path.endswith(end) else None


def is_of_workflow(folder: Path) -> bool:
    """Whether the workflow writes a result into the folder: of a run, a study or a data set."""
    root = Path(ROOT).parent.resolve()
    if not folder.resolve().is_relative_to(root):
        return False
    _, *inner = folder.resolve().relative_to(root).parts or ("",)
    return any(regex.fullmatch("/".join(inner)) for regex in _OF_WORKFLOW)


def globs(file: str) -> list[str]:
    """Glob patterns, one per stage, for `file` in the folders of all runs."""
    return [f"{WILDCARD.sub('*', folder)}/{file}" for folder in STAGES.values()]


def results(preset: str) -> Path:
    """The folder of a preset's results."""
    return Path(ROOT.format(preset=preset))


def data(preset: str, dataset: str) -> Path:
    """The folder of a data set's manifest and split."""
    return Path(DATA.format(preset=preset, dataset=dataset))


def _regex(pattern: str) -> re.Pattern[str]:
    def group(match: re.Match[str]) -> str:
        return f"(?P<{match[1]}>{'[0-9]+' if match[1] in NUMBERS else '[A-Za-z0-9_]+'})"

    return re.compile(WILDCARD.sub(group, pattern))


_REGEXES = {stage: _regex(folder) for stage, folder in STAGES.items()}
_OTHERS = (SUPERNET, WALK, DRAW, FORM, SUMMARY, DATA.removeprefix(f"{ROOT}/"))
_OF_WORKFLOW = [*_REGEXES.values(), *map(_regex, _OTHERS)]
