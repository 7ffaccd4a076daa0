"""Strategies that estimate Shapley values: settings of the game, the estimate and the update.

`fidelity: released_code` follows the released code (Euphoria16/Shapley-NAS, train_search.py) where
it differs from the paper. It changes defaults (`RELEASED_CODE`) and has three more effects:
- In each epoch, alpha is updated before the weights are trained.
- The weights are trained with the learning rate of the next epoch.
- On ImageNet, the last operation of an edge is never removed (train_search_imagenet.py).
`docs/shapley.md` lists the errors of that code that we do not reproduce.
"""
# Tested in tests/strategies/test_shapley.py.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, model_validator

from pipeline import registry
from pipeline.errors import InputError
from pipeline.registry.strategies.entry import StrategyEntry
from pipeline.registry.strategies.gradient import IN_DARTS, WITHOUT_NONE, GradientSettings
from pipeline.settings import CODE, OURS, PAPER, Settings, setting


class ValueSettings(Settings):
    """Settings for the estimation of the operations' Shapley values (section 3.3).

    The options of the chosen estimator are allowed as additional keys.
    """

    model_config = ConfigDict(extra="allow")  # `_with_options` checks the options

    estimator: str = setting("truncated", "a registered estimator", PAPER)
    permutations: int = setting(
        10,
        "M; estimators without permutations evaluate as many coalitions as M permutations have",
        PAPER,
        ge=1,
    )
    budget: int | None = setting(
        None, "most coalitions evaluated for an estimate; none: as many as M gives", OURS, ge=1
    )
    value: Literal["accuracy", "soft_accuracy", "negative_loss"] = setting(
        "accuracy", "V: accuracy, mean probability of the true class, or negative loss", PAPER
    )
    value_images: int = setting(1024, "images of a draw on which V is measured", CODE, ge=1)
    redraw: Literal["permutation", "epoch"] = setting(
        "permutation", "draw new images for V for each permutation or each epoch", CODE
    )
    augment: bool = setting(False, "measure V on augmented images, as the released code", OURS)
    value_batch_size: int = setting(256, "most images per forward pass of V", OURS, ge=1)
    batch_norm: Literal["batch", "running", "recalibrated"] = setting(
        "batch", "statistics of batch norm while V is measured", OURS
    )
    recalibration_images: int = setting(
        512, "images from which `recalibrated` estimates statistics per coalition", OURS, ge=1
    )
    renormalise: bool = setting(False, "scale an edge's remaining weights to sum to one", CODE)

    @model_validator(mode="before")
    @classmethod
    def _with_options(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Check the estimator's name and options; add implied values and default options.

        Raises:
            InputError: there is no such estimator, or it has no such option.
        """
        values, keys = cls.implied(values), cls.model_fields
        estimator = _estimator(cls, values)
        options = {name: value for name, value in values.items() if name not in keys}
        for name in set(options) - _all_options():
            known = sorted({*keys, *estimator.settings.model_fields})
            raise InputError(f"unknown key {name!r}; {registry.nearest(name, known)}")
        checked = estimator.check(options).model_dump()
        return {**values, **{name: checked[name] for name in checked if name not in keys}}

    @classmethod
    def implied(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values, with those that they imply."""
        return values

    @classmethod
    def over(cls, base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Merge given values over `base`, without the options of a replaced estimator."""
        merged = super().over(base, given)
        taken = {*_estimator(cls, cls.implied(merged)).settings.model_fields, *cls.model_fields}
        gone = _all_options() - taken - {*given}
        return {name: value for name, value in merged.items() if name not in gone}

    def options(self) -> dict[str, Any]:
        """The estimator's options."""
        options = dict(self.model_extra or {})
        if "permutations" in registry.get("estimators", self.estimator).options:
            options["permutations"] = self.permutations
        return options

    def spending(self, n_players: int) -> int | None:
        """The most coalitions to evaluate; None: the options decide."""
        if self.budget is None and self.options().get("samples", 0) is None:
            return self.permutations * (n_players + 1)
        return self.budget


def _estimator(model: type[ValueSettings], values: Mapping[str, Any]) -> Any:
    default = model.model_fields["estimator"].default
    return registry.get("estimators", values.get("estimator", default))


def _all_options() -> set[str]:
    """All options of all estimators."""
    names = registry.names("estimators")
    return {key for name in names for key in registry.get("estimators", name).settings.model_fields}


# Values that `fidelity: released_code` implies.
RELEASED_CODE = {
    "estimator": "released_code",
    "norm": "z_score",
    "augment": True,
    "value_batch_size": 1024,
    "warmup_epochs": 25,
}


class ShapleySettings(ValueSettings):
    """The estimate of Shapley values, and their effect on alpha."""

    warmup_epochs: int | None = setting(
        None, "first epochs in which alpha is frozen; none: the search recipe's", PAPER, ge=0
    )
    momentum: float = setting(0.8, "μ of Eq. 7", PAPER, ge=0, le=1)
    step: float = setting(0.1, "ε of Eq. 6", PAPER, gt=0)
    norm: Literal["cell_type", "all", "z_score"] = setting(
        "cell_type",
        "normalisation in Eqs. 6 and 7: norm over a cell type, or over all; z_score: z-scores of φ "
        "over a cell type in Eq. 7, and s unchanged in Eq. 6",
        OURS,
    )
    fidelity: Literal["paper", "released_code"] = setting(
        "paper",
        "released_code: other defaults, and order, schedule and removal as in the released code",
        PAPER,
    )

    @classmethod
    def implied(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values that `fidelity` implies, overridden by given values."""
        released = values.get("fidelity") == "released_code"
        return {**RELEASED_CODE, **values} if released else values


class DartsShapleySettings(GradientSettings, ValueSettings):
    """Gradient descent on alpha, and the estimate of Shapley values."""


class FrozenSettings(Settings):
    """The mixture of operations that a step trains."""

    mixture: Literal["uniform", "coalitions"] = setting(
        "uniform", "a step trains all operations equally, or a random coalition", OURS
    )


ENTRIES = (
    StrategyEntry(
        "shapley",
        "pipeline.strategies.shapley:Shapley",
        title="Shapley-NAS",
        paper="Xiao et al., CVPR 2022",
        passes=3,
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
        passes=3,
        settings=DartsShapleySettings,
        recipes={**IN_DARTS, "nasbench201": WITHOUT_NONE},
    ),
    StrategyEntry(
        "frozen",
        "pipeline.strategies.frozen:Frozen",
        title="Frozen alpha (ours)",
        paper="none",
        passes=3,
        settings=FrozenSettings,
    ),
)
