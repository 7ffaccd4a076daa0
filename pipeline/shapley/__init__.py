"""Shapley values of a cooperative game; knows nothing of networks and is free of torch.

`estimate` plays a game, `update` turns the values into architecture parameters. An estimator is
one file that registers a function of kind "estimators" and one import line here.
"""

from pipeline.shapley import exact, permutation, truncated
from pipeline.shapley.estimation import Estimate, estimate, option_names
from pipeline.shapley.game import Game

__all__ = [
    "Estimate",
    "Game",
    "estimate",
    "exact",
    "option_names",
    "permutation",
    "truncated",
]
