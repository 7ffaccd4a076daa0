"""Counting, against networks whose size others have published."""

import torch
from torchvision.models import ResNet18_Weights, resnet18

from pipeline.networks import build, profile, profile_genotype


def test_a_resnet_has_the_size_that_torchvision_states():
    meta = ResNet18_Weights.IMAGENET1K_V1.meta
    with torch.device("meta"):
        counts = profile(resnet18(), 224)
    assert counts["params"] == meta["num_params"]
    assert round(counts["macs"] / 1e9, 3) == meta["_ops"]


def test_counting_leaves_the_network_as_it_was():
    network = build("darts_v1", channels=4, cells=2, auxiliary=True)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    counts = profile(network, 8)
    assert network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert counts == profile_genotype("darts_v1", channels=4, cells=2, image_size=8)


def test_the_auxiliary_head_is_in_neither_sum():
    with_head = profile(build("p_darts", channels=4, cells=3, auxiliary=True), 8)
    without = profile(build("p_darts", channels=4, cells=3), 8)
    assert with_head["auxiliary_params"] > 0
    assert with_head | {"auxiliary_params": 0} == without
