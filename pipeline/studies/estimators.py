"""How well estimates agree with values from many permutations of the same supernet."""
# Tested in tests/studies/test_walks.py.

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.config.studies import Study
from pipeline.files import read_json
from pipeline.studies.agreement import MEASURES, over_repeats, with_reference
from pipeline.studies.walks import VALUE_NAMES, Walks, read, together

BLOCK_SIZES = (4, 8, 16, 24, 50, 100)  # even numbers, since walks come in pairs
READINGS: dict[str, dict[str, Any]] = {
    **{value: {"value": value} for value in VALUE_NAMES},
    "truncated": {"eta": 0.5},
}


def estimator_rows(study: Study, results: Path) -> Iterator[dict[str, Any]]:
    """A row for each supernet and estimator: how well the estimator agrees with the reference.

    The reference is estimated from the first two walks (V along many whole permutations). The last
    row of each supernet, `ceiling`, says how well the two walks agree with each other.
    """
    for name, (way, age) in study.supernets().items():
        head = {"supernet": f"{way}, {age} passes"}
        reference, ceiling = references(study, results, name)
        runs = estimates(study, results, name)
        plain = np.mean([run["image_forwards"] for run in runs["plain"]])
        rows = [
            {
                **head,
                "estimator": variant,
                **over_repeats([phi_of(run) for run in repeats], reference),
                "evaluations": round(np.mean([run["evaluations"] for run in repeats])),
                "share": round(np.mean([run["image_forwards"] for run in repeats]) / plain, 3),
                "seconds": round(float(np.median([run["seconds"] for run in repeats])), 2),
            }
            for variant, repeats in runs.items()
        ]
        yield from sorted(rows, key=lambda row: -row["tau"]["mean"])
        agreed = {measure: {"mean": round(ceiling[measure], 3), "n": 1} for measure in MEASURES}
        yield {**head, "estimator": "ceiling", **agreed}


def read_walk(study: Study, results: Path, supernet: str, walk: str) -> Walks:
    """A walk of the study on a supernet; `results` is `results/{preset}`."""
    return read(results / study.folder(paths.WALK, supernet=supernet, walk=walk) / "walks.npz")


def references(
    study: Study, results: Path, supernet: str
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Values float64[24] from the first two walks together, and how well the two walks agree."""
    first, second = (read_walk(study, results, supernet, name) for name in [*study.walks][:2])
    value = study.value.get("value", "accuracy")
    ceiling = with_reference(second.phi(value), first.phi(value))
    return together([first, second]).phi(value), ceiling


def estimates(study: Study, results: Path, supernet: str) -> dict[str, list[dict[str, Any]]]:
    """The repeats of each variant on one supernet."""
    folders = (study.folder(paths.DRAW, supernet=supernet, draw=draw) for draw in study.draws())
    draws = [read_json(results / folder / "estimates.json") for folder in folders]
    return {variant: [draw[variant] for draw in draws] for variant in draws[0]} if draws else {}


def phi_of(run: dict[str, Any]) -> NDArray[np.float64]:
    """The values of a run, NaN for unknown players."""
    return np.array(run["phi"], dtype=float)


def block_rows(study: Study, results: Path) -> Iterator[dict[str, Any]]:
    """How well values from few permutations agree with values from many.

    The second walk is split into blocks. For each block, values are computed in all ways listed in
    `READINGS`. They are compared with the Shapley values of the whole first walk.
    """
    for name, (way, age) in study.supernets().items():
        first, second = (read_walk(study, results, name, walk) for walk in [*study.walks][:2])
        reference = first.phi()
        for m in (size for size in BLOCK_SIZES if size <= len(second.orders)):
            starts = range(0, len(second.orders) - m + 1, m)
            blocks = [Walks(second.orders[a : a + m], second.V[:, a : a + m]) for a in starts]
            for reading, how in READINGS.items():
                yield {
                    "supernet": f"{way}, {age} passes",
                    "reading": reading,
                    "permutations": m,
                    **over_repeats([block.phi(**how) for block in blocks], reference),
                }
