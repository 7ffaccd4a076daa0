"""A results folder as the stages write it, made up: small, deterministic, with gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline import journal, provenance, registry
from pipeline.config.experiments import Experiment
from pipeline.config.jobs import ReportJob
from pipeline.config.recipes import SupernetSettings
from pipeline.files import write_csv, write_json, write_text
from pipeline.paths import Place

ARCH = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
)
CELL = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'viewBox="0 0 90 30"><defs><style>* {stroke-linejoin: round}</style>'
    '<clipPath id="clip"><rect width="90" height="30"/></clipPath><path id="glyph" d="M0 0h9"/>'
    '</defs><g id="unused" clip-path="url(#clip)"><use xlink:href="#glyph"/></g></svg>'
)
PLAYERS = {"nasbench201": 30, "darts": 196}
EPOCHS = 6
TABLE = {
    "cifar10_valid": 91.2,
    "cifar10_test": 94.1,
    "cifar100_valid": 72.9,
    "cifar100_test": 73.0,
    "imagenet16_valid": 46.1,
    "imagenet16_test": 46.3,
}

BENCHMARK = Experiment.model_validate(
    {
        "name": "nasbench",
        "title": "NAS-Bench-201: found cells looked up",
        "note": "A toy: digits stand in for CIFAR-10, so the paper's numbers are only a frame.",
        "rows": [
            {"label": "Random", "strategy": "random", "space": "nasbench201",
             "datasets": ["digits"], "query": True, "retrain": ["same"],
             "paper": {"digits": {"cifar10_test": {"mean": 93.70, "std": 0.36}}}},
            {"label": "DARTS (first order)", "strategy": "darts", "space": "nasbench201",
             "datasets": ["digits"], "query": True, "retrain": ["same"],
             "paper": {"digits": {"cifar10_test": {"mean": 54.30, "std": 0.0}}}},
            {"label": "Shapley-NAS", "strategy": "shapley", "space": "nasbench201",
             "datasets": ["digits"], "query": True, "retrain": ["same"],
             "paper": {"digits": {"cifar10_test": {"mean": 94.37, "std": 0.0}}}},
        ],
    }
)  # fmt: skip
TRANSFER = Experiment.model_validate(
    {
        "name": "cells",
        "title": "DARTS cells: search, train, transfer",
        "rows": [
            {"label": "Shapley-NAS", "strategy": "shapley", "space": "darts",
             "datasets": ["digits"], "retrain": ["same", "digits64"],
             "paper": {"digits": {"test_error": {"mean": 2.43, "std": 0.04},
                                  "params_m": {"mean": 3.6}}}},
            {"label": "Published cell", "strategy": "published_shapley_nas_cifar10",
             "space": "darts", "datasets": ["digits"], "retrain": ["same"]},
        ],
    }
)  # fmt: skip
TITLES = {
    "darts": "DARTS",
    "published_shapley_nas_cifar10": "published_shapley_nas_cifar10",
    "random": "Random",
    "shapley": "Shapley-NAS",
}


def report_job(
    seeds: tuple[int, ...] = (0, 1, 2), retrain_seeds: tuple[int, ...] = (0,)
) -> ReportJob:
    """The job of a report on both experiments."""
    return ReportJob(
        preset="demo",
        seeds=seeds,
        retrain_seeds=retrain_seeds,
        experiments=(BENCHMARK, TRANSFER),
        titles=TITLES,
    )


def make_results(results: Path, seeds: tuple[int, ...] = (0, 1, 2), table: bool = True) -> Path:
    """Write all runs of both experiments; DARTS' last seed failed in its training."""
    for strategy in ("random", "darts", "shapley"):
        for seed in seeds:
            write_seed(results, "nasbench201", strategy, seed, table=table)
    for seed in seeds:
        write_seed(results, "darts", "shapley", seed, targets=("digits", "digits64"))
    write_seed(results, "darts", "published_shapley_nas_cifar10", 0)
    if len(seeds) > 1:
        fail(results, f"nasbench201/digits/darts/seed{seeds[-1]}/retrain/digits/rseed0")
    return results


def write_seed(
    results: Path,
    space: str,
    strategy: str,
    seed: int,
    table: bool | None = None,
    targets: tuple[str, ...] = ("digits",),
    source_digest: str | None = None,
) -> None:
    """All stages of one seed."""
    place = Place("search", space, "digits", strategy, seed)
    rng = np.random.default_rng([seed, len(strategy), len(space)])
    record = {"source_digest": source_digest} if source_digest else {}
    if not strategy.startswith("published_"):
        write_search(results / place.folder, space, strategy, rng, record)
    one = registry.get("spaces", space)(SupernetSettings(include_none=space == "nasbench201"))
    genotype = one.genotype_from(np.random.default_rng(seed).normal(size=PLAYERS[space]))
    counts = {"params": 1_073_466 + 1000 * seed, "macs": 153_272_960, "layout": space}
    write_run(results / place.at("genotype").folder, {**counts, "arch": ARCH}, record=record)
    write_text(results / place.at("genotype").folder / "cell.svg", CELL)
    genotype.save(results / place.at("genotype").folder / "genotype.json")
    if table is not None:
        values = {k: v + round(float(rng.normal(0, 0.3)), 2) for k, v in TABLE.items()}
        ranks = {f"rank_{k}": int(rng.integers(1, 300)) for k in TABLE}
        regrets = {f"regret_{k}": round(float(rng.uniform(0, 1)), 2) for k in TABLE}
        looked_up = {"index": 6111, **values, **ranks, **regrets} if table else {}
        write_run(results / place.at("query").folder, {"arch": ARCH, **looked_up}, record=record)
    for target in targets:
        error = 0.031 + 0.004 * float(rng.normal())
        history = [
            {"epoch": e, "train_loss": 2.3 * 0.7**e, "train_accuracy": 1 - 0.8 * 0.7**e}
            for e in range(EPOCHS)
        ]
        metrics = {"test_error": error, "top5_error": 0.002, "seconds": 21.5, "epochs": EPOCHS}
        training = results / place.at("retrain", target, 0).folder
        write_run(training, {**metrics, **counts}, history, record)


def write_search(folder: Path, space: str, strategy: str, rng, record: dict) -> None:
    """A search; random has no epochs and no alpha."""
    n = PLAYERS[space]
    if strategy == "random":
        write_run(folder, {"algorithm": strategy, "epochs": 0, "seconds": 0}, record=record)
        np.savez_compressed(folder / "strength.npz", strength=rng.normal(size=n))
        return
    history = [
        {
            "epoch": e,
            "train_loss": 2.3 * 0.75**e,
            "train_accuracy": 0.9 - 0.7 * 0.6**e + 0.02 * float(rng.normal()),
            "valid_accuracy": 0.88 - 0.7 * 0.6**e + 0.02 * float(rng.normal()),
            "seconds": 1.4 + float(rng.uniform()),
        }
        for e in range(EPOCHS)
    ]
    metrics = {
        "algorithm": strategy,
        "epochs": EPOCHS,
        "valid_accuracy": history[-1]["valid_accuracy"],
        "seconds": sum(row["seconds"] for row in history),
        "images_forward": 120_000,
    }
    write_run(folder, metrics, history, record)
    alpha = np.cumsum(rng.normal(0.01, 0.05, size=(EPOCHS, n)), axis=0)
    kept = {"alpha": alpha}
    if strategy == "shapley":  # its first epoch is a warm-up, which knows no values
        phi = np.random.default_rng(n).normal(0.01, 0.02, size=(EPOCHS, n))
        phi[0] = np.nan
        kept |= {"s": np.cumsum(np.nan_to_num(phi), axis=0), "phi": phi}
        kept["standard_error"] = np.where(np.isnan(phi), np.nan, 0.004)
    histories = {f"{name}_history": values for name, values in kept.items()}
    np.savez_compressed(folder / "strength.npz", strength=alpha[-1], **histories)


def write_run(folder: Path, metrics: dict, history=(), record: dict | None = None) -> None:
    """The three files of a stage."""
    write_json(folder / "metrics.json", metrics)
    if history:
        write_csv(folder / "history.csv", list(history))
    write_json(
        folder / "provenance.json",
        {
            "stage": folder.name,
            "git_commit": "0123456789abcdef0123456789abcdef01234567",
            "git_dirty": False,
            "source_digest": provenance.source_digest(),
            "settings": {"search": {"supernet": {"include_none": "nasbench201" in folder.parts}}},
            "seed": 0,
            "data": {"name": "digits", "fingerprint": "b1946ac92492d2347c6235b4d2611184"},
            "device": "cpu",
            "gpu": None,
            "threads": 1,
            "cpu": "A processor",
            "platform": "Linux-6.1-x86_64",
            "python": "3.11.9",
            "versions": {"torch": "2.6.0", "numpy": "2.1.0"},
            "seconds": 12.3,
            "finished": "2026-11-24T09:30:00+00:00",
            "mlflow_run_id": "f" * 32,
            "mlflow_experiment_id": "1",
            **(record or {}),
        },
    )


def fail(results: Path, folder: str) -> None:
    """Take a run's result away and leave the journal of a failure."""
    for path in (results / folder).iterdir():
        path.unlink()
    record = journal.begin(
        results / "state" / folder / journal.NAME, "retrain", folder, "test", None, {}, {}
    )
    record.append("end", status="FAILED")
