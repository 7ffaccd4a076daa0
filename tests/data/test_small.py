from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data import Augment, FolderAugment, open_images, prepare
from pipeline.data.batches import n_parts, parts
from pipeline.data.small import SmallImages


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    """23 images that can be told apart by their brightness, which is their label."""
    labels = torch.arange(23)
    pixels = labels.to(torch.uint8)[:, None, None, None].expand(23, 3, 8, 8).contiguous()
    return SmallImages(pixels, labels, classes=23, mean=(0.0,) * 3, std=(1.0,) * 3)


def test_in_order_without_a_generator(images):
    batches = list(images.batches(10))
    assert [len(labels) for _, labels in batches] == [10, 10, 3]
    assert torch.cat([labels for _, labels in batches]).tolist() == list(range(23))


def test_images_stay_with_their_labels(images):
    for batch, labels in images.batches(5, seeded(), Augment(flip=True)):
        assert torch.equal((batch[:, 0, 4, 4] * 255).round().long(), labels)


@pytest.mark.parametrize("drop_last", [False, True])
def test_a_pass_shows_every_image_once(images, drop_last):
    labels = [labels for _, labels in images.batches(10, seeded(), drop_last=drop_last)]
    assert len(labels) == images.n_batches(10, drop_last) == (2 if drop_last else 3)
    seen = torch.cat(labels).tolist()
    assert len(set(seen)) == len(seen) == (20 if drop_last else 23)
    assert seen != sorted(seen)


def test_deterministic_by_the_generator_alone(images):
    augment = Augment(2, True, 4)
    torch.manual_seed(1)
    first = [batch for batch, _ in images.batches(5, seeded(7), augment)]
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    again = [batch for batch, _ in images.batches(5, seeded(7), augment)]
    other = [batch for batch, _ in images.batches(5, seeded(8), augment)]
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))
    assert torch.equal(before, torch.random.get_rng_state())  # the global state is left alone


def test_two_passes_of_one_generator_differ(images):
    generator = seeded()
    orders = [torch.cat([y for _, y in images.batches(5, generator)]).tolist() for _ in range(2)]
    assert orders[0] != orders[1]


def test_sample_is_distinct_and_not_augmented(images):
    batch, labels = images.sample(10, seeded())
    assert len(labels.unique()) == 10
    assert torch.equal((batch * 255).round().long(), labels[:, None, None, None].expand_as(batch))
    assert images.sample(1024, seeded())[1].sort().values.tolist() == list(range(23))


def test_take(images):
    assert images.take(5).n == 5 and images.take(100).n == 23
    assert next(images.take(5).batches(9))[1].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("generator", "augment"), [(None, Augment()), (0, FolderAugment())])
def test_augmentation_that_cannot_be_is_refused(images, generator, augment):
    with pytest.raises(TypeError, match="small images are augmented by"):
        next(images.batches(5, None if generator is None else seeded(), augment))


def test_training_part_is_normalised(stand_in, tmp_path):
    manifest = prepare(stand_in("digits"), tmp_path, tmp_path / "out", 0)
    train = torch.cat([x for x, _ in open_images(manifest, tmp_path, "train").batches(500)])
    assert train.mean((0, 2, 3)).abs().max() < 1e-3
    assert (train.std((0, 2, 3)) - 1).abs().max() < 1e-3


@given(st.integers(1, 200), st.integers(2, 50), st.booleans())
def test_no_batch_of_a_pass_has_one_image(n, size, drop_last):
    batches = parts(torch.arange(n), size, drop_last)
    assert len(batches) == n_parts(n, size, drop_last)
    lengths = [len(batch) for batch in batches]
    if drop_last:
        assert lengths == [size] * (n // size)
    else:
        assert torch.equal(torch.cat(batches), torch.arange(n))
        assert 1 not in lengths or n == 1
        assert max(lengths) <= size + 1 and all(length == size for length in lengths[:-1])
