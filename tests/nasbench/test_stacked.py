"""Networks side by side are the networks one by one."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pipeline.nasbench import cells
from pipeline.nasbench.stacked import StackedNetworks
from pipeline.networks import build

C, CLASSES, CELLS = 4, 5, 1


@pytest.fixture
def codes():
    return np.random.default_rng(0).choice(cells.codes(), 12, replace=False)


def one_of(stacked, codes, k):
    """The k-th network alone, with its share of the parameters."""
    text = list(cells.architectures())[int(cells.numbers_of(codes[k]))]
    network = build(text, "nasbench201", CLASSES, C, CELLS)

    def take(target, source, position):
        share = source.shape[0] // position[1]
        target.data.copy_(source.data[position[0] * share : (position[0] + 1) * share])

    def conv_bn(target, source, position):
        take(target[-2].weight, source[-2].weight, position)
        take(target[-1].weight, source[-1].weight, position)
        take(target[-1].bias, source[-1].bias, position)

    everyone = (k, len(codes))
    conv_bn(network.stem, stacked.stem, everyone)
    for ours, theirs in zip(network.stack, stacked.stack, strict=True):
        if hasattr(theirs, "shortcut"):
            for i in (0, 1):
                conv_bn(ours.residual[i], theirs.residual[i], everyone)
            take(ours.shortcut[1].weight, theirs.shortcut[1].weight, everyone)
            continue
        for e, operation in enumerate(codes[k]):
            name = cells.OPERATIONS[operation]
            if name.startswith("nor_conv"):
                same = np.flatnonzero(codes[:, e] == operation)
                position = (int(np.flatnonzero(same == k)[0]), len(same))
                edge = theirs.edges[e]
                source = edge.conv_1x1 if name.endswith("1x1") else edge.conv_3x3
                conv_bn(ours.nodes.operations[e], source, position)
    take(network.head[0].weight, stacked.head[0].weight, everyone)
    take(network.head[0].bias, stacked.head[0].bias, everyone)
    network.classifier.weight.data.copy_(stacked.weight.data[k])
    network.classifier.bias.data.copy_(stacked.bias.data[k])
    return network


def test_outputs_and_gradients_of_each(codes):
    torch.manual_seed(0)
    stacked = StackedNetworks(codes, CLASSES, C, CELLS)
    images, labels = torch.randn(6, 3, 8, 8), torch.arange(6) % CLASSES
    alone = [one_of(stacked, codes, k) for k in range(len(codes))]
    for mode in (True, False):
        logits = stacked.train(mode)(images)
        for k, network in enumerate(alone):
            expected = network.train(mode)(images)
            torch.testing.assert_close(logits[:, k], expected, rtol=1e-4, atol=1e-5)
    stacked.train()
    F.cross_entropy(stacked(images).flatten(0, 1), labels.repeat_interleave(len(codes))).backward()
    for k, network in enumerate(alone):
        network.train().zero_grad()
        F.cross_entropy(network(images), labels).backward()
        ours = stacked.weight.grad[k] * len(codes)
        torch.testing.assert_close(ours, network.classifier.weight.grad, rtol=1e-3, atol=1e-5)
        if network.stem[0].weight.grad is None:
            continue  # no path through the cell
        stem = stacked.stem[0].weight.grad[k * C : (k + 1) * C] * len(codes)
        torch.testing.assert_close(stem, network.stem[0].weight.grad, rtol=1e-3, atol=1e-5)
