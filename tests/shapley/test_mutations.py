"""The tests bite: small faults put into the source of the estimators are caught, each by a check.

A mutant is the source text with one change, executed in memory under another name; the check is the
one that the unchanged source passes (the first test).
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import pipeline.shapley
from pipeline import registry
from tests.shapley import checks

FOLDER = Path(pipeline.shapley.__file__).parent
SPREAD, SHAPLEY = checks.spread_by_hand, checks.shapley_value
EFFICIENT, STEADY = checks.efficiency, checks.steadier_than_permutations

# file, estimator, check, and the changes that it catches
MUTATIONS: list[tuple[str, str, Callable, list[tuple[str, str]]]] = [
    (
        "exact",
        "exact",
        checks.exact_values,
        [
            ("cube.take(1, axis=o) - cube.take(0,", "cube.take(0, axis=o) - cube.take(1,"),
            ("comb(n - 1, s) for s", "comb(n - 1, max(s - 1, 0)) for s"),
            ("weight[size.take(0, axis=o)]", "weight[size.take(1, axis=o) % n]"),
        ],
    ),
    (
        "permutation",
        "permutation",
        SHAPLEY,
        [
            ("V[:-1] - V[1:]", "V[1:] - V[:-1]"),
            ("np.argsort(order) >= np.arange", "np.argsort(order) > np.arange"),
            ("[np.argsort(order)] for", "[order] for"),
        ],
    ),
    (
        "permutation",
        "permutation",
        EFFICIENT,
        [("np.arange(len(order) + 1)", "np.arange(1, len(order) + 2)")],
    ),
    (
        "permutation",
        "antithetic",
        STEADY,
        [("order[::-1]", "order")],
    ),
    (
        "permutation",
        "antithetic",
        partial(checks.honest_error, game=checks.CONCAVE),
        [("game.evaluations, PAIR,", "game.evaluations, 1,")],
    ),
    (
        "truncated",
        "truncated",
        checks.truncated_by_hand,
        [
            ("np.full(n, np.nan)", "np.zeros(n)"),
            ("drop > settings.eta", "drop >= settings.eta"),
            ("V_S - V_without", "V_without - V_S"),
            ("V_S = V_without\n", "V_S = V_N\n"),
        ],
    ),
    (
        "truncated",
        "truncated",
        SPREAD,
        [
            ("(V_S - game.empty()) / S.sum()", "V_S / S.sum()"),
            ("(V_S - game.empty()) / S.sum()", "(V_S - game.empty()) / game.n_players"),
        ],
    ),
    (
        "released_code",
        "released_code",
        checks.released_by_hand,
        [
            ("samples.mean(axis=0) - samples.std", "samples.mean(axis=0) + samples.std"),
            ("samples = np.nan_to_num(delta)", "samples = delta"),
            ("samples.std(axis=0)", "samples.std(axis=0, ddof=1)"),
        ],
    ),
    (
        "multilinear",
        "owen",
        SHAPLEY,
        [
            ("V[0] - V[1:], V[1:] - V[0]", "V[1:] - V[0], V[0] - V[1:]"),
            ("S ^ np.eye", "S | np.eye"),
            ("< q[:, None]", "< q[:, None] / 2"),
        ],
    ),
    ("multilinear", "banzhaf", checks.banzhaf_value, [("np.full_like(u, 0.5)", "u")]),
    (
        "multilinear",
        "beta",
        checks.beta_value,
        [("settings.beta, settings.alpha, u", "settings.alpha, settings.beta, u")],
    ),
    ("gradient", "gradient", checks.gradient_window, [("q_min + (1 - q_min) *", "q_min *")]),
    (
        "regression",
        "kernel",
        SHAPLEY,
        [
            ("np.ones(len(sampled.y))", "sampled.size**3.0"),
            ("sampled.gain / n + beta", "sampled.gain / n - beta"),
        ],
    ),
    (
        "regression",
        "leverage",
        SHAPLEY,
        [("1 / (sampled.size * (n - sampled.size))", "1.0 * sampled.size**3")],
    ),
    (
        "regression",
        "leverage",
        EFFICIENT,
        [("phi=sampled.gain / n + beta", "phi=sampled.value_full / n + beta")],
    ),
    (
        "regression_adjusted",
        "regression_adjusted",
        SHAPLEY,
        [
            ("1 / s, -1 / (n - s)", "-1 / (n - s), 1 / s"),
            ("bracket = (n - 1) *", "bracket = (1 - n) *"),
            ("w[:n] + bracket", "bracket"),
            ("** 2 - curvature(n))", "** 2 + 9 * curvature(n))"),
        ],
    ),
    (
        "regression_adjusted",
        "regression_adjusted",
        EFFICIENT,
        [("1 / s, -1 / (n - s)", "1 / (n - s), -1 / (n - s)")],
    ),
    (
        "released_code",
        "released_code",
        checks.last_of_an_edge_stays,
        [("[::-1]", ""), ("len(order) - 1 -", "len(order) - 2 -")],
    ),
]
CASES = [(*case[:3], *change) for case in MUTATIONS for change in case[3]]


def mutant(file: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The module with one change, which registers nothing."""
    monkeypatch.setitem(registry._entries, "estimators", {})
    source = (FOLDER / f"{file}.py").read_text()
    assert source.count(old) == 1, f"{file}: {old!r} stands there {source.count(old)} times"
    module = types.ModuleType(f"mutant_of_{file}")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look there
    exec(compile(source.replace(old, new), f"mutant of {file}", "exec"), module.__dict__)
    return module


@pytest.mark.parametrize(("file", "estimator", "check", "changes"), MUTATIONS)
def test_the_source_passes(file: str, estimator: str, check: Callable, changes: list) -> None:
    check(registry.get("estimators", estimator))


@pytest.mark.parametrize(("file", "estimator", "check", "old", "new"), CASES)
def test_a_mutant_is_caught(
    file: str,
    estimator: str,
    check: Callable,
    old: str,
    new: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed = getattr(mutant(file, old, new, monkeypatch), estimator)
    with pytest.raises((AssertionError, ValueError, IndexError)):
        check(changed)
