"""Mixing weights, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from pipeline import registry
from pipeline.config.recipes import SupernetSettings
from pipeline.supernet import mixture

SPACE = registry.get("spaces", "nasbench201")(SupernetSettings(include_none=True))
# The first edge holds weights 1/8, 2/8, 3/8, 1/8, 1/8; the others are uniform.
ALPHA = torch.zeros(30)
ALPHA[:5] = torch.tensor([1.0, 2.0, 3.0, 1.0, 1.0]).log()


def test_softmax_an_edge() -> None:
    weights = mixture(SPACE, ALPHA)
    assert weights.shape == (30,)
    assert torch.allclose(weights[:5] * 8, torch.tensor([1.0, 2, 3, 1, 1]))
    assert torch.allclose(weights[5:], torch.full((25,), 0.2))


def test_removed_operations_are_zero_and_the_others_keep_theirs() -> None:
    coalition = torch.ones(30, dtype=torch.bool)
    coalition[[1, 7]] = False
    weights = mixture(SPACE, ALPHA, coalition)
    assert not weights[~coalition].any()
    assert torch.equal(weights[coalition], mixture(SPACE, ALPHA)[coalition])


def test_renormalised() -> None:
    coalition = torch.ones(30, dtype=torch.bool)
    coalition[1] = False
    coalition[5:10] = False
    weights = mixture(SPACE, ALPHA, coalition, renormalise=True)
    assert torch.allclose(weights[:5] * 6, torch.tensor([1.0, 0, 3, 1, 1]))
    assert not weights[5:10].any()  # an edge without operations
    assert torch.isfinite(weights).all()


@pytest.mark.parametrize("renormalise", [False, True])
def test_gradient_by_finite_differences(renormalise: bool) -> None:
    coalition = torch.rand(30, generator=torch.Generator().manual_seed(0)) > 0.3
    alpha = torch.randn(30, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda a: mixture(SPACE, a, coalition, renormalise=renormalise), alpha
    )


def test_full_coalition_is_no_coalition() -> None:
    full = torch.ones(30, dtype=torch.bool)
    assert torch.equal(mixture(SPACE, ALPHA, full), mixture(SPACE, ALPHA))
    assert math.isclose(mixture(SPACE, ALPHA, full, renormalise=True).sum().item(), 6, abs_tol=1e-5)
