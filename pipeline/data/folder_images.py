"""Images in folders, decoded batch by batch, in worker processes if `workers` is not 0.

Training uses a random resized crop, flip and colour jitter; evaluation uses a resize and a central
crop. The number of workers does not change the images: the random numbers for an image depend only
on its index and on a seed drawn for each pass.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from pipeline.data.augment import Augment, FolderAugment, normalise
from pipeline.data.batches import n_parts, parts
from pipeline.data.preprocessing import Preprocessing, read_image
from pipeline.data.spec import EVERY
from pipeline.errors import InputError
from pipeline.seeds import derive

Transform = Callable[[Image.Image], Tensor]

PREFETCHED = 4  # batches that a worker prepares ahead, so that slow images do not stall the device


@dataclass(frozen=True)
class FolderImages:
    """A part of an image folder; see `images.Images`."""

    paths: np.ndarray  # str [n]
    labels: np.ndarray  # int64 [n]
    classes: int  # number of classes
    preprocessing: Preprocessing  # of an evaluation
    device: str = "cpu"  # the device of the batches
    workers: int = 0  # processes that decode; 0: the caller decodes

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.labels)

    @property
    def image_size(self) -> int:
        """Side of the returned images, in pixels."""
        return self.preprocessing.image_size

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
        """One pass over the images, or only over the `chosen` batches; see `images.Images`.

        Of an `Augment`, which is meant for small images, only `flip` is used.
        """
        if augment is not None and generator is None:
            raise TypeError("augmentation needs a generator")
        if isinstance(augment, Augment):
            augment = FolderAugment(flip=augment.flip)
        order, seed = torch.arange(self.n), 0
        if generator is not None:
            order = torch.randperm(self.n, generator=generator)
            seed = int(torch.randint(2**62, (), generator=generator))
        batches = parts(order, batch_size, drop_last)[chosen]
        yield from self._load([batch.tolist() for batch in batches], augment, seed)

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """`n` different images without augmentation, or all images if there are fewer."""
        order = torch.randperm(self.n, generator=generator)
        return next(self._load([order[:n].tolist()], None, 0))

    def take(self, n: int) -> FolderImages:
        """`n` images, evenly spaced in the list sorted by class; each class keeps its share."""
        kept = np.arange(min(n, self.n)) * self.n // min(n, self.n)
        return replace(self, paths=self.paths[kept], labels=self.labels[kept])

    def only(self, indices: np.ndarray) -> FolderImages:
        """The images with these indices."""
        return replace(self, paths=self.paths[indices], labels=self.labels[indices])

    def _load(
        self, batches: list[list[int]], augment: FolderAugment | None, seed: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        on_gpu = torch.device(self.device).type == "cuda"
        loader = DataLoader(
            _Decoding(self.paths, self.labels, self._transform(augment), seed),
            batch_sampler=batches,
            num_workers=self.workers,
            prefetch_factor=PREFETCHED if self.workers else None,
            pin_memory=on_gpu,
            worker_init_fn=_outlive_sigterm,
            collate_fn=_collate,
            generator=torch.Generator(),  # the default would draw from the global generator
        )
        broken = ""
        for batch in loader:
            if isinstance(batch, InputError):
                broken = str(batch)
                break
            pixels, labels = (part.to(self.device, non_blocking=on_gpu) for part in batch)
            yield normalise(pixels, self.preprocessing.mean, self.preprocessing.std), labels
        # Raised inside the loop, it would keep the workers alive until it is garbage-collected.
        if broken:
            raise InputError(broken)

    def _pixels(self, image: Image.Image) -> Tensor:
        return torch.from_numpy(self.preprocessing.pixels_of(image))

    def _transform(self, augment: FolderAugment | None) -> Transform:
        """From an RGB image to uint8 [3, image_size, image_size]."""
        if augment is None:
            return self._pixels
        from torchvision.transforms import v2  # imported only here, because it takes a second

        strength = augment.colour_jitter
        steps = [v2.RandomResizedCrop(self.image_size, scale=(augment.crop_scale, 1.0))]
        steps += [v2.RandomHorizontalFlip()] if augment.flip else []
        steps += [v2.ColorJitter(*[strength] * 3, strength / 2)] if strength else []
        return v2.Compose([*steps, v2.PILToTensor()])


class _Decoding(Dataset):
    """Decodes images; an InputError is returned, because a worker would add a long traceback."""

    def __init__(self, paths: np.ndarray, labels: np.ndarray, transform: Transform, seed: int):
        self.paths, self.labels, self.transform, self.seed = paths, labels, transform, seed

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int] | InputError:
        path = str(self.paths[index])
        try:
            image = read_image(path)
        except InputError as error:
            return error
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derive(self.seed, index))
            return self.transform(image), int(self.labels[index])


def _outlive_sigterm(worker: int) -> None:
    """Ignore SIGTERM, so that the training process can finish its step; workers end with it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _collate(items: list[tuple[Tensor, int] | InputError]) -> Any:
    """Images and labels of a batch, or the first error among them."""
    errors = [item for item in items if isinstance(item, InputError)]
    return errors[0] if errors else default_collate(items)
