"""Code shared by the stages that measure a trained supernet on the images of the value function."""
# Tested in tests/studies/test_studies.py.

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import devices, files
from pipeline.data import Images, open_images
from pipeline.settings import Settings
from pipeline.stages.stage import Stage, stage
from pipeline.supernet import Supernet, saved


@dataclass(frozen=True)
class Subject:
    """A supernet and the images to measure it on."""

    network: Supernet  # on the device
    alpha: NDArray[np.float64]  # weights that mix its operations, [n_players]
    images: Images
    identity: dict[str, Any]  # of supernet and images, as in a checkpoint


@contextmanager
def opened(
    name: str,
    job: Settings,
    seed: int,
    supernet: Path,
    manifest: Mapping[str, Any],
    split: Path,
    data_root: Path,
    out: Path,
    device: str = "auto",
) -> Iterator[tuple[Stage, Subject]]:
    """Open a stage that measures a supernet.

    Args:
        name: the verb.
        job: settings of the stage.
        seed: seed of its random numbers.
        supernet: `supernet.pt` of a search.
        manifest: manifest of the prepared data set.
        split: `split.npz`, the two halves of the training images.
        data_root: folder of the data set.
        out: folder of the results.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        InputError: `supernet` is not from a search, or the images changed since `prepare`.
    """
    torch_device = devices.resolve(device)
    with stage(name, out, job, seed, torch_device.type, data=manifest) as s:
        network, alpha = saved.load(supernet)
        images = open_images(manifest, data_root, "value", split, str(torch_device))
        identity = {"data": manifest["fingerprint"], "supernet": files.digest(supernet)}
        yield s, Subject(network.to(torch_device), alpha, images, identity)
