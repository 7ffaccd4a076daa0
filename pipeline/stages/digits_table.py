"""Makes `nasbench_digits`: every distinct cell of NAS-Bench-201, trained on scikit-learn's digits.

Up to isomorphism there are 6,466 cells. Each is trained with several seeds, on the half of the
training images on which searches train weights. `digits_valid` is the accuracy in percent on the
other half, `digits_test` the accuracy on the test images. The recipe is ours, except the learning
rate and the weight decay, which are those of the benchmark.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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
from pipeline.settings import Settings
from pipeline.stages.stage import stage
from pipeline.training import checkpoint

NAME = "nasbench_digits.csv.gz"


class Recipe(Settings):
    """How the cells are trained; `together` is the number of networks trained side by side."""

    channels: int = 8
    cells: int = 1
    epochs: int = DIGITS_EPOCHS
    batch_size: int = 48
    learning_rate: float = 0.1
    seeds: int = 2
    together: int = 64


def distinct() -> NDArray[np.int64]:
    """int64[15625]: for each cell, the lowest number of an isomorphic cell."""
    texts = [cells.unique_text(tuple(code)) for code in cells.codes()]
    first: dict[str, int] = {}
    for number, text in enumerate(texts):
        first.setdefault(text, number)
    return np.array([first[text] for text in texts])


def run(
    recipe: Recipe, manifest: Mapping[str, Any], split: Path, data_root: Path, out: Path
) -> None:
    """Train all distinct cells and write the table; a stopped run continues after its last chunk.

    Raises:
        InputError: the images changed since `prepare`, or a checkpoint has other settings.
    """
    representative = distinct()
    trained = np.unique(representative)
    chunks = np.array_split(trained, math.ceil(len(trained) / recipe.together))
    order = [(seed, i) for seed in range(recipe.seeds) for i in range(len(chunks))]
    identity = {"data": manifest["fingerprint"], "n": len(trained), **recipe.model_dump()}
    with stage("digits-table", out, recipe, data=manifest) as s:
        weights, valid = (open_images(manifest, data_root, p, split) for p in ("weights", "value"))
        kept = s.state / "digits.pt"
        saved = checkpoint.load(kept, identity)
        measured: list[torch.Tensor] = saved["chunks"] if saved else []
        for seed, i in order[len(measured) :]:
            codes = cells.codes()[chunks[i]]
            networks = train(recipe, codes, weights, seeds.derive(seed, "digits", i))
            # The test set is opened only for the accuracies of trained networks.
            test = open_images(manifest, data_root, "test")
            both = np.stack([measure(networks, valid), measure(networks, test)])
            measured.append(torch.from_numpy(both))
            checkpoint.save(kept, {"chunks": measured}, identity)
            s.log(f"seed {seed}, chunk {i + 1} of {len(chunks)}: best {both[1].max():.2f} %")
        accuracies = {
            (seed, int(number)): both
            for (seed, i), chunk in zip(order, measured, strict=True)
            for number, both in zip(chunks[i], chunk.numpy().T, strict=True)
        }
        _write(out / NAME, recipe.seeds, representative, accuracies)
        means = np.mean([*accuracies.values()], axis=0)
        mean_of = {
            f"{name}_mean": float(m) for name, m in zip(DIGITS_ACCURACIES, means, strict=True)
        }
        s.finish({"cells": len(trained), "seeds": recipe.seeds, **mean_of}, artifacts=[out / NAME])


def train(recipe: Recipe, codes: NDArray[np.uint8], images: Images, seed: int) -> StackedNetworks:
    """Train the networks of several cells side by side."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seeds.derive(seed, "network"))
        networks = StackedNetworks(codes, images.classes, recipe.channels, recipe.cells)
    networks.train().to(memory_format=torch.channels_last)
    rate, size = recipe.learning_rate, recipe.batch_size
    optimiser = torch.optim.SGD(
        networks.parameters(), lr=rate, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    steps = recipe.epochs * (images.n // size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for epoch in range(recipe.epochs):
        generator = seeds.torch_generator(seed, "images", epoch)
        for batch, labels in images.batches(size, generator, Augment(crop_padding=1), True):
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
    path: Path,
    n_seeds: int,
    representative: NDArray[np.int64],
    accuracies: Mapping[tuple[int, int], NDArray[np.float64]],
) -> None:
    """Write one row per cell. Isomorphic cells get the same accuracies."""
    import pandas as pd

    frame = pd.DataFrame({"index": range(len(representative)), "arch": [*cells.architectures()]})
    for part, name in enumerate(DIGITS_ACCURACIES):
        by_seed = np.array(
            [[accuracies[s, int(n)][part] for n in representative] for s in range(n_seeds)]
        )
        frame[name] = by_seed.mean(axis=0).round(4)
        for seed in range(n_seeds):
            frame[f"{name}_seed{seed}"] = by_seed[seed].round(4)
    with replacing(path) as temporary:
        # No time in the gzip header, so that equal numbers give equal files.
        frame.to_csv(temporary, index=False, compression={"method": "gzip", "mtime": 1})
