"""A data set made ready for the other stages: what it is, and how its training part is cut.

`manifest.json` says what a network must know (classes, size, mean, deviation) and carries a
fingerprint of the training part; `split.npz` holds the indices of a search's two halves, sorted,
disjoint, drawn by one seeded permutation. No byte of the test part is read here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.data.checksums import check
from pipeline.data.spec import Channels, DataSet, read_small
from pipeline.errors import InputError
from pipeline.files import replacing, write_csv, write_json
from pipeline.seeds import derive, numpy_generator

if TYPE_CHECKING:
    from pipeline.data.folder_images import Listing

# Mean and deviation of a large folder are taken from this many of its images, evenly spaced.
N_MEASURED = 10_000


@dataclass(frozen=True)
class _Facts:
    """What is known only from the files."""

    class_names: tuple[str, ...]
    mean: Channels
    std: Channels
    n_train: int
    n_test: int
    fingerprint: str
    labels: np.ndarray  # int64 [n_train]
    paths: tuple[str, ...] = ()  # of a folder's training images, relative to it


def prepare(
    dataset: DataSet,
    data_root: Path | str,
    out_dir: Path | str,
    split_seed: int,
    fractions: tuple[float, float] | None = None,
    download: bool = False,
    balanced: bool = False,
) -> dict[str, Any]:
    """Check a data set, write `split.npz` and `manifest.json`, and return the manifest.

    For a folder of images `search_images.csv` too: the images of the search's parts by path, so
    that others can search on the same ones.

    Args:
        dataset: what to prepare.
        data_root: folder of all data sets.
        out_dir: where the files go.
        split_seed: seed of the cut.
        fractions: parts of the training set for (weights, value function); None: the data set's.
        download: fetch missing files where torchvision can.
        balanced: give each class its share in each part.

    Raises:
        InputError: files are missing or damaged, or the fractions do not fit.
    """
    root, out = Path(data_root), Path(out_dir)
    fractions = fractions or dataset.search_fractions
    facts = _facts(dataset, root, download)
    if balanced:
        parts = balanced_halves(facts.labels, fractions, split_seed)
    else:
        parts = halves(facts.n_train, fractions, split_seed)
    manifest = {
        **_described(dataset, facts),
        "n_weights": len(parts[0]),
        "n_value": len(parts[1]),
        "split_seed": split_seed,
        "fractions": list(fractions),
        "balanced": balanced,
    }
    _write(out, manifest, dict(zip(("weights", "value"), parts, strict=True)), facts.paths)
    return manifest


def _facts(dataset: DataSet, root: Path, download: bool) -> _Facts:
    """What the files say, after they were found and their checksums compared."""
    if download and dataset.download and not _all_there(dataset, root):
        dataset.download(root)
    if dataset.make:
        dataset.make(root)
    check(dataset, root)
    return _small_facts(dataset, root) if dataset.kind == "small" else _folder_facts(dataset, root)


def _described(dataset: DataSet, facts: _Facts) -> dict[str, Any]:
    """The part of the manifest that does not depend on the split."""
    return {
        "name": dataset.name,
        "title": dataset.title,
        "kind": dataset.kind,
        "path": dataset.path,
        "classes": len(facts.class_names),
        "class_names": list(facts.class_names),
        "image_size": dataset.image_size,
        "resize_size": dataset.resize_size,
        "channels": 3,
        "mean": list(facts.mean),
        "std": list(facts.std),
        "n_train": facts.n_train,
        "n_test": facts.n_test,
        "fingerprint": facts.fingerprint,
    }


def _write(
    out: Path, manifest: dict[str, Any], parts: dict[str, np.ndarray], paths: tuple[str, ...]
) -> None:
    """Write the split, for a folder the list of its images too, and the manifest last."""
    with replacing(out / "split.npz") as temporary:
        np.savez(temporary, **parts)  # type: ignore[arg-type]
    if paths:
        rows = [{"part": p, "image": paths[i]} for p, indices in parts.items() for i in indices]
        write_csv(out / "search_images.csv", rows)
    write_json(out / "manifest.json", manifest)


def images_of_share(share: float, n: int, key: str) -> int:
    """How many of `n` images a share is, neither none of them nor all.

    Raises:
        InputError: it rounds to none or to all; it names the key of the configuration.
    """
    found = round(share * n)
    if not 0 < found < n:
        raise InputError(
            f"{key}: {share} of {n} images is {'all' if found else 'none'} of them; it must leave "
            "some on both sides: choose another share, or more images"
        )
    return found


def halves(
    n_train: int, fractions: tuple[float, float], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint sorted index lists, int64, into a training part of `n_train` images.

    Raises:
        InputError: the fractions exceed the whole, or one of the parts would be empty.
    """
    for_weights, for_value = fractions
    if for_weights + for_value > 1 + 1e-9:
        raise InputError(
            f"split: weights_fraction {for_weights} and value_fraction {for_value} exceed 1 in sum"
        )
    n_weights = images_of_share(for_weights, n_train, "split.weights_fraction")
    # Rounding both up could ask for one image too many.
    n_value = images_of_share(for_value, n_train, "split.value_fraction")
    n_value = min(n_value, n_train - n_weights)
    order = numpy_generator(seed, "split").permutation(n_train)
    return np.sort(order[:n_weights]), np.sort(order[n_weights : n_weights + n_value])


def balanced_halves(
    labels: np.ndarray, fractions: tuple[float, float], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """As `halves`, but of the images of each class by themselves.

    Raises:
        InputError: as `halves`; a class is too small to have an image in each part.
    """
    weights, value = [], []
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        # A seed of its own: otherwise classes of one size would all be cut alike.
        for_weights, for_value = halves(len(of_class), fractions, derive(seed, "class", int(label)))
        weights.append(of_class[for_weights])
        value.append(of_class[for_value])
    return np.sort(np.concatenate(weights)), np.sort(np.concatenate(value))


def _all_there(dataset: DataSet, root: Path) -> bool:
    return all((root / file.path).is_file() for file in dataset.files_at(root))


def _small_facts(dataset: DataSet, root: Path) -> _Facts:
    images, labels = read_small(dataset, root, "train")
    assert dataset.class_names and dataset.mean and dataset.std  # small sets bring them
    content = hashlib.sha256(np.ascontiguousarray(images).data)
    content.update(labels.data)
    return _Facts(
        class_names=dataset.class_names(root),
        mean=dataset.mean,
        std=dataset.std,
        n_train=dataset.n_train,
        n_test=dataset.n_test,
        fingerprint=content.hexdigest(),
        labels=labels,
    )


def _folder_facts(dataset: DataSet, root: Path) -> _Facts:
    from pipeline.data.folder_images import list_images  # loads torch, which no small set needs

    train = list_images(root / dataset.path / "train")
    test = list_images(root / dataset.path / "val")
    if dataset.classes not in (None, len(train.class_names)):
        raise InputError(
            f"{dataset.name}: {root / dataset.path / 'train'} has {len(train.class_names)} "
            f"classes, expected {dataset.classes}"
        )
    if len(train.class_names) < 2:
        raise InputError(
            f"{dataset.name}: {root / dataset.path / 'train'} has the one class "
            f"{train.class_names[0]}; a network needs two to tell apart"
        )
    known = dataset.mean and dataset.std
    mean, std = (dataset.mean, dataset.std) if known else _measure(dataset, train, root)
    assert mean and std
    return _Facts(
        class_names=train.class_names,
        mean=mean,
        std=std,
        n_train=len(train.labels),
        n_test=len(test.labels),
        fingerprint=_fingerprint(root / dataset.path, train),
        labels=train.labels,
        paths=tuple(Path(p).relative_to(root / dataset.path).as_posix() for p in train.paths),
    )


def _measure(dataset: DataSet, train: Listing, root: Path) -> tuple[Channels, Channels]:
    """Mean and deviation of the training images as an evaluation would see them."""
    from pipeline.data.folder_images import FolderImages  # as above

    step = -(-len(train.labels) // N_MEASURED)
    images = FolderImages(
        paths=train.paths[::step],
        labels=train.labels[::step],
        classes=len(train.class_names),
        image_size=dataset.image_size,
        resize_size=dataset.resize_size or dataset.image_size,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
    )
    total, squares = np.zeros(3), np.zeros(3)
    for batch, _ in images.batches(64):
        pixels = batch.double().numpy()
        total += pixels.sum(axis=(0, 2, 3))
        squares += (pixels**2).sum(axis=(0, 2, 3))
    n_pixels = images.n * dataset.image_size**2
    mean = total / n_pixels
    std = np.sqrt(np.maximum(squares / n_pixels - mean**2, 0))
    if not std.min() > 0:
        raise InputError(
            f"{dataset.name}: a colour of the images in {root / dataset.path / 'train'} is the "
            "same in every pixel; they cannot be normalised"
        )
    return tuple(mean.tolist()), tuple(std.tolist())


def _fingerprint(folder: Path, listing: Listing) -> str:
    """Digest of names and sizes: the bytes of a large folder would take hours to read."""
    content = hashlib.sha256()
    for path in map(Path, listing.paths):
        content.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode())
    return content.hexdigest()
