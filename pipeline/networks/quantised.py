"""Quantises a network to 8 bits with ONNX Runtime, and measures the accuracy that is lost.

The quantisation is static: the scale of an activation comes from its range on sample images.
"""
# Tested in tests/networks/test_exported.py.

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.data.augment import normalise
from pipeline.data.class_folders import list_images
from pipeline.data.preprocessing import Preprocessing, read_image
from pipeline.files import replacing

N_CALIBRATED = 128  # images that determine the ranges, evenly spaced
BATCH = 16


def quantise(source: Path, target: Path, folder: Path, preprocessing: Preprocessing) -> int:
    """Quantise an ONNX file, calibrated on `folder/<class>/*`; return the number of images used."""
    from onnxruntime import quantization  # an optional package

    paths = list_images(folder).paths
    chosen = paths[
        np.linspace(0, len(paths) - 1, min(N_CALIBRATED, len(paths))).round().astype(int)
    ]

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = _batches(chosen, preprocessing)

        def get_next(self) -> dict[str, np.ndarray] | None:
            images = next(self.batches, None)
            return None if images is None else {"images": images}

    with replacing(target) as temporary:
        quantization.quantize_static(str(source), str(temporary), Reader(), per_channel=True)
    return len(chosen)


def compare(
    files: dict[str, Path], folder: Path, preprocessing: Preprocessing, names: list[str]
) -> dict[str, Any]:
    """Accuracy of several ONNX files on `folder/<class>/*`, and the number of images."""
    import onnxruntime  # an optional package

    listing = list_images(folder)
    labels = listing.labels_among(names)
    sessions = {key: onnxruntime.InferenceSession(path.read_bytes()) for key, path in files.items()}
    hits = dict.fromkeys(files, 0)
    for i, images in enumerate(_batches(listing.paths, preprocessing)):
        expected = labels[i * BATCH : (i + 1) * BATCH]
        for key, session in sessions.items():
            (logits,) = session.run(["logits"], {"images": images})
            hits[key] += int((logits.argmax(1) == expected).sum())
    return {"n": len(labels), **{f"accuracy_{k}": hit / len(labels) for k, hit in hits.items()}}


def _batches(paths: np.ndarray, preprocessing: Preprocessing) -> Iterator[np.ndarray]:
    """Images float32 [b, 3, h, h], normalised."""
    for start in range(0, len(paths), BATCH):
        some = paths[start : start + BATCH]
        pixels = np.stack([preprocessing.pixels_of(read_image(path)) for path in some])
        yield normalise(torch.from_numpy(pixels), preprocessing.mean, preprocessing.std).numpy()
