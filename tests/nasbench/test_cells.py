"""Cells as codes and text; isomorphic cells, by the benchmark's definition and by function."""

import numpy as np
import pytest
import torch

from pipeline.errors import InputError
from pipeline.nasbench import cells
from pipeline.networks import build

SKIP_ALL = "|skip_connect~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|"


def test_codes_numbers_and_texts_agree():
    codes, texts = cells.codes(), list(cells.architectures())
    assert cells.numbers_of(codes).tolist() == list(range(15_625))
    for number in range(0, 15_625, 131):
        assert cells.parse(texts[number]) == tuple(codes[number])


@pytest.mark.parametrize("text", ["", "|none~0|", SKIP_ALL.replace("~2", "~1"), "x" + SKIP_ALL])
def test_what_is_no_cell_is_refused(text):
    with pytest.raises(InputError, match="no cell"):
        cells.parse(text)


def test_as_many_distinct_cells_as_published():
    assert len({cells.unique_text(tuple(code)) for code in cells.codes()}) == 6_466


def test_cells_of_one_text_are_one_function():
    """Networks of isomorphic cells without weights in the cell give the same outputs."""
    pooled = "|avg_pool_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|"
    other = "|skip_connect~0|+|none~0|avg_pool_3x3~1|+|none~0|none~1|skip_connect~2|"
    assert cells.unique_text(cells.parse(pooled)) == cells.unique_text(cells.parse(other))
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    outputs = []
    for text in (pooled, other):
        torch.manual_seed(0)
        network = build(text, "nasbench201", 4, 4, 1).eval()
        outputs.append(network(images).detach())
    torch.testing.assert_close(outputs[0], outputs[1])
    assert np.isfinite(outputs[0]).all()
