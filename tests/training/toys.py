"""Toy images and a toy network that keep the contracts of the real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class ToyImages:
    """Noisy class prototypes in memory; `augment` adds noise from the generator."""

    images: Tensor
    labels: Tensor
    classes: int = 4

    @classmethod
    def make(cls, n: int, seed: int = 0, size: int = 8, classes: int = 4) -> ToyImages:
        generator = torch.Generator().manual_seed(seed)
        prototypes = torch.randn(classes, 3, size, size, generator=torch.Generator().manual_seed(9))
        labels = torch.randint(classes, (n,), generator=generator)
        noise = torch.randn(n, 3, size, size, generator=generator)
        return cls(prototypes[labels] + 0.5 * noise, labels, classes)

    @property
    def n(self) -> int:
        return len(self.labels)

    def batches(
        self, batch_size, generator=None, augment=None, drop_last=False, chosen=slice(None)
    ) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.arange(self.n)
        if generator is not None:
            order = torch.randperm(self.n, generator=generator)
        parts = [p for p in order.split(batch_size) if not drop_last or len(p) == batch_size]
        for number, index in enumerate(parts):
            images = self.images[index]
            if augment:
                images = images + augment * torch.randn(images.shape, generator=generator)
            if number in range(len(parts))[chosen]:
                yield images, self.labels[index]


class ToyNetwork(nn.Module):
    """Convolution, batch norm, drop path, tower: what the training loop must carry over."""

    def __init__(self, classes: int = 4, auxiliary: bool = True):
        super().__init__()
        self.drop_path = 0.0
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
        self.branch = nn.Conv2d(8, 8, 3, padding=1)
        self.classifier = nn.Linear(8, classes)
        self.tower = nn.Linear(8, classes) if auxiliary else None

    def forward(self, images: Tensor) -> Tensor:
        return self.forward_with_auxiliary(images)[0]

    def forward_with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        x = self.stem(images)
        path = self.branch(F.relu(x))
        if self.training and self.drop_path > 0:
            keep = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.drop_path
            path = path * keep / (1 - self.drop_path)
        pooled = (x + path).mean((2, 3))
        tower = self.tower(pooled) if self.tower is not None and self.training else None
        return self.classifier(F.relu(pooled)), tower


def toy_network(seed: int = 0, **settings) -> ToyNetwork:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return ToyNetwork(**settings)
