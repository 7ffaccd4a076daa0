"""The data sets; `docs/add-a-dataset.md` shows how to add one."""
# Tested in tests/data/test_add_a_dataset.py.

from __future__ import annotations

from dataclasses import dataclass

from pipeline.registry import Entry, add


@dataclass(frozen=True)
class DataSetEntry(Entry):
    """The entry of a `pipeline.data.DataSet`."""

    # `small` sets are held in memory, images of `folder` sets are decoded when needed
    kind: str = "small"


add(
    "datasets",
    DataSetEntry("cifar10", "pipeline.data.cifar:CIFAR10"),
    DataSetEntry("cifar100", "pipeline.data.cifar:CIFAR100"),
    DataSetEntry("digits", "pipeline.data.digits:DIGITS"),
    DataSetEntry("digits64", "pipeline.data.digits64:DIGITS64", kind="folder"),
    DataSetEntry("imagenet", "pipeline.data.imagenet:IMAGENET", kind="folder"),
    DataSetEntry("imagenet16", "pipeline.data.imagenet16:IMAGENET16"),
    DataSetEntry("svhn", "pipeline.data.svhn:SVHN"),
)
