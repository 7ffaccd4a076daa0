"""Shapley values of any cooperative game; this package does not import torch.

`estimate` computes the values. `docs/shapley.md` compares the estimators, and
`docs/add-an-estimator.md` explains how to add one.
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
