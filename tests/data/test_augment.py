"""Augmentation against torchvision's transforms on the same draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.transforms import functional as F

from pipeline.data.augment import Augment, Draws, apply, crop_and_flip, cut_out, draw, normalise

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


@pytest.fixture
def pixels(generator):
    return torch.randint(256, (64, 3, 12, 12), dtype=torch.uint8, generator=generator)


def by_torchvision(image, augment, draws, i):
    row, column = draws.corner[i].tolist()
    image = F.crop(F.pad(image, [augment.crop_padding] * 4), row, column, *image.shape[-2:])
    image = F.hflip(image) if draws.flipped[i] else image
    return F.normalize(F.convert_image_dtype(image), MEAN, STD)


def by_darts(image, centre, side):
    """Cutout as DARTS defines it: a mask of ones with a square of zeros, clipped at the border."""
    height, width = image.shape[-2:]
    (y, x), half = centre, side // 2
    mask = np.ones((height, width), np.float32)
    y1, y2 = np.clip([y - half, y + half], 0, height)
    x1, x2 = np.clip([x - half, x + half], 0, width)
    mask[y1:y2, x1:x2] = 0
    return image * torch.from_numpy(mask)


@pytest.mark.parametrize("augment", [Augment(3, True), Augment(4), Augment(flip=True), Augment()])
def test_crop_flip_and_normalisation_are_torchvisions(augment, pixels, generator):
    draws = draw(augment, len(pixels), 12, generator)
    ours = apply(pixels, augment, draws, MEAN, STD)
    theirs = torch.stack([by_torchvision(x, augment, draws, i) for i, x in enumerate(pixels)])
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("side", [1, 4, 5, 16, 30])
def test_cutout_is_dartss_at_every_centre(side):
    images = torch.ones(144, 3, 12, 12) + torch.arange(144)[:, None, None, None]
    centre = torch.cartesian_prod(torch.arange(12), torch.arange(12))
    ours = cut_out(images, centre, side)
    theirs = torch.stack([by_darts(x, c, side) for x, c in zip(images, centre.tolist(), strict=1)])
    assert torch.equal(ours, theirs)


def test_cutout_is_the_last_step(pixels, generator):
    augment = Augment(2, True, 6)
    draws = draw(augment, len(pixels), 12, generator)
    ours = apply(pixels, augment, draws, MEAN, STD)
    whole = apply(pixels, Augment(2, True), draws, MEAN, STD)
    assert torch.equal(ours, cut_out(whole, draws.centre, 6))
    assert (ours == 0).all(1).any((1, 2)).all()


def test_draws_cover_exactly_their_range(generator):
    draws = draw(Augment(4, True, 8), 20_000, 32, generator)
    corners, counts = draws.corner.unique(return_counts=True)
    assert corners.tolist() == list(range(9))  # torchvision's RandomCrop: 0..2p
    assert (counts / counts.sum() - 1 / 9).abs().max() < 0.01
    assert draws.centre.unique().tolist() == list(range(32))
    assert abs(draws.flipped.float().mean() - 0.5) < 0.02
    # rows and columns are drawn independently
    for pairs in (draws.corner, draws.centre):
        assert abs(np.corrcoef(pairs.numpy().T)[0, 1]) < 0.03


def test_nothing_is_random_without_augmentation(pixels, generator):
    draws = draw(Augment(), len(pixels), 12, generator)
    assert torch.equal(apply(pixels, Augment(), draws, MEAN, STD), normalise(pixels, MEAN, STD))


def test_padding_is_black():
    white = torch.full((1, 3, 8, 8), 255, dtype=torch.uint8)
    corner = torch.zeros(1, 2, dtype=torch.int64)
    draws = Draws(corner, torch.tensor([False]), corner)
    cropped = crop_and_flip(white, 2, draws)
    assert (cropped[..., :2, :] == 0).all() and (cropped[..., 2:, 2:] == 255).all()
