"""Checks that the files of a data set exist and are complete."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.data.class_folders import class_folders
from pipeline.data.spec import DataFile, DataSet, Part
from pipeline.errors import InputError
from pipeline.files import below, digest, readable


def check(dataset: DataSet, data_root: Path | str, parts: Iterable[Part] = ("train",)) -> None:
    """Check that all files exist and that the files of `parts` have the published checksums.

    Files of other parts are not opened, so test files are read only for the final evaluation.

    Raises:
        InputError: files are missing or damaged.
    """
    root = Path(data_root)
    if dataset.kind == "folder" and dataset.make is None:
        _check_folder(dataset, below(root, dataset.path))
    files = dataset.files_at(root)
    missing = [file for file in files if not (root / file.path).is_file()]
    if missing:
        raise InputError(_missing(dataset, root, missing))
    for file in files:
        if file.part in parts and file.md5 is not None:
            _check_file(dataset, root, file)


def _check_file(dataset: DataSet, root: Path, file: DataFile) -> None:
    path = root / file.path
    actual = digest(path, "md5")
    if actual != file.md5:
        raise InputError(
            f"{dataset.name}: {path} is damaged or truncated: md5 {actual}, expected {file.md5} "
            f"({path.stat().st_size:,} bytes); delete it and get it again from {dataset.source}"
        )


def _check_folder(dataset: DataSet, folder: Path) -> None:
    """Check that `train/` and `val/` have the same classes."""
    names = {}
    for part in ("train", "val"):
        if not (folder / part).is_dir():
            raise InputError(
                f"{dataset.name}: {folder / part} is missing; expected "
                f"{folder}/{{train,val}}/<class>/*.jpg; see {dataset.source}"
            )
        names[part] = {*class_folders(folder / part)}
    odd = [readable(name) for name in sorted(names["train"] ^ names["val"])]
    if odd:
        raise InputError(
            f"{dataset.name}: {folder}: classes {', '.join(odd[:5])} are in one of train/ and "
            "val/ only; both need a folder for every class"
        )


def _missing(dataset: DataSet, root: Path, files: Sequence[DataFile]) -> str:
    wanted = ", ".join(
        Path(file.path).name + (f" (md5 {file.md5})" if file.md5 else "") for file in files
    )
    fetch = (
        "run the command again with `--config download=true` (prepare: `--download`), or "
        if dataset.download
        else ""
    )
    return (
        f"{dataset.name}: not in {(root / files[0].path).parent}; {fetch}get it from "
        f"{dataset.source}; missing: {wanted}"
    )
