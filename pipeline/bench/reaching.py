"""Time that the default estimator takes to reach the tau of another estimator.

The other estimators are those of a search: the paper's plain form (10 whole permutations on 1,024
images each), its truncated form, and the estimator of the released code. The default runs with
several small budgets, and the smallest one with at least the same mean tau is reported. Seconds are
those of one process on the fused supernet. `default_readable_ratio` compares with one module per
operation, as in the released code.
"""
# Tested in tests/test_bench.py.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.studies.agreement import with_reference
from pipeline.studies.estimators import phi_of

OTHERS = ("plain", "truncated", "released_code")
DEFAULT = "regression_adjusted"
Runs = Sequence[dict[str, Any]]


def reached(
    runs: Mapping[str, Runs], reference: NDArray[np.float64], readable_ratio: float
) -> dict[str, dict[str, Any]]:
    """Other estimator -> columns for its row; no columns if the default does not reach its tau.

    Args:
        runs: the repeats of each variant, as `studies.estimates` returns them.
        reference: values that all are compared with, float64[n].
        readable_ratio: time of a readable forward pass divided by that of a fused one.
    """
    taus = {
        name: float(np.mean([with_reference(phi_of(run), reference)["tau"] for run in repeats]))
        for name, repeats in runs.items()
    }
    found = {}
    for other in filter(runs.__contains__, OTHERS):
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
