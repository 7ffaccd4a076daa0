"""How large the study of estimators is: from seconds to days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.bench.supernets import FROZEN, WAYS, recipe
from pipeline.config.recipes import NasBench201Search
from pipeline.experiments.variants import Variant
from pipeline.registry.strategies.shapley import ValueSettings


@dataclass(frozen=True)
class Form:
    """How large the study is.

    Attributes:
        epochs: passes of the training, over `train_images` images.
        train_images: of the half for the weights.
        ages: passes after which a supernet is looked at.
        main: (way, age) of the supernets on which all estimators run.
        images: of a draw of the estimates, one batch.
        permutations: of each reference of a main supernet.
        other_permutations: of each reference of the other supernets.
        policy_permutations: under each other batch-norm policy, last age only; 0: none.
        repeats: of each estimator.
        compile: torch.compile the training.
        channels: of the supernet's first stage.
        reads: the value that estimates and references are of.
        image_size: that the supernet sees; 0: the data's own.
        reference_draws: of `images` images each, on which a permutation of a reference is walked.
        plain_draws: ... on which one of the plain form is walked.
        batch_norm: statistics under which estimates and references are.
        variants: names of the estimators that run; empty: all.
    """

    epochs: int
    train_images: int
    ages: tuple[int, ...]
    main: tuple[tuple[str, int], ...]
    images: int
    permutations: int
    other_permutations: int
    policy_permutations: int
    repeats: int
    compile: bool = True
    channels: int = 16
    reads: str = "accuracy"
    image_size: int = 0
    reference_draws: int = 1
    plain_draws: int = 4
    batch_norm: str = "batch"
    variants: tuple[str, ...] = ()

    @property
    def search(self) -> NasBench201Search:
        """The recipe of the weights."""
        return recipe(self.epochs, self.epochs, self.channels, self.compile, self.image_size)

    def tells_apart(self, variant: Variant, age: int) -> bool:
        """Whether a variant of the study is not another one again, by this value or at this age."""
        if variant.previous:
            return age != self.ages[0]
        return variant.name != "permutation_soft_fifth" or self.reads != "soft_accuracy"

    def value(self, **changes: Any) -> ValueSettings:
        """The value function of references and estimates."""
        wanted = {"value": self.reads, "batch_norm": self.batch_norm, **changes}
        images = wanted.setdefault("value_images", self.images)
        # An image's value depends on what else is in its batch, but for running statistics.
        batch = images if wanted["batch_norm"] == "running" else self.images
        return ValueSettings(**wanted, value_batch_size=batch)


FORMS = {
    "full": Form(
        epochs=30,
        train_images=25_000,
        ages=(5, 10, 30),
        main=tuple((way, age) for way in WAYS for age in (5, 10, 30)),
        images=512,
        permutations=200,
        other_permutations=200,
        policy_permutations=100,
        repeats=5,
    ),
    # About an hour of one core.
    "reduced": Form(
        epochs=12,
        train_images=12_500,
        ages=(2, 6, 12),
        main=(("coalitions", 12),),
        images=32,
        permutations=100,
        other_permutations=40,
        policy_permutations=30,
        repeats=5,
    ),
    # Small images, so that references are long enough to tell estimators apart: some three hours of
    # one core.
    "sharp": Form(
        epochs=12,
        train_images=12_500,
        ages=(3, 6, 12),
        main=tuple((way, age) for way in FROZEN for age in (3, 6, 12)),
        images=64,
        permutations=200,
        other_permutations=40,
        policy_permutations=0,  # the grid of `oracle.py` has them
        repeats=5,
        compile=False,
        channels=8,
        reads="soft_accuracy",
        image_size=16,
        reference_draws=8,
        plain_draws=8,
    ),
    # Without the statistics of a batch, draws may be smaller still: some 50 minutes of one core.
    "running": Form(
        epochs=12,
        train_images=12_500,
        ages=(12,),
        main=tuple((way, 12) for way in FROZEN),
        images=16,
        permutations=200,
        other_permutations=40,
        policy_permutations=0,
        repeats=5,
        compile=False,
        channels=8,
        reads="soft_accuracy",
        image_size=16,
        reference_draws=32,
        plain_draws=64,
        batch_norm="running",
        variants=(
            "plain",
            "permutation_fifth",
            "antithetic_fifth",
            "leverage_fifth",
            "regression_adjusted_fifth",
            "truncated_fifth",
            "regression_adjusted_half",
        ),
    ),
    "tiny": Form(
        epochs=1,
        train_images=64,
        ages=(1,),
        main=(("uniform", 1),),
        images=8,
        permutations=2,
        other_permutations=2,
        policy_permutations=1,
        repeats=1,
        compile=False,
    ),
}


def pixels(size: int) -> str:
    """What a note says of images that are made smaller; nothing of others."""
    return f"averaged down to {size} x {size} pixels, " if size else ""
