"""Lists the files that fill the disk, and removes files that finished runs do not need.

Sizes are bytes occupied on the disk; a file with several hard links counts once. Symbolic links are
not followed.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import journal as journals
from pipeline import locks, paths
from pipeline.errors import InputError
from pipeline.journal import Journal
from pipeline.tracking import recorder

BLOCK = 512  # bytes per unit of `st_blocks`, on every file system
STAGES = (*paths.STAGES, "data", "report", "tables")
STORE = ("mlflow.db", "mlruns", "mlartifacts")
MODELS = (".pt2", ".onnx", ".safetensors", ".pth")


@dataclass(frozen=True)
class Share:
    """Disk usage in bytes of one kind of file; `preset` and `stage` can be empty."""

    size: int
    n_files: int
    preset: str
    stage: str
    kind: str


@dataclass(frozen=True)
class Cleaned:
    """Bytes and runs removed; `n_waiting` journals are kept until MLflow has them."""

    size: int
    n_runs: int
    n_waiting: int


def usage(tree: Path, results: Path, data_root: Path) -> list[Share]:
    """Disk usage of results, data sets, MLflow's store and Snakemake's folder, largest first."""
    sizes: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    seen: set[tuple[int, int]] = set()
    for key, path in _every_file(tree, results, data_root):
        status = path.lstat()
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            sizes[key][0] += status.st_blocks * BLOCK
            sizes[key][1] += 1
    shares = [Share(size, n, *key) for key, (size, n) in sizes.items()]
    return sorted(shares, key=lambda share: (-share.size, share.preset, share.stage, share.kind))


def _every_file(
    tree: Path, results: Path, data_root: Path
) -> Iterator[tuple[tuple[str, str, str], Path]]:
    """((preset, stage, kind), file) for all files."""
    for preset in sorted(path for path in results.glob("*") if path.is_dir()):
        for path in _files(preset):
            parts = path.relative_to(preset).parts
            yield (preset.name, _stage(parts), _kind(parts)), path
    for store in (path for name in STORE for path in tree.glob(f"{name}*")):
        yield from ((("", "", "MLflow store"), path) for path in _files(store))
    for path in _files(tree / ".snakemake"):
        logs = "log" in path.relative_to(tree).parts[1]
        yield ("", "", "logs" if logs else "Snakemake's records"), path
    for dataset in sorted(data_root.glob("*")):
        yield from ((("", "", f"data: {dataset.name}"), path) for path in _files(dataset))


def _files(path: Path) -> Iterator[Path]:
    paths = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return (path for path in paths if path.is_file() and not path.is_symlink())


def _stage(parts: Sequence[str]) -> str:
    return next((part for part in parts if part in STAGES), "")


def _kind(parts: Sequence[str]) -> str:
    """The kind of a file in `results/{preset}`."""
    top, name = parts[0], Path(parts[-1])
    if top in ("logs", "benchmarks"):
        return top
    if name.suffix in MODELS or name.name in ("model.pt", "supernet.pt"):
        return "models"
    if top == paths.STATE:
        is_log = name.suffix in (".jsonl", ".json", ".txt", ".csv", ".lock")
        return "journals and logs" if is_log else "checkpoints"
    return "results"


def clean_state(results: Path) -> Cleaned:
    """Remove the files in each `results/*/state` that finished runs no longer need.

    A run has finished if its journal has the status FINISHED and its `metrics.json` exists. A
    journal is removed only if MLflow has all of its entries.

    Raises:
        InputError: the folder does not exist, or a workflow is running in it.
    """
    if not results.is_dir():
        raise InputError(f"{results}: no such folder; give the folder of the presets")
    states = sorted(results.glob(f"*/{paths.STATE}"))
    for state in states:
        if locks.workflow_lives(state):
            raise InputError(f"{state}: a workflow is at work in these results; wait for its end")
    finished = [run for state in states for run in _finished(state)]
    recorded = recorder.complete([journal for _, every in finished for journal in every])
    size = n_waiting = 0
    for folder, every in finished:
        waiting = [journal for journal in every if journal.key not in recorded]
        n_waiting += len(waiting)
        unsent = {path for journal in waiting for path, _ in journal.artifacts}
        kept = unsent.union(journal.path for journal in waiting)
        for path in sorted(folder.iterdir()):
            if path not in kept:
                size += sum(file.lstat().st_blocks * BLOCK for file in _files(path))
                is_folder = path.is_dir() and not path.is_symlink()  # never remove a link's target
                shutil.rmtree(path) if is_folder else path.unlink()
        if not waiting:
            folder.rmdir()
    return Cleaned(size, len(finished), n_waiting)


def _finished(state: Path) -> Iterator[tuple[Path, list[Journal]]]:
    """State folders of finished runs, with their journals."""
    for path in sorted(state.rglob(journals.NAME)):
        folder = path.parent
        result = state.parent / folder.relative_to(state) / "metrics.json"
        every = journals.read_all(folder)
        if folder != state and result.exists() and journals.read(path).status == "FINISHED":
            yield folder, every


def readable(size: float) -> str:
    """A number of bytes as text such as `1.2 GB`; units are powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
