"""Drawn cells: the same bytes each time, labels inside their boxes."""

from xml.etree import ElementTree

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from pipeline import registry
from pipeline.networks import resolve
from pipeline.networks.drawing import SCALE, draw, draw_box, operation_label

ARCH = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"


@pytest.mark.parametrize("genotype", ["shapley_nas_cifar10", ARCH])
def test_files_are_whole_and_repeat(tmp_path, genotype):
    found = resolve(genotype)
    for name in "ab":
        draw(found, tmp_path / f"{name}.svg", tmp_path / f"{name}.png")
    for suffix in ("svg", "png"):
        first, second = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab")
        assert first == second
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")
    with Image.open(tmp_path / "a.png") as image:
        assert image.width > image.height > 200


@pytest.mark.parametrize("operation", [*registry.names("operations"), "of_ones_own"])
def test_label_fits_its_box(operation):
    figure = Figure(figsize=(4 * SCALE, 2 * SCALE))
    renderer = FigureCanvasAgg(figure).get_renderer()
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 4), ylim=(0, 2))
    draw_box(axes, 1.0, 1.0, operation)
    (shape,) = (patch for patch in axes.patches if isinstance(patch, FancyBboxPatch))
    (label,) = axes.texts
    inner, outer = label.get_window_extent(renderer), shape.get_window_extent(renderer)
    assert outer.x0 < inner.x0 and inner.x1 < outer.x1
    assert outer.y0 < inner.y0 and inner.y1 < outer.y1


def test_labels():
    names = ("sep_conv_3x3", "nor_conv_1x1", "skip_connect", "max_pool_3x3", "none")
    labels = [operation_label(name) for name in names]
    assert labels == ["sep conv 3×3", "conv 1×1", "skip", "max pool 3×3", "none"]
