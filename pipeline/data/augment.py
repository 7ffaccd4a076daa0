"""Augments batches of small images on the device that holds them.

As in DARTS, the raw pixels are padded with zeros, cropped, flipped and normalised; then the cutout
square is set to zero. `draw` draws the random values.

Shapes: b images of h x h pixels, p = padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True)
class Augment:
    """Augmentation of small images."""

    crop_padding: int = 0  # pixels on each side before the random crop; 0: no crop
    flip: bool = False  # mirror half of the images
    cutout: int = 0  # side of the square that is cut out; 0: none


@dataclass(frozen=True)
class FolderAugment:
    """Augmentation of images in folders, after a random resized crop."""

    flip: bool = True  # mirror half of the images
    # Of brightness, contrast and saturation; hue has half; 0: none
    colour_jitter: float = 0.0
    crop_scale: float = 0.08  # smallest share of the area that a crop has (torchvision's)


@dataclass(frozen=True)
class Draws:
    """The random values for the augmentation of b images."""

    corner: Tensor  # int64 [b, 2], row and column of the crop in the padded image, 0..2p
    flipped: Tensor  # bool [b]
    centre: Tensor  # int64 [b, 2], row and column of the centre of the cutout, 0..h-1


def draw(augment: Augment, n_images: int, size: int, generator: torch.Generator) -> Draws:
    """Draw for images of `size` x `size` pixels, always on the CPU."""
    corner = torch.randint(2 * augment.crop_padding + 1, (n_images, 2), generator=generator)
    flipped = torch.rand(n_images, generator=generator) < (0.5 if augment.flip else 0.0)
    centre = torch.randint(size, (n_images, 2), generator=generator)
    return Draws(corner, flipped, centre)


def apply(
    pixels: Tensor, augment: Augment, draws: Draws, mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """Augmented and normalised images, float32 [b, 3, h, h], from uint8 [b, 3, h, h]."""
    if augment.crop_padding or augment.flip:
        pixels = crop_and_flip(pixels, augment.crop_padding, draws)
    images = normalise(pixels, mean, std)
    return cut_out(images, draws.centre, augment.cutout) if augment.cutout else images


def crop_and_flip(pixels: Tensor, padding: int, draws: Draws) -> Tensor:
    """Pad images with zeros, crop them to [b, 3, h, h] and mirror those in `flipped`."""
    corner, flipped = draws.corner.to(pixels.device), draws.flipped.to(pixels.device)
    along = torch.arange(pixels.shape[-1], device=pixels.device)
    rows = corner[:, :1] + along
    columns = corner[:, 1:] + torch.where(flipped[:, None], along.flip(0), along)
    image = torch.arange(len(pixels), device=pixels.device)[:, None, None]
    padded = pad(pixels, [padding] * 4).permute(0, 2, 3, 1)
    return padded[image, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cut_out(images: Tensor, centre: Tensor, side: int) -> Tensor:
    """Set a square of each image to zero; it may extend beyond the border.

    As in DARTS, it covers rows and columns from centre - side//2 to centre + side//2 - 1.
    """
    along = torch.arange(images.shape[-1], device=images.device)
    start = centre.to(images.device)[:, :, None] - side // 2
    inside = (along >= start) & (along < start + side // 2 * 2)
    hole = inside[:, 0, :, None] & inside[:, 1, None, :]
    return images.masked_fill(hole[:, None], 0.0)


def normalise(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Scale uint8 pixels to [0, 1], then normalise each channel."""
    images = pixels.float().div_(255)
    shift, scale = (images.new_tensor(values)[:, None, None] for values in (mean, std))
    return images.sub_(shift).div_(scale)
