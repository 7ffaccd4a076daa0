"""Prepares a data set for the other stages: describes it and splits its training images.

`split.npz` has the indices of two disjoint parts of the training images. A search trains weights on
the first part and evaluates the value function on the second. The content of test images affects
neither the split nor `manifest.json`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.checksums import check
from pipeline.data.folder_facts import folder_facts
from pipeline.data.spec import Channels, DataSet, read_small
from pipeline.errors import InputError
from pipeline.files import below, readable, replacing, write_csv, write_json
from pipeline.seeds import derive, numpy_generator


def say_nothing(line: str) -> None:
    """Ignore a line."""


@dataclass(frozen=True)
class _Facts:
    """Facts read from the files of a data set."""

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
    say: Callable[[str], None] = say_nothing,
) -> dict[str, Any]:
    """Check a data set, write `split.npz` and `manifest.json`, and return the manifest.

    For a folder of images, `search_images.csv` lists the images of both parts.

    Args:
        dataset: the data set.
        data_root: folder of all data sets.
        out_dir: folder of the written files.
        split_seed: seed of the split.
        fractions: shares of the training images for (weights, value function); by default those of
            the data set.
        download: whether to download missing files.
        balanced: whether each class is split separately.
        say: called with lines about a folder of images.

    Raises:
        InputError: files are missing or damaged, the fractions add up to more than 1, or a part
            would be empty.
    """
    root, out = Path(data_root), Path(out_dir)
    fractions = fractions or dataset.search_fractions
    facts = _facts(dataset, root, download, say)
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


def _facts(dataset: DataSet, root: Path, download: bool, say: Callable[[str], None]) -> _Facts:
    """Check the files; return facts about the data."""
    if download and dataset.download and not _all_there(dataset, root):
        dataset.download(root)
    if dataset.make:
        dataset.make(root)
    check(dataset, root)
    if dataset.kind == "small":
        return _small_facts(dataset, root)
    return _folder_facts(dataset, root, say)


def _described(dataset: DataSet, facts: _Facts) -> dict[str, Any]:
    """The manifest without the split."""
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
    """Write the split, the list of a folder's images, and the manifest."""
    with replacing(out / "split.npz") as temporary:
        np.savez(temporary, **parts)  # type: ignore[arg-type]
    if paths:
        rows = [{"part": p, "image": paths[i]} for p, indices in parts.items() for i in indices]
        write_csv(out / "search_images.csv", rows)
    write_json(out / "manifest.json", manifest)


def images_of_share(share: float, n: int, key: str) -> int:
    """`share` times `n`, rounded.

    Raises:
        InputError: the number would be 0 or `n`; the message names `key`.
    """
    part = round(share * n)
    if not 0 < part < n:
        raise InputError(
            f"{key}: {share} of {n} images is {'all' if part else 'none'} of them; it must leave "
            "some on both sides: choose another share, or more images"
        )
    return part


def halves(
    n_train: int, fractions: tuple[float, float], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw disjoint sets of images, one for the weights and one for V, as sorted int64 indices.

    Raises:
        InputError: the fractions add up to more than 1, or a part would be empty.
    """
    for_weights, for_value = fractions
    if for_weights + for_value > 1 + 1e-9:
        raise InputError(
            f"split: weights_fraction {for_weights} and value_fraction {for_value} exceed 1 in sum"
        )
    n_weights = images_of_share(for_weights, n_train, "split.weights_fraction")
    # If both numbers are rounded up, their sum may exceed the whole by one image.
    n_value = images_of_share(for_value, n_train, "split.value_fraction")
    n_value = min(n_value, n_train - n_weights)
    order = numpy_generator(seed, "split").permutation(n_train)
    return np.sort(order[:n_weights]), np.sort(order[n_weights : n_weights + n_value])


def balanced_halves(
    labels: np.ndarray, fractions: tuple[float, float], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Like `halves`, but each class is split separately.

    Raises:
        InputError: as for `halves`, or a class has too few images for both parts.
    """
    weights, value = [], []
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        # Each class has its own seed; otherwise classes of equal size would be split alike.
        for_weights, for_value = halves(len(of_class), fractions, derive(seed, "class", int(label)))
        weights.append(of_class[for_weights])
        value.append(of_class[for_value])
    return np.sort(np.concatenate(weights)), np.sort(np.concatenate(value))


def _all_there(dataset: DataSet, root: Path) -> bool:
    return all((root / file.path).is_file() for file in dataset.files_at(root))


def _small_facts(dataset: DataSet, root: Path) -> _Facts:
    images, labels = read_small(dataset, root, "train")
    assert dataset.class_names and dataset.mean and dataset.std  # small sets have them
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


def _folder_facts(dataset: DataSet, root: Path, say: Callable[[str], None]) -> _Facts:
    facts = folder_facts(dataset, root, say)
    train, folder = facts.train, below(root, dataset.path)
    return _Facts(
        class_names=train.class_names,
        mean=facts.mean,
        std=facts.std,
        n_train=len(train.labels),
        n_test=len(facts.test.labels),
        fingerprint=facts.fingerprint,
        labels=train.labels,
        paths=tuple(readable(Path(p).relative_to(folder).as_posix()) for p in train.paths),
    )
