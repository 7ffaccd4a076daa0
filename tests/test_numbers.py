"""No number with a unit in the guide that nothing holds.

`94.1 %`, `0.41 s`, `.50 ± .07` in a page that is written by hand must be a number of a measurement
that the page links to (`results/NAME.md`), rounded as it stands there; or stand in a file of the
repository that its paragraph names, by a comment `<!-- source: PATH -->` or as its test. Pages that
a command renders are held to their source by tests of their own.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.analysis import results_page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RENDERED = {"claims.md", "cost.md", "fidelity.md", "results.md"}
PAGES = [page for page in sorted(DOCS.glob("*.md")) if page.name not in RENDERED]
UNIT = r"(?:%|x|[mk]?s|min|h|minutes?|hours?|seconds?|days?|[MG]i?B|points?|times)"
NUMBER = re.compile(rf"(?<![\w.,-])(\d[\d,]*(?:\.\d+)?|\.\d+) ?{UNIT}(?![\w-]| \d)")
INTERVAL = re.compile(r"(\d+\.?\d*|\.\d+) ± (\d+\.?\d*|\.\d+)")
SOURCE = re.compile(r"<!-- source: (\S+) -->")
TEST = re.compile(r"`(tests/[\w/]+\.py)`")
LINK = re.compile(r"\]\(results/(\w+)\.md\)")
# A table that a command fills.
FILLED = re.compile(r"<!-- \w+ -->.*?<!-- end -->", re.S)
# What is no result: the level of an interval.
DEFINED = {"95"}


def numbers(text: str) -> list[str]:
    """The numbers with a unit or an interval of a text, `1,024` as `1024`."""
    with_unit = [found for found in NUMBER.findall(text) if found not in DEFINED]
    both = [found.rstrip(".") for pair in INTERVAL.findall(text) for found in pair]
    return [found.replace(",", "") for found in (*with_unit, *both)]


def held(value: Any) -> Iterator[float]:
    """Every number of a measurement, those in words too."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from held(one)
    elif isinstance(value, str):
        yield from (float(found.replace(",", "")) for found in re.findall(r"\d*\.?\d+", value))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def measured(page: str) -> set[float]:
    """The numbers of the measurements that a page links to."""
    names = set(LINK.findall(page))
    folder = DOCS / "measurements"
    files = [path for path in folder.glob("*.json") if results_page.page_of(path.stem) in names]
    return {abs(one) for path in files for one in held(json.loads(path.read_text())["rows"])}


def unfounded(page: str) -> list[str]:
    """Paragraphs of a page with a number that nothing holds."""
    known, wrong = measured(page), []
    typed = FILLED.sub("", page)
    for paragraph in re.split(r"\n\s*\n", typed):
        sources = {*SOURCE.findall(paragraph), *TEST.findall(paragraph)}
        text = "\n".join((ROOT / path).read_text() for path in sources)
        for number in numbers(SOURCE.sub("", paragraph)):
            decimals = len(number.partition(".")[2])
            rounded = any(round(one, decimals) == float(number) for one in known)
            if not rounded and not re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", text):
                wrong.append(f"{number}: {paragraph[:70]!r}")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_numbers_with_a_unit_are_held_by_a_measurement_or_a_source(page):
    assert not unfounded(page.read_text(encoding="utf-8"))


def test_a_number_from_nowhere_is_found():
    linked = "[measured](results/supernet.md)"
    assert not unfounded(f"It took 5.1 s, 2.01x, and 413 MB ({linked}).")
    assert unfounded(f"It took 1.77 s ({linked}).")
    assert unfounded("It took 1.70 s.")
    assert unfounded("Four in five: 80 % of them, 3 times.")
    assert unfounded(f"It took 1.70 ± .03 ({linked}).")
    assert not unfounded("Images of 32 x 32, the 95 % interval, 3 of them, 3x3 and 10 seeds.")
    # A source holds the number, or it is none.
    assert not unfounded("<!-- source: config/presets/laptop.yaml -->\n18 minutes of a core.")
    assert unfounded("<!-- source: config/presets/laptop.yaml -->\n19 minutes of a core.")


def test_there_are_numbers_to_hold():
    assert sum(len(numbers(page.read_text(encoding="utf-8"))) for page in PAGES) > 10
