"""Images and supernets small enough to know what must come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline import registry
from pipeline.config.recipes import SearchSettings
from pipeline.spaces import Space
from pipeline.strategies.contract import Strategy
from pipeline.supernet import build_supernet

CPU = torch.device("cpu")
CLASSES = 4


@dataclass(frozen=True)
class ToyImages:
    """The protocol `pipeline.data.Images` over tensors in memory; augmentation is left out."""

    pixels: Tensor
    labels: Tensor
    classes: int = CLASSES

    @property
    def n(self) -> int:
        return len(self.labels)

    @property
    def image_size(self) -> int:
        return self.pixels.shape[-1]

    def n_batches(self, batch_size: int, drop_last: bool = False) -> int:
        return self.n // batch_size if drop_last else -(-self.n // batch_size)

    def batches(
        self,
        batch_size: int,
        generator: torch.Generator | None = None,
        augment: Any = None,
        drop_last: bool = False,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        shuffled = generator is not None
        order = torch.randperm(self.n, generator=generator) if shuffled else torch.arange(self.n)
        for indices in order.split(batch_size)[: self.n_batches(batch_size, drop_last)]:
            yield self.pixels[indices], self.labels[indices]

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        indices = torch.randperm(self.n, generator=generator)[:n]
        return self.pixels[indices], self.labels[indices]

    def take(self, n: int) -> ToyImages:
        return replace(self, pixels=self.pixels[:n], labels=self.labels[:n])


def noisy_images(n: int, size: int = 8, seed: int = 0) -> ToyImages:
    """Four classes that differ in brightness, under noise: can be learned, but not at once."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % CLASSES
    noise = torch.randn(n, 3, size, size, generator=generator)
    return ToyImages(noise + labels[:, None, None, None].float() - 1.5, labels)


def small_search(space: str, **changes: Any) -> SearchSettings:
    """A search recipe for the smallest supernets that have every part."""
    supernet = {"channels": 4, "cells": 3, "partial_channels": 2}
    if space == "nasbench201":
        supernet = {"channels": 4, "cells": 1, "partial_channels": 1, "include_none": True}
    values = {"epochs": 3, "warmup_epochs": 1, "batch_size": 8, "supernet": supernet}
    return SearchSettings(**{**values, **changes})


def make_strategy(
    name: str, space: str, settings: dict[str, Any], seed: int = 0, **search: Any
) -> Strategy:
    """A registered strategy with its supernet, as the search stage makes it."""
    recipe = small_search(space, **search)
    made = registry.get("spaces", space)(recipe.supernet)
    entry = registry.entry("strategies", name)
    supernet = (
        build_supernet(made, recipe.supernet, CLASSES, seed) if entry.trains_supernet else None
    )
    own = entry.settings_model()(**settings)
    return entry.load()(made, supernet, own, recipe, seed, CPU)


class Plain(nn.Module):
    """A supernet without edge normalisation."""

    beta = None

    def edge_weights(self) -> None:
        return None


class Playing(Plain):
    """A supernet that gets an image right if and only if the image's player is in the coalition.

    So V(S) is the share of images whose player is in S: an additive game, in which each player's
    Shapley value is its own share of the images, in whatever order players leave.
    """

    def __init__(self, space: Space):
        super().__init__()
        self.space, self.settings = space, small_search(space.family).supernet
        self.bias = nn.Parameter(torch.zeros(CLASSES))

    def forward(self, images: Tensor, mixing: Tensor, cache: Any = None) -> Tensor:
        player, label = images[:, 0, 0, 0].long(), images[:, 1, 0, 0].long()
        answer = (label + (mixing[player] == 0).long()) % CLASSES
        return 100 * nn.functional.one_hot(answer, CLASSES).float() + self.bias


def images_of(shares: dict[int, int]) -> ToyImages:
    """Images for `Playing`: player -> number of its images."""
    players = np.repeat([*shares], [*shares.values()])
    labels = np.arange(len(players)) % CLASSES
    pixels = np.stack([players, labels, labels], axis=1)[:, :, None, None].astype(np.float32)
    return ToyImages(torch.from_numpy(pixels).expand(-1, -1, 8, 8), torch.from_numpy(labels))


def playing_strategy(
    space: str, settings: dict[str, Any], seed: int = 0, **search: Any
) -> Strategy:
    """Shapley-NAS on a `Playing` supernet."""
    recipe = small_search(space, **search)
    made = registry.get("spaces", space)(recipe.supernet)
    entry = registry.entry("strategies", "shapley")
    own = entry.settings_model()(**settings)
    return entry.load()(made, Playing(made), own, recipe, seed, CPU)


class Tiny(Plain):
    """A smooth supernet of 12 weights: a linear classifier of the mean colour, scaled by α.

    Small enough for derivatives of every order to be formed densely.
    """

    def __init__(self, space: Space):
        super().__init__()
        self.space, self.settings, self.classes = (
            space,
            small_search(space.family).supernet,
            CLASSES,
        )
        generator = torch.Generator().manual_seed(5)
        self.W = nn.Parameter(torch.randn(3, CLASSES, generator=generator))
        self.slopes = torch.randn(space.n_players, 3, generator=generator)

    def forward(self, images: Tensor, mixing: Tensor, cache: Any = None) -> Tensor:
        return logits_of(self.W, images, mixing, self.slopes)


def logits_of(W: Tensor, images: Tensor, mixing: Tensor, slopes: Tensor) -> Tensor:
    """What `Tiny` computes, as a function of its weights."""
    return (images.mean(dim=(2, 3)) * (mixing @ slopes.to(mixing)).tanh()) @ W


def on_supernet(
    name: str, kind: Any, settings: dict[str, Any], space: str = "nasbench201", **search: Any
) -> Strategy:
    """A registered strategy on a `Tiny` or `Playing` supernet."""
    recipe = small_search(space, **search)
    made = registry.get("spaces", space)(recipe.supernet)
    entry = registry.entry("strategies", name)
    return entry.load()(made, kind(made), entry.settings_model()(**settings), recipe, 0, CPU)
