"""Trial: briefly trains the network of a found cell, to help choose among several cells.

No test image is opened. The stage `genotype` keeps the cell whose network has the lowest error.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config.jobs import TrialJob
from pipeline.stages.retrain import Task, train
from pipeline.stages.stage import stage


def run(
    job: TrialJob,
    seed: int,
    genotype: str,
    manifest: Mapping[str, Any],
    data_root: Path,
    out: Path,
    device: str = "auto",
) -> None:
    """Train a genotype's network on a part of the training set and measure its error on the rest.

    `genotype` is a file, a published name or a NAS-Bench-201 string.

    Raises:
        InputError: genotype, data and settings do not fit together, or the training diverged.
    """
    task = Task.from_job(job, seed, genotype, manifest, data_root, device)
    with stage("trial", out, job, seed, task.device.type, data=manifest) as s:
        _, history = train(task, s)
        error = 1 - history[-1]["held_out_accuracy"]
        s.log(f"error on held-out training images {error:.4f}")
        seconds = sum(row["seconds"] for row in history)
        s.finish({"held_out_error": error, "epochs": len(history), "seconds": seconds}, history)
