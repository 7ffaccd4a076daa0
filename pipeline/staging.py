"""Copies a folder of images once to the node's own disk, for clusters with slow shared disks.

Other jobs on the same node wait until the copy is complete. Data sets of small images are not
copied, because each job reads them into memory.
"""
# Tested in tests/test_launch.py.

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.files import below
from pipeline.machine import own_folder
from pipeline.progress import warn


def folder(name: str) -> Path:
    """The folder for copies on the node's disk; environment variables in `name` are expanded.

    Raises:
        InputError: a variable is not set on this node, or the path is not absolute.
    """
    path = Path(os.path.expandvars(name))
    if "$" in str(path) or not path.is_absolute():
        raise InputError(f"cluster.local_disk: {name!r} is {str(path)!r} here: no absolute path")
    return path / f"shapley-nas-{os.getuid()}"


def stage_in(
    manifest: Mapping[str, Any], data_root: Path, local: Path
) -> tuple[Mapping[str, Any], Path]:
    """Copy an image folder to `local` unless it is there already.

    Returns:
        Manifest and data root of the copy; unchanged if the data set is not an image folder, or,
        with a warning, if copying fails.
    """
    if manifest["kind"] != "folder":
        return manifest, data_root
    name = f"{manifest['name']}-{manifest['fingerprint'][:16]}"
    try:
        with (own_folder(local) / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (local / name).exists():
                _copy(below(data_root, manifest["path"]), local, name)
    except OSError as error:  # includes shutil.Error
        warn(f"{local}: data not copied, read where they lie ({str(error)[:200]})")
        return manifest, data_root
    return {**manifest, "path": name}, local


def _copy(source: Path, local: Path, name: str) -> None:
    for left in local.glob(f".{name}.*"):  # left by a killed job, since we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    partial = local / f".{name}.{uuid.uuid4().hex}"
    try:
        shutil.copytree(source, partial)
        partial.rename(local / name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
