"""Shapley values of any cooperative game; this package does not import torch.

`estimate` computes the values of a game, and `update` turns them into architecture parameters.
`docs/shapley.md` compares the estimators. `docs/add-an-estimator.md` explains how to add one: write
a module, and add its name to the imports here.
"""

from pipeline.shapley import (
    exact,
    gradient,
    multilinear,
    permutation,
    regression,
    regression_adjusted,
    released_code,
    truncated,
)
from pipeline.shapley.answer import Estimate
from pipeline.shapley.estimation import estimate, option_names
from pipeline.shapley.game import Game
from pipeline.shapley.pairs import Interactions, estimate_interactions

__all__ = [
    "Estimate",
    "Game",
    "Interactions",
    "estimate",
    "estimate_interactions",
    "exact",
    "gradient",
    "multilinear",
    "option_names",
    "permutation",
    "regression",
    "regression_adjusted",
    "released_code",
    "truncated",
]
