"""A claim of the paper, and the rule by which runs decide whether it holds.

The rule is in the experiment's file, so that it is fixed before the runs. It is a list of
conditions. Each condition compares the 95 % t interval of a mean over seeds with a bound:

    the whole interval is on the claimed side of the bound    the condition holds
    the whole interval is on the other side                   the condition does not hold
    otherwise, or with too few seeds                          the condition is undecided

A condition with `hits` looks at single seeds instead. It holds if so many of `seeds` values are on
the claimed side, and does not hold once too many are not.

A claim holds if all its conditions hold. It does not hold if at least one of them does not hold.
Otherwise it is undecided. Conditions with `decides: false` are not counted.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, model_validator

from pipeline.settings import OURS, Settings, factory, setting

LEAST = 3  # fewest seeds for an interval or a verdict
HOLDS, FAILS, OPEN = "holds here", "does not hold here", "cannot be told here"


class Condition(Settings):
    """Compares a strategy's values, or paired differences of two strategies, with a bound."""

    says: str = Field(description="what is compared, in words")
    strategy: str = setting("", "strategy label whose runs are measured", OURS)
    versus: str = setting("", "label whose value is subtracted, seed by seed", OURS)
    ratio: bool = setting(False, "divide by the value of `versus` instead", OURS)
    order: tuple[str, ...] = setting(
        (),
        "labels instead of `strategy`; the value is Kendall's tau of their values and the paper's",
        OURS,
    )
    dataset: str = setting("cifar10", "data set searched on", OURS)
    measure: str = Field(description="`<stage>/<key>` of metrics.json, or of a row of `queries`")
    above: float | None = setting(None, "bound that the paper claims to exceed", OURS)
    below: float | None = setting(None, "bound that the paper claims to stay below", OURS)
    seeds: int = setting(4, "fewest seeds that allow a verdict", OURS, ge=1)
    hits: int = setting(
        0, "judge single seeds: so many of `seeds` must agree; 0: the mean", OURS, ge=0
    )
    decides: bool = setting(True, "count for the verdict; if false, only shown", OURS)

    @model_validator(mode="after")
    def _one_bound(self) -> Condition:
        if (self.above is None) == (self.below is None):
            raise ValueError("give exactly one of above, below")
        if bool(self.strategy) == bool(self.order):
            raise ValueError("give exactly one of strategy, order")
        if self.hits > self.seeds:
            raise ValueError("hits is at most seeds")
        if not self.hits and self.seeds < LEAST:
            raise ValueError(f"the interval of a mean needs at least {LEAST} seeds")
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """Strategy labels whose runs the condition reads."""
        return self.order or tuple(name for name in (self.strategy, self.versus) if name)

    @property
    def rule(self) -> str:
        """The bound in words, such as `above 0.2, 4 seeds`."""
        bound = f"above {self.above:g}" if self.above is not None else f"below {self.below:g}"
        return f"{bound}, {f'{self.hits} of ' * bool(self.hits)}{self.seeds} seeds"

    def verdict(self, n: int, low: float | None, high: float | None) -> str:
        """Whether an interval over n seeds lies on the claimed side."""
        if n < self.seeds or low is None or high is None:
            return OPEN
        sides = {self._side(low), self._side(high)}
        return HOLDS if sides == {1} else FAILS if sides == {-1} else OPEN

    def verdict_of_seeds(self, values: Sequence[float]) -> str:
        """Whether `hits` of the values lie on the claimed side, or no longer can."""
        agree = sum(self._side(value) == 1 for value in values)
        if len(values) - agree > self.seeds - self.hits:
            return FAILS
        return HOLDS if agree >= self.hits else OPEN

    def _side(self, value: float) -> int:
        """1 on the claimed side of the bound, -1 on the other side, 0 at the bound."""
        if self.above is not None:
            return (value > self.above) - (value < self.above)
        assert self.below is not None
        return (value < self.below) - (value > self.below)


class Claim(Settings):
    """A sentence of the paper as conditions on the runs of an experiment."""

    sentence: str = Field(description="the claim in our words")
    section: str = Field(description="where the paper makes it")
    here: str = Field(description="what is run here")
    differs: str = Field(description="what differs from the paper's experiment")
    curve: str = setting("", "column of the ranking's history to draw over epochs", OURS)
    conditions: tuple[Condition, ...] = factory(tuple, "the rule", OURS)

    @property
    def labels(self) -> tuple[str, ...]:
        """Strategy labels that the claim is about, in order of appearance."""
        return tuple(
            dict.fromkeys(name for condition in self.conditions for name in condition.labels)
        )


def overall(verdicts: list[str]) -> str:
    """The verdict of a claim from the verdicts of its deciding conditions."""
    if FAILS in verdicts:
        return FAILS
    return HOLDS if verdicts and set(verdicts) == {HOLDS} else OPEN
