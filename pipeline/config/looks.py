"""Settings of the measurements on finished searches: Figures 2 and 5."""
# Tested in tests/stages/test_looks.py.

from __future__ import annotations

from typing import Literal

from pipeline.settings import OURS, PAPER, Settings, setting


class RemovalSettings(Settings):
    """Accuracy lost by a trained supernet without one operation, or two (Figure 2)."""

    edges: tuple[int, ...] = setting(
        (3, 4), "edges whose operations are removed, from 0; the paper's fourth and fifth", PAPER
    )
    images: int = setting(0, "images of the value half to measure on; 0: all", OURS, ge=0)
    batch_size: int = setting(256, "most images per forward pass", OURS, ge=1)
    batch_norm: Literal["batch", "running"] = setting(
        "batch", "statistics of batch norm while accuracy is measured", OURS
    )


class RankingSettings(Settings):
    """Rank correlation of mean operation strength and the table's test accuracy (Figure 5)."""

    sample: int = setting(200, "architectures drawn from the space", PAPER, ge=2)
    sample_seed: int = setting(0, "seed of that draw, the same for all searches", OURS, ge=0)
    bootstrap: int = setting(1000, "bootstrap samples for an interval", OURS, ge=1)
