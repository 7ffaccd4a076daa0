"""Loads tensors, numbers and text from `torch.save` files without running their code."""

from __future__ import annotations

import pickle
import pickletools
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline import files

# Functions that `torch.save` needs for tensors, containers and bytes.
NAMES = re.compile(
    r"torch \w+Storage|torch._utils _rebuild_(tensor_v2|parameter)|collections OrderedDict"
    r"|_codecs encode"
)
MOST_BYTES = 2**36


class DamagedError(Exception):
    """A file is damaged or not of the expected kind."""


def read_tensors(path: Path) -> dict[str, Any]:
    """Load a dictionary saved with `torch.save` to the CPU.

    Raises:
        DamagedError: the file is damaged, or does not contain such a dictionary.
        InputError: there is no such file, or it is a folder, a pipe or a device.
    """
    files.check_regular(path, MOST_BYTES)
    try:
        with zipfile.ZipFile(path) as archive:
            _check(archive)
        content = torch.load(path, map_location="cpu", weights_only=True)
        for tensor in _tensors(content):
            # A view with stride 0 could repeat a few numbers arbitrarily often.
            if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
                raise ValueError("a tensor that is larger than its numbers")
    except PermissionError:
        raise
    except (pickle.UnpicklingError, *files.DAMAGED) as error:
        # The rest of torch's message advises how to disable its safeguards.
        raise DamagedError(str(error).strip().partition("\n")[0].partition(". ")[0]) from None
    if not isinstance(content, dict):
        raise DamagedError(f"expected a dictionary, found {type(content).__name__}")
    return content


def _check(archive: zipfile.ZipFile) -> None:
    """Refuse archives that are compressed, damaged, or hold other objects."""
    for member in archive.infolist():
        if member.compress_type != zipfile.ZIP_STORED:
            raise zipfile.BadZipFile(f"{member.filename} is packed, which `torch.save` never does")
    # torch detects a truncated file but not a changed byte, because it skips the checksums.
    if damaged := archive.testzip():
        raise zipfile.BadZipFile(f"bad checksum of {damaged}")
    for member in archive.infolist():
        if member.filename.endswith("data.pkl"):
            if member.file_size > 2 * files.MOST_BYTES:
                raise ValueError("more objects than a file of tensors has")
            for operation, argument, _ in pickletools.genops(archive.read(member)):
                if operation.name == "GLOBAL" and not NAMES.fullmatch(str(argument)):
                    raise ValueError(f"it asks for {argument}")


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _tensors(inner)
