"""Makes the tables and pictures of docs/shapley.md from the measurements of the studies."""
# Tested in tests/shapley/test_docs.py.

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.analysis.results_page import table
from pipeline.files import read_json, write_text
from pipeline.studies.pictures import DRAWN

Row = Mapping[str, Any]
PLACE = re.compile(r"<!-- ((?:shapley|oracle)_\w+) -->\n.*?<!-- end -->", re.DOTALL)


def fill(page: str, folder: Path) -> str:
    """Fill in the page's tables; each goes between `<!-- name -->` and `<!-- end -->`."""

    def filled(place: re.Match[str]) -> str:
        measurement = read_json(folder / f"{place[1]}.json")
        make = TABLES.get(place[1], table)
        content = make(measurement["columns"], measurement["rows"])
        return f"<!-- {place[1]} -->\n{content}\n<!-- end -->"

    return PLACE.sub(filled, page)


def estimators(columns: Mapping[str, str], rows: Sequence[Row]) -> str:
    """One row per estimator, with Kendall's tau on each supernet, sorted by descending mean tau."""
    supernets = [*dict.fromkeys(row["supernet"] for row in rows)]
    found: list[dict[str, Any]] = []
    for estimator in dict.fromkeys(row["estimator"] for row in rows):
        own = {row["supernet"]: row for row in rows if row["estimator"] == estimator}
        means = {key: [row[key]["mean"] for row in own.values()] for key in ("tau", "r", "winners")}
        found.append(
            {
                "estimator": f"`{estimator}`",
                "share": next(iter(own.values())).get("share"),
                **{supernet: _without_n(row["tau"]) for supernet, row in own.items()},
                **{key: round(float(np.mean(values)), 2) for key, values in means.items()},
            }
        )
    found.sort(key=lambda row: -row["tau"])
    heads = {
        "estimator": columns["estimator"],
        "share": "Cost, plain = 1",
        **{name: name.replace(" passes", "") for name in supernets},
        "tau": "Mean tau",
        "r": "Mean r",
        "winners": "Mean share of edges",
    }
    return table(heads, found)


def supernets(columns: Mapping[str, str], rows: Sequence[Row]) -> str:
    """One row per way to score cells, one column per supernet, and two numbers in each field.

    These are Kendall's tau between the scores and the accuracies of the cells, and the accuracy (%)
    of the cell with the highest score.
    """
    # Readings of α itself, which have no batch-norm policy, are left out.
    rows = [row for row in rows if row["batch_norm"]]
    names = [*dict.fromkeys(f"{row['way']}, {row['age']}" for row in rows)]
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        reading = row["reading"]
        if row["batch_norm"] != "batch":
            reading += f", {row['batch_norm']} statistics"
        known = row["table_tau"] is not None
        cell = f"{row['table_tau']:.2f}, {row['found_accuracy']:.1f}" if known else "–"
        found.setdefault(reading, {"reading": reading})[f"{row['way']}, {row['age']}"] = cell
    return table(
        {"reading": columns["reading"], **{name: name for name in names}}, [*found.values()]
    )


def games(columns: Mapping[str, str], rows: Sequence[Row]) -> str:
    """One row per estimator: its errors and coverages, by evaluations per player."""
    budgets = [*dict.fromkeys(row["per_player"] for row in rows)]
    heads = {"name": columns["name"]}
    found: dict[str, dict[str, Any]] = {}
    for key, title in (("error", "Error"), ("coverage", "Coverage"), ("coverage_noisy", "Noisy")):
        heads |= {f"{key}_{budget}": f"{title}, {budget} per player" for budget in budgets}
        for row in rows:
            line = found.setdefault(row["name"], {"name": f"`{row['name']}`"})
            line[f"{key}_{row['per_player']}"] = row.get(key)
    return table(heads, [*found.values()])


def _without_n(value: Mapping[str, Any]) -> dict[str, Any]:
    """Mean and half-width of its interval, to two decimals, without the number of repeats."""
    return {
        key: round(value[key], 2) for key in ("mean", "half_width") if value.get(key) is not None
    }


TABLES = {
    "shapley_estimators": estimators,
    "shapley_games": games,
    "shapley_supernets": supernets,
    "oracle_supernets": supernets,
}


def write(folder: Path, page: Path, pictures: Path) -> None:
    """Rewrite the page's tables and draw its pictures from the measurements in `folder`."""
    for name, draw in DRAWN.items():
        draw(folder / f"{name}.json", pictures / f"{name}.svg")
    write_text(page, fill(page.read_text(encoding="utf-8"), folder))
