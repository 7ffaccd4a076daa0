"""A cell that computes only what the coalition before it did not.

What an operation makes of a state depends on the mixing weights of the edges up to that state, not
on its own: so outputs are kept unmixed, and a removal costs the operations behind the node that it
changes. On average over the edges of NAS-Bench-201 that is an operation in seven.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pipeline.spaces.operations import Zero
from pipeline.supernet.fused import SHARED, weighted_total
from pipeline.supernet.pooling import pool

if TYPE_CHECKING:
    from pipeline.supernet.beginning import Beginning
    from pipeline.supernet.cell import Present


def run_remembered(
    cell: Any, x: Tensor, weights: Tensor, present: Present, beginning: Beginning
) -> Tensor:
    """As `MixedCell.forward` for a cell of one input that is the same at each call.

    Args:
        cell: a `MixedCell` with all of its channels mixed (k = 1).
        x: [b, channels, h, w].
        weights: [edges, operations], edge weights included.
        present: [edges][operations], which to compute.
        beginning: keeps the outputs.
    """
    rows = [tuple(row) for row in weights.tolist()]
    states = [x]
    before: list[tuple[tuple[float, ...], ...]] = [()]  # weights of the edges up to each state
    for edges in cell.incoming.values():
        terms: list[tuple[Tensor | None, Tensor]] = []
        for e, source in edges:
            for o, operation in enumerate(cell.mixed[e].operations):
                if isinstance(operation, Zero) or not (present is None or present[e][o]):
                    continue
                # A pooling is the same on every edge.
                name = (source, type(operation)) if isinstance(operation, SHARED) else (e, o)
                compute = partial(pool, operation, states[source])
                terms.append((weights[e, o], beginning.once(name, before[source], compute)))
        states.append(weighted_total(terms) if terms else torch.zeros_like(x))
        before.append((*before[-1], *(rows[e] for e, _ in edges)))
    return torch.cat([states[state] for state in cell.concat], dim=1)
