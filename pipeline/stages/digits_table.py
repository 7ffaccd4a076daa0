"""Makes `nasbench_digits`: every distinct cell of NAS-Bench-201, trained on scikit-learn's digits.

Up to isomorphism there are 6,466 cells. Each is trained with `N_SEEDS` seeds, on the half of the
training images on which searches train weights. `digits_valid` is the accuracy in percent on the
other half, `digits_test` the accuracy on the test images. The recipe is ours, except the learning
rate and the weight decay, which are those of the benchmark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from pipeline import seeds
from pipeline.data import Augment, Images, open_images
from pipeline.files import replacing
from pipeline.nasbench import cells
from pipeline.nasbench.protocols import DIGITS_ACCURACIES, DIGITS_EPOCHS
from pipeline.nasbench.stacked import StackedNetworks
from pipeline.stages.stage import remove_checkpoints
from pipeline.training import checkpoint

CHANNELS, CELLS, EPOCHS, BATCH, RATE = 8, 1, DIGITS_EPOCHS, 48, 0.1
TOGETHER = 64  # networks trained side by side
N_SEEDS = 2


def distinct() -> NDArray[np.int64]:
    """int64[15625]: for each cell, the lowest number of an isomorphic cell."""
    texts = [cells.unique_text(tuple(code)) for code in cells.codes()]
    first: dict[str, int] = {}
    for number, text in enumerate(texts):
        first.setdefault(text, number)
    return np.array([first[text] for text in texts])


def make(
    manifest: Mapping[str, Any],
    split: Path,
    data_root: Path,
    state: Path,
    out: Path,
    log: Callable[[str], None],
) -> None:
    """Train all distinct cells and write the table; a restart skips trained cells."""
    weights, valid = (open_images(manifest, data_root, p, split) for p in ("weights", "value"))
    representative = distinct()
    trained = np.unique(representative)
    chunks = np.array_split(trained, math.ceil(len(trained) / TOGETHER))
    kept = state / "digits.pt"
    protocol = {"cells": len(trained), "seeds": N_SEEDS, "together": TOGETHER, "epochs": EPOCHS}
    identity = {"data": manifest["fingerprint"], **protocol}
    saved = checkpoint.load(kept, identity)
    measured: list[torch.Tensor] = saved["chunks"] if saved else []
    order = [(seed, i) for seed in range(N_SEEDS) for i in range(len(chunks))]
    for seed, i in order[len(measured) :]:
        networks = train(cells.codes()[chunks[i]], weights, seeds.derive(seed, "digits", i))
        # The test set is opened only for the accuracies of trained networks.
        test = open_images(manifest, data_root, "test")
        both = np.stack([measure(networks, valid), measure(networks, test)])
        measured.append(torch.from_numpy(both))
        checkpoint.save(kept, {"chunks": measured}, identity)
        log(f"seed {seed}, chunk {i + 1} of {len(chunks)}: best {both[1].max():.2f} %")
    accuracies = {
        (seed, int(number)): both
        for (seed, i), chunk in zip(order, measured, strict=True)
        for number, both in zip(chunks[i], chunk.numpy().T, strict=True)
    }
    _write(out, representative, accuracies)
    remove_checkpoints(state)


def train(codes: NDArray[np.uint8], images: Images, seed: int) -> StackedNetworks:
    """Train the networks of several cells side by side."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seeds.derive(seed, "network"))
        networks = StackedNetworks(codes, images.classes, CHANNELS, CELLS)
    networks.train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(
        networks.parameters(), lr=RATE, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    steps = EPOCHS * (images.n // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for epoch in range(EPOCHS):
        generator = seeds.torch_generator(seed, "images", epoch)
        for batch, labels in images.batches(BATCH, generator, Augment(crop_padding=1), True):
            logits = networks(batch.contiguous(memory_format=torch.channels_last))
            # The sum of the networks' mean losses: a gradient depends only on its network's loss.
            loss = F.cross_entropy(logits.flatten(0, 1), labels.repeat_interleave(len(codes)))
            optimiser.zero_grad()
            (len(codes) * loss).backward()
            optimiser.step()
            schedule.step()
    return networks


@torch.inference_mode()
def measure(networks: StackedNetworks, images: Images) -> NDArray[np.float64]:
    """Accuracy of each network in percent, float64[K]."""
    networks.eval()
    n_correct = torch.zeros(networks.k, dtype=torch.int64)
    for batch, labels in images.batches(256):
        n_correct += (networks(batch).argmax(2) == labels[:, None]).sum(0)
    return 100 * n_correct.numpy() / images.n


def _write(
    out: Path,
    representative: NDArray[np.int64],
    accuracies: Mapping[tuple[int, int], NDArray[np.float64]],
) -> None:
    """Write one row per cell. Isomorphic cells get the same accuracies."""
    import pandas as pd

    frame = pd.DataFrame({"index": range(len(representative)), "arch": [*cells.architectures()]})
    for part, name in enumerate(DIGITS_ACCURACIES):
        by_seed = np.array(
            [[accuracies[s, int(n)][part] for n in representative] for s in range(N_SEEDS)]
        )
        frame[name] = by_seed.mean(axis=0).round(4)
        for seed in range(N_SEEDS):
            frame[f"{name}_seed{seed}"] = by_seed[seed].round(4)
    with replacing(out) as temporary:
        # No time in the gzip header, so that equal numbers give equal files.
        frame.to_csv(temporary, index=False, compression={"method": "gzip", "mtime": 1})
