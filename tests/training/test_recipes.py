"""The published recipes, each value beside where it is printed; the models must say the same."""

import pytest
import torch
from pydantic import ValidationError
from torchvision.transforms.v2 import ColorJitter

from pipeline.config import jobs, load
from pipeline.config.model import RetrainSettings
from pipeline.config.own_images import OwnTrain
from pipeline.config.recipes import ImageNetSearch, ImageNetTrain, TrainSettings
from pipeline.config.trainings import key_of
from pipeline.errors import InputError
from pipeline.networks import build

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


@pytest.mark.parametrize(
    ("n", "epochs", "batch", "rate", "crop", "jitter"),
    [
        (100, 90, 16, 0.025, 0.35, 0.2),
        (1_200, 30, 32, 0.05, 0.35, 0.2),
        (4_999, 7, 32, 0.05, 0.35, 0.2),
        (20_000, 5, 64, 0.1, 0.5, 0.0),
    ],
)
def test_the_recipe_for_ones_own_images_follows_their_number(n, epochs, batch, rate, crop, jitter):
    found = OwnTrain().for_images(n)
    assert (found.epochs, found.batch_size, found.learning_rate) == (epochs, batch, rate)
    assert (found.crop_scale, found.colour_jitter) == (crop, jitter)


def test_what_a_user_gives_stays():
    given = {"epochs": 3, "batch_size": 8, "learning_rate": 0.3, "crop_scale": 0.9}
    found = OwnTrain(**given, colour_jitter=0.0).for_images(1_200)
    assert found.model_dump(include=set(given)) == given and found.colour_jitter == 0


@pytest.mark.parametrize("model", [OwnTrain, ImageNetTrain])
def test_a_colour_jitter_is_one_that_torchvision_takes(model):
    jitter = model(colour_jitter=1.0).colour_jitter
    ColorJitter(*[jitter] * 3, jitter / 2)
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        model(colour_jitter=1.01)


def test_every_recipe_knows_its_key():
    recipes = dict(RetrainSettings())
    assert [key_of(recipe, "cifar10") for recipe in recipes.values()] == [
        f"retrain.{name}" for name in recipes
    ]


def test_a_batch_of_one_is_refused():
    for model, key in (
        (TrainSettings, "batch_size"),
        (TrainSettings, "micro_batch_size"),
        (OwnTrain, "batch_size"),
        (ImageNetSearch, "batch_size"),
        (ImageNetSearch, "micro_batch_size"),
    ):
        with pytest.raises(ValidationError):
            model(**{key: 1})


@pytest.mark.parametrize(
    ("size", "layout"),
    [(32, "cifar10"), (48, "cifar10"), (64, "images64"), (128, "images128"), (224, "imagenet")],
)
def test_the_stem_follows_the_size_of_ones_own_images(size, layout):
    datasets = {"mine": {"path": "mine", "image_size": size}}
    job = jobs.transfer_job(load.resolve({"datasets": datasets}), "darts", "mine")
    assert job.layout == layout and isinstance(job.train, OwnTrain)
    assert jobs.TransferJob.model_validate_json(job.model_dump_json()) == job
    network = build("shapley_nas_imagenet", layout, classes=3, channels=4, cells=3)
    last, _ = network.features(torch.zeros(1, 3, size, size))
    assert 7 <= last.shape[-1] <= 12


def test_transfer_says_what_it_does_not_train():
    config = load.resolve({"datasets": {"mine": {"path": "mine"}}})
    with pytest.raises(InputError, match="by `retrain --space nasbench201`"):
        jobs.transfer_job(config, "nasbench201", "mine")
    with pytest.raises(InputError, match=r"digits is no folder .*`retrain`"):
        jobs.transfer_job(config, "darts", "digits")
