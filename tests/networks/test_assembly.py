"""Networks of all layouts: shapes, gradients, wiring, dropped paths, the auxiliary head."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pipeline import networks, registry
from pipeline.errors import InputError
from pipeline.networks import build, build_seeded
from pipeline.networks.darts import pool_to_quarters
from pipeline.networks.network import Nodes

ARCH = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"
SKIPS = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|none~2|"


def small(genotype, layout, auxiliary=False, cells=3):
    torch.manual_seed(0)
    return build(genotype, layout, classes=4, channels=4, cells=cells, auxiliary=auxiliary)


@pytest.mark.parametrize("genotype", registry.names("genotypes"))
@pytest.mark.parametrize(("layout", "size"), [("cifar10", 8), ("imagenet", 64)])
def test_every_parameter_has_a_gradient(genotype, layout, size):
    network = small(genotype, layout, auxiliary=True)
    logits, auxiliary = network.forward_with_auxiliary(torch.randn(2, 3, size, size))
    assert logits.shape == auxiliary.shape == (2, 4)
    (logits.square().sum() + auxiliary.square().sum()).backward()
    # With three cells and a concatenation of all nodes nothing is without influence.
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("size", [8, 9, 15, 32])
@pytest.mark.parametrize(
    ("genotype", "layout"),
    [("darts_v2", "cifar10"), ("p_darts", "imagenet"), (ARCH, "nasbench201")],
)
def test_any_image_size(genotype, layout, size):
    network = small(genotype, layout, auxiliary=layout != "nasbench201", cells=2).eval()
    logits, auxiliary = network.forward_with_auxiliary(torch.randn(2, 3, size, size))
    assert logits.shape == (2, 4)
    assert (auxiliary is None) == (layout == "nasbench201")


def test_forward_is_the_same_with_and_without_the_auxiliary_head():
    network = small("darts_v1", "cifar10", auxiliary=True).eval()
    images = torch.randn(2, 3, 8, 8)
    assert torch.equal(network(images), network.forward_with_auxiliary(images)[0])


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


def test_nodes_add_up_the_states_that_the_genotype_names():
    cell = ((("2", 0), ("3", 1)), (("5", 2), ("7", 0)), (("11", 3), ("13", 1)))
    nodes = Nodes(cell, lambda operation, _: Times(int(operation)))
    states = nodes([torch.tensor(1.0), torch.tensor(10.0)])
    two = 2 * 1 + 3 * 10
    three = 5 * two + 7 * 1
    four = 11 * three + 13 * 10
    assert [int(state) for state in states] == [1, 10, two, three, four]


def test_a_nas_bench_201_cell_of_skips_multiplies_by_the_number_of_paths():
    # Paths from state 0 to 3: 0-3 and 0-1-3, since 2-3 is `none`.
    network = small(SKIPS, "nasbench201", cells=1)
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(network.stack[0](x, None), 2 * x)


def test_path_is_dropped_for_each_image_by_itself_and_kept_in_expectation():
    nodes = Nodes(((("1", 0),),), lambda *_: Times(1.0))
    torch.manual_seed(0)
    out = nodes([torch.ones(4000, 2, 3, 3)], torch.tensor(0.8))[1]
    values = out.flatten(1)
    assert torch.equal(values.amin(1), values.amax(1))  # whole images
    # Bernoulli(0.8) / 0.8: mean 1, standard error 0.5 / sqrt(4000) = 0.008.
    assert set(values.unique().tolist()) == {0.0, 1.25}
    assert values[:, 0].mean().item() == pytest.approx(1, abs=0.032)


def test_identities_and_evaluation_drop_nothing():
    skip = Nodes(((("skip", 0),),), lambda *_: nn.Identity())
    images = torch.ones(100, 1, 1, 1)
    assert torch.equal(skip([images], torch.tensor(0.1))[1], images)
    scale = Nodes(((("1", 0),),), lambda *_: Times(1.0)).eval()
    assert torch.equal(scale([images], torch.tensor(0.1))[1], images)


@pytest.mark.parametrize(("genotype", "layout"), [("darts_v1", "cifar10"), (ARCH, "nasbench201")])
def test_drop_path_attribute_reaches_the_cells(genotype, layout):
    network = small(genotype, layout)
    images = torch.randn(2, 3, 8, 8)
    outputs = []
    for drop_path in (0.0, 0.0, 0.5):
        network.drop_path = drop_path
        torch.manual_seed(1)
        outputs.append(network(images))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
    assert network.drop_path == 0.5
    assert not any("keep" in name for name in network.state_dict())


def test_a_new_drop_path_compiles_nothing_anew():
    network = small(SKIPS, "nasbench201", cells=1)
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(network.forward_with_auxiliary, backend=backend)
    for drop_path in (0.1, 0.2, 0.3):
        network.drop_path = drop_path
        compiled(torch.randn(2, 3, 8, 8))
    assert len(graphs) == 1


@pytest.mark.parametrize(("side", "stride"), [(8, 3), (7, 2)])
def test_auxiliary_pooling_is_that_of_darts_on_its_own_maps(side, stride):
    x = torch.randn(2, 3, side, side)
    assert torch.equal(pool_to_quarters(x), F.avg_pool2d(x, 5, stride))


@pytest.mark.parametrize("height", range(1, 20))
def test_auxiliary_pooling_gives_two_by_two_and_keeps_constants(height):
    pooled = pool_to_quarters(torch.full((1, 1, height, 5), 3.0))
    torch.testing.assert_close(pooled, torch.full((1, 1, 2, 2), 3.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"genotype": "darts_v1", "layout": "cifar"}, "did you mean 'cifar10'"),
        ({"genotype": "darts_v1", "layout": "nasbench201"}, "takes cells of nasbench201"),
        ({"genotype": ARCH}, "takes cells of darts"),
        ({"genotype": ARCH, "layout": "nasbench201", "auxiliary": True}, "auxiliary_weight"),
        ({"genotype": "darts_v1", "cells": 0}, "must be 1 or more"),
    ],
)
def test_what_cannot_be_built_is_one_line(arguments, message):
    with pytest.raises(InputError, match=message):
        build(**arguments)


def test_seeds_draw_other_weights_and_leave_the_global_generator():
    sizes = {"layout": "cifar10", "classes": 10, "channels": 4, "cells": 3, "auxiliary": False}
    genotype = networks.resolve("darts_v1")
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    one = build_seeded(0, genotype, **sizes)
    assert torch.equal(torch.rand(2), expected)
    same, other = (build_seeded(seed, genotype, **sizes) for seed in (0, 1))
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, same.state_dict()[name])
    assert not torch.equal(one.classifier.weight, other.classifier.weight)
