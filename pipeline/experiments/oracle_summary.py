"""The grid of `oracle.py` as a measurement: every reading of a supernet against the table."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline import provenance
from pipeline.experiments import walks
from pipeline.experiments.agreement import Ranking, edges_of, with_reference
from pipeline.experiments.forms import pixels
from pipeline.files import read_json, write_json
from pipeline.nasbench import Table
from pipeline.nasbench.additive import softmax
from pipeline.nasbench.cells import OPERATIONS
from pipeline.nasbench.game import N_PLAYERS, TableGame
from pipeline.nasbench.table import CODE

if TYPE_CHECKING:
    from pipeline.experiments.oracle import Form

COLUMN = "cifar10_test"
PLAYERS = np.flatnonzero(np.arange(6 * len(OPERATIONS)) % len(OPERATIONS))  # all but `none`
THIRD = N_PLAYERS // 3
# Read off whole walks; the first is what the others change one thing of.
READINGS: dict[str, dict[str, Any]] = {
    **{value: {"value": value} for value in walks.VALUE_NAMES},
    "accuracy, truncated at .5": {"eta": 0.5},
    "accuracy, smallest third of coalitions": {"sizes": (0, THIRD)},
    "accuracy, middle third": {"sizes": (THIRD, N_PLAYERS - THIRD)},
    "accuracy, largest third": {"sizes": (N_PLAYERS - THIRD, N_PLAYERS)},
}


def write(table: Table, form: Form, out: Path, command: str, folder: Path) -> Path:
    """Write the measurement `oracle_supernets.json` of what `out` holds."""
    record = provenance.collect({}, 0, "cpu", 0.0)
    path = folder / "oracle_supernets.json"
    sizes = (
        f"CIFAR-10, supernet of C = {form.channels}, N = 1; {form.train_images:,} images a pass, "
        f"{pixels(form.image_size)}batch 128, cosine over {form.epochs} passes; "
        f"V on {form.images} images a draw; {form.permutations} whole walks, or as "
        f"many evaluations; the loop: {form.warmup} passes of warm-up, M = {form.loop}."
    )
    write_json(
        path,
        {
            "command": command,
            "commit": record["git_commit"],
            "machine": record["cpu"],
            "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
            "seeds": [0],
            "notes": [sizes],
            "rows": list(rows(table, out)),
            **WORDS,
        },
    )
    return path


def rows(table: Table, out: Path) -> Iterator[dict[str, Any]]:
    """A row a supernet and reading."""
    ranking = Ranking.of(table, COLUMN)
    exact = TableGame.of(np.asarray(table.rows[CODE]), table.column(COLUMN)).semivalues()
    found = (read_json(path) for path in (out / "supernets").glob("*.json"))
    for supernet in sorted(found, key=lambda one: (one["way"], one["age"])):
        name = f"{supernet['way']}_{supernet['age']}"
        head = {"way": supernet["way"], "age": supernet["age"]}
        for policy, reading, phi in _readings(out, name, np.array(supernet["alpha"])):
            yield {
                **head,
                "batch_norm": policy,
                "reading": reading,
                **_against(phi, exact, ranking),
            }


def _readings(
    out: Path, name: str, alpha: NDArray[np.float64]
) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    """(batch norm, what is read, φ float64[24]) of one supernet."""
    if alpha.any():
        # Less that of `none`, which counts as zero: the same on all operations of an edge.
        weights = softmax(alpha)
        yield "", "softmax of alpha itself", (weights - weights[:, :1]).ravel()[PLAYERS]
    for path in sorted((out / "walks").glob(f"{name}_*.npz")):
        policy = path.stem.rsplit("_", 1)[1]
        found = walks.read(path)
        names = READINGS if policy == "batch" else [*READINGS][:1]
        yield from ((policy, reading, found.phi(**READINGS[reading])) for reading in names)
    for path in sorted((out / "runs").glob(f"{name}_*.json")):
        run = read_json(path)
        yield "batch", run["estimator"], np.array(run["phi"], dtype=float)


def _against(
    phi: NDArray[np.float64], exact: NDArray[np.float64], ranking: Ranking
) -> dict[str, Any]:
    """With the table's Shapley values, and with its accuracies; None where no φ is known."""
    if np.isnan(phi).all():
        return dict.fromkeys(("phi_tau", "phi_r", "table_tau", "found_accuracy"))
    values = with_reference(phi, exact, edges_of(exact))
    accuracies = ranking.against(phi, PLAYERS)
    return {
        "phi_tau": round(values["tau"], 3),
        "phi_r": round(values["r"], 3),
        "table_tau": round(accuracies["table_tau"], 3),
        "found_accuracy": round(accuracies["found_accuracy"], 2),
    }


def walks_of(out: Path, name: str, policy: str) -> Path:
    """Where the walks of a supernet are kept."""
    return out / "walks" / f"{name}_{policy}.npz"


WORDS: dict[str, Any] = {
    "title": "Oracle: what supernets say of the NAS-Bench-201 table",
    "question": (
        "How do the age of the supernet, its training, the value function, the batch-norm policy, "
        "the sizes of coalitions and the estimator change agreement with the table's own Shapley "
        "values, tau over all architectures, and the cell chosen?"
    ),
    "columns": {
        "way": "Training",
        "age": "Passes",
        "batch_norm": "Batch norm",
        "reading": "Reading",
        "phi_tau": "tau with the table's Shapley values",
        "phi_r": "r with them",
        "table_tau": "tau with the accuracies",
        "found_accuracy": "Found cell, CIFAR-10 test (%)",
    },
    "does_not_show": [
        "One training seed; whole walks and estimates share neither orders nor all images.",
        "Readings change one thing at a time; combinations are not in it.",
    ],
}
