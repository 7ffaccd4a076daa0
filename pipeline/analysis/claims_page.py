"""Renders `docs/claims.md` from the measurements of `claims.py`; do not edit the page by hand.

The page has a table of verdicts, and one section with a picture for each claim. It also shows the
accuracy of the cell that each search would have returned after each epoch. A table lists all
planned runs, including those not yet done.
"""
# Tested in tests/analysis/test_claims.py.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import files
from pipeline.analysis import dots, figures
from pipeline.analysis.claims import PLAN
from pipeline.analysis.dots import Dots
from pipeline.analysis.figures import Series
from pipeline.analysis.measures import column_title
from pipeline.analysis.results_page import is_claim, table, text
from pipeline.config.claims import FAILS, HOLDS, OPEN
from pipeline.errors import InputError

HEAD = """\
# The paper's claims, tested

<!-- Rendered from docs/measurements/claims_*.json; change those and run
`python -m pipeline claims`. -->

This page tests the claims of Shapley-NAS (Xiao et al., CVPR 2022) by experiments. The rules are in
`config/experiments/claims.yaml`. A claim has one or more conditions:

- A condition compares a bound with the 95 % t interval of a mean over seeds. `0.51 ± 0.12 (n = 4)`
  is the mean over four seeds, ± half the width of its interval.
- The condition holds if the whole interval is on the claimed side of the bound. It does not hold if
  the whole interval is on the other side. Otherwise, or with too few seeds, it is undecided
  ("cannot be told here").
- A condition such as "4 of 4 seeds" looks at single seeds. It holds if four of them are on the
  claimed side. It does not hold as soon as one of them is not.
- A claim holds if all its conditions hold. It does not hold if one of them does not. Otherwise it
  is undecided. Conditions "not part of the verdict" are not counted.

The rules were committed before these runs. Their bounds of .2, 70 and 80 were chosen after pilot
searches with seeds 0 and 1. After the first three searches (DARTS with seeds 0 and 1, Shapley-NAS
with seed 0), we corrected the rules of C1, C4, C5, C6 and C10.

Verdicts can be wrong by chance. A condition fails in one of forty studies even if the true mean is
equal to its bound, and a claim with four such conditions fails in one of ten. Where accuracies are
not normally distributed, t intervals are too narrow ([measured](results/interval_coverage.md)).
"""
HELD_OUT = """\
## Choices of ours, on held-out data

Some choices of this project were made by looking at accuracies of CIFAR-10. These conditions test
them with other seeds and data sets. Their rules are in `config/experiments/held_out.yaml`.
"""
END = """\
## What has run

The test accuracy is that of the cell found at the end of each search. Kendall's tau compares the
strengths of all cells with their test accuracies. The strength of a cell is the mean final strength
of its operations. Accuracies on digits are from `nasbench_digits`, all others from NAS-Bench-201.
"""
BY_EPOCH = """\
## By epoch

The curves show two measures for each epoch: the accuracy of the cell that the search would have
returned after that epoch, and how well the operation strengths rank all 15,625 cells. Both are
computed from NAS-Bench-201 after the search; the search never uses this table. Thin lines show
single seeds, thick lines their mean, and bands the 95 % interval of the mean.
"""
CONDITIONS = {"says": "Condition", "rule": "Rule", "result": "Result", "verdict": "Verdict"}
PLURALS = {HOLDS: "hold here", FAILS: "do not hold here", OPEN: OPEN}
PLAN_COLUMNS = {
    "label": "Row",
    "dataset": "Data set",
    "done": "Seeds done",
    "wanted": "Seeds planned",
    "accuracy": "Test accuracy (%)",
    "highest": "Highest of all epochs (%)",
    "tau": "Tau, all cells",
}


def render(folder: Path, images: Path) -> str:
    """Return the text of the page and write its pictures to `images`, a folder next to the page.

    Raises:
        InputError: `folder` has no measurements of claims.
    """
    measured = [files.read_json(path) for path in sorted(folder.glob("*.json")) if is_claim(path)]
    if not measured:
        raise InputError(f"{folder}: no measurement of claims; give --judge to make them")
    claims = [measurement for measurement in measured if measurement["claim"] != PLAN]
    claims.sort(key=lambda claim: int(claim["claim"][1:]))
    papers = [claim for claim in claims if claim["claim"].startswith("C")]
    ours = [claim for claim in claims if claim not in papers]
    rows = [row for plan in measured if plan["claim"] == PLAN for row in plan["rows"]]
    sections = [_section(claim, images) for claim in papers]
    if ours:
        sections += [HELD_OUT, _summary(ours), *(_section(claim, images) for claim in ours)]
    made = [_made([*papers, *ours])] if claims else []
    return "\n".join([HEAD, _summary(papers), *sections, *_ran(rows, images), *made])


def _summary(claims: Sequence[Mapping[str, Any]]) -> str:
    """A table with one row per claim, followed by the number of claims with each verdict."""
    rows = [
        {
            "claim": f"[{claim['claim']}](#{claim['claim'].lower()})",
            "sentence": claim["sentence"],
            "verdict": f"**{claim['verdict']}**",
            "says": claim["conditions"][0]["says"],
            "result": _result(claim["conditions"][0]),
        }
        for claim in claims
    ]
    columns = {
        "claim": "",
        "sentence": "Claim",
        "verdict": "Verdict",
        "says": "First condition",
        "result": "Result",
    }
    verdicts = [claim["verdict"] for claim in claims]
    return f"{table(columns, rows)}\n\n{_counted(verdicts)}\n"


def _counted(verdicts: Sequence[str]) -> str:
    """A sentence with the number of claims of each verdict."""
    parts = ["none holds here"] if HOLDS not in verdicts else []
    for verdict, plural in PLURALS.items():
        if number := verdicts.count(verdict):
            parts.append(f"{number} {verdict if number == 1 else plural}")
    total = "1 claim" if len(verdicts) == 1 else f"{len(verdicts)} claims"
    *first, last = parts
    listed = ", ".join([*first, f"and {last}"]) if first else last
    return f"Of {total}, {listed}."


def _result(condition: Mapping[str, Any]) -> Any:
    """The result of a condition; a single value is marked as such."""
    result = condition["result"]
    return f"{text(result)} (n = 1)" if result and result["n"] == 1 else result or "not run"


def _section(claim: Mapping[str, Any], images: Path) -> str:
    rows = [
        {
            **condition,
            "says": condition["says"]
            if condition["decides"]
            else f"{condition['says']} (not part of the verdict)",
            "result": _result(condition),
        }
        for condition in claim["conditions"]
    ]
    parts = [
        f"## {claim['claim']}",
        f"{claim['sentence']} **Verdict: {claim['verdict']}.**",
        f"In the paper: section {claim['section']}.",
        f"Measured here: {claim['here']}",
        f"Differs from the paper: {claim['differs']}",
        table(CONDITIONS, rows),
        _picture(claim, images),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _picture(claim: Mapping[str, Any], images: Path) -> str:
    """Write the claim's curves or dots; return the Markdown that shows them."""
    picture = claim["picture"]
    name = f"claims_{claim['claim'].lower()}.svg"
    if picture.get("series"):
        what = f"{_words(picture['curve'])}, by epoch"
        return _curves(picture["series"], what, images / name)
    if picture.get("dots"):
        rows = [
            Dots(title, i, {int(seed): value for seed, value in by.items()})
            for i, (title, by) in enumerate(picture["dots"].items())
        ]
        files.write_text(images / name, figures.svg(dots.dots(rows)))
        return f"![{_words(picture['measure'])} by seed]({images.name}/{name})"
    return "No picture yet, because no run of this claim has finished."


def _curves(by_title: Mapping[str, Any], what: str, path: Path) -> str:
    """Write curves of several searches to `path`; return Markdown that shows them."""
    series = [
        Series(
            title,
            i,
            {int(seed): {int(e): v for e, v in values.items()} for seed, values in by.items()},
        )
        for i, (title, by) in enumerate(by_title.items())
    ]
    files.write_text(path, figures.svg(figures.curves(series, legend=True)))
    picture = f"![{what}]({path.parent.name}/{path.name})"
    return f"{picture}\n\n{what}. Mean over seeds in the last epoch: {figures.ends(series)}."


def _ran(rows: Sequence[Mapping[str, Any]], images: Path) -> list[str]:
    """The section on results by epoch, then the plan."""
    drawn = []
    for part in ("cifar10_test", "tau_cifar10_test"):
        series = {row["label"]: row["by_epoch"][part] for row in rows if row["by_epoch"].get(part)}
        labels, n = [*series], len(figures.SERIES)  # a picture holds n distinct curves
        for start in range(0, len(labels), n):
            shown = {label: series[label] for label in labels[start : start + n]}
            name = f"claims_{part}_{start // n + 1}.svg"
            drawn.append(_curves(shown, _words(part), images / name))
    lines = [{**row, "accuracy": row["accuracy"] or row["not_run"] or "not run"} for row in rows]
    return [
        BY_EPOCH,
        *(f"{paragraph}\n" for paragraph in drawn or ["Nothing has run."]),
        END,
        table(PLAN_COLUMNS, lines),
        "",
    ]


def _words(measure: str) -> str:
    """`ranking/tau_cifar10_test` as `Kendall's tau over all cells, CIFAR-10 test`."""
    key = measure.rpartition("/")[2]
    if key.startswith("tau_"):
        return f"Kendall's tau over all cells, {column_title(key.removeprefix('tau_'))}"
    if key.endswith("_test"):
        return f"{column_title(key)} accuracy (%) of the cell"
    return key.replace("_", " ").capitalize()


def _made(claims: Sequence[Mapping[str, Any]]) -> str:
    """Command, commits, machine and date of the claims; one list if they agree."""
    names: dict[str, list[str]] = {}
    for claim in claims:
        commits = ", ".join(f"`{commit[:12]}`" for commit in claim["commit"].split(", ") if commit)
        lines = [
            f"- Command: `{claim['command']}`",
            f"- Commits: {commits or 'none yet'}",
            f"- Machine: {claim['machine'] or 'none yet'}",
            f"- Date: {claim['date'] or 'none yet'}",
        ]
        names.setdefault("\n".join(lines), []).append(claim["claim"])
    lists = [f"{', '.join(members)}:\n\n{made}\n" for made, members in names.items()]
    return "\n".join(["\n## How it was measured\n", *lists])
