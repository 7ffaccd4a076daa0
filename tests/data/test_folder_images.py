from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.transforms import ConvertImageDtype, v2

from pipeline.config.folders import FolderSettings
from pipeline.data import Augment, FolderAugment, find, open_images, prepare
from pipeline.data.images import Images
from pipeline.errors import InputError
from pipeline.seeds import derive
from tests.data.stand_ins import image_folder

SETTINGS = FolderSettings(path="mine", image_size=24, resize_size=28)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def manifest(tmp_path):
    image_folder(tmp_path / "mine", ("cat", "dog", "eel"), (40, 34))
    return prepare(find("mine", {"mine": SETTINGS}), tmp_path, tmp_path / "out", 0)


@pytest.fixture
def train(manifest, tmp_path) -> Images:
    return open_images(manifest, tmp_path, "train")


def test_evaluation_is_torchvisions(manifest, tmp_path):
    steps = [
        v2.Resize(28),
        v2.CenterCrop(24),
        v2.PILToTensor(),
        ConvertImageDtype(torch.float32),
        v2.Normalize(manifest["mean"], manifest["std"]),
    ]
    theirs = ImageFolder(tmp_path / "mine" / "val", v2.Compose(steps))
    ours = list(open_images(manifest, tmp_path, "test").batches(4))
    assert torch.equal(torch.cat([x for x, _ in ours]), torch.stack([x for x, _ in theirs]))
    assert torch.cat([y for _, y in ours]).tolist() == theirs.targets


def test_augmentation_is_torchvisions_on_the_same_seed(manifest, train, tmp_path):
    steps = [
        v2.RandomResizedCrop(24),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(0.4, 0.4, 0.4, 0.2),
        v2.PILToTensor(),
        ConvertImageDtype(torch.float32),
        v2.Normalize(manifest["mean"], manifest["std"]),
    ]
    theirs = ImageFolder(tmp_path / "mine" / "train", v2.Compose(steps))
    generator = seeded(3)
    order = torch.randperm(train.n, generator=generator).tolist()
    seed = int(torch.randint(2**62, (), generator=generator))
    ours, labels = next(train.batches(train.n, seeded(3), FolderAugment(True, 0.4)))
    for i, index in enumerate(order):
        torch.manual_seed(derive(seed, index))
        image, label = theirs[index]
        assert torch.equal(ours[i], image) and labels[i] == label


def test_mean_and_deviation_are_those_of_the_training_part(manifest, train):
    pixels = torch.cat([x for x, _ in train.batches(5)]).double()
    assert pixels.mean((0, 2, 3)).abs().max() < 1e-6
    assert (pixels.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-6


@pytest.mark.parametrize("augment", [None, FolderAugment(True, 0.4)])
def test_bits_do_not_depend_on_workers(augment, manifest, tmp_path):
    passes = []
    for workers in (0, 1, 2):
        images = open_images(manifest, tmp_path, "train", workers=workers)
        passes.append(list(images.batches(4, seeded(5), augment)))
    for other in passes[1:]:
        assert all(torch.equal(x, y) for a, b in zip(passes[0], other, strict=True)
                   for x, y in zip(a, b, strict=True))  # fmt: skip


def test_deterministic_by_the_generator_alone(train):
    augment = FolderAugment(True, 0.2)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = next(train.batches(18, seeded(7), augment))[0]
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(2)
    again = next(train.batches(18, seeded(7), augment))[0]
    other = next(train.batches(18, seeded(8), augment))[0]
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_an_augment_for_small_images_is_crop_and_flip(train):
    ours = next(train.batches(9, seeded(), Augment(4, True, 8)))[0]
    assert torch.equal(ours, next(train.batches(9, seeded(), FolderAugment(True)))[0])
    assert not torch.equal(ours, next(train.batches(9, seeded(), FolderAugment(False)))[0])


def test_a_pass_shows_every_image_once(train):
    labels = [y for _, y in train.batches(4, seeded(), drop_last=True)]
    assert len(labels) == train.n_batches(4, drop_last=True) == 4
    assert torch.cat([y for _, y in train.batches(4, seeded())]).bincount().tolist() == [6, 6, 6]


def test_sample_and_take(train):
    batch, _ = train.sample(7, seeded())
    assert len(batch) == 7 and len(train.sample(99, seeded())[1]) == 18
    every = next(train.batches(18))[0]
    matches = [(every == image).all((1, 2, 3)).nonzero().item() for image in batch]
    assert len(set(matches)) == 7
    assert next(train.take(6).batches(6))[1].tolist() == [0, 0, 1, 1, 2, 2]
    assert train.take(99).n == 18


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_image_is_named_in_one_line(workers, manifest, tmp_path):
    victim = tmp_path / "mine" / "train" / "dog" / "3.jpg"
    victim.write_bytes(victim.read_bytes()[:200])
    images = open_images(manifest, tmp_path, "train", workers=workers)
    with pytest.raises(InputError) as error:
        list(images.batches(4))
    assert str(error.value).startswith(f"{victim}: not a whole image")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("mode", "suffix"), [("L", "png"), ("CMYK", "jpg"), ("RGBA", "png")])
def test_every_kind_of_image_has_three_channels(mode, suffix, manifest, tmp_path):
    path = tmp_path / "mine" / "train" / "cat" / f"0.{suffix}"
    (path.parent / "0.jpg").unlink()
    Image.new("RGB", (40, 40), (200, 200, 200)).convert(mode).save(path)
    images = open_images(manifest, tmp_path, "train")
    mean, std = (torch.tensor(manifest[key])[:, None, None] for key in ("mean", "std"))
    pixels = next(images.batches(1))[0][0] * std + mean
    torch.testing.assert_close(pixels, torch.full((3, 24, 24), 200 / 255), atol=0.02, rtol=0)


def test_a_16_bit_image_is_scaled_and_one_smaller_than_the_crop_enlarged(manifest, tmp_path):
    folder = tmp_path / "mine" / "train" / "cat"
    (folder / "0.jpg").unlink()
    Image.fromarray(np.full((5, 9), 40_000, np.uint16)).save(folder / "0.png")
    images = open_images(manifest, tmp_path, "train")
    mean, std = (torch.tensor(manifest[key])[:, None, None] for key in ("mean", "std"))
    pixels = next(images.batches(1))[0][0] * std + mean
    torch.testing.assert_close(pixels, torch.full((3, 24, 24), 40_000 / 65_535), atol=0.01, rtol=0)


def test_an_image_too_large_for_pillow_is_named(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(InputError, match=r"0\.jpg: not a whole image .*exceeds limit"):
        next(open_images(manifest, tmp_path, "train").batches(4))


def test_one_class_is_an_error(tmp_path):
    image_folder(tmp_path / "mine", ("cat",), (40, 34))
    with pytest.raises(InputError, match="one class cat"):
        prepare(find("mine", {"mine": SETTINGS}), tmp_path, tmp_path / "out", 0)
    assert not (tmp_path / "out").exists()


def test_images_of_one_colour_are_an_error(tmp_path):
    image_folder(tmp_path / "mine", ("cat", "dog"), (40, 34))
    for path in (tmp_path / "mine" / "train").rglob("*.jpg"):
        Image.new("RGB", (40, 34)).save(path)
    with pytest.raises(InputError, match="same in every pixel"):
        prepare(find("mine", {"mine": SETTINGS}), tmp_path, tmp_path / "out", 0)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_changed_is_an_error(manifest, tmp_path):
    (tmp_path / "mine" / "train" / "cat" / "0.jpg").unlink()
    with pytest.raises(InputError, match=r"17 images of 3 classes, but 18 .* prepare it again"):
        open_images(manifest, tmp_path, "train")


def test_a_class_without_images_is_an_error(tmp_path):
    image_folder(tmp_path / "mine", ("cat", "dog"), (40, 34))
    for path in (tmp_path / "mine" / "train" / "dog").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"mine/train/dog: no image of this class"):
        prepare(find("mine", {"mine": SETTINGS}), tmp_path, tmp_path / "out", 0)
    assert not (tmp_path / "out").exists()
