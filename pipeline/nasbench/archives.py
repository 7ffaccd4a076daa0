"""Reads the benchmark's archives: `NAS-Bench-201-v1_*.pth` and NATS-Bench's topology space.

Both contain a trial for each combination of architecture, schedule ("less" and "full", or "12" and
"200"), data set and seed. They are pickles, which can run code when they are read. Therefore
only functions on a fixed list are allowed.
"""

from __future__ import annotations

import os
import pickle
import re
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import files
from pipeline.errors import InputError
from pipeline.pickles import Dtype, number, read_pickle
from pipeline.progress import progress

if TYPE_CHECKING:
    import pandas as pd

SETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16": "ImageNet16-120"}
EPOCHS = {"less": 12, "full": 200, "12": 12, "200": 200}
# Column -> (data set of the archive, the archive's name of the evaluated images).
MEASURED = {
    "cifar10_valid": ("cifar10-valid", "x-valid"),
    "cifar10_test": ("cifar10", "ori-test"),
    "cifar10_test_trainonly": ("cifar10-valid", "ori-test"),
    "cifar100_valid": ("cifar100", "x-valid"),
    "cifar100_test": ("cifar100", "x-test"),
    "imagenet16_valid": ("ImageNet16-120", "x-valid"),
    "imagenet16_test": ("ImageNet16-120", "x-test"),
}
# The file of 2020 reportedly needs 28 GB, six times its size on disk.
MEMORY_FACTOR = 6


@dataclass(frozen=True)
class Archive:
    """Architecture texts by index, the available indices, and the results of an index."""

    texts: Sequence[str]
    indices: Sequence[int]
    results: Callable[[int], Mapping[str, Any]]


def read(path: Path) -> pd.DataFrame:
    """Read an archive into a table with one row for each architecture.

    Accuracies and latencies are means over trials; `<column>_seed<n>` are single trials.

    Raises:
        InputError: wrong checksum, too little memory, or a file that is damaged or no archive.
    """
    import pandas as pd

    if path.is_dir():
        if not (path / "meta.pickle.pbz2").is_file():
            raise InputError(f"{path}: no meta.pickle.pbz2; a folder NATS-tss-*-simple?")
        archive = _folder(path)
    else:
        check_name(path)
        check_memory(path)
        whole = _torch(path) if path.suffix == ".pth" else read_pickle(path, bounded=False)
        archive = _parts(path, whole)
    try:
        records = [
            {"index": index, "arch": archive.texts[index], **_record(archive.results(index))}
            for index in progress(archive.indices, "architectures")
        ]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: not the structure of the benchmark ({error!r})") from None
    return pd.DataFrame(records)


def check_name(path: Path) -> None:
    """Check that an archive's MD5 checksum starts or ends with the digits in the file's name.

    Raises:
        InputError: the checksum does not match, or the name contains no such digits.
    """
    digits = re.search(r"-([0-9a-f]{5,6})\.", path.name)
    if not digits:
        raise InputError(
            f"{path}: the name carries no part of its MD5, as NAS-Bench-201-v1_1-096897.pth does; "
            "give the file its published name"
        )
    digest = files.digest(path, "md5")
    if not (digest.endswith(digits[1]) or digest.startswith(digits[1])):
        raise InputError(f"{path}: its MD5 is {digest}, not one with {digits[1]}; fetch it again")


def check_memory(path: Path) -> None:
    """Print how much memory is needed to read a file, and check that the machine has it.

    Raises:
        InputError: the machine has too little memory.
    """
    size = path.stat().st_size
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = max(size, sum(member.file_size for member in archive.infolist()))
    needed = MEMORY_FACTOR * size
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    print(f"{path}: reading it takes about {needed / 1e9:.0f} GB of memory", file=sys.stderr)
    if needed > there:
        raise InputError(
            f"{path}: reading it takes about {needed / 1e9:.0f} GB of memory, there are "
            f"{there / 1e9:.0f}; the folder NATS-tss-v1_0-3ffb9-simple is read file by file"
        )


def _record(info: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of one architecture."""
    record: dict[str, float] = {}
    for schedule, results in info.items():
        suffix = "" if EPOCHS[str(schedule)] == 200 else "_12ep"
        trials, seeds = results["all_results"], results["dataset_seed"]
        for column, (data, images) in MEASURED.items():
            values = {
                seed: float(
                    trials[data, seed]["eval_acc1es"][f"{images}@{_last(trials[data, seed])}"]
                )
                for seed in seeds.get(data, ())
            }
            if values:
                record[f"{column}{suffix}"] = float(np.mean([*values.values()]))
            record |= {f"{column}{suffix}_seed{seed}": value for seed, value in values.items()}
        if not suffix:
            record |= _sizes(trials, seeds)
    return record


def _sizes(trials: Mapping[Any, Any], seeds: Mapping[str, Any]) -> dict[str, float]:
    """Parameters and multiply-adds in millions, and mean latency in ms if it was measured."""
    record = {}
    for name, data in SETS.items():
        of_set = [trials[data, seed] for seed in seeds.get(data, ())]
        if of_set:
            record[f"{name}_params_m"] = float(of_set[0]["params"])
            record[f"{name}_flops_m"] = float(of_set[0]["flop"])
        measured = [float(np.mean(trial["latency"])) for trial in of_set if trial.get("latency")]
        measured = [seconds for seconds in measured if seconds > 0]
        if measured:
            record[f"{name}_latency_ms"] = 1000 * float(np.mean(measured))
    return record


def _last(trial: Mapping[str, Any]) -> int:
    return int(trial["epochs"]) - 1


def _parts(path: Path, whole: Any) -> Archive:
    """An archive in one file."""
    try:
        results = whole["arch2infos"]
        return Archive(list(whole["meta_archs"]), sorted(results), results.__getitem__)
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: no NAS-Bench-201 archive (meta_archs, arch2infos)") from None


def _folder(path: Path) -> Archive:
    """A folder (NATS-Bench) with one file per architecture, read when it is needed."""
    try:
        metas = list(read_pickle(path / "meta.pickle.pbz2")["meta_archs"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{path / 'meta.pickle.pbz2'}: no list meta_archs ({error})") from None
    parts = [path / f"{i:06d}.pickle.pbz2" for i in range(len(metas))]
    missing = [part.name for part in parts if not part.exists()]
    if missing:
        raise InputError(f"{path}: lacks {len(missing)} files, first {missing[0]}")
    return Archive(metas, range(len(metas)), lambda index: read_pickle(parts[index]))


def _torch(path: Path) -> Any:
    """Read with torch's own allow-list and our replacements of NumPy's numbers."""
    import torch

    numbers: list[Any] = [Dtype, (Dtype, "numpy.dtype")]
    numbers += [(number, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    try:
        with torch.serialization.safe_globals(numbers):
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, *files.DAMAGED) as error:
        # The rest of torch's message advises how to switch its safeguards off.
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise InputError(f"{path}: not an archive of plain numbers ({reason})") from None
