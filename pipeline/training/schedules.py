"""Schedules of the learning rate and of the drop-path probability.

Epochs are counted from 0. As in DARTS, both values are constant within an epoch.
"""

from __future__ import annotations

import math

from pipeline.config.recipes import TrainSettings

# Number of last epochs in which the linear schedule falls more slowly.
TAIL = 5


def learning_rate(recipe: TrainSettings, epoch: int) -> float:
    """Learning rate of an epoch, with cosine or linear decay.

    In warm-up epochs, it is multiplied by (epoch + 1) / (number of warm-up epochs), as in the DARTS
    family on ImageNet.
    """
    decay = {"cosine": _cosine, "linear": _linear}[recipe.schedule](epoch, recipe.epochs)
    rate = recipe.learning_rate_min + (recipe.learning_rate - recipe.learning_rate_min) * decay
    return rate * min(1.0, (epoch + 1) / recipe.warmup_epochs) if recipe.warmup_epochs else rate


def drop_path(recipe: TrainSettings, epoch: int) -> float:
    """Probability that a path is dropped; it rises linearly from 0 over the epochs."""
    return recipe.drop_path * epoch / recipe.epochs


def _cosine(epoch: int, epochs: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * epoch / epochs))


def _linear(epoch: int, epochs: int) -> float:
    """A factor that falls linearly from 1, and in the last five epochs as much as in one earlier.

    This is the schedule of the DARTS family. With ten epochs or fewer, it falls equally in all.
    """
    if epochs <= 2 * TAIL:
        return 1 - epoch / epochs
    left, steps = epochs - epoch, epochs - TAIL
    return (left - TAIL) / steps if left > TAIL else left / TAIL / steps
