"""What is remembered of a coalition is used only where it is the same."""

import copy

import pytest
import torch

from pipeline.strategies.value_function import ValueFunction, ValueSettings
from pipeline.supernet import ActivationCache, evaluation_mode, mixture
from tests.strategies.toys import noisy_images
from tests.supernet.toys import alpha, images, toy


@pytest.mark.parametrize("name", ["darts", "darts_imagenet", "nasbench201"])
@pytest.mark.parametrize("policy", ["batch", "running"])
def test_a_walk_is_the_same_bit_for_bit(name, policy):
    supernet, cache, x = toy(name), ActivationCache(), images(name)
    n = supernet.space.n_players
    coalition = torch.ones(n, dtype=torch.bool)
    with torch.no_grad(), evaluation_mode(supernet, policy):
        for p in (n - 1, n - 3, 1, n - 2, n - 5, 4):  # players of the last cell type and the first
            coalition[p] = False
            weights = mixture(supernet.space, alpha(supernet), coalition)
            found = supernet(x, weights, cache)
            assert torch.equal(found, supernet(x, weights, ActivationCache()))
            # NAS-Bench-201's first cell sums in another order.
            torch.testing.assert_close(found, supernet(x, weights), rtol=1e-5, atol=1e-5)


def test_reduction_players_leave_the_first_cells_alone(monkeypatch):
    supernet, cache, x = toy("darts"), ActivationCache(), images("darts")
    calls = []
    supernet.cells[0].register_forward_hook(lambda *_: calls.append(0))
    weights = mixture(supernet.space, alpha(supernet))
    with torch.no_grad():
        for p, n_calls in ((None, 1), (100, 1), (195, 1), (0, 2), (150, 2)):
            if p is not None:
                weights = weights.index_fill(0, torch.tensor(p), 0.0)
            supernet(x, weights, cache)
            assert len(calls) == n_calls
    supernet(x, weights, cache)
    assert len(calls) == 3  # never under a gradient


def test_other_weights_of_the_network_are_noticed():
    supernet, cache, x = toy("darts"), ActivationCache(), images("darts")
    weights = mixture(supernet.space, alpha(supernet))
    optimiser = torch.optim.SGD(supernet.parameters(), lr=0.1)
    with evaluation_mode(supernet):
        with torch.no_grad():
            first = supernet(x, weights, cache)
        supernet(x, weights).square().sum().backward()
        optimiser.step()
        with torch.no_grad():
            assert not torch.equal(supernet(x, weights, cache), first)
            assert torch.equal(supernet(x, weights, cache), supernet(x, weights))


@pytest.mark.parametrize("policy", ["batch", "running", "recalibrated"])
def test_values_are_those_without_memory(policy, monkeypatch):
    """Several batches, two draws, removals of both cell types."""
    supernet = toy("darts")
    settings = ValueSettings(
        value_images=24, value_batch_size=12, batch_norm=policy, value="negative_loss"
    )
    coalitions = torch.ones(6, 196, dtype=torch.bool)
    for i, p in enumerate((120, 130, 3, 140, 5)):
        coalitions[i + 1 :, p] = False

    def values():
        V = ValueFunction(copy.deepcopy(supernet), alpha(supernet), noisy_images(48), settings, 0)
        found = []
        for draw in range(2):
            V.redraw(draw)
            found += V(coalitions.numpy()).tolist()
        return found

    remembered = values()
    monkeypatch.setattr(ActivationCache, "get", lambda self, name, depends_on, compute: compute())
    assert remembered == values()


def test_a_removal_computes_what_lies_behind_its_node(monkeypatch):
    """NAS-Bench-201's first cell: players 5 e + o, edges 1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2."""
    supernet, cache, x = toy("nasbench201"), ActivationCache(), images("nasbench201")
    calls = []
    for e, edge in enumerate(supernet.stages[0].mixed):
        for operation in edge.operations[2:4]:  # the two convolutions of each edge
            operation.register_forward_hook(lambda *_, e=e: calls.append(e))
    weights = mixture(supernet.space, alpha(supernet))
    with torch.no_grad():
        for p, behind in (
            (None, [0, 1, 2, 3, 4, 5]),
            (29, []),
            (16, []),
            (11, [5]),
            (1, [2, 4, 5]),
        ):
            calls.clear()
            if p is not None:
                weights = weights.index_fill(0, torch.tensor(p), 0.0)
            supernet(x, weights, cache)
            assert sorted(set(calls)) == behind
