"""What stages share that measure a trained supernet on the half of the images that values count."""
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
    """A supernet and the images that it is measured on."""

    network: Supernet  # on the device
    alpha: NDArray[np.float64]  # by which its operations are mixed, [n_players]
    images: Images
    identity: dict[str, Any]  # of both, as a checkpoint keeps it


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
        job: what the stage reads.
        seed: of its random numbers.
        supernet: `supernet.pt` of a search.
        manifest: of the prepared data set.
        split: index lists of the two halves.
        data_root: where the data set lies.
        out: folder of the results.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        InputError: no supernet of a search, or the images are not those that were prepared.
    """
    torch_device = devices.resolve(device)
    with stage(name, out, job, seed, torch_device.type, data=manifest) as s:
        network, alpha = saved.load(supernet)
        images = open_images(manifest, data_root, "value", split, str(torch_device))
        identity = {"data": manifest["fingerprint"], "supernet": files.digest(supernet)}
        yield s, Subject(network.to(torch_device), alpha, images, identity)
