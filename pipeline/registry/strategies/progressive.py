"""Strategies that decide or remove operations during the search."""
# Tested in tests/contract/test_strategies.py.

from __future__ import annotations

from typing import Literal

from pipeline.registry.strategies.entry import StrategyEntry
from pipeline.registry.strategies.gradient import (
    DRNAS_RECIPE,
    IN_DARTS,
    RECIPE,
    WITHOUT_NONE,
    AdamSettings,
    GradientSettings,
)
from pipeline.settings import OURS, Settings, setting

BAYESNAS = "BayesNAS (Zhou et al., ICML 2019)"
DRNAS = "DrNAS (Chen et al., ICLR 2021)"
CODE = "code of DrNAS"
P_DARTS = "P-DARTS (Chen et al., ICCV 2019)"
SGAS = "SGAS (Li et al., CVPR 2020)"


class BayesNasSettings(Settings):
    """The training of the switches, and the estimate of their relevance."""

    sparsity: float = setting(0.01, "λ; the paper uses 0.005, 0.007 and 0.01", BAYESNAS, ge=0)
    switch_learning_rate: float = setting(0.01, "SGD on the switches", OURS, gt=0)
    probes: int = setting(8, "random vectors of Hutchinson's estimate", OURS, ge=1)


class DrnasSettings(AdamSettings):
    """The updates of the Dirichlet distribution, and the stages of the search."""

    stages: int = setting(2, "stages with the same number of epochs", DRNAS, ge=1)
    stage_warmup: float = setting(
        0.4, "share of a stage with frozen α: 10 of 25; NAS-Bench-201: 10 of 50", CODE, ge=0, le=1
    )
    growth: float = setting(
        2, "growth of the mixed channels per stage; DARTS' space: 1.5 (k from 6 to 4)", CODE, ge=1
    )
    keep: float = setting(0.6, "share of operations kept: 3 of 5, 4 of 7", DRNAS, gt=0, le=1)


class PDartsSettings(AdamSettings):
    """The stages of the search."""

    alpha_learning_rate: float = setting(6e-4, "Adam on alpha", P_DARTS, gt=0)
    stage_warmup: float = setting(0.4, "share of a stage with frozen α: 10 of 25", P_DARTS)
    added_cells: tuple[int, ...] = setting((0, 6, 12), "cells added in each stage", P_DARTS)
    operations: tuple[int, ...] = setting((8, 5, 3), "most operations per edge, by stage", P_DARTS)
    skip_dropout: tuple[float, ...] = setting((0.1, 0.4, 0.7), "initial rates, by stage", P_DARTS)
    alpha_clip: float = setting(5.0, "largest norm of alpha's gradient", P_DARTS, gt=0)
    max_skips: int = setting(2, "most skip connections, normal cell", P_DARTS, ge=0)


class SgasSettings(GradientSettings):
    """The decisions on edges."""

    criterion: Literal[1, 2] = setting(1, "1: without stability; 2: with stability", SGAS)
    start: float = setting(0.2, "share of epochs before the first decision: 10 of 50", SGAS, ge=0)
    every: float = setting(0.1, "share of epochs between two decisions: 5 of 50", SGAS, gt=0)
    history: int = setting(4, "epochs over which stability is measured", SGAS, ge=1)


ENTRIES = (
    StrategyEntry(
        "bayesnas",
        "pipeline.strategies.bayesnas:BayesNas",
        title="BayesNAS",
        paper="Zhou et al., ICML 2019",
        passes=3,
        settings=BayesNasSettings,
        recipes={**IN_DARTS, "nasbench201": WITHOUT_NONE},
    ),
    StrategyEntry(
        "drnas",
        "pipeline.strategies.drnas:DrNas",
        title="DrNAS",
        paper="Chen et al., ICLR 2021",
        settings=DrnasSettings,
        recipes={
            "darts": {
                "batch_size": 64,
                "supernet": {"channels": 36, "cells": 20, "partial_channels": 6},
            },
            "nasbench201": {**DRNAS_RECIPE, "supernet": {"partial_channels": 4}},
        },
        settings_in={
            "darts": {"alpha_learning_rate": 6e-4, "growth": 1.5},
            "nasbench201": {"stage_warmup": 0.2},
        },
    ),
    StrategyEntry(
        "p_darts",
        "pipeline.strategies.p_darts:PDarts",
        title="P-DARTS",
        paper="Chen et al., ICCV 2019",
        settings=PDartsSettings,
        recipes={
            "darts": {
                "epochs": 75,
                "batch_size": 96,
                "learning_rate": 0.025,
                "supernet": {**RECIPE["supernet"], "cells": 5},
            }
        },
        families=("darts",),
    ),
    StrategyEntry(
        "sgas",
        "pipeline.strategies.sgas:Sgas",
        title="SGAS",
        paper="Li et al., CVPR 2020",
        settings=SgasSettings,
        recipes=IN_DARTS,
    ),
)
