"""The page that shows how to add a space: its code runs and means what the page says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline import registry
from pipeline.config.recipes import SupernetSettings
from pipeline.networks import build
from pipeline.registry.spaces import SpaceEntry
from pipeline.spaces import Space
from pipeline.supernet import build_supernet, mixture
from tests import pages

FILE, ENTRY, OPERATION = pages.blocks("add-a-space.md", "python")


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> Space:
    """The page's space, its operation on one edge, registered for one test."""
    for kind in ("spaces", "operations"):
        pages.registered_for_one_test(kind, monkeypatch)
    pages.module_of(FILE, "pipeline.spaces.small", monkeypatch)
    pages.module_of(OPERATION, "page", monkeypatch)
    pages.add_entry("spaces", ENTRY, SpaceEntry)
    made: Space = registry.get("spaces", "small")(SupernetSettings())
    return made


def test_it_is_a_space(space: Space) -> None:
    assert "small" in registry.names("spaces")
    assert space.n_players == 84
    assert space.players[42].operation == "max_pool_3x3"  # first of the reduction cell


def test_supernet_genotype_and_network(space: Space) -> None:
    supernet = build_supernet(
        space, SupernetSettings(channels=4, cells=3, partial_channels=2), 5, 0
    )
    images = torch.randn(2, 3, 8, 8)
    assert supernet(images, mixture(space, torch.zeros(84))).shape == (2, 5)
    genotype = space.genotype_from(space.random_strength(np.random.default_rng(0)))
    network = build(genotype, classes=5, channels=4, cells=3)
    assert network(images).shape == (2, 5)


def test_the_operation(space: Space) -> None:
    operation = registry.get("operations", "conv_1x1")(4, 2, False)
    assert operation(torch.randn(2, 4, 7, 8)).shape == (2, 4, 4, 4)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) and m.affine for m in operation.modules())
