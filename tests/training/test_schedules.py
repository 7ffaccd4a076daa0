import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.recipes import ImageNetTrain, TrainSettings
from pipeline.training.schedules import drop_path, learning_rate


def rates(recipe):
    return [learning_rate(recipe, epoch) for epoch in range(recipe.epochs)]


@pytest.mark.parametrize("least", [0.0, 0.001])
def test_cosine_is_that_of_torch_stepped_after_each_epoch(least):
    recipe = TrainSettings(epochs=30, learning_rate=0.025, learning_rate_min=least)
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=0.025)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 30, eta_min=least)
    expected = []
    for _ in range(30):
        expected.append(scheduler.get_last_lr()[0])
        optimiser.step()
        scheduler.step()
    assert rates(recipe) == pytest.approx(expected, rel=1e-9)


def test_linear_is_that_of_torch_until_the_tail():
    recipe = ImageNetTrain(warmup_epochs=0)
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=0.5)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=245)
    expected = []
    for _ in range(245):
        expected.append(scheduler.get_last_lr()[0])
        optimiser.step()
        scheduler.step()
    assert rates(recipe)[:245] == pytest.approx(expected, rel=1e-9)
    # The last five epochs share the last step of the line, 0.5 / 245.
    tail = [0.5 / 245 * share for share in (1, 0.8, 0.6, 0.4, 0.2)]
    assert rates(recipe)[245:] == pytest.approx(tail, rel=1e-9)


def test_warm_up_rises_by_fifths_of_the_decayed_rate():
    # By hand for 250 epochs from 0.5: 0.5 (245 - e) / 245 times (e + 1) / 5 in the first five.
    expected = [0.1, 0.5 * 244 / 245 * 0.4, 0.5 * 243 / 245 * 0.6, 0.5 * 242 / 245 * 0.8]
    assert rates(ImageNetTrain())[:4] == pytest.approx(expected)
    assert learning_rate(ImageNetTrain(), 4) == pytest.approx(0.5 * 241 / 245)


def test_short_linear_runs_keep_to_the_plain_line():
    recipe = ImageNetTrain(epochs=4, warmup_epochs=0, learning_rate=1.0)
    assert rates(recipe) == pytest.approx([1.0, 0.75, 0.5, 0.25])


@given(
    epochs=st.integers(1, 700),
    schedule=st.sampled_from(["cosine", "linear"]),
    least=st.sampled_from([0.0, 0.01]),
)
def test_rates_never_rise_and_stay_above_the_least(epochs, schedule, least):
    recipe = TrainSettings(
        epochs=epochs, schedule=schedule, learning_rate=0.1, learning_rate_min=least
    )
    values = rates(recipe)
    assert values[0] == pytest.approx(0.1)
    assert all(later <= earlier for earlier, later in itertools.pairwise(values))
    assert values[-1] > least
    assert epochs < 3 or values[-1] < values[0] / 2


def test_drop_path_rises_linearly_from_zero():
    recipe = TrainSettings(epochs=600, drop_path=0.2)
    assert drop_path(recipe, 0) == 0
    assert drop_path(recipe, 300) == pytest.approx(0.1)
    assert math.isclose(drop_path(recipe, 599), 0.2 * 599 / 600)
