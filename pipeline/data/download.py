"""Opt-in downloads by torchvision, which verifies the checksums of its downloads."""
# Tested in tests/data/test_data_sets.py.

from __future__ import annotations

import platform
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import InputError


def torchvision_archive(
    name: str, parts: tuple[Mapping[str, Any], ...] = ({},)
) -> Callable[[Path], None]:
    """Return a function that downloads a data set to a data root with torchvision.

    Args:
        name: the class `torchvision.datasets.<name>`.
        parts: keyword arguments for each call of the class, for example one call per split.
    """

    def fetch(data_root: Path) -> None:
        import torchvision

        data_root.mkdir(parents=True, exist_ok=True)
        try:
            with inside_only():
                for part in parts:
                    getattr(torchvision.datasets, name)(data_root, download=True, **part)
        except (OSError, RuntimeError, tarfile.TarError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{name}: download to {data_root} failed ({reason})") from None

    return fetch


@contextmanager
def inside_only() -> Iterator[None]:
    """A context in which archives unpack no files outside the target folder (PEP 706).

    Raises:
        InputError: this version of Python has no extraction filters.
    """
    if not hasattr(tarfile, "data_filter"):
        raise InputError(
            f"download: Python {platform.python_version()} cannot unpack archives safely; use "
            "3.11.4 or newer, or fetch the files yourself"
        )
    before = getattr(tarfile.TarFile, "extraction_filter", None)
    tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)
    try:
        yield
    finally:
        tarfile.TarFile.extraction_filter = before
