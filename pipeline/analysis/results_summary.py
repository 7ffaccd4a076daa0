"""Renders `docs/results.md`: findings as sentences, with numbers from the measurements.

`config/results.yaml` lists the findings. In a sentence, `{measurement|row|column}` is replaced by a
value from `docs/measurements/`. `{measurement|row|column|2}` is rounded to two decimals. `row` is
the text of the row's first column, or of its first columns, joined by commas.
"""
# Tested in tests/analysis/test_results_page.py.

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.analysis.results_page import table, text, titles
from pipeline.config.yaml_text import read_yaml
from pipeline.errors import InputError
from pipeline.settings import Settings

FILE = Path("config/results.yaml")
PLACE = re.compile(r"\{([^{}|]+)\|([^{}|]+)\|([^{}|]+)(?:\|(\d))?\}")
HEAD = """\
# Results

<!-- Rendered from config/results.yaml and docs/measurements/*.json by `make docs`. -->

This page summarises what we have measured. Each finding links to a page with the full table, the
command, the commit, the machine, and what the measurement does not show. We write a mean over four
seeds, ± half the width of its 95 % interval, as `2.51 ± 0.12 (n = 4)`. In `2.51 (2.4 to 2.6)` the
brackets contain the ends of the interval. With fewer than three seeds, the value of each seed is
shown. For numbers printed in a paper, ± is followed by the standard deviation from that paper. The
page [claims](claims.md) compares our results with the claims of the paper.
"""
PAGES = """\
## All measurements

{}

```{{toctree}}
:hidden:
:glob:

results/*
```
"""

Measured = Mapping[str, Mapping[str, Any]]


class Excerpt(Settings):
    """Some rows and columns of a measurement."""

    measurement: str
    rows: tuple[str, ...] = ()
    columns: dict[str, str]


class Finding(Settings):
    """A section of the page."""

    title: str
    says: str
    part: Excerpt | None = None
    picture: str = ""
    pages: tuple[str, ...] = Field(min_length=1)


def read(path: Path = FILE) -> list[Finding]:
    """Read the findings.

    Raises:
        InputError: the file is not valid.
    """
    try:
        return [Finding(**entry) for entry in read_yaml(path)["findings"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: {error}") from None


def render(measured: Measured, findings: Sequence[Finding]) -> str:
    """Render the page.

    Raises:
        InputError: a finding refers to a value that no measurement has.
    """
    of_pages = titles(measured)
    links = "\n".join(f"- [{title}](results/{page}.md)" for page, title in of_pages.items())
    known = links or "Nothing has been measured yet."
    return "\n".join(
        [
            HEAD,
            *(_section(finding, measured, of_pages) for finding in findings),
            PAGES.format(known),
        ]
    )


def _section(finding: Finding, measured: Measured, of_pages: Mapping[str, str]) -> str:
    unknown = [page for page in finding.pages if page not in of_pages]
    if unknown:
        raise InputError(f"{FILE}: {finding.title}: no page {', '.join(unknown)}")
    says = PLACE.sub(lambda place: _filled(measured, *place.groups()), finding.says)
    more = ", ".join(f"[{of_pages[page]}](results/{page}.md)" for page in finding.pages)
    parts = [f"## {finding.title}", says.strip()]
    if finding.part:
        parts.append(_excerpt(finding.part, measured))
    if finding.picture:
        parts.append(f"![{finding.title}](images/{finding.picture})")
    return "\n\n".join([*parts, f"More: {more}."]) + "\n"


def _filled(measured: Measured, name: str, row: str, column: str, decimals: str | None) -> str:
    number = value(measured, name, row, column)
    return text(number) if decimals is None else f"{number:.{decimals}f}"


def _excerpt(part: Excerpt, measured: Measured) -> str:
    rows = _measurement(measured, part.measurement)["rows"]
    if part.rows:
        rows = [_row(measured, part.measurement, name) for name in part.rows]
    return table(part.columns, rows)


def value(measured: Measured, name: str, row: str, column: str) -> Any:
    """One value of a measurement.

    Raises:
        InputError: there is no such measurement, row or column.
    """
    line = _row(measured, name, row)
    if column not in line:
        raise InputError(f"{FILE}: {name}, row {row!r} has no column {column!r}")
    return line[column]


def _measurement(measured: Measured, name: str) -> Mapping[str, Any]:
    if name not in measured:
        raise InputError(f"{FILE}: no measurement {name}")
    return measured[name]


def _row(measured: Measured, name: str, row: str) -> Mapping[str, Any]:
    """The row whose first column is `row`, or whose first columns, joined by commas, are `row`."""
    columns = [*_measurement(measured, name)["columns"]]
    rows = measured[name]["rows"]
    lines = [line for line in rows if line.get(columns[0]) == row] or [
        line
        for line in rows
        if f"{', '.join(str(line.get(key)) for key in columns)}, ".startswith(f"{row}, ")
    ]
    if len(lines) != 1:
        raise InputError(f"{FILE}: {name} has {len(lines)} rows {row!r}, not one")
    return lines[0]
