"""Removal: how much accuracy a trained supernet loses if one or two operations are removed.

Figure 2 of Shapley-NAS (Xiao et al., CVPR 2022) shows this for the fourth and the fifth edge of a
NAS-Bench-201 supernet. The accuracy is measured with the value function of the search, by default
on the whole validation half. The operation `none` is never removed: its removal changes nothing.
"""
# Tested in tests/stages/test_looks.py.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pipeline import files
from pipeline.config.jobs import RemovalJob
from pipeline.errors import InputError
from pipeline.shapley import Game
from pipeline.shapley.interaction import interactions, removal_drops
from pipeline.stages.supernets import Subject, opened
from pipeline.strategies.value_function import ValueFunction, ValueSettings


def run(job: RemovalJob, seed: int, *opening: Any) -> None:
    """Write `drops.csv`: the accuracy drop, in [-1, 1], for each operation and pair of operations.

    Args:
        job: the edges, and the number of images.
        seed: chooses the images if not all are used.
        opening: arguments of `opened` (supernet, manifest, split, data root, folder, device).

    Raises:
        InputError: the supernet is not from a search, or lacks one of the edges.
    """
    with opened("removal", job, seed, *opening) as (s, on):
        V = value_function(job, on, seed)
        chosen = np.flatnonzero(np.isin(V.edges, job.removal.edges))
        if not set(job.removal.edges) <= set(V.edges.tolist()):
            last = int(V.edges.max())
            raise InputError(f"removal.edges: {[*job.removal.edges]}; the cell has edges 0..{last}")
        game = Game(V, len(V.players))
        drops = removal_drops(game, chosen.tolist())
        rows = as_rows(on.network.space, V.players[chosen], drops)
        files.write_csv(s.out / "drops.csv", rows)
        metrics = {
            "value_full": game.full(),
            "images": V.images_forward // game.evaluations,
            "evaluations": game.evaluations,
            "images_forward": V.images_forward,
            "largest_single_drop": float(drops.diagonal().max()),
            "largest_pair_drop": float(drops.max()),
            "largest_interaction": largest_interaction(rows),
        }
        s.log(f"accuracy with all operations {metrics['value_full']:.4f}")
        s.finish(metrics, artifacts=[s.out / "drops.csv"])


def largest_interaction(rows: Sequence[Mapping[str, Any]]) -> float:
    """The largest interaction, in absolute value, of operations on two different edges."""
    pairs = [row for row in rows if row["second_edge"] not in ("", row["first_edge"])]
    return max((abs(row["interaction"]) for row in pairs), default=0.0)


def value_function(job: RemovalJob, on: Subject, seed: int) -> ValueFunction:
    """V on the value half, with the same images for all coalitions."""
    settings = ValueSettings(
        value_images=job.removal.images or on.images.n,
        value_batch_size=job.removal.batch_size,
        batch_norm=job.removal.batch_norm,
        redraw="epoch",
    )
    alpha = torch.from_numpy(on.alpha).to(next(on.network.parameters()).device)
    return ValueFunction(on.network, alpha, on.images, settings, seed)


def as_rows(space: Any, players: np.ndarray, drops: np.ndarray) -> list[dict[str, Any]]:
    """A row for each operation (`second_*` empty), then one for each pair."""
    named = [space.players[player] for player in players]
    beyond = interactions(drops)
    first = [{"first_edge": p.edge, "first_operation": p.operation} for p in named]
    second = [{"second_edge": p.edge, "second_operation": p.operation} for p in named]
    alone = [
        {**row, "second_edge": "", "second_operation": "", "drop": drops[i, i], "interaction": ""}
        for i, row in enumerate(first)
    ]
    pairs = [
        {**first[i], **second[j], "drop": drops[i, j], "interaction": beyond[i, j]}
        for i in range(len(named))
        for j in range(i + 1, len(named))
    ]
    return [*alone, *pairs]
