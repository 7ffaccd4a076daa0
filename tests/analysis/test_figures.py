import re

import numpy as np
import pytest
from scipy import stats

from pipeline.analysis.figures import Dots, Series, curves, dots, grid, png, svg

SERIES = Series("shapley", 1, {0: {1: 0.2, 2: 0.4}, 1: {1: 0.4, 2: 0.8}, 2: {1: 0.9}})


def test_mean_over_the_seeds_that_have_an_epoch():
    epochs, mean, half_width = SERIES.mean()
    assert epochs.tolist() == [1, 2]
    assert mean.tolist() == pytest.approx([0.5, 0.6])
    expected = [
        stats.t.ppf(0.975, len(v) - 1) * stats.sem(v) for v in ([0.2, 0.4, 0.9], [0.4, 0.8])
    ]
    np.testing.assert_allclose(half_width, expected)


def test_same_numbers_same_picture():
    assert svg(curves([SERIES])) == svg(curves([SERIES]))
    assert png(curves([SERIES])) == png(curves([SERIES]))
    assert "dc:date" not in svg(curves([SERIES]))


def test_each_seed_is_a_thin_line_and_the_mean_a_thick_one():
    widths = re.findall(r"stroke: #d55e00[^\"]*?stroke-width: ([\d.]+)", svg(curves([SERIES])))
    assert sorted(map(float, widths)) == [0.7, 0.7, 0.7, 1.9]


def test_dots_without_interval_for_one_seed():
    # The interval of two seeds widens the axis far beyond the values; one seed has none.
    one = svg(dots([Dots("a", 0, {0: 2.0})]))
    two = svg(dots([Dots("a", 0, {0: 2.0, 1: 3.0})]))
    assert "−2" not in one
    assert "−2" in two


def test_grid_has_a_title_a_panel():
    panels = {"0 → 1": [SERIES], "0 → 2": [SERIES], "1 → 2": [SERIES]}
    picture = svg(grid(panels, columns=2))
    assert [title for title in ("0 → 1", "0 → 2", "1 → 2") if title in picture] == [
        "0 → 1",
        "0 → 2",
        "1 → 2",
    ]
