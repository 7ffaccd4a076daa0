"""The published recipes, each value beside where it is printed; the models must say the same."""

import pytest

from pipeline.config.recipes import ImageNetSearch, ImageNetTrain, TrainSettings

# DARTS (ICLR 2019), section 3.2 and appendix A.2; Shapley-NAS, section 4.1.
CIFAR = {
    "channels": 36, "cells": 20, "epochs": 600, "batch_size": 96, "learning_rate": 0.025,
    "learning_rate_min": 0, "schedule": "cosine", "warmup_epochs": 0, "momentum": 0.9,
    "weight_decay": 3e-4, "gradient_clip": 5, "cutout": 16, "auxiliary_weight": 0.4,
    "drop_path": 0.2, "label_smoothing": 0, "crop_padding": 4, "flip": True,
    "held_out": 0, "keep": "last", "limit_train": 0, "max_macs": None, "max_params": None,
}  # fmt: skip
# Shapley-NAS, section 4.1: 250 epochs, 0.5 linear, 3e-5; the rest from the DARTS family.
IMAGENET = {
    "channels": 48, "cells": 14, "epochs": 250, "batch_size": 1024, "learning_rate": 0.5,
    "learning_rate_min": 0, "schedule": "linear", "warmup_epochs": 5, "momentum": 0.9,
    "weight_decay": 3e-5, "gradient_clip": 5, "cutout": 0, "auxiliary_weight": 0.4,
    "drop_path": 0, "label_smoothing": 0.1, "flip": True, "colour_jitter": 0.4,
    "held_out": 0, "keep": "last", "limit_train": 0, "max_macs": None, "max_params": None,
}  # fmt: skip
SEARCH = {"epochs": 50, "warmup_epochs": 25, "batch_size": 1024, "learning_rate": 0.5}


@pytest.mark.parametrize(
    ("recipe", "printed"),
    [(TrainSettings, CIFAR), (ImageNetTrain, IMAGENET), (ImageNetSearch, SEARCH)],
    ids=["cifar", "imagenet", "search on imagenet"],
)
def test_defaults_are_the_published_values(recipe, printed):
    assert {key: value for key, value in recipe().model_dump().items() if key in printed} == printed


def test_a_micro_batch_is_never_larger_than_the_batch():
    assert ImageNetTrain().micro_size == 128
    assert ImageNetTrain(batch_size=32).micro_size == 32
    assert TrainSettings().micro_size == 96


def test_keeping_the_best_needs_images_to_judge_by():
    with pytest.raises(ValueError, match="held_out above 0"):
        TrainSettings(keep="best")
