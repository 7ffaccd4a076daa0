"""Our recipe for your own photographs: from a few hundred to about ten thousand images.

With fewer images there are more epochs, so that training takes about the same time for any folder.
"""
# Tested in tests/training/test_recipes.py.

from __future__ import annotations

from typing import Literal

from pipeline.config.recipes import ImageNetTrain, Passes
from pipeline.settings import OURS, setting

IMAGES_SHOWN = 36_000  # in a training
FEW_IMAGES = 5_000


class OwnTrain(ImageNetTrain):
    """Recipe for folders under `datasets`; some defaults depend on the number of images."""

    channels: int = setting(16, "first width that is tried for `max_macs`", OURS, ge=1)
    cells: int = setting(5, "most cells of the network", OURS, ge=1)
    max_macs: int | None = setting(
        20_000_000,
        "multiply-adds that the network is scaled to; none: channels and cells as given",
        OURS,
        gt=0,
    )
    epochs: int = setting(0, "epochs; 0: 36,000 / number of images, from 5 to 90", OURS, ge=0)
    batch_size: Passes = setting(
        0, "images per step; 0: 16 (below 500 images), 32 (below 5,000) or 64", OURS, ge=0
    )
    micro_batch_size: Passes = setting(0, "images per forward pass; 0: batch_size", OURS, ge=0)
    learning_rate: float = setting(0.0, "SGD, first value; 0: 0.05 x batch_size / 32", OURS, ge=0)
    schedule: Literal["cosine", "linear"] = setting("cosine", "decay of the learning rate", OURS)
    warmup_epochs: int = setting(2, "epochs in which the learning rate rises", OURS, ge=0)
    nesterov: bool = setting(True, "SGD", OURS)
    weight_decay: float = setting(5e-4, "SGD", OURS, ge=0)
    auxiliary_weight: float = setting(0.0, "weight of the auxiliary loss; 0: no tower", OURS, ge=0)
    colour_jitter: float = setting(
        -1.0, "as in retrain.folder; negative: 0.2 for fewer than 5,000 images, else 0", OURS, le=1
    )
    crop_scale: float = setting(
        0.0,
        "smallest area of a random crop, as a share; 0: 0.35 for fewer than 5,000 images, else 0.5",
        OURS,
        ge=0,
        le=1,
    )
    precision: Literal["float32", "bfloat16", "float16"] = setting("float32", "autocast type", OURS)
    workers: int = setting(2, "processes per rank that decode images", OURS, ge=0)

    def for_images(self, n: int) -> OwnTrain:
        """The recipe with the defaults for `n` training images."""
        few = n < FEW_IMAGES
        batch = self.batch_size or (16 if n < 500 else 32 if few else 64)
        values = {
            "batch_size": batch,
            "epochs": self.epochs or min(90, max(5, round(IMAGES_SHOWN / n))),
            "learning_rate": self.learning_rate or 0.05 * batch / 32,
            "crop_scale": self.crop_scale or (0.35 if few else 0.5),
            "colour_jitter": self.colour_jitter if self.colour_jitter >= 0 else 0.2 * few,
        }
        return self.model_copy(update=values)
