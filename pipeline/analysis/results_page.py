"""Renders the pages in `docs/results/` from `docs/measurements/*.json`; do not edit the pages.

A measurement is

    {"title", "question", "command", "commit", "machine", "date", "seeds",
     "columns": {key: label}, "rows": [{key: value}], "notes": [...], "does_not_show": [...]}

A value over several seeds is {"values", "n"}, or {"mean", "n"} with "low" and "high", "half_width"
or "std". The files `NAME_1.json`, `NAME_2.json`, ... are the tables of one page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pipeline.analysis.intervals import Summary
from pipeline.analysis.measures import DATASET_TITLES
from pipeline.errors import InputError
from pipeline.files import read_json

KEYS = (
    "title",
    "question",
    "command",
    "commit",
    "machine",
    "date",
    "seeds",
    "rows",
    "columns",
    "notes",
    "does_not_show",
)
MOST_CHARACTERS = 110  # in a row of a table; at 8 pixels each, 880 of a window of 1,200
GAP = 2  # characters between two columns
RENDERED = "<!-- Rendered from docs/measurements/{}; change that and run `make docs`. -->"


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """All measurements in a folder by file name, except those of claims.

    Raises:
        InputError: the folder does not exist, or a measurement is broken or lacks a key.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of measurements")
    contents = {path.stem: read_json(path) for path in sorted(folder.glob("*.json"))}
    measured = {name: content for name, content in contents.items() if "claim" not in content}
    for name, content in measured.items():
        missing = [key for key in KEYS if key not in content]
        if missing:
            raise InputError(
                f"{folder}/{name}.json: lacks {', '.join(missing)}; see "
                "pipeline/analysis/results_page"
            )
    return measured


def is_claim(path: Path) -> bool:
    """Whether a measurement belongs to the claims page (`claims_page.py`)."""
    return "claim" in read_json(path)


def page_of(name: str) -> str:
    """The page of a measurement: `budget_cpu` for `budget_cpu_1`."""
    return re.sub(r"_\d+$", "", name)


def render(measured: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Each page by its name."""
    return {
        page: _page({name: measured[name] for name in names})
        for page, names in groupby(measured, page_of)
    }


def titles(measured: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The title of each page."""
    return {
        page: _title([measured[name]["title"] for name in names])
        for page, names in groupby(measured, page_of)
    }


def _title(several: Sequence[str]) -> str:
    """The common start of the titles of a page's tables."""
    return several[0] if len(several) == 1 else several[0].split(". ")[0]


def _page(measured: Mapping[str, Mapping[str, Any]]) -> str:
    """A page with its tables."""
    several = [*measured.values()]
    title = _title([measurement["title"] for measurement in several])
    parts = [
        f"# {title}",
        RENDERED.format(", ".join(f"{name}.json" for name in measured)),
        *dict.fromkeys(measurement["question"] for measurement in several),
    ]
    for measurement in several:
        parts += (
            [f"## {measurement['title'].removeprefix(title + '. ')}"] if len(measured) > 1 else []
        )
        parts.append(table(measurement["columns"], measurement["rows"]))
    notes = _distinct(several, "notes")
    limits = _distinct(several, "does_not_show")
    parts += [_list(notes)] if notes else []
    parts += [f"What this does not show:\n\n{_list(limits)}"] if limits else []
    parts.append(
        _list([*dict.fromkeys(line for measurement in several for line in _made(measurement))])
    )
    files = ", ".join(f"[{name}.json](../measurements/{name}.json)" for name in measured)
    return "\n\n".join(parts) + f"\n- File: {files}\n"


def _distinct(several: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    return [*dict.fromkeys(line for measurement in several for line in measurement[key])]


def _made(measurement: Mapping[str, Any]) -> Iterator[str]:
    """How a measurement was made."""
    seeds = measurement["seeds"]
    yield f"Command: `{measurement['command']}`{_of_earlier_code(measurement['command'])}"
    yield "Commit: " + ", ".join(f"`{commit[:12]}`" for commit in measurement["commit"].split(", "))
    yield f"Machine: {measurement['machine']}"
    yield f"Date: {measurement['date']}"
    yield f"Seeds: {', '.join(map(str, seeds)) if isinstance(seeds, list) else seeds}"


def _of_earlier_code(command: str) -> str:
    """A remark if the command no longer exists."""
    removed = ("pipeline.experiments", "bench shapley", "scripts/measure_")
    if not any(place in command for place in removed):
        return ""
    return ", code of that commit; today the studies of `config/studies/` measure it"


def table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table, or several if it is too wide for a page; see `_parts`."""
    return "\n\n".join(_one_table(part, rows) for part in _parts(columns, rows))


def _one_table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table; columns of numbers are right-aligned."""
    rule = ["---:" if any(_is_number(row.get(key)) for row in rows) else "---" for key in columns]
    lines = [list(columns.values()), rule, *([text(row.get(k)) for k in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _parts(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, str]]:
    """The columns of each table, so that it fits a page if possible.

    The columns that name a row are repeated in each table. A family of columns is not divided.
    """
    width = {
        key: max(map(longest_word, [title, *(text(row.get(key)) for row in rows)]))
        for key, title in columns.items()
    }
    names = _naming(columns, rows)
    part = names
    for family in _families([key for key in columns if key not in names], columns):
        if part != names and sum(width[key] + GAP for key in [*part, *family]) > MOST_CHARACTERS:
            yield {key: columns[key] for key in part}
            part = names
        part = [*part, *family]
    yield {key: columns[key] for key in part}


def longest_word(words: str) -> int:
    """The number of characters that a browser does not divide."""
    return max(map(len, re.split(r"[ -]", words)))


def _naming(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The first columns, as many as tell the rows apart."""
    keys = [*columns]
    for n in range(1, len(keys)):
        if len({tuple(text(row.get(key)) for key in keys[:n]) for row in rows}) == len(rows):
            return keys[:n]
    return keys


def _families(keys: Sequence[str], columns: Mapping[str, str]) -> list[list[str]]:
    """Columns that belong together: `c0_paper` with `c0`, and all of a data set."""

    def family(key: str) -> str:
        root = key.partition("_")[0]
        root = root if root in columns else key
        named = [title for title in DATASET_TITLES.values() if title in columns[root]]
        return max(named, key=len, default=root)

    return [[*members] for _, members in groupby(keys, family)]


def _spread(value: Mapping[str, Any]) -> str:
    """Mean and spread as text, such as `93.21 ± 0.40 (n = 4)`; both values if n = 2.

    The spread is half the width of a 95 % interval, or else the standard deviation.
    """
    n = value.get("n", 1)
    end = f" (n = {n})" if n > 1 else ""
    if n == 2 and value.get("std") is not None:
        apart = value["std"] / 2**0.5
        value = {"values": [round(value["mean"] + sign * apart, 3) for sign in (-1, 1)]}
    if "values" in value:
        return ", ".join(map(text, value["values"])) + end
    mean, half = value["mean"], value.get("half_width")
    if "low" not in value and half is None:
        spread = value.get("std")
        return text(mean) + ("" if spread is None else f" ± {text(spread)}") + end
    low, high = (
        (value.get("low"), value.get("high")) if half is None else (mean - half, mean + half)
    )
    return Summary((), mean, None, low, high, "bounded" in value).words() + end


def _list(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Mapping) and not isinstance(value, bool)


def text(value: Any) -> str:
    """Five significant digits at most; no exponent for large numbers."""
    if value is None:
        return "–"
    if isinstance(value, Mapping):
        return _spread(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value + 0.0:.5g}"
    return str(value).replace("|", "\\|").replace("\n", " ")
