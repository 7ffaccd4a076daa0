"""The study of `shapley.py` as measurements, the JSON files that the docs quote.

A number over repeats is {"mean", "std", "half_width", "n"}: half the width of the 95 % t interval.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline import provenance, registry
from pipeline.analysis.intervals import summarise
from pipeline.bench.supernets import WAYS
from pipeline.experiments.agreement import Ranking, edges_of, with_reference
from pipeline.experiments.forms import pixels
from pipeline.experiments.walks import VALUE_NAMES, Walks, load, path_of, together
from pipeline.experiments.words import BLOCKS, ESTIMATORS, SUPERNETS
from pipeline.files import read_json, write_json

if TYPE_CHECKING:
    from pipeline.experiments.shapley import Study

MEASURES = ("tau", "r", "winners")
ETA = 0.5
REFERENCES = ("first", "second")
BLOCK_SIZES = (4, 8, 16, 24, 50, 100)  # even, since walks come in pairs


def write(study: Study, form: str, data_root: Path, folder: Path) -> list[Path]:
    """Write the measurements that there are results for.

    Args:
        study: the study, with the folder of its results.
        form: its name, for the command.
        data_root: where the NAS-Bench-201 table lies; without it the second one is left out.
        folder: where the files go.
    """
    from pipeline.nasbench import Table, find_table

    written = []
    common, policy = _common(study, form), study.form.batch_norm
    rows = estimator_rows(study.out, study.form.reads, policy)
    if rows:
        name = "shapley_estimators" + ("" if policy == "batch" else f"_{policy}")
        written.append(folder / f"{name}.json")
        title = {"title": f"{ESTIMATORS['title']}{_under(policy)}"}
        write_json(written[-1], {**common, **ESTIMATORS, **title, "rows": rows})
    if policy != "batch":  # The rest is a question of the other policy, with this one in its rows.
        return written
    rows = block_rows(study.out, study.form.main)
    if rows:
        written.append(folder / "shapley_permutations.json")
        write_json(written[-1], {**common, **BLOCKS, "rows": rows})
    table = find_table(data_root)
    rows = supernet_rows(study.out, Ranking.of(Table.load(table))) if table else []
    if rows:
        written.append(folder / "shapley_supernets.json")
        write_json(written[-1], {**common, **SUPERNETS, "rows": rows})
    return written


def _under(policy: str) -> str:
    return "" if policy == "batch" else f", under {policy} batch-norm statistics"


def estimator_rows(out: Path, value: str, policy: str = "batch") -> list[dict[str, Any]]:
    """A row a supernet and estimator, and one for the ceiling; by one of `VALUE_NAMES`."""
    groups: dict[tuple[str, int, str], list[dict[str, Any]]] = defaultdict(list)
    for run in _runs(out):
        groups[run["way"], run["age"], run["variant"]].append(run)
    rows = []
    supernets = {(way, age) for way, age, _ in groups}
    for way, age in sorted(supernets, key=lambda one: (WAYS.index(one[0]), one[1])):
        reference, ceiling = references(out, way, age, value, policy)
        edges = edges_of(reference)
        of_supernet = {key: runs for key, runs in groups.items() if key[:2] == (way, age)}
        plain = float(np.mean([run["image_forwards"] for run in of_supernet[way, age, "plain"]]))
        found = [
            {
                "supernet": f"{way}, {age} passes",
                "estimator": variant,
                **_over(runs, reference, edges),
                "evaluations": round(np.mean([run["evaluations"] for run in runs])),
                "share": round(np.mean([run["image_forwards"] for run in runs]) / plain, 3),
                "seconds": round(float(np.median([run["seconds"] for run in runs])), 2),
            }
            for (_, _, variant), runs in of_supernet.items()
        ]
        rows += sorted(found, key=lambda row: -row["tau"]["mean"])
        second = {measure: {"mean": round(ceiling[measure], 3), "n": 1} for measure in MEASURES}
        rows.append({"supernet": f"{way}, {age} passes", "estimator": "ceiling", **second})
    return rows


def _runs(out: Path) -> list[dict[str, Any]]:
    return [read_json(path) for path in sorted((out / "runs").glob("*.json"))]


def references(
    out: Path, way: str, age: int, value: str, policy: str = "batch"
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Values by both references together, float64[n]; how far the two agree with each other."""
    first, second = (load(out, way, age, which, policy) for which in REFERENCES)
    phi = first.phi(value)
    ceiling = with_reference(second.phi(value), phi, edges_of(phi))
    return together([first, second]).phi(value), ceiling


def block_rows(out: Path, supernets: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """Few permutations against many: blocks of the second reference against the first."""
    rows = []
    readings: dict[str, dict[str, Any]] = {value: {"value": value} for value in VALUE_NAMES}
    readings["truncated"] = {"eta": ETA}
    for way, age in supernets:
        if not path_of(out, way, age, "second").exists():
            continue
        first, second = (load(out, way, age, which) for which in REFERENCES)
        reference = first.phi()
        edges = edges_of(reference)
        for m in (size for size in BLOCK_SIZES if size <= len(second.orders)):
            starts = range(0, len(second.orders) - m + 1, m)
            blocks = [Walks(second.orders[a : a + m], second.V[:, a : a + m]) for a in starts]
            rows += [
                {
                    "supernet": f"{way}, {age} passes",
                    "reading": reading,
                    "permutations": m,
                    **_agreement([block.phi(**how) for block in blocks], reference, edges),
                }
                for reading, how in readings.items()
            ]
    return rows


def _over(
    runs: Iterable[dict[str, Any]], reference: NDArray[np.float64], edges: NDArray[np.int64]
) -> dict[str, Any]:
    return _agreement([np.array(run["phi"], dtype=float) for run in runs], reference, edges)


def _agreement(
    phis: Sequence[NDArray[np.float64]], reference: NDArray[np.float64], edges: NDArray[np.int64]
) -> dict[str, Any]:
    agreements = [with_reference(phi, reference, edges) for phi in phis]
    found = {}
    for measure in MEASURES:
        over = summarise(agreement[measure] for agreement in agreements)
        numbers = {"mean": over.mean, "std": over.deviation, "half_width": over.half_width}
        found[measure] = {
            **{key: None if x is None else round(x, 3) for key, x in numbers.items()},
            "n": over.n,
        }
    return found


def supernet_rows(out: Path, ranking: Ranking) -> list[dict[str, Any]]:
    """What Shapley values of supernets say of the table, by way, age, value, policy and sizes."""
    from pipeline.config.recipes import NasBench201Search

    space = registry.get("spaces", "nasbench201")(NasBench201Search().supernet)
    players = np.flatnonzero(space.selectable().ravel())
    n = len(players)
    readings: list[tuple[str, dict[str, Any]]] = [
        *((value, {"value": value}) for value in VALUE_NAMES),
        (f"accuracy, truncated at {ETA}", {"eta": ETA}),
        ("accuracy, largest third of coalitions", {"sizes": (n - n // 3, n)}),
        ("accuracy, middle third", {"sizes": (n // 3, n - n // 3)}),
        ("accuracy, smallest third", {"sizes": (0, n // 3)}),
    ]
    rows = []
    of_all = [read_json(path) for path in (out / "trained").glob("*.json")]
    for trained in sorted(of_all, key=lambda one: (WAYS.index(one["way"]), one["age"])):
        way, age = trained["way"], trained["age"]
        for policy in ("batch", "running", "recalibrated"):
            halves = [
                load(out, way, age, which, policy)
                for which in REFERENCES
                if path_of(out, way, age, which, policy).exists()
            ]
            if not halves:
                continue
            for reading, how in readings if policy == "batch" else readings[:1]:
                rows.append(
                    {
                        "way": way,
                        "age": age,
                        "train_accuracy": round(trained["train_accuracy"], 3),
                        "value_full": round(value_full(halves), 3),
                        "batch_norm": policy,
                        "reading": reading,
                        **_against(ranking, halves, how, players),
                        "permutations": sum(len(walks.orders) for walks in halves),
                    }
                )
    return rows


def value_full(halves: Sequence[Walks]) -> float:
    """V(N) by accuracy, the mean over draws."""
    return float(np.mean([walks.V[0, :, 0].mean() for walks in halves]))


def _against(
    ranking: Ranking, halves: Sequence[Walks], how: dict[str, Any], players: NDArray[np.int64]
) -> dict[str, Any]:
    """Both references together, and each by itself to see how far chance goes."""
    found = ranking.against(together(halves).phi(**how), players)
    single = [ranking.against(walks.phi(**how), players)["table_tau"] for walks in halves]
    return {
        "table_tau": round(found["table_tau"], 3),
        "table_tau_halves": " / ".join(f"{tau:.2f}" for tau in single),
        "found_accuracy": round(found["found_accuracy"], 2),
    }


def _common(study: Study, name: str) -> dict[str, Any]:
    form, record = study.form, provenance.collect({}, 0, "cpu", 0.0)
    commits = sorted({run["commit"] for run in _runs(study.out)}) or [record["git_commit"]]
    sizes = (
        f"NAS-Bench-201 supernet, C = {form.channels}, N = 1, {form.train_images:,} images a "
        f"pass, {pixels(form.image_size)}batch 128, cosine over {form.epochs} passes; V by "
        f"{form.reads}{_under(form.batch_norm)}, on {form.images} images a draw, drawn anew for "
        "each permutation; `plain` is "
        f"10 whole permutations on {form.plain_draws * form.images} images each; two references of "
        f"{form.permutations} permutations on {form.reference_draws * form.images} images each "
        f"where all estimators run, else {form.other_permutations}, each order walked both ways, "
        "on parts of the value half that share no image with each other or with the estimates. "
        "Estimates are compared with both references together; `ceiling`: one of them with the "
        "other."
    )
    found = {read_json(path)["way"] for path in (study.out / "trained").glob("*.json")}
    ways = "".join(f" --way {way}" for way in WAYS if way in found) if found != {*WAYS} else ""
    return {
        "command": f"python -m pipeline.experiments.shapley --out FOLDER --form {name}{ways}",
        "commit": ", ".join(commits),
        "machine": record["cpu"],
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "seeds": [0],
        "notes": [sizes],
    }
