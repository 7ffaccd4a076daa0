"""The supernets: shapes, seeds, gradients, partial channels, memory formats, compilation."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.compilation import compile_mode
from pipeline.errors import InputError
from pipeline.supernet import mixture
from pipeline.supernet.cell import MixedCell
from tests.supernet.toys import TOYS, alpha, images, toy


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("darts", 8), ("darts", 32), ("darts", 9),
        ("darts_imagenet", 64), ("darts_imagenet", 72), ("nasbench201", 8), ("nasbench201", 15),
    ],
)  # fmt: skip
def test_image_sizes(name: str, size: int) -> None:
    supernet = toy(name)
    logits = supernet(torch.randn(2, 3, size, size), mixture(supernet.space, alpha(supernet)))
    assert logits.shape == (2, 4)
    assert torch.isfinite(logits).all()


def test_images_are_averaged_down() -> None:
    supernet, plain = toy("darts", image_size=8), toy("darts")
    weights, large = mixture(supernet.space, alpha(supernet)), torch.randn(2, 3, 16, 16)
    small = large.unflatten(3, (8, 2)).unflatten(2, (8, 2)).mean(dim=(3, 5))
    torch.testing.assert_close(supernet(large, weights), plain(small, weights))
    with pytest.raises(InputError, match="image_size: 8, but images of 4 pixels"):
        supernet(large[..., :4, :4], weights)


@pytest.mark.parametrize("name", TOYS)
def test_every_parameter_and_every_weight_has_a_gradient(name: str) -> None:
    supernet = toy(name)
    weights = mixture(supernet.space, alpha(supernet)).requires_grad_(True)
    F.cross_entropy(supernet(images(name), weights), torch.tensor([0, 1, 2])).backward()
    for key, parameter in supernet.named_parameters():
        assert parameter.grad is not None, key
    assert weights.grad is not None
    assert [bool(g) for g in weights.grad] == [
        player.operation != "none" for player in supernet.space.players
    ]


def test_gradient_of_weights_by_finite_differences() -> None:
    supernet = toy("nasbench201", channels_last=False).double()
    weights = mixture(supernet.space, alpha(supernet).double())
    x = images("nasbench201").double()
    weights.requires_grad_(True)
    supernet(x, weights).square().sum().backward()
    step = torch.zeros(30, dtype=torch.float64)
    for p in (3, 11, 29):
        step.zero_()[p] = 1e-6
        with torch.no_grad():
            up, down = (supernet(x, weights + s).square().sum() for s in (step, -step))
        assert torch.isclose((up - down) / 2e-6, weights.grad[p], rtol=1e-4)


def test_weights_repeat_and_leave_the_global_stream_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second, other = toy("darts", 1), toy("darts", 1), toy("darts", 2)
    assert torch.equal(torch.rand(1), expected)
    pairs = [list(net.parameters()) for net in (first, second, other)]
    assert all(torch.equal(a, b) for a, b in zip(pairs[0], pairs[1], strict=True))
    assert not torch.equal(pairs[0][0], pairs[2][0])


def test_partial_channels_must_divide() -> None:
    with pytest.raises(InputError, match=r"supernet\.partial_channels: 3 .*\(8\)"):
        toy("darts", partial_channels=3)


PER_NODE = ((0, 2), (2, 5), (5, 9), (9, 14))  # edges


def edge_of_pc_darts(cell: MixedCell, e: int, x: Tensor, weights: Tensor, stride: int) -> Tensor:
    """One edge as PC-DARTS describes it: mix, pass by, concatenate, shuffle."""
    k, c = cell.partial, x.shape[1]
    mixed = sum(
        w * o(x[:, : c // k]) for w, o in zip(weights, cell.mixed[e].operations, strict=True)
    )
    if k == 1:
        return mixed
    rest = x[:, c // k :]
    rest = F.max_pool2d(rest, 2) if stride == 2 else rest
    y = torch.cat([mixed, rest], dim=1)
    return torch.stack([y[:, (i % k) * (c // k) + i // k] for i in range(c)], dim=1)


@pytest.mark.parametrize("reduction", [False, True])
@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_cell_is_the_sum_over_edges(k: int, reduction: bool, memory_format: Any) -> None:
    space = toy("darts").space
    cell = MixedCell(space, int(reduction), 8, k, reduction).double()
    inputs = [
        torch.randn(2, 8, 8, 8, dtype=torch.float64).to(memory_format=memory_format)
        for _ in range(2)
    ]
    weights = torch.rand(len(space.edges), space.n_operations, dtype=torch.float64)
    states = list(inputs)
    for node in (2, 3, 4, 5):
        states.append(
            sum(
                edge_of_pc_darts(cell, e, states[s], weights[e], 2 if reduction and s < 2 else 1)
                for e, (target, s) in enumerate(space.edges)
                if target == node
            )
        )
    assert torch.allclose(cell(inputs, weights), torch.cat(states[2:], dim=1))


@pytest.mark.parametrize("k", [1, 4])
def test_edge_normalisation_by_hand(k: int) -> None:
    """A node is the sum of its edges, the channels that go by included, times softmax(beta)."""
    supernet = toy("darts", partial_channels=k, edge_normalisation=True).double()
    beta = torch.linspace(-1, 2, 28, dtype=torch.float64).view(2, 14)
    with torch.no_grad():
        supernet.beta.copy_(beta)
    edge_weights = torch.cat(
        [beta[:, a:b].exp() / beta[:, a:b].exp().sum(1, keepdim=True) for a, b in PER_NODE], dim=1
    )
    assert torch.allclose(supernet.edge_weights(), edge_weights)
    cell, weights = supernet.cells[0].cell, torch.rand(14, 7, dtype=torch.float64)
    inputs = [torch.randn(2, 8, 8, 8, dtype=torch.float64) for _ in range(2)]
    states = list(inputs)
    for node in (2, 3, 4, 5):
        states.append(
            sum(
                edge_weights[0, e] * edge_of_pc_darts(cell, e, states[s], weights[e], 1)
                for e, (target, s) in enumerate(supernet.space.edges)
                if target == node
            )
        )
    own = edge_weights[0]
    found = cell(inputs, weights * own[:, None], None, own)
    assert torch.allclose(found, torch.cat(states[2:], dim=1))


def test_beta_reaches_the_cells_and_is_off_by_default() -> None:
    assert "beta" not in toy("darts").state_dict()
    plain, weighed = toy("darts"), toy("darts", edge_normalisation=True)
    weights, x = mixture(plain.space, alpha(plain)), images("darts")
    assert {*weighed.state_dict()} - {*plain.state_dict()} == {"beta"}
    logits = weighed(x, weights)
    assert not torch.allclose(logits, plain(x, weights))
    logits.square().sum().backward()
    assert (weighed.beta.grad != 0).all()


@pytest.mark.parametrize("name", TOYS)
def test_memory_format_changes_no_number(name: str) -> None:
    contiguous = toy(name, channels_last=False).double()
    last = toy(name, channels_last=True).double()
    weights = mixture(last.space, alpha(last).double())
    x = images(name).double()
    assert torch.allclose(contiguous(x, weights), last(x, weights))
    convolution = next(m for m in last.modules() if isinstance(m, torch.nn.Conv2d))
    assert convolution.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("where", ["cpu", "cuda"])
def test_compiled(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """The mode of a GPU too: on a CPU it is taken, and no graph is recorded."""
    mode = compile_mode(torch.device(where))
    monkeypatch.setattr("pipeline.supernet.fast.running.compile_mode", lambda _: mode)
    name = "nasbench201"  # the cells of DARTS are not compiled
    # The graph is captured as for real; generating code from it would take a minute.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    eager, compiled = toy(name, cells=1), toy(name, cells=1, compile=True)
    assert list(eager.state_dict()) == list(compiled.state_dict())
    x = images(name)
    for share in (0.5, 1.0):  # one graph serves all coalitions
        coalition = torch.rand(eager.space.n_players) < share
        weights = mixture(eager.space, alpha(eager), coalition)
        assert torch.allclose(eager(x, weights), compiled(x, weights), atol=1e-5)
        with torch.no_grad():
            assert torch.allclose(eager(x, weights), compiled(x, weights), atol=1e-5)
