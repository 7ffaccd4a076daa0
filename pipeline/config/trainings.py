"""Chooses a network's layout and recipe from the space of its cell and the data set."""
# Tested in tests/training/test_recipes.py.

from __future__ import annotations

from pipeline import registry
from pipeline.config.model import Config, RetrainSettings
from pipeline.config.recipes import TrainSettings

# Layout of the network -> its recipe in `config.retrain`.
RECIPES = {"cifar10": "darts", "nasbench201": "nasbench201", "imagenet": "folder"}
# Class of a recipe -> its key in `config.retrain`; recipes of the base class differ by layout.
KEYS = {
    field.annotation: name
    for name, field in RetrainSettings.model_fields.items()
    if field.annotation is not TrainSettings
}
# Largest side of your own images in pixels -> layout; the last feature map has 7 to 12 pixels.
LAYOUT_UP_TO = {48: "cifar10", 96: "images64", 160: "images128"}


def is_folder(config: Config, dataset: str) -> bool:
    """Whether a data set is a folder of images, decoded as needed."""
    if dataset in config.datasets:
        return True
    return bool(registry.entry("datasets", dataset).kind == "folder")


def layout_of(config: Config, space: str, dataset: str) -> str:
    """The layout of the network that a cell of `space` forms on `dataset`."""
    if registry.entry("spaces", space).family == "nasbench201":
        return "nasbench201"
    if dataset in config.datasets:
        return layout_for(config.datasets[dataset].image_size)
    return "imagenet" if is_folder(config, dataset) else "cifar10"


def layout_for(image_size: int) -> str:
    """The layout for your own images of this size."""
    return next((name for most, name in LAYOUT_UP_TO.items() if image_size <= most), "imagenet")


def recipe_of(config: Config, space: str, dataset: str) -> TrainSettings:
    """The recipe that trains a network from `space` on `dataset`."""
    layout = layout_of(config, space, dataset)
    if dataset in config.datasets and layout != "nasbench201":
        return config.retrain.own
    name = registry.entry("spaces", space).recipes.get(dataset, RECIPES[layout])
    recipe: TrainSettings = getattr(config.retrain, name)
    return recipe


def key_of(recipe: TrainSettings, layout: str) -> str:
    """The recipe's key in the configuration, for messages, such as `retrain.own`."""
    return f"retrain.{KEYS.get(type(recipe)) or RECIPES.get(layout, 'own')}"
