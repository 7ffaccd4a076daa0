"""A removed player adds exactly nothing."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from pipeline.supernet import Supernet, evaluation_mode, mixture
from pipeline.supernet.cell import MixedCell, MixedOperation
from tests.supernet.toys import alpha, images, toy


class Deleted(nn.Module):
    """An edge from which operations are gone: the oracle."""

    def __init__(self, mixed: MixedOperation, kept: list[int]) -> None:
        super().__init__()
        self.kept = nn.ModuleDict({str(o): mixed.operations[o] for o in kept})
        self.stride = mixed.zero.stride

    def forward(self, x: Tensor, weights: Tensor, present: object) -> Tensor:
        y = torch.zeros_like(x[:, :, :: self.stride, :: self.stride])
        for o, operation in self.kept.items():
            y = y + weights[int(o)] * operation(x)
        return y


def with_deleted(supernet: Supernet, coalition: Tensor) -> Supernet:
    """A copy of a supernet whose cells hold the coalition's operations only."""
    smaller = copy.deepcopy(supernet)
    space = supernet.space
    table = coalition.view(len(space.cell_types), len(space.edges), space.n_operations)
    for module in smaller.modules():
        if isinstance(module, MixedCell):
            reduction = isinstance(module.halve, nn.MaxPool2d)
            for e, mixed in enumerate(module.mixed):
                kept = table[int(reduction), e].nonzero().flatten().tolist()
                module.mixed[e] = Deleted(mixed, kept)
    return smaller


def coalitions(n_players: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    shares = (0.0, 0.2, 0.9)
    return [torch.rand(n_players, generator=generator) < share for share in shares]


@pytest.mark.parametrize("name", ["darts", "nasbench201"])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(
    ("policy", "gradients"), [("batch", False), ("batch", True), ("running", False)]
)
def test_as_if_deleted(name: str, fused: bool, policy: str, gradients: bool) -> None:
    supernet, readable = (toy(name, fused=form).double() for form in (fused, False))
    x = images(name).double()
    for coalition in coalitions(supernet.space.n_players):
        smaller = with_deleted(readable, coalition)
        weights = mixture(supernet.space, alpha(supernet).double(), coalition)
        with (
            torch.set_grad_enabled(gradients),
            evaluation_mode(supernet, policy),
            evaluation_mode(smaller, policy),
        ):
            torch.testing.assert_close(
                supernet(x, weights), smaller(x, weights), rtol=1e-9, atol=1e-9
            )


@pytest.mark.parametrize("name", ["darts", "nasbench201"])
def test_a_removed_operation_may_hold_anything(name: str) -> None:
    supernet = toy(name)
    coalition = coalitions(supernet.space.n_players)[1]
    weights = mixture(supernet.space, alpha(supernet), coalition)
    with torch.no_grad(), evaluation_mode(supernet):
        before = supernet(images(name), weights)
        poison(supernet, coalition)
        assert torch.equal(supernet(images(name), weights), before)
        everything = mixture(supernet.space, alpha(supernet))
        assert not torch.isfinite(supernet(images(name), everything)).all()


def poison(supernet: Supernet, coalition: Tensor) -> None:
    """Not a number in every parameter of a removed operation."""
    space = supernet.space
    table = coalition.view(len(space.cell_types), len(space.edges), space.n_operations)
    for module in supernet.modules():
        if isinstance(module, MixedCell):
            reduction = isinstance(module.halve, nn.MaxPool2d)
            for e, mixed in enumerate(module.mixed):
                for o, operation in enumerate(mixed.operations):
                    if not table[int(reduction), e, o]:
                        for parameter in operation.parameters():
                            parameter.fill_(torch.nan)


def test_none_is_a_null_player() -> None:
    supernet = toy("nasbench201")
    space = supernet.space
    none = torch.tensor([player.operation == "none" for player in space.players])
    with torch.no_grad(), evaluation_mode(supernet):
        for coalition in coalitions(space.n_players):
            without, with_none = (
                supernet(images("nasbench201"), mixture(space, alpha(supernet), c))
                for c in (coalition & ~none, coalition | none)
            )
            assert torch.equal(without, with_none)


def test_renormalised_none_is_no_null_player() -> None:
    supernet = toy("nasbench201")
    space = supernet.space
    none = torch.tensor([player.operation == "none" for player in space.players])
    with torch.no_grad(), evaluation_mode(supernet):
        without, with_none = (
            supernet(images("nasbench201"), mixture(space, alpha(supernet), c, renormalise=True))
            for c in (~none, torch.ones_like(none))
        )
    assert not torch.allclose(without, with_none)


def test_players_reach_the_cell_type_they_name() -> None:
    supernet = toy("darts")
    space = supernet.space
    weights = mixture(space, alpha(supernet))
    weights.requires_grad_(True)
    one_normal_cell = toy("darts", cells=1)  # its only cell is a reduction
    one_normal_cell(images("darts"), weights).sum().backward()
    normal, reduce = weights.grad.view(2, -1)
    assert not normal.any()
    assert reduce.any()
