"""Strategies that train or evaluate one architecture at a time with shared weights."""
# Tested in tests/contract/test_strategies.py.

from __future__ import annotations

from pipeline.registry.strategies.entry import StrategyEntry
from pipeline.registry.strategies.gradient import RECIPE
from pipeline.settings import NB201, OURS, Settings, setting


class RspsSettings(Settings):
    """The final choice."""

    candidates: int = setting(100, "architectures compared at the end", NB201, ge=1)
    value_images: int = setting(1024, "images on which they are compared", OURS, ge=1)


class EnasSettings(Settings):
    """The training of the controller, and the final choice."""

    controller_learning_rate: float = setting(1e-3, "Adam", NB201, gt=0)
    controller_clip: float = setting(5.0, "largest norm of its gradient", NB201, gt=0)
    entropy_weight: float = setting(1e-4, "λ, weight of the entropy", NB201, ge=0)
    cosine_epochs: int = setting(
        10, "epochs in which the weights' learning rate falls; then it rises again", NB201, ge=1
    )
    baseline_decay: float = setting(0.99, "d, decay of the baseline", NB201, ge=0, lt=1)
    steps: int = setting(50, "controller steps per epoch", NB201, ge=1)
    samples: int = setting(20, "draws per controller step", NB201, ge=1)
    candidates: int = setting(100, "draws compared at the end", NB201, ge=1)
    value_images: int = setting(1024, "images on which they are compared", OURS, ge=1)


class ShrinkingSettings(Settings):
    """When operations are removed, and how their values are measured."""

    start: float = setting(0.25, "share of the epochs before the first removal", OURS, ge=0, lt=1)
    end: float = setting(0.9, "share of the epochs before the last removal", OURS, gt=0, le=1)
    architectures: int = setting(512, "architectures evaluated per removal", OURS, ge=2)
    value_images: int = setting(128, "images for every 32 architectures", OURS, ge=1)
    memory: int = setting(3, "removals whose evaluations are kept for the fit", OURS, ge=1)


ENTRIES = (
    StrategyEntry(
        "random",
        "pipeline.strategies.random:Random",
        title="Random",
        paper="Li & Talwalkar, UAI 2019",
        trains_supernet=False,
        chooses_cells=True,
    ),
    StrategyEntry(
        "rsps",
        "pipeline.strategies.rsps:Rsps",
        title="RSPS",
        paper="Li & Talwalkar, UAI 2019",
        passes=3,
        settings=RspsSettings,
        recipes={"darts": RECIPE, "nasbench201": {"epochs": 250}},
        chooses_cells=True,
    ),
    StrategyEntry(
        "enas",
        "pipeline.strategies.enas:Enas",
        title="ENAS",
        paper="Pham et al., ICML 2018",
        passes=3,
        settings=EnasSettings,
        recipes={
            "darts": RECIPE,
            "nasbench201": {
                "epochs": 250,
                "batch_size": 128,
                "learning_rate": 0.05,
                "learning_rate_min": 0.0005,
                "weight_decay": 2.5e-4,
            },
        },
        chooses_cells=True,
    ),
    StrategyEntry(
        "shrinking",
        "pipeline.strategies.shrinking:Shrinking",
        title="Shrinking (ours)",
        paper="this repository",
        passes=3,
        settings=ShrinkingSettings,
        chooses_cells=True,
    ),
)
