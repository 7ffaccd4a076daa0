"""Strategies that update alpha by the gradient of the validation loss, as DARTS does."""
# Tested in tests/contract/test_strategies.py.

from __future__ import annotations

from typing import Any, Literal

from pipeline.registry.strategies.entry import StrategyEntry
from pipeline.settings import DARTS, Settings, setting

ROBUST = "RobustDARTS (Zela et al., ICLR 2020)"
# Batch size and learning rate: section 3.1 of DARTS. `learning_rate_min`: the code of DARTS.
RECIPE: dict[str, Any] = {
    "batch_size": 64,
    "learning_rate": 0.025,
    "learning_rate_min": 0.001,
    "supernet": {"partial_channels": 1, "include_none": True, "pool_batch_norm": True},
}
# RobustDARTS uses the supernet of DARTS, with a batch norm after each pooling (only S1 has any).
ROBUST_SPACES = ("s1", "s2", "s3", "s4")
POOLED: dict[str, Any] = {"supernet": {"pool_batch_norm": True}}
IN_DARTS = {"darts": RECIPE, **dict.fromkeys(ROBUST_SPACES, POOLED)}
# For methods in which `none` is a null player or has no meaningful value.
WITHOUT_NONE: dict[str, Any] = {"supernet": {"none_may_win": False}}
DARTS_PT = "DARTS-PT (Wang et al., ICLR 2021)"
GDAS = "GDAS (Dong & Yang, CVPR 2019)"
BENCHMARK = "GDAS in the code of NAS-Bench-201"
PC_DARTS = "PC-DARTS (Xu et al., ICLR 2020)"
PC_SUPERNET = {"edge_normalisation": True, "include_none": True, "pool_batch_norm": True}
IDARTS = "code of iDARTS (Zhang et al., ICML 2021)"
SDARTS = "SDARTS (Chen & Hsieh, ICML 2020)"
SNAS = "code of SNAS; on NAS-Bench-201 that of DrNAS (Chen et al., ICLR 2021)"
# DrNAS' code for NAS-Bench-201, which its authors also used for other methods.
DRNAS_RECIPE = {"epochs": 100, "weight_decay": 3e-4, "nesterov": False}


class AdamSettings(Settings):
    """Gradient descent on alpha."""

    alpha_learning_rate: float = setting(3e-4, "Adam on alpha", DARTS, gt=0)
    alpha_weight_decay: float = setting(1e-3, "Adam on alpha", DARTS, ge=0)
    alpha_betas: tuple[float, float] = setting((0.5, 0.999), "Adam on alpha", DARTS)


class GradientSettings(AdamSettings):
    """Gradient descent on alpha, and the epoch in which it starts."""

    warmup_epochs: int | None = setting(
        0, "first epochs in which alpha is frozen; none: the search recipe's", DARTS, ge=0
    )


class DartsSettings(GradientSettings):
    """Gradient descent on alpha, and early stopping."""

    early_stopping: bool = setting(False, "stop if the Hessian's largest eigenvalue rises", ROBUST)
    eigenvalue_window: int = setting(5, "epochs that are averaged, and lag k", ROBUST, ge=1)
    eigenvalue_ratio: float = setting(
        0.75, "stop if mean(i - k) / mean(i) of the eigenvalue is below this", ROBUST, gt=0, lt=1
    )


class DartsPtSettings(GradientSettings):
    """Gradient descent on alpha, and the selection of operations."""

    tune_epochs: int = setting(5, "epochs between decisions; 0: decide at once", DARTS_PT, ge=0)
    tune_rate_min: float | None = setting(
        None, "last learning rate between decisions; none: constant", DARTS_PT, ge=0
    )
    value_images: int | None = setting(None, "images for the accuracy; none: all", DARTS_PT, ge=1)


class GdasSettings(GradientSettings):
    """Gradient descent on alpha, and the temperature."""

    temperature: float = setting(10.0, "τ of the first epoch", GDAS, gt=0)
    temperature_min: float = setting(0.1, "τ of the last epoch", BENCHMARK, gt=0)


class IDartsSettings(GradientSettings):
    """The length of the Neumann series, and how often alpha is updated."""

    terms: int = setting(2, "K, terms of the Neumann series", IDARTS, ge=0)
    gamma: float | None = setting(None, "γ; none: the weights' learning rate", IDARTS, gt=0)
    weight_steps: int = setting(4, "weight steps before each step of alpha", IDARTS, ge=1)


class PcDartsSettings(GradientSettings):
    """Gradient descent on alpha and beta."""

    warmup_epochs: int | None = setting(
        None, "first epochs in which alpha is frozen; none: the search recipe's", PC_DARTS, ge=0
    )
    alpha_learning_rate: float = setting(6e-4, "Adam on alpha and beta", PC_DARTS, gt=0)


class SmoothSettings(GradientSettings):
    """Gradient descent on alpha, and the perturbation of the mixing weights."""

    epsilon_min: float = setting(0.03, "ε of the first epoch", SDARTS, ge=0)
    epsilon: float = setting(0.3, "ε that the last epoch approaches", SDARTS, ge=0)


class AdversarialSettings(SmoothSettings):
    """The search for the worst perturbation of the mixing weights."""

    attack_steps: int = setting(7, "steps of gradient ascent", SDARTS, ge=1)


class SnasSettings(GradientSettings):
    """Gradient descent on alpha, and the temperature."""

    levels: Literal[1, 2] = setting(1, "1: α and w share a loss; 2: α uses validation loss", SNAS)
    temperature: float = setting(1.0, "λ of the first epoch", SNAS, gt=0)
    temperature_min: float = setting(0.03, "λ that the last epoch approaches", SNAS, gt=0)


ENTRIES = (
    StrategyEntry(
        "darts",
        "pipeline.strategies.darts:Darts",
        title="DARTS (1st order)",
        paper="Liu et al., ICLR 2019",
        settings=DartsSettings,
        recipes=IN_DARTS,
    ),
    StrategyEntry(
        "darts_2nd",
        "pipeline.strategies.darts_2nd:Darts2nd",
        title="DARTS (2nd order)",
        paper="Liu et al., ICLR 2019",
        passes=15,
        settings=GradientSettings,
        recipes=IN_DARTS,
    ),
    StrategyEntry(
        "darts_pt",
        "pipeline.strategies.darts_pt:DartsPt",
        title="DARTS-PT",
        paper="Wang et al., ICLR 2021",
        settings=DartsPtSettings,
        recipes={**IN_DARTS, "nasbench201": {"epochs": 100, "weight_decay": 3e-4}},
        settings_in={space: {"tune_rate_min": 0.001} for space in IN_DARTS},
        chooses_cells=True,
    ),
    StrategyEntry(
        "gdas",
        "pipeline.strategies.gdas:Gdas",
        title="GDAS",
        paper="Dong & Yang, CVPR 2019",
        settings=GdasSettings,
        # 250 epochs in both the paper and the benchmark.
        recipes={
            "darts": {
                **RECIPE,
                "epochs": 250,
                "batch_size": 256,
                "weight_decay": 5e-4,
                "nesterov": True,
                "supernet": {"partial_channels": 1, "include_none": True},
            },
            "nasbench201": {"epochs": 250},
        },
    ),
    StrategyEntry(
        "idarts",
        "pipeline.strategies.idarts:IDarts",
        title="iDARTS",
        paper="Zhang et al., ICML 2021",
        passes=41,
        settings=IDartsSettings,
        recipes={**IN_DARTS, "nasbench201": {"epochs": 30, "learning_rate": 0.01}},
    ),
    StrategyEntry(
        "pc_darts",
        "pipeline.strategies.pc_darts:PcDarts",
        title="PC-DARTS",
        paper="Xu et al., ICLR 2020",
        settings=PcDartsSettings,
        # Its recipe on CIFAR-10 equals that of Shapley-NAS, which took it from this paper.
        recipes={
            "darts": {"supernet": PC_SUPERNET},
            "darts_imagenet": {
                "warmup_epochs": 35,
                "supernet": {**PC_SUPERNET, "partial_channels": 2},
            },
            **{
                space: {"supernet": {"edge_normalisation": True, "pool_batch_norm": True}}
                for space in ROBUST_SPACES
            },
            "nasbench201": {"supernet": {"partial_channels": 4, "edge_normalisation": True}},
        },
        settings_in={"darts_imagenet": {"alpha_learning_rate": 6e-3}},
    ),
    StrategyEntry(
        "sdarts_rs",
        "pipeline.strategies.sdarts_rs:SDartsRs",
        title="SDARTS-RS",
        paper="Chen & Hsieh, ICML 2020",
        settings=SmoothSettings,
        recipes=IN_DARTS,
    ),
    StrategyEntry(
        "sdarts_adv",
        "pipeline.strategies.sdarts_adv:SDartsAdv",
        title="SDARTS-ADV",
        paper="Chen & Hsieh, ICML 2020",
        passes=24,
        alone="its attack sees running statistics, which differ from rank to rank",
        settings=AdversarialSettings,
        recipes=IN_DARTS,
    ),
    StrategyEntry(
        "snas",
        "pipeline.strategies.snas:Snas",
        title="SNAS",
        paper="Xie et al., ICLR 2019",
        passes=3,
        settings=SnasSettings,
        recipes={"darts": {**RECIPE, "epochs": 150}, "nasbench201": DRNAS_RECIPE},
        settings_in={
            "nasbench201": {"levels": 2, "temperature": 10.0, "temperature_min": 1.0},
        },
    ),
)
