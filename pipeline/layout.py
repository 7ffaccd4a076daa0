"""Finds and copies the files of the workflow that are outside the package."""
# Tested in tests/test_install.py.

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

from pipeline.errors import InputError

PARTS = ("Snakefile", "rules", "config", "profiles")
CHECKOUT = Path(__file__).parents[1]


def home() -> Path:
    """The folder of the workflow's files: the checkout, or else the installed folder.

    Raises:
        InputError: neither contains a Snakefile.
    """
    installed = Path(sysconfig.get_path("data")) / "share" / "shapley-nas"
    for folder in (CHECKOUT, installed):
        if (folder / "Snakefile").is_file():
            return folder
    raise InputError(
        "the workflow's files were not installed; run `pip install .` in a clone again"
    )


def lay_out(folder: Path) -> list[Path]:
    """Copy the workflow's files into a folder, which is created if missing; return the new paths.

    Raises:
        InputError: one of the files already exists; nothing is copied.
    """
    source = home()
    there = [folder / part for part in PARTS]
    for path in there:
        if path.exists() or path.is_symlink():
            raise InputError(f"{path} exists; choose an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    for part, path in zip(PARTS, there, strict=True):
        if (source / part).is_dir():
            shutil.copytree(source / part, path, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source / part, path)
    return there
