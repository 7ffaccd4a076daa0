"""Files of tensors, numbers and text, written by `torch.save`; opening one runs no code from it."""
# Tested in tests/training/test_checkpoint.py.

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch


class DamagedError(Exception):
    """A file that is cut, changed or of another kind; its text is one line."""


def read_tensors(path: Path) -> Any:
    """What `torch.save` wrote, on the CPU.

    Raises:
        DamagedError: the file cannot be read whole.
    """
    try:
        # torch finds a cut file but not a changed byte: it skips the archive's own checksums.
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"bad checksum of {damaged}")
        return torch.load(path, map_location="cpu", weights_only=True)
    except (zipfile.BadZipFile, RuntimeError, pickle.UnpicklingError) as error:
        raise DamagedError(str(error).strip().partition("\n")[0]) from None
