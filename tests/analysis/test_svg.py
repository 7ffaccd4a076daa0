import re
from xml.etree import ElementTree

import pytest

from pipeline.analysis import figures, svg
from pipeline.errors import InputError
from tests.analysis.toys import CELL


def test_ids_of_neighbours_do_not_clash():
    pages = [svg.inline(CELL, prefix, "a cell") for prefix in ("d0", "d1")]
    ids = [re.findall(r'\bid="([^"]+)"', page) for page in pages]
    assert ids == [["d0-clip", "d0-glyph"], ["d1-clip", "d1-glyph"]]
    for page in pages:
        ElementTree.fromstring(page)
        targets = re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", page)
        assert {a or b for a, b in targets} == set(re.findall(r'\bid="([^"]+)"', page))


def test_drawing_takes_the_width_of_its_place_and_brings_no_style():
    page = svg.inline(CELL.replace("viewBox", 'width="9pt" height="3pt" viewBox'), "d", 'say "so"')
    root = ElementTree.fromstring(page)
    assert (root.get("width"), root.get("height"), root.get("role")) == (None, None, "img")
    assert root.get("aria-label") == 'say "so"'
    assert "<style" not in page


def test_colours_become_variables_with_themselves_as_fallback():
    series = [figures.Series("a", 0, {0: {1: 0.5, 2: 0.7}})]
    page = svg.inline(figures.svg(figures.curves(series)), "d", "a curve", figures.THEME)
    assert "var(--series-0, #0072b2)" in page
    assert not re.search(r"(?<!, )#0072b2", page)


def test_what_is_not_svg_is_named():
    with pytest.raises(InputError, match="drawing d7"):
        svg.inline("<svg", "d7", "")
