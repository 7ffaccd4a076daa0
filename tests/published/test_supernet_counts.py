"""Parameters of the published search networks, exactly (C = 16; counted on public code)."""

from __future__ import annotations

import pytest

from pipeline import registry
from pipeline.config.recipes import ImageNetSearch, NasBench201Shape, SupernetSettings
from pipeline.supernet import build_supernet


def parameters(space: str, settings: SupernetSettings, classes: int) -> int:
    supernet = build_supernet(registry.get("spaces", space)(settings), settings, classes, seed=0)
    return sum(parameter.numel() for parameter in supernet.parameters())


@pytest.mark.parametrize(("k", "expected"), [(1, 1_930_618), (2, 671_482), (4, 299_578)])
def test_darts(k: int, expected: int) -> None:
    assert parameters("darts", SupernetSettings(partial_channels=k), 10) == expected


@pytest.mark.parametrize(("k", "expected"), [(2, 956_512), (4, 584_608)])
def test_darts_imagenet(k: int, expected: int) -> None:
    assert parameters("darts_imagenet", SupernetSettings(partial_channels=k), 1000) == expected


def test_darts_imagenet_as_it_is_searched() -> None:
    assert parameters("darts_imagenet", ImageNetSearch().supernet, 1000) == 584_608


@pytest.mark.parametrize(
    ("classes", "expected"), [(10, 1_692_826), (100, 1_698_676), (120, 1_699_976)]
)
def test_nasbench201(classes: int, expected: int) -> None:
    assert parameters("nasbench201", NasBench201Shape(), classes) == expected
