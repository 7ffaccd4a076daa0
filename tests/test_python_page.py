"""docs/python.md: its code runs as it stands there, in twenty lines of public names."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests import pages

(CODE,) = pages.blocks("python.md", "python")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """All names after the page's code."""
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("notebook"))
        exec(compile(CODE, "python.md", "exec", dont_inherit=True), names)
    return names


def test_it_finds_values_a_cell_and_its_size(known: dict) -> None:
    values = known["values"]
    assert values["phi"].shape == (known["space"].n_players,)
    # Efficiency: Σ φ = V(N) - V(∅), and an accuracy is at least 0.
    assert values["phi"].sum() <= known["metrics"]["value_full"] + 1e-9
    assert (values["standard_error"] >= 0).all()
    assert known["genotype"].to_arch_string().count("+") == 2
    assert known["profile"](known["network"], 8)["params"] == sum(
        p.numel() for p in known["network"].parameters()
    )


def test_what_the_page_says_of_v(known: dict) -> None:
    V = known["search"].value_function(0, known["valid"])
    V.redraw(0)
    both = V(np.array([[True] * len(V.players), [False] * len(V.players)]))
    assert 0 <= both[1] <= 1 and 0 <= both[0] <= 1


def test_it_is_short_and_public() -> None:
    lines = [line for line in CODE.splitlines() if line and not re.match(r"import|from", line)]
    assert len(lines) <= 20
    assert not re.search(r"\W_[a-z]", CODE)
