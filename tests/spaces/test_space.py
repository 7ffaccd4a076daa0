"""Spaces: players in order, and discretisation worked by hand."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import registry
from pipeline.config.recipes import SupernetSettings
from pipeline.networks import build
from pipeline.spaces import Genotype, Space
from pipeline.spaces.space import softmax


def space(name: str, include_none: bool = True) -> Space:
    made: Space = registry.get("spaces", name)(SupernetSettings(include_none=include_none))
    return made


DARTS, DARTS_NONE = space("darts", False), space("darts")
NB201 = space("nasbench201")
SPACES = [DARTS, DARTS_NONE, NB201, space("nasbench201", False), space("darts_imagenet", False)]


def test_players_of_the_papers() -> None:
    assert (DARTS.n_edges, DARTS.n_operations, DARTS.n_players) == (28, 7, 196)
    assert DARTS_NONE.n_players == 224
    assert (NB201.n_edges, NB201.n_operations, NB201.n_players) == (6, 5, 30)
    assert [f"{target}<-{source}" for target, source in NB201.edges] == [
        "1<-0", "2<-0", "2<-1", "3<-0", "3<-1", "3<-2",
    ]  # fmt: skip
    assert DARTS.edges[:5] == ((2, 0), (2, 1), (3, 0), (3, 1), (3, 2))


@pytest.mark.parametrize("s", SPACES, ids=lambda s: f"{s.name}{s.n_operations}")
def test_order_of_players(s: Space) -> None:
    assert len(s.players) == s.n_players
    for p, player in enumerate(s.players):
        t = s.cell_types.index(player.cell_type)
        o = s.operations[t][player.edge].index(player.operation)
        assert p == (t * len(s.edges) + player.edge) * s.n_operations + o


def strength(s: Space, **values: dict[tuple[int, int, str], float]) -> np.ndarray:
    """Zeros but for {cell type: {(target, source, operation): value}}."""
    given_values = {
        (cell, s.edges.index((target, source)), operation): value
        for cell, entries in values.items()
        for (target, source, operation), value in entries.items()
    }
    return np.array([given_values.get((p.cell_type, p.edge, p.operation), 0.0) for p in s.players])


def test_darts_by_hand() -> None:
    alpha = strength(
        DARTS,
        normal={
            (2, 0, "skip_connect"): 1.0,
            (2, 1, "sep_conv_3x3"): 2.0,
            (3, 2, "dil_conv_5x5"): 3.0,
            (3, 0, "avg_pool_3x3"): 1.0,
            (3, 1, "max_pool_3x3"): 0.5,
            (4, 3, "sep_conv_5x5"): 0.1,
            (5, 4, "skip_connect"): 4.0,
            (5, 3, "skip_connect"): 4.0,
            (5, 1, "sep_conv_3x3"): 5.0,
        },
    )
    genotype = DARTS.genotype_from(alpha)
    assert genotype.cells["normal"] == (
        (("sep_conv_3x3", 1), ("skip_connect", 0)),
        (("dil_conv_5x5", 2), ("avg_pool_3x3", 0)),
        (("sep_conv_5x5", 3), ("max_pool_3x3", 0)),  # of three equal edges the first
        (("sep_conv_3x3", 1), ("skip_connect", 3)),  # of two equal edges the first
    )
    # Nothing to tell apart: first edges, first operation.
    assert genotype.cells["reduce"] == ((("max_pool_3x3", 0), ("max_pool_3x3", 1)),) * 4
    assert genotype.concat == (2, 3, 4, 5)


def test_darts_compares_edges_by_softmax_and_not_by_alpha() -> None:
    # Edge 3<-0 has the larger alpha, but its softmax is flat: 1/7 against 0.31.
    flat = {(3, 0, o): 5.0 for o in DARTS.operations[0][0]}
    alpha = strength(
        DARTS, normal={**flat, (3, 1, "skip_connect"): 1.0, (3, 2, "sep_conv_3x3"): 1.0}
    )
    assert DARTS.genotype_from(alpha).cells["normal"][1] == (
        ("skip_connect", 1),
        ("sep_conv_3x3", 2),
    )


def test_darts_none_is_never_selected_but_weakens_its_edge() -> None:
    alpha = strength(
        DARTS_NONE,
        normal={
            (3, 0, "none"): 9.0,
            (3, 0, "sep_conv_3x3"): 2.0,
            (3, 1, "skip_connect"): 1.0,
            (3, 2, "skip_connect"): 1.0,
            (2, 0, "none"): 9.0,
            (2, 0, "dil_conv_3x3"): 1.0,
        },
    )
    for none_may_win in (False, True):
        cell = DARTS_NONE.genotype_from(alpha, none_may_win).cells["normal"]
        assert cell[1] == (("skip_connect", 1), ("skip_connect", 2))
        assert cell[0] == (("max_pool_3x3", 1), ("dil_conv_3x3", 0))


def test_equal_edges_tie_whatever_the_order_of_their_operations() -> None:
    rng = np.random.default_rng(0)
    row = rng.normal(size=7)
    for _ in range(200):
        table = np.stack([rng.permutation(row) for _ in range(28)])
        cell = DARTS.genotype_from(table.ravel()).cells["normal"]
        assert [[source for _, source in node] for node in cell] == [[0, 1]] * 4


def test_nasbench201_by_hand() -> None:
    alpha = strength(
        NB201,
        cell={
            (1, 0, "nor_conv_3x3"): 1.0,
            (2, 0, "none"): 2.0,
            (2, 0, "avg_pool_3x3"): 1.0,
            (2, 1, "none"): 1.0,
            (3, 0, "nor_conv_1x1"): 3.0,
            (3, 0, "nor_conv_3x3"): 3.0,
            (3, 1, "skip_connect"): -1.0,
            (3, 2, "none"): -1.0,
        },
    )
    assert NB201.genotype_from(alpha).to_arch_string() == (
        "|nor_conv_3x3~0|+|avg_pool_3x3~0|skip_connect~1|"
        "+|nor_conv_1x1~0|nor_conv_1x1~1|skip_connect~2|"
    )
    assert NB201.genotype_from(alpha, none_may_win=True).to_arch_string() == (
        "|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|skip_connect~2|"
    )


@given(st.integers(0, 2**32 - 1), st.sampled_from(SPACES))
def test_any_strength_gives_a_genotype_without_none(seed: int, s: Space) -> None:
    genotype = s.genotype_from(np.random.default_rng(seed).normal(size=s.n_players))
    assert genotype.space == s.family
    assert set(genotype.cells) == set(s.cell_types)
    assert all(name != "none" for cell in genotype.cells.values() for n in cell for name, _ in n)


@pytest.mark.parametrize("bad", [np.zeros(3), np.full(30, np.nan)])
def test_bad_strength(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="30 finite numbers"):
        NB201.genotype_from(bad)


def uniform(counts: Counter[object], n_values: int, n: int) -> bool:
    """Whether counts of n draws look uniform: chi-square below its mean + 5 deviations."""
    chi2 = sum((c - n / n_values) ** 2 / (n / n_values) for c in counts.values())
    missing = (n_values - len(counts)) * n / n_values
    return len(counts) <= n_values and chi2 + missing < n_values - 1 + 5 * (2 * n_values) ** 0.5


@pytest.mark.parametrize("none_may_win", [False, True])
def test_random_strength_is_uniform_in_nasbench201(none_may_win: bool) -> None:
    rng, n = np.random.default_rng(0), 2000
    edges = [Counter[object]() for _ in NB201.edges]
    for _ in range(n):
        genotype = NB201.genotype_from(NB201.random_strength(rng, none_may_win), none_may_win)
        for counter, (name, _) in zip(edges, sum(genotype.cells["cell"], ()), strict=True):
            counter[name] += 1
    assert all(uniform(counter, 5 if none_may_win else 4, n) for counter in edges)


@pytest.mark.parametrize("s", [DARTS, DARTS_NONE], ids=["without", "with none"])
def test_random_strength_is_uniform_in_darts(s: Space) -> None:
    rng, n = np.random.default_rng(0), 3000
    pairs, names = Counter[object](), Counter[object]()
    for _ in range(n):
        node = s.genotype_from(s.random_strength(rng)).cells["reduce"][2]
        pairs[frozenset(source for _, source in node)] += 1
        names[frozenset((source, name) for name, source in node)] += 1
    assert uniform(pairs, 6, n)  # 2 of the 4 inputs of the third node
    assert uniform(names, 6 * 49, n)


def test_random_strength_repeats() -> None:
    first, second = (NB201.random_strength(np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, second)


def test_spaces_need_no_torch() -> None:
    code = (
        "import sys, numpy as np\n"
        "from pipeline import registry\n"
        "from pipeline.config.recipes import SupernetSettings\n"
        "for name in registry.names('spaces'):\n"
        "    space = registry.get('spaces', name)(SupernetSettings())\n"
        "    space.genotype_from(space.random_strength(np.random.default_rng(0)))\n"
        "assert not {'torch', 'mlflow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_softmax_of_each_edge() -> None:
    alpha = np.log(np.tile([1.0, 2, 3, 4, 10], (6, 1)))
    assert np.allclose(softmax(alpha), np.array([1, 2, 3, 4, 10]) / 20)
    assert np.allclose(softmax(np.full((6, 5), 1e4)), 0.2)
    kept = np.array([False, True, True, False, False])
    assert np.allclose(softmax(alpha, kept), np.array([0, 2, 3, 0, 0]) / 5)
    backwards = softmax(alpha[:, ::-1])[:, ::-1]
    assert (softmax(alpha) == backwards).all()


def test_genotype_of_a_space_is_read_back() -> None:
    genotype = NB201.genotype_from(NB201.random_strength(np.random.default_rng(1)))
    assert Genotype.from_arch_string(genotype.to_arch_string()) == genotype


def test_network_of_a_strength_has_the_published_size() -> None:
    alpha = [float(player.operation == "nor_conv_3x3") for player in NB201.players]
    genotype = NB201.genotype_from(np.array(alpha))
    network = build(genotype, "nasbench201")
    assert sum(p.numel() for p in network.parameters()) == 1_531_546  # index 1462
