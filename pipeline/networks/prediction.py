"""Predictions of a ready model: from image files to class probabilities."""
# Tested in tests/verbs/test_models.py.

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline import devices
from pipeline.data.augment import normalise
from pipeline.data.preprocessing import Preprocessing, read_image
from pipeline.errors import InputError
from pipeline.networks.model_file import check_prepares, load_model
from pipeline.networks.network import Network

BATCH = 32  # images per forward pass


@dataclass(frozen=True)
class Classifier:
    """A network with its preprocessing and the names of its classes."""

    network: Network
    preprocessing: Preprocessing
    class_names: tuple[str, ...]

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> Classifier:
        """Read `model.pt`.

        Raises:
            InputError: the file or its preprocessing is missing.
        """
        network, meta = load_model(path)
        check_prepares(path, meta)
        return cls(
            network.to(devices.resolve(device)),
            Preprocessing.from_json(meta["preprocessing"]),
            tuple(class_names_of(meta)),
        )

    @torch.inference_mode()
    def probabilities(self, images: Tensor) -> Tensor:
        """Probabilities float32 [b, classes], on the CPU, of normalised images [b, 3, h, h]."""
        device = next(self.network.parameters()).device
        return self.network(images.to(device)).float().softmax(1).cpu()

    def answers(self, paths: Sequence[Path]) -> Iterator[tuple[Path, Tensor | InputError]]:
        """Yield each file with its probabilities [classes], or the error if it is unreadable."""
        mean, std = self.preprocessing.mean, self.preprocessing.std
        for start in range(0, len(paths), BATCH):
            read = {path: self._read(path) for path in paths[start : start + BATCH]}
            whole = [pixels for pixels in read.values() if isinstance(pixels, Tensor)]
            answers = iter(
                self.probabilities(normalise(torch.stack(whole), mean, std)) if whole else ()
            )
            for path, pixels in read.items():
                yield path, next(answers) if isinstance(pixels, Tensor) else pixels

    def _read(self, path: Path) -> Tensor | InputError:
        try:
            return torch.from_numpy(self.preprocessing.pixels_of(read_image(path)))
        except InputError as error:
            return error


def class_names_of(meta: Mapping[str, Any]) -> list[str]:
    """Names of a model's classes, or their numbers if they have no names."""
    return list(meta.get("class_names") or map(str, range(meta["classes"])))
