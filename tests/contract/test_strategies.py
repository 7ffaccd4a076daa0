"""Every registered strategy on every registered space, through its whole life."""

from __future__ import annotations

import functools
import inspect
import io
import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.lib.recfunctions import drop_fields

from pipeline import registry
from pipeline.nasbench import Table
from pipeline.registry import Entry
from pipeline.registry.strategies import StrategyEntry
from pipeline.settings import Settings
from pipeline.shapley import Estimate, Game
from pipeline.shapley.estimation import Estimator
from pipeline.shapley.truncated import truncated
from pipeline.spaces import Genotype
from pipeline.strategies.bayesnas import BayesNas
from pipeline.strategies.contract import Inputs, Strategy
from pipeline.strategies.weights import WeightSharing
from tests.nasbench.toys import toy_frame, write_toy_table
from tests.strategies.toys import ToyImages, make_strategy, noisy_images

# Where a strategy has these settings they are made small.
SMALL = {
    "estimator": "brief",
    "value_images": 8,
    "architectures": 4,
    "candidates": 3,
    "steps": 2,
    "samples": 2,
    "probes": 2,
    "attack_steps": 2,
    "added_cells": (0, 1, 2),
    "tune_epochs": 1,
    "terms": 1,
    "evaluations": 25,
}
EPOCHS = 3  # of the recipe; the first is warm-up, where a strategy warms up
STOPPED = 2
# The whole life is led on one space of each family; the others get a shorter visit.
WHOLE = ("darts", "nasbench201")
NAMES = registry.names("strategies")


def make(name: str, space: str, seed: int = 0) -> Strategy:
    entry = registry.entry("strategies", name)
    fields = entry.settings_model().model_fields
    settings = {key: value for key, value in SMALL.items() if key in fields}
    strategy = make_strategy(name, space, settings, seed)
    if entry.needs_table:
        strategy.prepare(Inputs("cifar10", toy_table))
    return strategy


@functools.cache
def toy_table() -> Table:
    """A table without test accuracies: a look at one would be an error."""
    frame = toy_frame()
    frame["cifar10_valid_12ep"] = frame["cifar10_valid"] % 7 + 10
    with tempfile.TemporaryDirectory() as folder:
        table = Table.load(write_toy_table(Path(folder, "toy.csv"), frame))
    tested = [name for name in table.columns if "test" in name]
    return replace(table, rows=drop_fields(table.rows, tested))


def halves(space: str) -> tuple[ToyImages, ToyImages]:
    size = 64 if space == "darts_imagenet" else 8  # the stem divides by 8
    # Two steps of a batch of 8; one where they are slow, a smaller one on the short visits.
    n = {"nasbench201": 12, "darts": 8}.get(space, 4)
    return noisy_images(n, size, seed=1), noisy_images(n, size, seed=2)


def without_times(metrics: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in metrics.items() if not key.endswith("_seconds")}


def same(first: Any, second: Any) -> bool:
    """Bit for bit, through nested dicts and lists; NaN equals NaN."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, torch.Tensor):
        return same(first.detach().numpy(), second.detach().numpy())
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(
            first, second, equal_nan=first.dtype.kind == "f"
        )
    return first == second


def run(strategy: Strategy, space: str, epochs: range) -> list[tuple[dict, dict]]:
    train, valid = halves(space)
    return [
        (without_times(strategy.epoch(epoch, train, valid)), strategy.record()) for epoch in epochs
    ]


def check(name: str, space: str) -> None:
    """All that the contract demands; `docs/add-a-strategy.md` is held to it as well."""
    strategy = make(name, space)
    check_seeds(name, space, strategy)
    cost = Cost(strategy)
    random_state = torch.get_rng_state()
    last = min(max(strategy.n_epochs, EPOCHS), EPOCHS + 1)  # one epoch beyond the recipe's
    history = run(strategy, space, range(STOPPED))
    file = saved(strategy)
    history += run(strategy, space, range(STOPPED, last))
    assert torch.equal(torch.get_rng_state(), random_state), "draws from the global generator"
    for metrics, _ in history:
        check_metrics(metrics)
    check_simplex(strategy)
    assert sum(metrics["images_forward"] for metrics, _ in history) == cost.images_forward
    assert sum(metrics["images_backward"] for metrics, _ in history) == cost.images_backward
    check_strength(strategy)
    check_record(strategy, [record for _, record in history])
    check_resumes(make(name, space), file, space, strategy, history)


class Cost:
    """Images that a supernet has classified, and those that a gradient came back for."""

    def __init__(self, strategy: Strategy):
        self.images_forward = self.images_backward = 0
        if isinstance(strategy, WeightSharing):
            strategy.supernet.register_forward_hook(self._count)

    def _count(self, supernet: Any, inputs: Any, logits: torch.Tensor) -> None:
        self.images_forward += len(logits)
        if logits.requires_grad:
            logits.register_hook(self._count_back)

    def _count_back(self, gradient: torch.Tensor) -> None:
        self.images_backward += len(gradient)


def check_metrics(metrics: dict[str, float]) -> None:
    assert all(type(value) in (int, float) for value in metrics.values())
    assert np.isfinite([*metrics.values()]).all()
    for key, value in metrics.items():
        assert 0 <= value <= 1 or not key.endswith(("_accuracy", "_error", "_share")), key


def check_simplex(strategy: Strategy) -> None:
    """Mixing weights of an edge sum to one, or to zero where it is left out."""
    if not isinstance(strategy, WeightSharing) or isinstance(strategy, NO_SIMPLEX):
        return
    weights = strategy.mixing().detach().view(-1, strategy.space.n_operations)
    assert (weights >= 0).all()
    total = weights.sum(1)
    # Strategies that train one architecture leave edges out in DARTS' spaces.
    assert torch.isclose(total, torch.ones(()), atol=1e-5).logical_or(total == 0).all()


NO_SIMPLEX = (BayesNas,)  # it has switches without a sum


def check_strength(strategy: Strategy) -> None:
    strength = strategy.strength()
    assert strength.dtype == np.float64
    genotype = strategy.space.genotype_from(strength)
    assert genotype.space == strategy.space.family
    assert Genotype.from_json(json.loads(json.dumps(genotype.to_json()))) == genotype


def check_record(strategy: Strategy, records: list[dict]) -> None:
    alpha = strategy.alpha()
    assert alpha is None or np.array_equal(alpha, records[-1]["alpha"])
    for key in records[-1]:
        stacked = np.stack([record[key] for record in records])
        assert stacked.shape == (len(records), strategy.space.n_players)
        assert stacked.dtype == records[0][key].dtype


def check_seeds(name: str, space: str, strategy: Strategy) -> None:
    again, other = make(name, space), make(name, space, seed=1)
    assert same(again.state_dict(), strategy.state_dict())
    assert same(again.strength(), strategy.strength())
    assert not same(other.strength(), strategy.strength()), "the seed changes nothing"


def saved(strategy: Strategy) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(strategy.state_dict(), file)
    file.seek(0)
    return file


def check_resumes(
    resumed: Strategy, file: io.BytesIO, space: str, strategy: Strategy, history: list
) -> None:
    """The file holds tensors and plain numbers only; all else comes from seeds and settings."""
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert same(run(resumed, space, range(STOPPED, len(history))), history[STOPPED:])
    assert same(resumed.state_dict(), strategy.state_dict())
    assert same(resumed.strength(), strategy.strength())


def brief(game: Game, rng: np.random.Generator, budget: int | None, settings: Settings) -> Estimate:
    """Twelve evaluations: a walk over all 196 players would take seconds."""
    return truncated(game, rng, budget=12)


@pytest.fixture(autouse=True)
def small_and_repeatable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Bits repeat for a fixed number of threads."""
    entry = Entry("brief", Estimator("brief", Settings, brief))
    monkeypatch.setitem(registry._entries["estimators"], "brief", entry)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pairs(spaces: Iterable[str]) -> list[tuple[str, str]]:
    """(strategy, space) for all that the strategies support."""
    return [
        (name, space)
        for space in spaces
        for name in NAMES
        if registry.entry("strategies", name).supports(registry.entry("spaces", space).family)
    ]


@pytest.mark.parametrize(("name", "space"), pairs(WHOLE))
def test_contract(name: str, space: str) -> None:
    check(name, space)


@pytest.mark.parametrize(("name", "space"), pairs(sorted({*registry.names("spaces")} - {*WHOLE})))
def test_other_spaces(name: str, space: str) -> None:
    strategy = make(name, space)
    for metrics, record in run(strategy, space, range(1)):
        check_metrics(metrics)
        assert all(values.shape == (strategy.space.n_players,) for values in record.values())
    check_strength(strategy)


@pytest.mark.parametrize("name", NAMES)
def test_entry(name: str) -> None:
    entry = registry.entry("strategies", name)
    assert isinstance(entry, StrategyEntry)
    assert entry.name == name
    assert entry.title
    assert entry.paper
    settings = entry.settings_model()
    assert issubclass(settings, Settings)
    settings()  # all have defaults
    for field in settings.model_fields.values():
        assert field.description
        assert field.json_schema_extra["source"]
    assert set(entry.recipes) <= set(registry.names("spaces"))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_short(name: str) -> None:
    source = inspect.getsource(inspect.getmodule(registry.get("strategies", name)))
    assert len(source.splitlines()) <= 120


def test_the_page_shows_all() -> None:
    """docs/strategies.md has one row for each, and no others."""
    page = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text()
    assert sorted(re.findall(r"^\| `(\w+)` \|", page, re.M)) == NAMES
