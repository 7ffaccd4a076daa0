"""Values that change between epochs while a network is trained.

Epochs count from 0. A value holds for the whole epoch (DARTS steps its schedule after the epoch).
"""

from __future__ import annotations

import math

from pipeline.config.recipes import TrainSettings

# The DARTS family flattens the line in the last epochs, because 1/250 of the rate is still large.
TAIL = 5


def learning_rate(recipe: TrainSettings, epoch: int) -> float:
    """Learning rate of an epoch: decay, multiplied by a linear rise over the warm-up epochs.

    As in the DARTS family on ImageNet, the rise multiplies the decayed rate by (epoch + 1) /
    warm-up epochs.
    """
    decay = {"cosine": _cosine, "linear": _linear}[recipe.schedule](epoch, recipe.epochs)
    rate = recipe.learning_rate_min + (recipe.learning_rate - recipe.learning_rate_min) * decay
    return rate * min(1.0, (epoch + 1) / recipe.warmup_epochs) if recipe.warmup_epochs else rate


def drop_path(recipe: TrainSettings, epoch: int) -> float:
    """Probability that a path is dropped; it rises linearly from 0 towards the recipe's (DARTS)."""
    return recipe.drop_path * epoch / recipe.epochs


def _cosine(epoch: int, epochs: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * epoch / epochs))


def _linear(epoch: int, epochs: int) -> float:
    """A line down to its last step, which the last five epochs divide evenly (DARTS family).

    Runs of ten epochs or fewer, which no paper has, use the plain line (ours).
    """
    if epochs <= 2 * TAIL:
        return 1 - epoch / epochs
    left, steps = epochs - epoch, epochs - TAIL
    return (left - TAIL) / steps if left > TAIL else left / TAIL / steps
