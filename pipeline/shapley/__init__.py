"""Shapley values of a cooperative game; knows nothing of networks and is free of torch.

`estimate` plays a game, `update` turns the values into architecture parameters.
`docs/shapley.md` says which estimator is for what, `docs/add-an-estimator.md` how to add one: a
file, and its name among the imports here.
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
