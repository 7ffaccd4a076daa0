"""Prepare: check a data set's files, and write its manifest and its split."""

from __future__ import annotations

from pathlib import Path

from pipeline.config.folders import WrittenFolder
from pipeline.config.jobs import PrepareJob
from pipeline.data import find, prepare
from pipeline.data.written_folder import write_small
from pipeline.stages.stage import stage


def run(job: PrepareJob, data_root: Path, out: Path, download: bool = False) -> None:
    """Check a data set; write `manifest.json`, `split.npz`, metrics and provenance.

    Args:
        job: the data set and its split.
        data_root: folder of all data sets.
        out: folder of the results.
        download: whether to download missing files that torchvision can download.

    Raises:
        InputError: the data set is unknown, or files or the split are not valid.
    """
    dataset = find(job.dataset, job.folders)
    given = (job.weights_fraction, job.value_fraction)
    fractions = tuple(
        default if fraction is None else fraction
        for fraction, default in zip(given, dataset.search_fractions, strict=True)
    )
    folder = job.folders.get(job.dataset)
    with stage("prepare", out, job, seed=job.split_seed) as s:
        if isinstance(folder, WrittenFolder):
            write_small(folder, data_root, download)
        both = (fractions[0], fractions[1])
        s.data = manifest = prepare(
            dataset, data_root, out, job.split_seed, both, download, job.balanced, s.log
        )
        counts = {key: value for key, value in manifest.items() if key.startswith("n_")}
        s.log(f"{manifest['n_train']} training and {manifest['n_test']} test images")
        s.finish(counts, artifacts=[out / "manifest.json"])
