"""How much faster the default estimator is, if it must agree as well as another estimator does.

Tau is Kendall's tau between an estimate and the reference. The others are `truncated` (the paper's
estimator), `plain` (the same without truncation) and `released_code`. The default runs with several
budgets. We report the smallest at which its mean tau is at least that of the other estimator.
"""
# Tested in tests/studies/test_studies.py.

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.studies import Study
from pipeline.studies.agreement import interval, with_reference
from pipeline.studies.estimators import estimates, phi_of, references

OTHERS = ("plain", "truncated", "released_code")
DEFAULT = "regression_adjusted"
Runs = Sequence[dict[str, Any]]


def reaching_rows(study: Study, results: Path) -> Iterator[dict[str, Any]]:
    """A row for each supernet and estimator: its tau and cost, and the default that is as good.

    The last row of each supernet, `ceiling`, says how well the two walks agree with each other.
    """
    for supernet in study.supernets():
        reference, ceiling = references(study, results, supernet)
        runs = estimates(study, results, supernet)
        agreement = {name: _agreement(repeats, reference) for name, repeats in runs.items()}
        columns = reached(runs, {name: agreed["tau"] for name, agreed in agreement.items()})
        rows = [
            {
                "name": name,
                **agreement[name],
                "image_forwards": round(_forwards(repeats)),
                "ours_s": median(run["seconds"] for run in repeats),
                **columns.get(name, {}),
            }
            for name, repeats in runs.items()
        ]
        rows.sort(key=lambda row: -row["tau"])
        for row in [*rows, {"name": "ceiling", **ceiling}]:
            yield {key: _rounded(value) for key, value in row.items()}


def reached(runs: Mapping[str, Runs], taus: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """A comparison with each of `OTHERS`; empty if the default reaches its tau at no budget.

    Args:
        runs: the repeats of each estimator, as `studies.estimates` returns them.
        taus: mean tau of each estimator.
    """
    comparisons = {}
    for other in [name for name in OTHERS if name in runs]:
        enough = [n for n in runs if n.startswith(DEFAULT) and taus[n] >= taus[other]]
        cheapest = min(enough, key=lambda name: _forwards(runs[name]), default=None)
        comparisons[other] = _columns(runs, other, cheapest) if cheapest else {}
    return comparisons


def _columns(runs: Mapping[str, Runs], other: str, default: str) -> dict[str, Any]:
    pairs = zip(runs[other], runs[default], strict=True)
    ratios = [before["seconds"] / now["seconds"] for before, now in pairs]
    return {
        "default": default,
        "default_forwards_ratio": _forwards(runs[other]) / _forwards(runs[default]),
        "default_ratio": median(ratios),
        "default_ratio_low": min(ratios),
        "default_ratio_high": max(ratios),
    }


def _agreement(repeats: Runs, reference: NDArray[np.float64]) -> dict[str, Any]:
    """Mean tau with the ends of its 95 % t interval, and the mean of `winners`."""
    agreed = [with_reference(phi_of(run), reference) for run in repeats]
    winners = float(np.mean([one["winners"] for one in agreed]))
    return {**interval("tau", (one["tau"] for one in agreed)), "winners": winners}


def _forwards(repeats: Runs) -> float:
    return float(np.mean([run["image_forwards"] for run in repeats]))


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value
