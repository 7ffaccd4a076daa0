"""Estimators of Shapley values on a small NAS-Bench-201 supernet that a short search leaves.

The baseline is the plain form: 10 whole permutations on 1,024 images each, a search's default. The
others spread a fifth or half of its image-forwards over draws of 32 images. A row adds Kendall's
tau and Pearson's r with 95 % intervals against two long references together, of 100 permutations on
512 images each that no estimate sees; what the estimate cost; and as ceiling how far the two
references agree with each other. CIFAR-10 of 16 x 16 pixels if SHAPLEY_NAS_DATA has it, else
digits. V is the probability of the true class. Seconds are those of one process alone; references
and repeats share the cores. It takes some 20 minutes of two cores.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from pipeline.analysis.intervals import summarise
from pipeline.bench.supernets import Trained
from pipeline.devices import configure
from pipeline.experiments.agreement import edges_of, with_reference
from pipeline.experiments.forms import Form
from pipeline.experiments.shapley import REFERENCES, Study, open_study
from pipeline.experiments.summary import references
from pipeline.experiments.variants import VARIANTS
from pipeline.files import read_json

FORM = Form(
    epochs=20,
    train_images=6_400,
    ages=(20,),
    # The paper's loop, 14 updates after the warm-up: what an estimator meets in a search.
    main=(("loop", 20),),
    images=32,
    permutations=100,
    other_permutations=0,
    policy_permutations=0,
    repeats=5,
    compile=False,
    channels=8,
    # By accuracy, which is coarser, two references agree less.
    reads="soft_accuracy",
    reference_draws=16,
    plain_draws=32,
)
# All but the dearest, which is for the study.
ESTIMATORS = tuple(v.name for v in VARIANTS if v.name != "regression_adjusted_whole")


def rows(
    repeats: int = 5,
    form: Form = FORM,
    variants: tuple[str, ...] = ESTIMATORS,
    workers: int = os.cpu_count() or 1,
) -> list[dict[str, Any]]:
    """Train, walk the references, run every estimator `repeats` times; a row each.

    Args:
        repeats: estimates a row.
        form: how large everything is.
        variants: names of estimators.
        workers: processes that references and repeats are spread over.
    """
    root = Path(os.environ.get("SHAPLEY_NAS_DATA", "data"))
    dataset, size = ("cifar10", 16) if (root / "cifar-10-batches-py").is_dir() else ("digits", 0)
    form = replace(form, repeats=repeats, image_size=size)
    with tempfile.TemporaryDirectory() as folder:
        study = open_study(form, root, Path(folder), dataset)
        _trained(study)
        step = partial(_step, study, variants)
        steps = (*REFERENCES, *range(repeats))
        if workers == 1:
            for one in steps:
                step(one)
        else:
            spawn = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
                list(pool.map(step, steps))
        return _rows(study, dataset)


def _step(study: Study, variants: tuple[str, ...], step: str | int) -> None:
    """One reference, or one repeat of every estimator; kept in the study's folder."""
    configure(1)
    if isinstance(step, str):
        study.reference(_trained(study), step)
    else:
        study.estimate(_trained(study), variants, step)


def _trained(study: Study) -> Trained:
    """The supernet, from its checkpoints once it is trained."""
    (trained,) = study.supernets(study.form.main[0][0])
    return trained


def _rows(study: Study, dataset: str) -> list[dict[str, Any]]:
    way, age = study.form.main[0]
    reference, ceiling = references(study.out, way, age, study.form.reads)
    edges = edges_of(reference)
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted((study.out / "runs").glob("*.json")):
        run = read_json(path)
        groups[run["variant"]].append(run)
    plain = median(run["seconds"] for run in groups["plain"])
    return [
        {
            "name": name,
            "baseline_s": plain,
            "ours_s": (seconds := median(run["seconds"] for run in runs)),
            "ratio": plain / seconds,
            **_agreement(runs, reference, edges),
            "evaluations": round(np.mean([run["evaluations"] for run in runs])),
            "image_forwards": round(np.mean([run["image_forwards"] for run in runs])),
            "ceiling_tau": ceiling["tau"],
            "ceiling_r": ceiling["r"],
            "repeats": len(runs),
            "dataset": dataset,
        }
        for name, runs in groups.items()
    ]


def _agreement(
    runs: list[dict[str, Any]], reference: np.ndarray, edges: np.ndarray
) -> dict[str, float | None]:
    """Means over repeats, and the ends of their 95 % t intervals."""
    found = [with_reference(np.array(run["phi"], dtype=float), reference, edges) for run in runs]
    row: dict[str, float | None] = {}
    for measured in ("tau", "r", "winners"):
        over = summarise(agreement[measured] for agreement in found)
        row |= {measured: over.mean, f"{measured}_low": over.low, f"{measured}_high": over.high}
    return row
