"""Makes the measurements of a study (JSON files that the docs quote) from its results."""
# Tested in tests/studies/test_table.py.

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

from pipeline import provenance
from pipeline.analysis.measurement import made_by
from pipeline.config.recipes import NasBench201Search
from pipeline.config.studies import Study, SummaryJob, Words, estimate_job, walk_job
from pipeline.errors import InputError
from pipeline.files import read_json, read_share
from pipeline.nasbench import EMBEDDED, Table
from pipeline.paths import FORM, NETWORK
from pipeline.studies.agreement import number
from pipeline.studies.digits import digits_rows
from pipeline.studies.estimators import block_rows, estimator_rows
from pipeline.studies.games import game_rows
from pipeline.studies.reaching import reaching_rows
from pipeline.studies.readings import reading_rows
from pipeline.studies.table import table_rows

Rows = Iterable[dict[str, Any]]


def trial_rows(study: Study, results: Path) -> Iterator[dict[str, Any]]:
    """One row per form of training, with its accuracy and its difference from the first form."""
    if study.trials is None:
        raise InputError(f"config/studies/{study.name}.yaml: trials: missing")
    plain: list[float] = []
    for name, form in study.trials.forms.items():
        folders = [study.folder(FORM, form=name, rseed=s) for s in range(study.trials.seeds)]
        errors = [read_share(results / one / "metrics.json", "held_out_error") for one in folders]
        found = [100 * (1 - error) for error in errors]
        each = ", ".join(map("{:.2f}".format, found))
        row = {"form": form.title, "accuracy": number(found), "each": each}
        apart = [a - b for a, b in zip(found, plain, strict=False)]
        yield {**row, "difference": number(apart)} if plain else row
        plain = plain or found


def known_game_rows(study: Study, results: Path) -> Rows:
    """The rows of estimators on games with known Shapley values, which need no results."""
    if study.games is None:
        raise InputError(f"config/studies/{study.name}.yaml: games: missing")
    return game_rows(study.games)


def transfer_rows(study: Study, results: Path) -> Iterator[dict[str, Any]]:
    """One row per folder of images and network, from the trainings that have finished."""
    transfers = study.transfers
    if transfers is None:
        raise InputError(f"config/studies/{study.name}.yaml: transfers: missing")
    for folder, network in product(transfers.folders, transfers.networks):
        place = {"folder": folder, "network": network}
        runs = [study.folder(NETWORK, **place, rseed=seed) for seed in range(transfers.seeds)]
        files = [results / run / "metrics.json" for run in runs]
        finished = [file for file in files if file.exists()]
        row = {
            "data": transfers.folders[folder].title,
            "network": transfers.networks[network].title,
            "accuracy": "not run",
            "n": len(finished),
            "wanted": transfers.seeds,
        }
        if finished:
            metrics = read_json(finished[0])
            row["accuracy"] = number(100 * read_share(file, "test_accuracy") for file in finished)
            row["majority"] = 100 * read_share(finished[0], "majority_accuracy")
            row |= {key: metrics[key] for key in ("params", "macs", "epochs")}
        yield row


FROM_RUNS: dict[str, Callable[[Study, Path], Rows]] = {
    "estimators": estimator_rows,
    "reaching": reaching_rows,
    "blocks": block_rows,
    "games": known_game_rows,
    "trials": trial_rows,
    "transfers": transfer_rows,
}
FROM_TABLE: dict[str, Callable[[Study, Path, Table], Rows]] = {
    "readings": reading_rows,
    "table": lambda study, results, table: table_rows(table),
    "digits": lambda study, results, table: digits_rows(Table.load(EMBEDDED), table),
}


def measurements(
    job: SummaryJob, results: Path, table: Path | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, measurement) for each measurement that the study's file describes.

    `results` is `results/{preset}`; `table` has the study's data set.

    Raises:
        InputError: a needed table is missing, or `rows` of a measurement is unknown.
    """
    study = job.study
    for name, words in study.measurements.items():
        yield (
            name,
            {
                "command": f"snakemake --cores all {study.name} --config preset={job.preset}",
                **_made(study, results),
                "rows": list(_rows(study, words, results, table)),
                **words.model_dump(mode="json", exclude={"rows"}),
                "notes": [*words.notes, *_sizes(study)],
            },
        )


def _rows(study: Study, words: Words, results: Path, table: Path | None) -> Rows:
    if words.rows in FROM_RUNS:
        return FROM_RUNS[words.rows](study, results)
    if words.rows not in FROM_TABLE:
        known = ", ".join([*FROM_RUNS, *FROM_TABLE])
        raise InputError(f"config/studies/{study.name}.yaml: rows: {words.rows!r}; known: {known}")
    if table is None:
        raise InputError(f"study {study.name}: no table of trained cells knows {study.dataset}")
    return FROM_TABLE[words.rows](study, results, Table.load(table))


def _made(study: Study, results: Path) -> dict[str, Any]:
    """Seeds of the study; commits, machines and date of its runs (of this process without runs)."""
    files = [results / folder / "provenance.json" for folder in study.folders()]
    records = [read_json(file) for file in files if file.exists()]
    records = records or [provenance.collect({}, study.seed, "cpu", 0.0)]
    seeds = range(study.games.seeds) if study.games else {record["seed"] for record in records}
    return {**made_by(records), "seeds": sorted(seeds)}


def _sizes(study: Study) -> Iterator[str]:
    """The sizes used, one sentence for each part of the study."""
    if study.trainings:
        recipe = NasBench201Search(**study.search)
        shape = recipe.supernet
        pixels = f", averaged down to {shape.image_size} pixels a side" if shape.image_size else ""
        yield (
            f"Supernets of C = {shape.channels}, N = {shape.cells} on {study.dataset}: "
            f"{recipe.limit_train:,} images per pass{pixels}, batches of {recipe.batch_size}, a "
            f"cosine over {recipe.epochs} passes."
        )
    for name in study.walks:
        job = walk_job(study, name)
        yield (
            f"Walks `{name}`: {job.permutations} permutations on {job.value['value_images']} "
            f"images each, {job.value['batch_norm']} statistics, part {job.part[0]} of "
            f"{job.part[1]} of the value images."
        )
    if study.estimates.variants and study.trainings:
        draw, last = next(iter(study.draws())), [*study.supernets()][-1]
        variants = estimate_job(study, last, draw).variants.values()
        images = sorted({settings["value_images"] for settings in variants})
        yield (
            f"Estimates: {len(study.draws())} of each variant, by {next(iter(variants))['value']}, "
            f"on {' or '.join(map(str, images))} images per draw, part {study.estimates.part[0]} "
            f"of {study.estimates.part[1]}."
        )
