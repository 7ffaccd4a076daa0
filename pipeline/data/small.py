"""Small images, all held in the memory of the device as uint8."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pipeline.data import augment as augmentation
from pipeline.data.augment import Augment, FolderAugment
from pipeline.data.batches import n_parts, parts
from pipeline.data.spec import EVERY, Channels


@dataclass(frozen=True)
class SmallImages:
    """A part of a small data set; see `images.Images`."""

    pixels: Tensor  # uint8 [n, 3, h, h] on the device
    labels: Tensor  # int64 [n] on the device
    classes: int  # number of classes
    mean: Channels  # mean of a channel
    std: Channels  # deviation of a channel

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.labels)

    @property
    def image_size(self) -> int:
        """Side of the images, in pixels."""
        return self.pixels.shape[-1]

    def n_batches(self, batch_size: int, drop_last: bool = False) -> int:
        """Number of batches of one pass."""
        return n_parts(self.n, batch_size, drop_last)

    def batches(
        self,
        batch_size: int,
        generator: torch.Generator | None = None,
        augment: Augment | FolderAugment | None = None,
        drop_last: bool = False,
        chosen: slice = EVERY,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """One pass, or chosen batches of it; see `images.Images`."""
        if augment is not None and (generator is None or not isinstance(augment, Augment)):
            raise TypeError("small images are augmented by an `Augment` and a generator")
        order = (
            torch.arange(self.n)
            if generator is None
            else torch.randperm(self.n, generator=generator)
        )
        asked = range(self.n_batches(batch_size, drop_last))[chosen]
        for number, part in enumerate(parts(order, batch_size, drop_last)):
            # Skipped batches draw too, since all batches draw from one stream.
            draws = None
            if augment is not None and generator is not None:
                draws = augmentation.draw(augment, len(part), self.image_size, generator)
            if number not in asked:
                continue
            indices = part.to(self.pixels.device)
            pixels, labels = self.pixels[indices], self.labels[indices]
            if augment is None or draws is None:
                images = augmentation.normalise(pixels, self.mean, self.std)
            else:
                images = augmentation.apply(pixels, augment, draws, self.mean, self.std)
            yield images, labels

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """`n` different images without augmentation, or all images if there are fewer."""
        indices = torch.randperm(self.n, generator=generator)[:n].to(self.pixels.device)
        images = augmentation.normalise(self.pixels[indices], self.mean, self.std)
        return images, self.labels[indices]

    def take(self, n: int) -> SmallImages:
        """The first `n` images."""
        return replace(self, pixels=self.pixels[:n], labels=self.labels[:n])

    def only(self, indices: np.ndarray) -> SmallImages:
        """The images with these indices."""
        kept = torch.from_numpy(indices).to(self.pixels.device)
        return replace(self, pixels=self.pixels[kept], labels=self.labels[kept])
