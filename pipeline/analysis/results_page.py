"""`docs/results.md` from `docs/measurements/*.json`: rendered, never typed.

A measurement is

    {"title", "question", "command", "commit", "machine", "date", "seeds",
     "columns": {key: label}, "rows": [{key: value}], "notes": [...], "does_not_show": [...]}

where a value may be {"mean", "low" and "high" (or "half_width") or "std", "n"}, or {"values", "n"}.
It becomes a section with its question, a
table, how it was made, and what it does not show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.analysis.intervals import Summary
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
T_OF_TWO = 12.7062  # t(0.975, 1): half the interval over half the distance of two values
HEAD = """\
# Results

<!-- Rendered from docs/measurements/*.json; change those and run
`snakemake --cores 1 docs/results.md`. -->

Each section is one measurement of this project, with the command that made it, the machine, and
what it does not show. The files behind them are in `docs/measurements/`. `2.51 ± 0.12 (n = 4)` is a
mean over n seeds, ± half the width of its 95 % interval, or the ends of the interval in brackets;
of fewer than three seeds the values themselves stand there. After a number of the paper ± is the
deviation that it prints.
"""


def render(folder: Path) -> str:
    """The page, sections by file name.

    Raises:
        InputError: a measurement is broken or lacks a key, or there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of measurements")
    sections = [_section(path) for path in sorted(folder.glob("*.json")) if not is_claim(path)]
    return "\n".join([HEAD, *(sections or ["Nothing has been measured yet.\n"])])


def is_claim(path: Path) -> bool:
    """Whether a measurement is part of the page of claims, `claims_page.py`."""
    return "claim" in read_json(path)


def _section(path: Path) -> str:
    measurement = read_json(path)
    missing = [key for key in KEYS if key not in measurement]
    if missing:
        raise InputError(f"{path}: lacks {', '.join(missing)}; see pipeline/analysis/results_page")
    seeds = measurement["seeds"]
    seeds = ", ".join(map(str, seeds)) if isinstance(seeds, list) else seeds
    made = {
        "Command": f"`{measurement['command']}`{_of_earlier_code(measurement['command'])}",
        "Commit": ", ".join(f"`{one[:12]}`" for one in measurement["commit"].split(", ")),
        "Machine": measurement["machine"],
        "Date": measurement["date"],
        "Seeds": seeds,
        "File": f"[{path.name}](measurements/{path.name})",
    }
    parts = [
        f"## {measurement['title']}",
        measurement["question"],
        table(measurement["columns"], measurement["rows"]),
        *([_list(measurement["notes"])] if measurement["notes"] else []),
        *(
            [f"What this does not show:\n\n{_list(measurement['does_not_show'])}"]
            if measurement["does_not_show"]
            else []
        ),
        _list([f"{name}: {value}" for name, value in made.items()]),
    ]
    return "\n\n".join(parts) + "\n"


def _of_earlier_code(command: str) -> str:
    """What is said of a command that only its commit has."""
    if "pipeline.experiments" not in command:
        return ""
    return ", code of that commit; today the studies of `config/studies/` measure it"


def table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table; columns that hold numbers are set to the right."""
    rule = ["---:" if any(_is_number(row.get(key)) for row in rows) else "---" for key in columns]
    lines = [list(columns.values()), rule, *([_text(row.get(k)) for k in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _spread(value: Mapping[str, Any]) -> str:
    """`93.21 ± 0.40 (n = 4)`: the 95 % interval; of what others print, their deviation.

    Of fewer than three runs the values are shown.
    """
    n = value.get("n", 1)
    end = f" (n = {n})" if n > 1 else ""
    if "values" in value or n == 2:
        return ", ".join(map(_text, value.get("values") or _both(value))) + end
    mean, half = value["mean"], value.get("half_width")
    if "low" not in value and half is None:
        spread = value.get("std")
        return _text(mean) + ("" if spread is None else f" ± {_text(spread)}") + end
    low, high = (
        (value.get("low"), value.get("high")) if half is None else (mean - half, mean + half)
    )
    return Summary((), mean, None, low, high, "bounded" in value).words() + end


def _both(value: Mapping[str, Any]) -> tuple[float, float]:
    """Two values from their mean and deviation, or from the t interval of their mean."""
    std, half = value.get("std"), value.get("half_width")
    apart = std / 2**0.5 if std is not None else (half or 0.0) / T_OF_TWO
    return value["mean"] - apart, value["mean"] + apart


def _list(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Mapping) and not isinstance(value, bool)


def _text(value: Any) -> str:
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
        return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.5g}"
    return str(value).replace("|", "\\|").replace("\n", " ")
