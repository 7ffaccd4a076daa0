"""The supernet that a search ends with, as one file: its shape, its weights, alpha."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline import registry
from pipeline.config.recipes import SupernetSettings
from pipeline.errors import InputError
from pipeline.files import replacing
from pipeline.supernet.supernet import Supernet
from pipeline.tensors import DamagedError, read_tensors


def save(path: Path, supernet: Supernet, alpha: np.ndarray) -> None:
    """Write a supernet with the architecture parameters float64[n_players] beside it."""
    weights = {name: tensor.detach().cpu() for name, tensor in supernet.state_dict().items()}
    content = {
        "space": supernet.space.name,
        "classes": supernet.classes,
        "shape": supernet.settings.model_dump(mode="json"),
        "weights": weights,
        "alpha": torch.from_numpy(np.array(alpha)),
    }
    with replacing(path) as temporary:
        torch.save(content, temporary)


def load(path: Path) -> tuple[Supernet, np.ndarray]:
    """The supernet on the CPU, not compiled, and alpha float64[n_players].

    Raises:
        InputError: the file is missing or damaged, or its supernet is not one of its space.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file; run its search again")
    try:
        content: dict[str, Any] = read_tensors(path)
        shape = SupernetSettings(**{**content["shape"], "compile": False})
        space = registry.get("spaces", content["space"])(shape)
        supernet = space.supernet(shape, content["classes"], seed=0)
        supernet.load_state_dict(content["weights"])
    except (DamagedError, RuntimeError, KeyError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"{path}: no supernet of a search ({first}); run it again") from None
    return supernet, content["alpha"].numpy()
