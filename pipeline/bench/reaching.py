"""Time that the default estimator takes to reach the tau of another estimator.

The others are those of a search: the paper's plain form (10 whole permutations on 1,024 images
each), its truncated form, and what the released code computes from truncated walks. The default
runs with several small budgets; the smallest whose mean tau is at least as high counts. Seconds are
those of one process on the fused supernet. `baseline_readable_s` is the time of the same
image-forwards on one module per operation, as in the released code.
"""
# Tested in tests/test_bench.py.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.studies.agreement import interval, with_reference
from pipeline.studies.estimators import phi_of

OTHERS = ("plain", "truncated", "released_code")
DEFAULT = "regression_adjusted"
Runs = Sequence[dict[str, Any]]


def rows(
    runs: Mapping[str, Runs], reference: NDArray[np.float64], readable_ratio: float
) -> list[dict[str, Any]]:
    """A row for each other estimator that ran.

    Args:
        runs: the repeats of each variant, as `studies.estimates` returns them.
        reference: values that all are compared with, float64[n].
        readable_ratio: time of a readable forward pass divided by that of a fused one.
    """
    taus = {
        name: [with_reference(phi_of(run), reference)["tau"] for run in repeats]
        for name, repeats in runs.items()
    }
    return [_row(name, runs, taus, readable_ratio) for name in OTHERS if name in runs]


def _row(
    other: str, runs: Mapping[str, Runs], taus: Mapping[str, Sequence[float]], readable: float
) -> dict[str, Any]:
    goal = float(np.mean(taus[other]))
    enough = [n for n in runs if n.startswith(DEFAULT) and np.mean(taus[n]) >= goal]
    row: dict[str, Any] = {"name": f"to the tau of {other}", **interval("tau", taus[other])}
    row |= {"baseline_image_forwards": _mean(runs[other], "image_forwards")}
    before = [run["seconds"] for run in runs[other]]
    row |= {"baseline_s": median(before), "baseline_readable_s": median(before) * readable}
    if not enough:
        return {**row, "ours_s": None, "ratio": None}
    ours = min(enough, key=lambda name: _mean(runs[name], "image_forwards"))
    now = [run["seconds"] for run in runs[ours]]
    ratios = [b / a for b, a in zip(before, now, strict=True)]
    forwards = _mean(runs[ours], "image_forwards")
    return {
        **row,
        "ours": ours,
        **{f"ours_{key}": value for key, value in interval("tau", taus[ours]).items()},
        "ours_s": median(now),
        "image_forwards": forwards,
        "forwards_ratio": row["baseline_image_forwards"] / forwards,
        "ratio": median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "readable_ratio": median(ratios) * readable,
        "repeats": len(now),
    }


def _mean(runs: Runs, key: str) -> float:
    return float(np.mean([run[key] for run in runs]))
