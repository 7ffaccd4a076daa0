"""Describes data sets, checks their files, splits their training sets, and opens their images.

`docs/add-a-dataset.md` shows how to add one. Modules that need torch are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.data.checksums import check
from pipeline.data.spec import DataFile, DataSet, find
from pipeline.registry import lazy

if TYPE_CHECKING:
    from pipeline.data.augment import Augment, FolderAugment
    from pipeline.data.images import Images, open_images
    from pipeline.data.manifest import prepare

__all__ = [
    "Augment",
    "DataFile",
    "DataSet",
    "FolderAugment",
    "Images",
    "check",
    "find",
    "open_images",
    "prepare",
]

__getattr__ = lazy(
    __name__,
    {
        "Augment": "augment",
        "FolderAugment": "augment",
        "Images": "images",
        "open_images": "images",
        "prepare": "manifest",
    },
)
