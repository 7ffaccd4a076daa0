"""Checkpoints: written atomically, and loaded only by runs with the same settings.

A checkpoint has only tensors, numbers, strings, and lists and dicts of these (`weights_only=True`).
Random generators are not saved, because `pipeline.seeds` creates them from the seed and the epoch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from pipeline.errors import InputError
from pipeline.files import DAMAGED, replacing
from pipeline.progress import warn
from pipeline.tensors import DamagedError, read_tensors


def save(path: Path | str, state: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically and keep the previous one as `<path>.previous`.

    `load` checks that `settings`, which are JSON values, are unchanged.
    """
    path = Path(path)
    with replacing(path) as temporary:
        content = {"settings": json.dumps(settings), "state": dict(state), "summed_by": summed_by()}
        torch.save(content, temporary)
        if path.exists():
            path.replace(_previous(path))


def load(path: Path | str, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state saved last, on the CPU; None if there is no readable checkpoint.

    A damaged checkpoint is renamed with a warning, and the previous one is used.

    Raises:
        InputError: the checkpoint was made with other settings.
    """
    path = Path(path)
    for candidate in (path, _previous(path)):
        content = _read(candidate)
        if content is not None:
            _compare(path, json.loads(content["settings"]), json.loads(json.dumps(settings)))
            _warn_of_rounding(path, content.get("summed_by", summed_by()))
            state: dict[str, Any] = content["state"]
            return state
    return None


def summed_by() -> dict[str, int]:
    """What affects how sums are rounded: the number of ranks and, without a GPU, of threads."""
    ranks = distributed.get_world_size() if distributed.is_initialized() else 1
    on_gpu = torch.cuda.is_available()
    return {"ranks": ranks, **({} if on_gpu else {"threads": torch.get_num_threads()})}


def _warn_of_rounding(path: Path, before: Mapping[str, int]) -> None:
    now = summed_by()
    changes = [
        f"{key}: {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key]
    ]
    if changes:
        warn(
            f"{path}: the run continues with other {', '.join(changes)}; sums round differently, "
            "so results differ in the last bits from a run that was never stopped"
        )


@contextmanager
def restoring(path: Path | str) -> Iterator[None]:
    """Turn the error of loading an unsuitable state into an `InputError`."""
    try:
        yield
    except (InputError, MemoryError, OSError):
        raise
    except DAMAGED as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"{path}: checkpoint of another shape ({type(error).__name__}: {reason}); delete the "
            f"folder {Path(path).parent} to start anew"
        ) from None


def _previous(path: Path) -> Path:
    return path.with_name(path.name + ".previous")


def _read(path: Path) -> dict[str, Any] | None:
    """The content of a file; None if it is missing or damaged (then it is renamed)."""
    if not path.exists():
        return None
    try:
        content = read_tensors(path)
        dicts = (content.get("state"), content.get("summed_by", {}))
        if not all(isinstance(d, dict) for d in dicts) or not _is_json(content.get("settings")):
            raise DamagedError("no settings and state")
        return content
    except DamagedError as error:
        # Otherwise the next save would keep it as the previous checkpoint.
        aside = path.replace(path.with_name(path.name + ".damaged"))
        warn(f"{path}: damaged checkpoint ({error}), set aside as {aside.name}")
        return None


def _is_json(text: Any) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError, RecursionError):
        return False


def _compare(path: Path, saved: dict[str, Any], wanted: dict[str, Any]) -> None:
    before, now = _flat(saved), _flat(wanted)
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if keys:
        changes = ", ".join(f"{key}: {before.get(key)!r} -> {now.get(key)!r}" for key in keys)
        raise InputError(
            f"{path}: checkpoint made with other settings ({changes}); "
            f"restore them, or delete the folder {path.parent} to start anew"
        )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings flattened into one, with dotted keys."""
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        name: leaf
        for key, inner in value.items()
        for name, leaf in _flat(inner, f"{prefix}.{key}" if prefix else str(key)).items()
    }
