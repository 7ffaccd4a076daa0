"""The estimators of the study, each with what it may spend.

Spending is in image-forwards and relative to the plain form: 10 whole permutations on several times
as many images as a draw of the others has. `share` 1/5 is a fifth of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

N_PLAYERS = 24  # of NAS-Bench-201, without `none`
PLAIN_PERMUTATIONS = 10


@dataclass(frozen=True)
class Variant:
    """An estimator with its settings.

    Attributes:
        name: in files and tables.
        estimator: as registered.
        share: of the plain form's cost that it may spend.
        changes: further settings.
        previous: whether it is given the values of the age before.
    """

    name: str
    estimator: str
    share: float
    changes: Mapping[str, Any] = field(default_factory=dict)
    previous: bool = False

    def settings(self, images: int, plain_draws: int) -> dict[str, Any]:
        """Settings of `ValueSettings` but for the batch size.

        Args:
            images: a draw.
            plain_draws: draws that the plain form walks a permutation on.
        """
        if self.name == "plain":
            return {
                "estimator": "permutation",
                "permutations": PLAIN_PERMUTATIONS,
                "value_images": plain_draws * images,
                "redraw": "permutation",
            }
        whole = PLAIN_PERMUTATIONS * (N_PLAYERS + 1) * plain_draws
        # M is a bound beside the budget, so that it must not bind.
        budget = round(self.share * whole)
        return {
            "estimator": self.estimator,
            "budget": budget,
            "permutations": budget,
            **self.changes,
        }


def _several(share: float, suffix: str, *estimators: str) -> list[Variant]:
    return [Variant(f"{name}_{suffix}", name, share) for name in estimators]


FIFTH, HALF, WHOLE = 1 / 5, 1 / 2, 1.0
SOFT = {"value": "soft_accuracy"}
VARIANTS = (
    Variant("plain", "permutation", 1.0),
    *_several(
        FIFTH,
        "fifth",
        "permutation",
        "antithetic",
        "orthogonal",
        "control_variate",
        "regression_adjusted",
        "kernel",
        "leverage",
        "owen",
        "truncated",
        "adaptive",
        "released_code",
        "banzhaf",
        "beta",
    ),
    Variant("control_variate_previous_fifth", "control_variate", FIFTH, previous=True),
    Variant("permutation_soft_fifth", "permutation", FIFTH, SOFT),
    Variant("gradient_soft_fifth", "gradient", FIFTH, SOFT),
    *_several(HALF, "half", "permutation", "antithetic", "regression_adjusted"),
    *_several(WHOLE, "whole", "regression_adjusted"),
)
