"""Reads alpha or the Shapley values s (Eq. 7) of every epoch of a search, as series for plots."""
# Tested in tests/analysis/test_report.py.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import registry
from pipeline.analysis.figures import Series
from pipeline.analysis.runs import FinishedRun
from pipeline.config.recipes import SupernetSettings
from pipeline.files import read_arrays
from pipeline.spaces import Space


@dataclass(frozen=True)
class Alphas:
    """Alpha of some runs of one strategy.

    Attributes:
        operations: name of an operation -> index of its colour and line style.
        edges: cell type -> edge (`source → node`) -> one series for each operation.
    """

    operations: dict[str, int]
    edges: dict[str, dict[str, list[Series]]]


def read(
    results: Path,
    searches: Sequence[FinishedRun],
    without_warmup: bool = False,
    quantity: str = "alpha",
) -> Alphas | None:
    """Alpha of searches in one space; None if it was not saved or no longer fits the space.

    Args:
        results: folder of the runs.
        searches: runs of the stage `search`, one per seed.
        without_warmup: leave out the epochs in which alpha is frozen.
        quantity: which history to read: "alpha" or "s".
    """
    flat = {
        run.seed: history
        for run in searches
        if (history := _history(results, run, quantity)) is not None
    }
    if not flat:
        return None
    space = space_of(searches[0])
    if any(history.shape[1] != space.n_players for history in flat.values()):
        return None
    shape = (-1, len(space.cell_types), len(space.edges), space.n_operations)
    warmups = {run.seed: run.settings.get("search", {}).get("warmup_epochs", 0) for run in searches}
    histories = {
        seed: (warmups[seed] if without_warmup else 0, history.reshape(shape))
        for seed, history in flat.items()
    }
    names = dict.fromkeys(player.operation for player in space.players)
    operations = {operation: i for i, operation in enumerate(names)}
    edges = {
        cell_type: {
            f"{source} → {node}": _edge(space.operations[t][e], operations, t, e, histories)
            for e, (node, source) in enumerate(space.edges)
        }
        for t, cell_type in enumerate(space.cell_types)
    }
    return Alphas(operations, edges)


def _edge(
    operations: Sequence[str],
    indices: Mapping[str, int],
    cell_type: int,
    edge: int,
    histories: Mapping[int, tuple[int, np.ndarray]],
) -> list[Series]:
    """`histories`: seed -> (epochs to skip, alpha [epochs, cell types, edges, operations])."""
    return [
        Series(
            operation,
            indices[operation],
            {
                seed: {
                    epoch: value
                    for epoch, value in enumerate(history[:, cell_type, edge, o].tolist(), start=1)
                    if epoch > left_out
                }
                for seed, (left_out, history) in histories.items()
            },
        )
        for o, operation in enumerate(operations)
    ]


def _history(results: Path, run: FinishedRun, quantity: str) -> np.ndarray | None:
    """A quantity over epochs [epochs, players]."""
    path = results / run.folder / "strength.npz"
    if not path.exists():
        return None
    history = read_arrays(path).get(f"{quantity}_history")
    return history if history is not None and len(history) else None


def space_of(run: FinishedRun) -> Space:
    """The space of a search, built with the settings of the run."""
    has_none = run.settings.get("search", {}).get("supernet", {}).get("include_none")
    shape = SupernetSettings() if has_none is None else SupernetSettings(include_none=has_none)
    space: Space = registry.get("spaces", run.space)(shape)
    return space
