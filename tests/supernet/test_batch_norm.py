"""Batch-norm policies, against what training mode computes."""

from __future__ import annotations

import copy

import pytest
import torch

from pipeline.supernet import evaluation_mode, mixture
from tests.supernet.toys import alpha, images, toy


def state(supernet: torch.nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(supernet.state_dict())


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[key], second[key]) for key in first)


def test_batch_policy_is_training_mode_without_the_traces() -> None:
    supernet = toy("nasbench201")
    weights = mixture(supernet.space, alpha(supernet))
    before = state(supernet)
    with torch.no_grad():
        with evaluation_mode(supernet, "batch"):
            logits = supernet(images("nasbench201"), weights)
        assert same(state(supernet), before)
        expected = supernet(images("nasbench201"), weights)  # in training mode
    assert torch.equal(logits, expected)
    assert not same(state(supernet), before)


def test_running_policy_is_evaluation_mode() -> None:
    supernet = toy("nasbench201")
    weights = mixture(supernet.space, alpha(supernet))
    with torch.no_grad():
        supernet(images("nasbench201"), weights)
        before = state(supernet)
        with evaluation_mode(supernet, "running"):
            logits = supernet(images("nasbench201"), weights)
        assert same(state(supernet), before)
        expected = supernet.eval()(images("nasbench201"), weights)
    assert torch.equal(logits, expected)


@pytest.mark.parametrize("policy", ["batch", "running"])
@pytest.mark.parametrize("training", [False, True])
def test_modes_come_back_after_an_error(policy: str, training: bool) -> None:
    supernet = toy("darts").train(training)
    supernet.stem.eval()
    before = [(m.training, getattr(m, "track_running_stats", None)) for m in supernet.modules()]
    with pytest.raises(RuntimeError, match="broken"), evaluation_mode(supernet, policy):
        assert not supernet.training
        raise RuntimeError("broken")
    assert before == [
        (m.training, getattr(m, "track_running_stats", None)) for m in supernet.modules()
    ]


def test_unknown_policy() -> None:
    with pytest.raises(ValueError, match="batch, running"), evaluation_mode(toy("darts"), "other"):
        pass
