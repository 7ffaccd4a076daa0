import re

import numpy as np
import pytest
from scipy import stats

from pipeline.analysis.dots import Dots, dots
from pipeline.analysis.figures import Series, curves, grid, png, svg

SERIES = Series("shapley", 1, {0: {1: 0.2, 2: 0.4}, 1: {1: 0.4, 2: 0.8}, 2: {1: 0.9}})


def test_mean_over_the_seeds_that_have_an_epoch():
    epochs, mean, half_width = SERIES.mean()
    assert epochs.tolist() == [1, 2]
    assert mean.tolist() == pytest.approx([0.5, 0.6])
    expected = stats.t.ppf(0.975, 2) * stats.sem([0.2, 0.4, 0.9])
    np.testing.assert_allclose(half_width, [expected, 0.0])


def test_same_numbers_same_picture():
    assert svg(curves([SERIES])) == svg(curves([SERIES]))
    assert png(curves([SERIES])) == png(curves([SERIES]))
    assert "dc:date" not in svg(curves([SERIES]))


def test_each_seed_is_a_thin_line_and_the_mean_a_thick_one():
    widths = re.findall(r"stroke: #d55e00[^\"]*?stroke-width: ([\d.]+)", svg(curves([SERIES])))
    assert sorted(map(float, widths)) == [0.7, 0.7, 0.7, 1.9]


def test_dots_without_interval_for_two_seeds():
    # The interval of three seeds, 2.67 ± 1.43, widens the axis beyond the values; two have none.
    two = svg(dots([Dots("a", 0, {0: 2.0, 1: 3.0})]))
    three = svg(dots([Dots("a", 0, {0: 2.0, 1: 3.0, 2: 3.0})]))
    assert "4.0" not in two
    assert "4.0" in three


def test_grid_has_a_title_a_panel():
    panels = {"0 → 1": [SERIES], "0 → 2": [SERIES], "1 → 2": [SERIES]}
    picture = svg(grid(panels, columns=2))
    assert [title for title in ("0 → 1", "0 → 2", "1 → 2") if title in picture] == [
        "0 → 1",
        "0 → 2",
        "1 → 2",
    ]
