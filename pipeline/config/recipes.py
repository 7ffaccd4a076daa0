"""Published recipes for searching a supernet and training a network.

Base classes have the values of the paper's CIFAR-10 experiments; a subclass lists only values that
differ.
"""
# Tested in tests/training/test_recipes.py.

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from pipeline.settings import (
    CODE,
    DARTS,
    DARTS_FAMILY,
    NB201,
    OURS,
    PAPER,
    ROBUST_DARTS,
    Settings,
    factory,
    setting,
)

LARGE_BATCH = 256


def _not_one(n: int) -> int:
    if n == 1:
        raise ValueError("a pass of one image has no batch statistics; 0, or 2 and more")
    return n


Passes = Annotated[int, AfterValidator(_not_one)]  # images of a forward pass; 0: the whole batch


class SupernetSettings(Settings):
    """The shape of a supernet."""

    channels: int = setting(16, "channels of the first cell", PAPER, ge=1)
    cells: int = setting(8, "number of cells; NAS-Bench-201: per stage (N)", CODE, ge=1)
    partial_channels: int = setting(
        4, "1/k of the channels pass through the operations (PC-DARTS); 1: all", CODE, ge=1
    )
    image_size: int = setting(
        0, "side in pixels to which images are averaged down; 0: unchanged", OURS, ge=0
    )
    edge_normalisation: bool = setting(
        False, "weigh edges into a node by softmax(beta), trained with the weights or alpha", CODE
    )
    include_none: bool = setting(
        False, "add DARTS' eighth operation, `none`, as a player", "the released code has no `none`"
    )
    pool_batch_norm: bool = setting(
        False,
        "add a batch norm without affine parameters after pooling (DARTS' spaces)",
        "DARTS has it, the paper's released code and DrNAS do not",
    )
    none_may_win: bool = setting(False, "`none` may be drawn and chosen (NAS-Bench-201)", OURS)
    fused: bool = setting(True, "compute equal operations together, with equal results", OURS)
    channels_last: bool = setting(True, "memory format of images and weights", OURS)
    compile: bool | Literal["auto"] = setting(
        "auto", "torch.compile the step of NAS-Bench-201 cells; auto: only in long searches", OURS
    )
    checkpoint: bool = setting(
        False, "recompute cells in the backward pass: a third slower, less memory", OURS
    )
    precision: Literal["float32", "bfloat16"] = setting("float32", "autocast type", OURS)


class SearchSettings(Settings):
    """Training the supernet's weights: CIFAR-10 in the DARTS space."""

    epochs: int = setting(50, "number of epochs", PAPER, ge=0)
    stop_epoch: int = setting(
        0, "end the search after this many epochs of its schedule; 0: after all", OURS, ge=0
    )
    warmup_epochs: int = setting(15, "first epochs in which alpha is frozen", PAPER, ge=0)
    batch_size: int = setting(256, "images per weight step", PAPER, ge=2)
    micro_batch_size: Passes = setting(
        0,
        "images per pass through the supernet; a weight step sums the gradients of its passes; "
        "0: the whole batch",
        OURS,
        ge=0,
    )
    learning_rate: float = setting(0.1, "SGD, first value of the cosine", CODE, gt=0)
    learning_rate_min: float = setting(0.0, "last value of the cosine", CODE, ge=0)
    rise_epochs: int = setting(
        0,
        "first epochs in which the learning rate rises in equal steps to its first value, for "
        f"batches of more than {LARGE_BATCH} images",
        CODE,
        ge=0,
    )
    momentum: float = setting(0.9, "SGD", CODE, ge=0, lt=1)
    nesterov: bool = setting(False, "SGD", CODE)
    weight_decay: float = setting(3e-4, "SGD", CODE, ge=0)
    gradient_clip: float = setting(5.0, "largest L2 norm of the gradient; 0: no limit", CODE, ge=0)
    crop_padding: int = setting(4, "pixels padded before the random crop; 0: no crop", CODE, ge=0)
    flip: bool = setting(True, "horizontal flip in half the images", CODE)
    cutout: int = setting(0, "side of the square cut out; 0: none", CODE, ge=0)
    limit_train: int = setting(
        0, "train the weights on only n images of their half, for quick tests; 0: all", OURS, ge=0
    )
    workers: int = setting(0, "processes that decode folders of images; 0: none", OURS, ge=0)
    supernet: SupernetSettings = factory(SupernetSettings, "shape of the supernet", CODE)


class ImageNetShape(SupernetSettings):
    """The supernet for ImageNet."""

    precision: Literal["float32", "bfloat16"] = setting("bfloat16", "autocast type", OURS)


class ImageNetSearch(SearchSettings):
    """ImageNet search: 10 % of the images train the weights, 2.5 % measure the value function."""

    warmup_epochs: int = setting(25, "first epochs in which alpha is frozen", PAPER, ge=0)
    batch_size: int = setting(1024, "images per weight step", PAPER, ge=2)
    learning_rate: float = setting(0.5, "SGD, first value of the cosine", CODE, gt=0)
    rise_epochs: int = setting(5, "epochs of the rise: 0.1, 0.2, 0.3, 0.4, 0.5", CODE, ge=0)
    workers: int = setting(8, "processes that decode folders of images", OURS, ge=0)
    supernet: ImageNetShape = factory(ImageNetShape, "shape of the supernet", CODE)


class NasBench201Shape(SupernetSettings):
    """The supernet of NAS-Bench-201."""

    cells: int = setting(5, "cells per stage (N)", NB201, ge=1)
    partial_channels: int = setting(1, "all channels, as in the benchmark's supernets", NB201, ge=1)
    include_none: bool = setting(True, "`none` belongs to the space", NB201)
    none_may_win: bool = setting(
        True,
        "`none` may be drawn and chosen, as in the benchmark's algorithms; false for Shapley-NAS, "
        "in which it is a null player",
        NB201,
    )


class NasBench201Search(SearchSettings):
    """Search in NAS-Bench-201; the Shapley-NAS paper states no recipe."""

    batch_size: int = setting(64, "images per weight step", NB201, ge=2)
    learning_rate: float = setting(0.025, "SGD, first value of the cosine", NB201, gt=0)
    learning_rate_min: float = setting(0.001, "last value of the cosine", NB201, ge=0)
    nesterov: bool = setting(True, "SGD", NB201)
    weight_decay: float = setting(5e-4, "SGD", NB201, ge=0)
    supernet: NasBench201Shape = factory(NasBench201Shape, "shape of the supernet", NB201)


class RobustDartsShape(SupernetSettings):
    """The supernet of S1 to S4 of RobustDARTS."""

    partial_channels: int = setting(1, "all channels", ROBUST_DARTS, ge=1)


class RobustDartsSearch(SearchSettings):
    """Search in S1 to S4 of RobustDARTS; the Shapley-NAS paper states no recipe."""

    warmup_epochs: int = setting(15, "first epochs in which alpha is frozen", OURS, ge=0)
    batch_size: int = setting(64, "images per weight step", ROBUST_DARTS, ge=2)
    learning_rate: float = setting(0.025, "SGD, first value of the cosine", ROBUST_DARTS, gt=0)
    learning_rate_min: float = setting(0.001, "last value of the cosine", ROBUST_DARTS, ge=0)
    supernet: RobustDartsShape = factory(RobustDartsShape, "shape of the supernet", ROBUST_DARTS)


class TrainSettings(Settings):
    """Training a found network from scratch: DARTS' recipe for CIFAR-10."""

    channels: int = setting(36, "channels of the first cell", DARTS, ge=1)
    cells: int = setting(20, "number of cells; NAS-Bench-201: per stage (N)", DARTS, ge=1)
    epochs: int = setting(600, "epochs", PAPER, ge=1)
    batch_size: int = setting(96, "images per step", DARTS, ge=2)
    learning_rate: float = setting(0.025, "SGD, first value", DARTS, gt=0)
    learning_rate_min: float = setting(0.0, "SGD, last value", DARTS, ge=0)
    schedule: Literal["cosine", "linear"] = setting("cosine", "decay of the learning rate", DARTS)
    warmup_epochs: int = setting(0, "epochs in which the learning rate rises linearly", DARTS, ge=0)
    momentum: float = setting(0.9, "SGD", DARTS, ge=0, lt=1)
    nesterov: bool = setting(False, "SGD", DARTS)
    weight_decay: float = setting(3e-4, "SGD", DARTS, ge=0)
    gradient_clip: float = setting(5.0, "largest L2 norm of the gradient; 0: no limit", DARTS, ge=0)
    auxiliary_weight: float = setting(0.4, "weight of the auxiliary loss; 0: no tower", DARTS, ge=0)
    drop_path: float = setting(
        0.2, "drop-path probability of the last epoch, rises linearly from 0", DARTS, ge=0, lt=1
    )
    label_smoothing: float = setting(0.0, "of the cross entropy", DARTS, ge=0, lt=1)
    crop_padding: int = setting(4, "pixels padded before the random crop; 0: no crop", DARTS, ge=0)
    flip: bool = setting(True, "horizontal flip in half the images", DARTS)
    cutout: int = setting(16, "side of the square cut out; 0: none", DARTS, ge=0)
    micro_batch_size: Passes = setting(
        0,
        "images per forward pass, over which batch norm computes its statistics; a step sums the "
        "gradients of its passes; 0: batch_size. With several ranks at most batch_size / ranks",
        OURS,
        ge=0,
    )
    channels_last: bool = setting(True, "memory format of images and weights", OURS)
    compile: bool = setting(False, "torch.compile the network; not for short runs", OURS)
    precision: Literal["float32", "bfloat16", "float16"] = setting("float32", "autocast type", OURS)
    checkpoint_steps: int = setting(
        500, "steps between checkpoints within an epoch; 0: at its end only", OURS, ge=0
    )
    held_out: float = setting(
        0.0,
        "share of the training images that is held out and evaluated after each epoch",
        "none: DARTS trains on all",
        ge=0,
        lt=1,
    )
    keep: Literal["last", "best"] = setting(
        "last", "epoch whose network is tested; best: that with the best held-out accuracy", OURS
    )
    max_macs: int | None = setting(
        None, "most multiply-adds; channels and cells are scaled to fill them", OURS, gt=0
    )
    max_params: int | None = setting(
        None, "most parameters, without the auxiliary tower; scaled as for max_macs", OURS, gt=0
    )
    limit_train: int = setting(0, "train on n images only, for quick tests; 0: all", OURS, ge=0)

    @model_validator(mode="after")
    def _best_needs_held_out(self) -> TrainSettings:
        if self.keep == "best" and not self.held_out:
            raise ValueError("keep: best needs held_out above 0")
        return self

    @property
    def micro_size(self) -> int:
        """Images of a forward pass."""
        return min(self.micro_batch_size or self.batch_size, self.batch_size)


class RobustDartsTrain(TrainSettings):
    """Cells of S1 to S4 on CIFAR-100 and SVHN."""

    channels: int = setting(16, "channels of the first cell", ROBUST_DARTS, ge=1)
    cells: int = setting(8, "number of cells", ROBUST_DARTS, ge=1)


class TrialTrain(TrainSettings):
    """A short training, without test images, to select one of several found cells."""

    channels: int = setting(16, "channels of the first cell", DARTS, ge=1)
    cells: int = setting(8, "number of cells", DARTS, ge=1)
    epochs: int = setting(100, "epochs", DARTS, ge=1)
    auxiliary_weight: float = setting(0.0, "no auxiliary tower", OURS, ge=0)
    drop_path: float = setting(0.0, "no drop path", OURS, ge=0, lt=1)
    held_out: float = setting(
        0.5, "share of the training images that is held out and decides", OURS, gt=0, lt=1
    )


class NasBench201Train(TrainSettings):
    """The recipe of NAS-Bench-201 (200 epochs)."""

    channels: int = setting(16, "channels of the first stage", NB201, ge=1)
    cells: int = setting(5, "cells per stage (N)", NB201, ge=1)
    epochs: int = setting(200, "epochs", NB201, ge=1)
    batch_size: int = setting(256, "images per step", NB201, ge=2)
    learning_rate: float = setting(0.1, "SGD, first value", NB201, gt=0)
    nesterov: bool = setting(True, "SGD", NB201)
    weight_decay: float = setting(5e-4, "SGD", NB201, ge=0)
    gradient_clip: float = setting(0.0, "no clipping", NB201, ge=0)
    auxiliary_weight: float = setting(0.0, "no auxiliary tower", NB201, ge=0)
    drop_path: float = setting(0.0, "no drop path", NB201, ge=0, lt=1)
    cutout: int = setting(0, "no cutout", NB201, ge=0)


class ImageNetTrain(TrainSettings):
    """ImageNet and other image folders: the paper's recipe, completed from the DARTS family."""

    channels: int = setting(48, "channels of the first cell", DARTS, ge=1)
    cells: int = setting(14, "number of cells", DARTS, ge=1)
    epochs: int = setting(250, "epochs", PAPER, ge=1)
    batch_size: int = setting(1024, "images per step", DARTS_FAMILY, ge=2)
    micro_batch_size: Passes = setting(
        128, "images per forward pass, as if eight GPUs shared 1024 images", DARTS_FAMILY, ge=0
    )
    learning_rate: float = setting(0.5, "SGD, first value", PAPER, gt=0)
    schedule: Literal["cosine", "linear"] = setting("linear", "decay of the learning rate", PAPER)
    warmup_epochs: int = setting(5, "epochs in which the learning rate rises", DARTS_FAMILY, ge=0)
    weight_decay: float = setting(3e-5, "SGD", PAPER, ge=0)
    drop_path: float = setting(0.0, "no drop path", DARTS_FAMILY, ge=0, lt=1)
    label_smoothing: float = setting(0.1, "of the cross entropy", DARTS_FAMILY, ge=0, lt=1)
    crop_padding: int = setting(0, "unused: crops are random resized crops", DARTS_FAMILY, ge=0)
    cutout: int = setting(0, "no cutout", DARTS_FAMILY, ge=0)
    colour_jitter: float = setting(
        0.4, "brightness, contrast and saturation (hue: half)", DARTS_FAMILY, ge=0, le=1
    )
    precision: Literal["float32", "bfloat16", "float16"] = setting(
        "bfloat16", "autocast type", OURS
    )
    workers: int = setting(8, "processes per rank that decode images", OURS, ge=0)
