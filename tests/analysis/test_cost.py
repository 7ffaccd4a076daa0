from pathlib import Path

import pytest

from pipeline.analysis import cost

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"


def test_the_page_is_what_the_code_renders():
    assert PAGE.read_text() == cost.render(), "run `python -m pipeline cost`"


def test_operations_by_hand():
    """558,218,880 multiply-adds (facts of the published cell), 50,000 images, 600 epochs."""
    cifar = cost.TRAININGS[0]
    assert cifar.operations == 6 * 558_218_880 * 50_000 * 600
    fewest, most = cost.hours(cifar, cost.GPUS[0])
    assert fewest == pytest.approx(1.0048e17 / 312e12 / 0.04 / 3600, rel=1e-3)
    assert most == pytest.approx(8 * fewest)
