"""Strategies that estimate Shapley values: settings of the game, the estimate and the update."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator, model_validator

from pipeline import registry
from pipeline.registry.strategies.entry import StrategyEntry
from pipeline.registry.strategies.gradient import IN_DARTS, WITHOUT_NONE, GradientSettings
from pipeline.settings import CODE, OURS, PAPER, Settings, setting

# What the released code does, as defaults. What it does by accident is left out: batch norms that
# alternate between batch and running statistics.
RELEASED_CODE = {
    "estimator": "released_code",
    "norm": "z_score",
    "augment": True,
    "warmup_epochs": 25,
}


class ValueSettings(Settings):
    """How the Shapley values of operations are estimated (section 3.3)."""

    estimator: str = setting("truncated", "a registered estimator", PAPER)
    permutations: int = setting(
        10,
        "M, permutations an estimate; estimators without any get as many evaluations",
        PAPER,
        ge=1,
    )
    budget: int | None = setting(
        None, "the most coalitions to evaluate an estimate; none: as M says", OURS, ge=1
    )
    eta: float = setting(0.5, "η, drop of the accuracy, relative, that truncates", PAPER, ge=0)
    unreached: Literal["mean", "spread"] = setting(
        "mean",
        "players that a truncated permutation did not reach: mean over the others, or equal share",
        OURS,
    )
    target_error: float | None = setting(
        None, "adaptive: standard error that is small enough", OURS, ge=0
    )
    confidence: float = setting(
        0.95, "adaptive: that the best operation of each edge is known", OURS, gt=0, lt=1
    )
    control: bool = setting(
        True, "control_variate: weights are the previous epoch's values, else all equal", OURS
    )
    q_min: float = setting(
        0.5, "gradient: least probability of an operation to take part", OURS, ge=0, lt=1
    )
    beta_weights: tuple[float, float] = setting(
        (16.0, 1.0), "beta: weights (α, β) of small and large coalitions", "Beta Shapley, 2022"
    )
    value: Literal["accuracy", "soft_accuracy", "negative_loss"] = setting(
        "accuracy", "V: share of right answers, mean probability of the true class, or -loss", PAPER
    )
    value_images: int = setting(1024, "images that V is measured on, a draw", CODE, ge=1)
    redraw: Literal["permutation", "epoch"] = setting(
        "permutation", "how long V keeps its images", CODE
    )
    augment: bool = setting(False, "V on training-augmented images, as the released code", OURS)
    value_batch_size: int = setting(256, "the most images of a forward pass of V", OURS, ge=1)
    batch_norm: Literal["batch", "running", "recalibrated"] = setting(
        "batch", "statistics that normalise while V is measured", OURS
    )
    recalibration_images: int = setting(
        512, "images that `recalibrated` re-estimates statistics on, a coalition", OURS, ge=1
    )
    renormalise: bool = setting(False, "remaining weights of an edge scaled to sum to one", CODE)

    @field_validator("estimator")
    @classmethod
    def _registered(cls, name: str) -> str:
        """A misspelt name is found before the search, not after its warm-up."""
        registry.get("estimators", name)
        return name

    def options(self, **known: Any) -> dict[str, Any]:
        """Options of the estimator, out of these settings and what else is known (`edges`, ...)."""
        alpha, beta = self.beta_weights
        offered = {
            "permutations": self.permutations,
            "eta": self.eta,
            "unreached": self.unreached,
            "target_error": self.target_error,
            "confidence": self.confidence,
            "q_min": self.q_min,
            "alpha": alpha,
            "beta": beta,
            **known,
        }
        from pipeline.shapley import option_names

        taken = option_names(self.estimator)
        return {name: value for name, value in offered.items() if name in taken}


class ShapleySettings(ValueSettings):
    """How Shapley values are estimated and what they do to alpha."""

    warmup_epochs: int | None = setting(
        None, "first epochs in which alpha is frozen; none: the search recipe's", PAPER, ge=0
    )
    momentum: float = setting(0.8, "μ of Eq. 7", PAPER, ge=0, le=1)
    step: float = setting(0.1, "ε of Eq. 6", PAPER, gt=0)
    norm: Literal["cell_type", "all", "z_score"] = setting(
        "cell_type", "norms of Eq. 6 and 7: over a cell type, over all, or its z-score", OURS
    )
    fidelity: Literal["paper", "released_code"] = setting(
        "paper", "released_code: other defaults, those of the paper's released code", PAPER
    )

    @model_validator(mode="before")
    @classmethod
    def _as_released(cls, values: Any) -> Any:
        """What is given wins over what fidelity implies."""
        released = isinstance(values, dict) and values.get("fidelity") == "released_code"
        return {**RELEASED_CODE, **values} if released else values


class DartsShapleySettings(GradientSettings, ValueSettings):
    """How alpha descends, and how Shapley values are estimated."""


ENTRIES = (
    StrategyEntry(
        "shapley",
        "pipeline.strategies.shapley:Shapley",
        title="Shapley-NAS",
        paper="Xiao et al., CVPR 2022",
        settings=ShapleySettings,
        recipes={"nasbench201": WITHOUT_NONE},
    ),
    StrategyEntry(
        "darts_shapley",
        "pipeline.strategies.darts_shapley:DartsShapley",
        title="DARTS+Shapley",
        paper="Xiao et al., CVPR 2022",
        settings=DartsShapleySettings,
        recipes={**IN_DARTS, "nasbench201": WITHOUT_NONE},
    ),
    StrategyEntry(
        "darts_shapley_frozen",
        "pipeline.strategies.darts_shapley_frozen:DartsShapleyFrozen",
        title="DARTS+Shapley*",
        paper="Xiao et al., CVPR 2022",
        settings=DartsShapleySettings,
        recipes={**IN_DARTS, "nasbench201": WITHOUT_NONE},
    ),
)
