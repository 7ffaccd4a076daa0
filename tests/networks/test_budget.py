import pytest

from pipeline.errors import InputError
from pipeline.networks import fit, profile_genotype

CELL = "shapley_nas_cifar10"
GIVEN = {"layout": "cifar10", "classes": 10, "channels": 36, "cells": 8, "image_size": 32}


def counts(channels, cells):
    return profile_genotype(CELL, "cifar10", 10, channels, cells, 32)


def test_without_a_budget_it_stays_as_it_is():
    assert fit(CELL, **GIVEN) == (36, 8)


@pytest.mark.parametrize("channels", [36, 44, 76])
def test_a_budget_is_filled_beyond_the_given_channels(channels):
    assert fit(CELL, **GIVEN, max_macs=counts(channels, 8)["macs"]) == (channels, 8)


@pytest.mark.parametrize(
    ("limit", "key"), [({"max_macs": 60_000_000}, "macs"), ({"max_params": 300_000}, "params")]
)
def test_it_fits_and_the_next_width_would_not(limit, key):
    channels, cells = fit(CELL, **GIVEN, **limit)
    (most,) = limit.values()
    assert counts(channels, cells)[key] <= most < counts(channels + 4, cells)[key]
    assert 3 <= cells < 8 and channels < 36


def test_what_cannot_be_met_is_said():
    with pytest.raises(
        InputError,
        match=r"max_macs 1000.*4 channels, 3 cells\) has [\d,]+ mult.*raise",
    ):
        fit(CELL, **GIVEN, max_macs=1000)
