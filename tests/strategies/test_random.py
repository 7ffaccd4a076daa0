"""The random strategy trains nothing and draws once a seed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.strategies.toys import make_strategy


@pytest.mark.parametrize("space", ["darts", "nasbench201"])
def test_a_seed_is_a_genotype(space: str) -> None:
    def genotype(seed: int) -> str:
        strategy = make_strategy("random", space, {}, seed)
        return str(strategy.space.genotype_from(strategy.strength()))

    genotypes = [genotype(seed) for seed in range(8)]
    assert genotypes == [genotype(seed) for seed in range(8)]
    assert len(set(genotypes)) == 8


def test_none_wins_only_if_it_may() -> None:
    def operations(none_may_win: bool) -> set[str]:
        found = set()
        for seed in range(10):
            supernet = {"include_none": True, "none_may_win": none_may_win}
            strategy = make_strategy("random", "nasbench201", {}, seed, supernet=supernet)
            genotype = strategy.space.genotype_from(strategy.strength(), none_may_win)
            found |= {name for node in genotype.cells["cell"] for name, _ in node}
        return found

    assert "none" not in operations(False)
    assert "none" in operations(True)


def test_nothing_to_remember() -> None:
    strategy = make_strategy("random", "darts", {})
    assert strategy.state_dict() == strategy.record() == {}
    assert np.isfinite(strategy.strength()).all()
    strategy.load_state_dict({})
    with pytest.raises(ValueError, match="no state"):
        strategy.load_state_dict({"alpha": 1})
