"""The fast form against the readable one: outputs, gradients, batch-norm statistics, one state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline import registry
from pipeline.supernet import Supernet, evaluation_mode, mixture
from pipeline.supernet.fast.cell import FusedCell
from pipeline.supernet.fast.chains import is_chain
from tests.supernet.toys import alpha, images, toy

SPACES = registry.names("spaces")
LABELS = torch.tensor([0, 1, 2])


def both(name: str, partial: int) -> tuple[Supernet, Supernet]:
    """The readable and the fast form with the same weights, in double precision."""
    readable = toy(name, partial_channels=partial, fused=False, include_none=True).double()
    fast = toy(name, seed=1, partial_channels=partial, fused=True, include_none=True).double()
    fast.load_state_dict(readable.state_dict())
    return readable, fast


def results(
    supernet: Supernet, x: Tensor, coalition: Tensor | None, training: bool
) -> dict[str, Tensor]:
    """Everything that a step leaves behind, and what is computed without gradients after it."""
    a = alpha(supernet).double().requires_grad_(True)
    supernet.train(training).zero_grad()
    logits = supernet(x, mixture(supernet.space, a, coalition))
    F.cross_entropy(logits, LABELS).backward()
    with torch.no_grad():
        weights = mixture(supernet.space, a, coalition)
        with evaluation_mode(supernet, "batch"):
            batch = supernet(x, weights)
        with evaluation_mode(supernet, "running"):
            running = supernet(x, weights)
    gradients = {f"gradient of {key}": p.grad for key, p in supernet.named_parameters()}
    state = {f"state {key}": value.double() for key, value in supernet.state_dict().items()}
    values = {"logits": logits, "batch": batch, "running": running, "gradient of alpha": a.grad}
    return {**values, **gradients, **state}


@pytest.mark.parametrize(
    ("name", "partial"),
    [(name, k) for name in SPACES for k in (1, 2, 4) if name != "darts_imagenet" or k == 2],
)
def test_fast_is_readable(name: str, partial: int) -> None:
    readable, fast = both(name, partial)
    generator = torch.Generator().manual_seed(partial)
    some = torch.rand(readable.space.n_players, generator=generator) < 0.6
    x = images(name).double()
    for coalition, training in ((None, True), (some, False)):
        expected = results(readable, x, coalition, training)
        found = results(fast, x, coalition, training)
        assert expected.keys() == found.keys()
        for key, value in expected.items():
            torch.testing.assert_close(found[key], value, rtol=1e-7, atol=1e-9, msg=key)


@pytest.mark.parametrize(("name", "partial"), [("darts", 1), ("darts", 2), ("s1", 1)])
def test_fast_is_readable_with_batch_norms_after_pooling(name: str, partial: int) -> None:
    """Running statistics too, one set for each edge; no parameters more than without."""
    options = {"partial_channels": partial, "include_none": True, "pool_batch_norm": True}
    readable = toy(name, fused=False, **options).double()
    fast = toy(name, seed=1, fused=True, **options).double()
    plain = toy(name, fused=True, **{**options, "pool_batch_norm": False})
    assert len(fast.state_dict()) > len(plain.state_dict())
    assert sum(p.numel() for p in fast.parameters()) == sum(p.numel() for p in plain.parameters())
    fast.load_state_dict(readable.state_dict())
    x = images(name).double()
    expected, found = (results(supernet, x, None, True) for supernet in (readable, fast))
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-7, atol=1e-9, msg=key)


def test_pools_are_normalised() -> None:
    """Mean 0 and variance 1 over a batch, so that a pool is as large as a convolution."""
    supernet = toy("darts", partial_channels=1, pool_batch_norm=True)
    pools = [
        operation
        for mixed in supernet.modules()
        if hasattr(mixed, "names")
        for name, operation in zip(mixed.names, mixed.operations, strict=True)
        if "pool" in name
    ]
    y = pools[0](3 + 2 * torch.randn(4, pools[0][1].num_features, 8, 8))
    assert torch.allclose(y.mean((0, 2, 3)), torch.zeros(y.shape[1]), atol=1e-5)
    assert torch.allclose(y.var((0, 2, 3), correction=0), torch.ones(y.shape[1]), atol=1e-3)


@pytest.mark.parametrize("name", ["darts", "nasbench201"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_in_float32(name: str, channels_last: bool) -> None:
    readable = toy(name, fused=False, channels_last=channels_last)
    fast = toy(name, fused=True, channels_last=channels_last)
    x, weights = images(name), mixture(readable.space, alpha(readable))
    for supernet in (readable, fast):
        F.cross_entropy(supernet(x, weights), LABELS).backward()
    for (key, p), q in zip(readable.named_parameters(), fast.parameters(), strict=True):
        assert torch.allclose(p.grad, q.grad, rtol=1e-3, atol=1e-5), key


@pytest.mark.parametrize("name", ["darts", "nasbench201", "s4"])
def test_under_autocast(name: str) -> None:
    supernet = toy(name)
    weights = mixture(supernet.space, alpha(supernet))
    exact = supernet(images(name), weights)
    with torch.autocast("cpu", torch.bfloat16):
        logits = supernet(images(name), weights)
        with torch.no_grad(), evaluation_mode(supernet, "running"):
            assert torch.isfinite(supernet(images(name), weights)).all()
    F.cross_entropy(logits.float(), LABELS).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in supernet.parameters())
    if name != "s4":  # noise is another at each step
        assert torch.allclose(logits.float(), exact, atol=0.3)


def test_an_empty_coalition() -> None:
    readable, fast = both("darts", 2)
    none = torch.zeros(readable.space.n_players, dtype=torch.bool)
    weights = mixture(readable.space, alpha(readable).double(), none)
    x = images("darts").double()
    with torch.no_grad(), evaluation_mode(readable), evaluation_mode(fast):
        assert torch.allclose(readable(x, weights), fast(x, weights))


@pytest.mark.parametrize(("name", "k"), [("darts", 1), ("darts", 4), ("nasbench201", 2)])
def test_with_edge_normalisation(name: str, k: int) -> None:
    changes = {"partial_channels": k, "edge_normalisation": True}
    readable = toy(name, fused=False, **changes).double()
    fast = toy(name, **changes).double()
    with torch.no_grad():
        readable.beta.copy_(torch.linspace(-2, 2, readable.beta.numel()).view_as(readable.beta))
    fast.load_state_dict(readable.state_dict())
    some = torch.rand(fast.space.n_players, generator=torch.Generator().manual_seed(0)) < 0.6
    x = images(name).double()
    for coalition, training in ((None, True), (some, False)):
        expected, found = (results(net, x, coalition, training) for net in (readable, fast))
        assert (expected["gradient of beta"] != 0).any()
        for key, value in expected.items():
            torch.testing.assert_close(found[key], value, rtol=1e-7, atol=1e-9, msg=key)


def test_odd_sizes() -> None:
    readable, fast = both("darts", 2)
    x = torch.randn(3, 3, 13, 9, dtype=torch.float64)
    expected, found = (results(net, x, None, True) for net in (readable, fast))
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-7, atol=1e-9, msg=key)


def noted(sizes: list[int]) -> Callable[..., Tensor]:
    """`F.conv2d`, which notes the kernel sizes of dense convolutions: those of no pooling."""
    convolution = F.conv2d

    def convolve(x: Tensor, weight: Tensor, *arguments: Any, **options: Any) -> Tensor:
        if weight.shape[1] > 1:
            sizes.append(weight.shape[-1])
        return convolution(x, weight, *arguments, **options)

    return convolve


def test_removed_operations_are_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions launched under a coalition, against a count by hand."""
    supernet = toy("nasbench201")
    launched: list[int] = []
    monkeypatch.setattr(F, "conv2d", noted(launched))
    names = [player.operation for player in supernet.space.players]
    keep = torch.tensor([name != "nor_conv_3x3" for name in names])
    counts = []
    for coalition in (torch.ones_like(keep), keep, torch.zeros_like(keep)):
        launched.clear()
        with torch.no_grad(), evaluation_mode(supernet):
            supernet(images("nasbench201"), mixture(supernet.space, alpha(supernet), coalition))
        counts.append(len(launched))
    # Of each of the 3 cells, 3 states have edges that leave: one convolution an operation a state.
    assert [counts[0] - counts[2], counts[1] - counts[2]] == [18, 9]


def test_a_removed_large_kernel_leaves_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """In evaluation 1 x 1 is added to 3 x 3 where both are there, and cheap where it is alone."""
    supernet = toy("nasbench201")
    sizes: list[int] = []
    monkeypatch.setattr(F, "conv2d", noted(sizes))
    names = [player.operation for player in supernet.space.players]
    alone = torch.tensor([name == "nor_conv_1x1" for name in names])
    found = []
    for coalition in (torch.ones_like(alone), alone, torch.zeros_like(alone)):
        sizes.clear()
        with torch.no_grad(), evaluation_mode(supernet, "running"):
            supernet(images("nasbench201"), mixture(supernet.space, alpha(supernet), coalition))
        found.append(Counter(sizes))
    assert found[0] - found[2] == {3: 9}
    assert found[1] - found[2] == {1: 9}


def test_what_is_fused() -> None:
    cells = [m for m in toy("darts").modules() if isinstance(m, FusedCell)]
    chains = {
        name
        for cell in cells
        for mixed in cell.mixed
        for name, operation in zip(mixed.names, mixed.operations, strict=True)
        if is_chain(operation)
    }
    assert chains == {"sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"}
