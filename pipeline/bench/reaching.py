"""How many times faster the default estimator reaches the tau of another estimator.

Tau is Kendall's tau between an estimate and the reference. The others are `truncated` (the paper's
estimator), `plain` (the same without truncation) and `released_code`. The default runs with several
budgets. We report the smallest at which its mean tau is at least that of the other estimator.

Times are those of the fused supernet. In the column `default_readable_ratio`, the time of the other
estimator is scaled to the readable supernet, which computes operations one by one, as the released
code does.
"""
# Tested in tests/test_bench.py.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

OTHERS = ("plain", "truncated", "released_code")
DEFAULT = "regression_adjusted"
Runs = Sequence[dict[str, Any]]


def reached(
    runs: Mapping[str, Runs], taus: Mapping[str, float], readable_ratio: float
) -> dict[str, dict[str, Any]]:
    """A comparison with each of `OTHERS`; empty if the default reaches its tau at no budget.

    Args:
        runs: the repetitions of each estimator, as `studies.estimates` returns them.
        taus: mean tau of each estimator.
        readable_ratio: the readable supernet's time for a forward pass, divided by the fused one's.
    """
    found = {}
    for other in [name for name in OTHERS if name in runs]:
        enough = [n for n in runs if n.startswith(DEFAULT) and taus[n] >= taus[other]]
        cheapest = min(enough, key=lambda name: _forwards(runs[name]), default=None)
        found[other] = _columns(runs, other, cheapest, readable_ratio) if cheapest else {}
    return found


def _columns(runs: Mapping[str, Runs], other: str, default: str, readable: float) -> dict[str, Any]:
    pairs = zip(runs[other], runs[default], strict=True)
    ratios = [before["seconds"] / now["seconds"] for before, now in pairs]
    return {
        "default": default,
        "default_forwards_ratio": _forwards(runs[other]) / _forwards(runs[default]),
        "default_ratio": median(ratios),
        "default_ratio_low": min(ratios),
        "default_ratio_high": max(ratios),
        "default_readable_ratio": median(ratios) * readable,
    }


def _forwards(repeats: Runs) -> float:
    return float(np.mean([run["image_forwards"] for run in repeats]))
