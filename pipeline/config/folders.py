"""Your own images: any tree `{train,val}/<class>/*.jpg`, declared in the configuration."""
# Tested in tests/data/test_add_a_dataset.py.

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, Field, model_validator

from pipeline.settings import OURS, Settings, setting


class FolderSettings(Settings):
    """Settings of the image folder NAME, given under `datasets.NAME` in the configuration."""

    kind: Literal["imagefolder"] = setting("imagefolder", "a tree of images by class", OURS)
    path: str = setting(
        ...,
        "folder with train/<class>/ and val/<class>/, below data_root or absolute; alias `root`",
        OURS,
        validation_alias=AliasChoices("path", "root"),
    )
    image_size: int = setting(224, "side of the images that a network sees, in pixels", OURS, ge=8)
    resize_size: int | None = setting(
        None,
        "shorter side before the central crop of an evaluation, in pixels; none: 8/7 of "
        "image_size (256 for 224)",
        OURS,
        ge=8,
    )

    @model_validator(mode="after")
    def _crop_fits(self) -> FolderSettings:
        if self.resize_size is not None and self.resize_size < self.image_size:
            raise ValueError(
                f"resize_size {self.resize_size} is smaller than image_size {self.image_size}"
            )
        return self


class WrittenFolder(FolderSettings):
    """A folder of a study that is written from a small data set if it does not exist."""

    images: str = Field(description="small data set that has the images")
    n_train: int = Field(ge=1, description="the first training images; all test images are used")
