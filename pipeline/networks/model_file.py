"""A complete model: one file with a network's weights and everything needed to use them.

The file has only plain values and tensors, so opening a model from somebody else runs no code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pipeline.data.preprocessing import Preprocessing
from pipeline.errors import InputError
from pipeline.files import DAMAGED, replacing
from pipeline.networks.assembly import build
from pipeline.networks.network import Network
from pipeline.spaces.genotype import Genotype
from pipeline.tensors import DamagedError, read_tensors

FORMAT, VERSION = "shapley-nas-model", 1
# Keys of a data set's manifest that describe the images that the model expects.
IMAGES = ("image_size", "mean", "std", "class_names")


def save_model(
    path: Path | str,
    network: Network,
    genotype: Genotype,
    layout: str,
    manifest: Mapping[str, Any],
) -> None:
    """Write a network made by `build` as a complete model, usually `model.pt`.

    `manifest` has the data set's image size, resize size, mean, standard deviation and, if known,
    class names.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "genotype": genotype.to_json(),
        "layout": layout,
        "classes": network.classes,
        "channels": network.channels,
        "cells": network.cells,
        "auxiliary": network.auxiliary is not None,
        **{key: _plain(manifest.get(key)) for key in IMAGES},
        "preprocessing": Preprocessing.of(manifest).to_json(),
        "state_dict": {name: value.cpu() for name, value in network.state_dict().items()},
    }
    with replacing(path) as temporary:
        torch.save(content, temporary)


def load_model(path: Path | str) -> tuple[Network, dict[str, Any]]:
    """Read a complete model.

    Returns:
        the network on the CPU in evaluation mode, and the other entries of the file.

    Raises:
        InputError: the file is missing, damaged, or not a model of this program.
    """
    try:
        content = read_tensors(Path(path))
    except DamagedError as error:
        raise InputError(f"{path}: not a readable model file ({error})") from None
    if content.get("format") != FORMAT:
        raise InputError(f'{path}: not of format {FORMAT!r} (key "format")')
    if content.get("version") != VERSION:
        raise InputError(
            f"{path}: version {content.get('version')!r}; this program reads {VERSION}"
        )
    try:
        weights = content.pop("state_dict")
        _check(content, weights)
        size = {k: content[k] for k in ("layout", "classes", "channels", "cells", "auxiliary")}
        with torch.device("meta"):  # allocates no memory: the file provides the weights
            network = build(Genotype.from_json(content["genotype"]), **size)
        network.load_state_dict(weights, assign=True)
        network.keep = torch.ones(())  # a buffer that is not in the file
    except (InputError, *DAMAGED) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{path}: not a whole model ({reason}); train it again") from None
    return network.eval(), content


def _check(content: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
    """Check sizes, normalisation of images and class names."""
    sizes = [content[key] for key in ("classes", "channels", "cells", "image_size")]
    if any(type(size) is not int or size < 1 for size in sizes) or content["cells"] > len(weights):
        raise ValueError(f"classes, channels, cells, image_size: {sizes}")
    for key in ("mean", "std"):
        values = content[key]
        if len(values) != 3 or not all(math.isfinite(value) for value in values):
            raise ValueError(f"{key}: {values!r:.80}")
    names = content["class_names"]
    if names is not None and not all(isinstance(name, str) for name in names):
        raise ValueError(f"class_names: {names!r:.80}")


def check_prepares(path: Path, meta: Mapping[str, Any]) -> None:
    """Raise `InputError` if a model file, read by `load_model`, has no preprocessing."""
    if not meta.get("preprocessing"):
        raise InputError(
            f"{path}: of an earlier version, which did not keep how images are prepared; train "
            "it again"
        )


def _plain(value: Any) -> Any:
    """Tuples converted to lists, as JSON would return them."""
    return list(value) if isinstance(value, tuple) else value
