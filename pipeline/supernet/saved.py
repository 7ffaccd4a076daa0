"""Saves the final supernet of a search in one file: settings, weights and alpha."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from pipeline import registry
from pipeline.config.recipes import SupernetSettings
from pipeline.errors import InputError
from pipeline.files import DAMAGED, replacing
from pipeline.supernet.supernet import Supernet, build_supernet
from pipeline.tensors import DamagedError, read_tensors


def save(path: Path, supernet: Supernet, alpha: np.ndarray) -> None:
    """Write a supernet and its alpha, float64[n_players]."""
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
    """Load a supernet (on the CPU, not compiled) and its alpha, float64[n_players].

    Raises:
        InputError: the file is missing or damaged, or its weights do not fit its space.
    """
    try:
        content = read_tensors(path)
        weights, alpha = content["weights"], content["alpha"].numpy()
        shape = SupernetSettings(**{**content["shape"], "compile": False})
        space = registry.get("spaces", content["space"])(shape)
        classes = content["classes"]
        if type(classes) is not int or classes < 1 or shape.cells > len(weights):
            raise ValueError(f"classes {classes!r:.20}, cells {shape.cells}")
        with torch.device("meta"):  # allocates no memory: the file provides the weights
            supernet = build_supernet(space, shape, classes, seed=0)
        supernet.load_state_dict(weights, assign=True)
        if alpha.shape != (space.n_players,) or not np.isfinite(alpha).all():
            raise ValueError(f"alpha of shape {alpha.shape} for {space.n_players} players")
    except (DamagedError, InputError, *DAMAGED) as error:
        first = str(error).strip().partition("\n")[0]
        raise InputError(f"{path}: no supernet of a search ({first}); run it again") from None
    return supernet, alpha
