"""The stages of a study in this process, laid out as the rules lay them out."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import studies
from pipeline.config.jobs import PrepareJob
from pipeline.files import read_json
from pipeline.paths import DRAW, SUPERNET, WALK
from pipeline.stages import measuring, prepare, search


def prepared(dataset: str, root: Path) -> tuple[dict, Path, Path]:
    """Manifest, data root and split."""
    job = PrepareJob(
        dataset=dataset, split_seed=0, weights_fraction=None, value_fraction=None, folders={}
    )
    prepare.run(job, root / "raw", root / "data")
    return read_json(root / "data" / "manifest.json"), root / "raw", root / "data" / "split.npz"


def run(study: studies.Study, root: Path) -> Path:
    """Train, walk and estimate; the folder that the workflow calls `results/{preset}`."""
    manifest, raw, split = prepared(study.dataset, root)
    for name in study.supernets():
        job, out = studies.supernet_job(study, name), root / study.folder(SUPERNET, supernet=name)
        search.run(job, study.seed, manifest, split, raw, out, "cpu")
        images = (out / "supernet.pt", manifest, split, raw)
        for walk in study.walks:
            job = studies.walk_job(study, walk)
            out = root / study.folder(WALK, supernet=name, walk=walk)
            measuring.run_walk(job, *images, out, "cpu")
        for draw in study.draws():
            job = studies.estimate_job(study, name, draw)
            out = root / study.folder(DRAW, supernet=name, draw=draw)
            measuring.run_estimate(job, *images, out, "cpu")
    return root
