"""Supernets of several ages to measure estimators on, trained in three ways.

    uniform       every operation of an edge has the same weight, always
    coalitions    each batch trains a random coalition: an inclusion probability q ~ U(0.3, 1) is
                  drawn, then each player takes part with probability q
    loop          the paper's: α in the forward pass, moved by Shapley values after a warm-up

so that V(S) of a small coalition means little in the first and more in the second; the third is
what an estimator meets in a search.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline import registry, seeds
from pipeline.config.recipes import NasBench201Search
from pipeline.registry.strategies.shapley import ShapleySettings
from pipeline.settings import OURS, Settings, setting
from pipeline.strategies.weights import WeightSharing

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.config.recipes import SearchSettings
    from pipeline.data import Images
    from pipeline.supernet import Supernet

FROZEN = ("uniform", "coalitions")  # α = 0 throughout
WAYS = (*FROZEN, "loop")
SMALLEST_Q = 0.3


class TrainingSettings(Settings):
    """Which of the two ways; α is frozen throughout."""

    way: Literal["uniform", "coalitions"] = setting("uniform", "what a batch trains", OURS)


class FrozenAlpha(WeightSharing):
    """Training of the weights alone; not registered, since it finds no architecture."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._alpha.zero_()

    def epoch(self, epoch: int, train: Images, valid: Images | None = None) -> dict[str, float]:
        """One pass over the images."""
        self._rng = seeds.numpy_generator(self.seed, "coalitions", epoch)
        return self.train_weights(epoch, train)

    def mixing(self) -> Tensor:
        """All weights equal; in the second way those outside a random coalition are zero."""
        weights = super().mixing()
        if self.settings.way == "uniform":
            return weights
        q = self._rng.uniform(SMALLEST_Q, 1)
        return weights * weights.new_tensor(self._rng.random(len(weights)) < q)


@dataclass(frozen=True)
class Trained:
    """A supernet at an age.

    Attributes:
        way: how it was trained.
        age: passes over the training images.
        supernet: its weights, not compiled.
        alpha: by which its operations are mixed, float64[n_players].
        train_accuracy: of the last pass.
    """

    way: str
    age: int
    supernet: Supernet
    alpha: NDArray[np.float64]
    train_accuracy: float

    @property
    def name(self) -> str:
        """In file names."""
        return f"{self.way}_{self.age}"


@dataclass(frozen=True)
class Loop:
    """How α moves in the third way.

    Attributes:
        settings: the estimate, and what it does to α.
        valid: the images of V.
    """

    settings: ShapleySettings
    valid: Images


def recipe(
    epochs: int, warmup: int, channels: int, compiled: bool, image_size: int
) -> NasBench201Search:
    """How these supernets are trained: one cell a stage, batches of 128."""
    return NasBench201Search(
        epochs=epochs,
        warmup_epochs=warmup,
        batch_size=128,
        supernet={
            "cells": 1,
            "channels": channels,
            "compile": compiled,
            "image_size": image_size,
        },
    )


def train(
    search: SearchSettings,
    way: str,
    ages: Sequence[int],
    images: Images,
    folder: Path | None = None,
    seed: int = 0,
    loop: Loop | None = None,
) -> Iterator[Trained]:
    """Train a NAS-Bench-201 supernet and hand it out at each age.

    Args:
        search: the recipe; its cosine ends at `search.epochs`.
        way: one of `WAYS`.
        ages: passes over the images after which it is handed out, rising.
        images: what the weights are trained on.
        folder: keeps a checkpoint of each pass, from which a later call goes on; None: none.
        seed: of weights and batches.
        loop: needed by the way of this name.
    """
    from pipeline.training import checkpoint

    space = registry.get("spaces", "nasbench201")(search.supernet)
    supernet = space.supernet(search.supernet, images.classes, seed)
    strategy = _strategy(way, loop)(space, supernet, search, seed)
    identity = {"search": search.model_dump(mode="json"), "n": images.n, "seed": seed, "way": way}
    if way == "loop" and loop:
        identity["settings"] = loop.settings.model_dump(mode="json")
    for epoch in range(max(ages)):
        path = folder / f"{way}_{epoch + 1}.pt" if folder else None
        saved = checkpoint.load(path, identity) if path else None
        if saved:
            strategy.load_state_dict(saved["strategy"])
            accuracy = saved["train_accuracy"]
        else:
            accuracy = strategy.epoch(epoch, images, loop and loop.valid)["train_accuracy"]
            if path:
                state = {"strategy": strategy.state_dict(), "train_accuracy": accuracy}
                checkpoint.save(path, state, identity)
        if epoch + 1 in ages:
            copy = plain_copy(supernet, search, images.classes)
            yield Trained(way, epoch + 1, copy, strategy.alpha(), accuracy)


def _strategy(way: str, loop: Loop | None) -> Callable[..., Any]:
    """What trains in this way, made of space, supernet, recipe and seed."""
    import torch

    algorithm: Any = FrozenAlpha
    settings: Settings = TrainingSettings()
    if way in FROZEN:
        settings = TrainingSettings(way=way)
    elif loop is not None:
        algorithm, settings = registry.get("strategies", "shapley"), loop.settings
    else:
        raise ValueError("the way `loop` needs its settings and images")
    device = torch.device("cpu")
    return lambda space, supernet, search, seed: algorithm(
        space, supernet, settings, search, seed, device
    )


def plain_copy(supernet: Supernet, search: SearchSettings, classes: int) -> Supernet:
    """The same weights, not compiled: then removed operations are not computed."""
    space = supernet.space
    plain = search.supernet.model_copy(update={"compile": False})
    copy = space.supernet(plain, classes, seed=0)
    copy.load_state_dict(supernet.state_dict())
    return copy


def thirds(images: Any) -> tuple[Any, Any, Any]:
    """Small images cut into three parts: two references and the estimates share no image."""
    cuts = np.linspace(0, images.n, 4).astype(int)
    first, second, third = (
        replace(images, pixels=images.pixels[a:b], labels=images.labels[a:b])
        for a, b in itertools.pairwise(cuts)
    )
    return first, second, third
