"""Genotype: the strongest operations of a search, or a genotype from elsewhere, made usable.

Writes the genotype, its drawing, its counts, and a ready model: the discrete network with fresh
weights, to be trained here or anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import networks, registry, seeds
from pipeline.config.jobs import GenotypeJob
from pipeline.errors import InputError
from pipeline.networks.drawing import draw
from pipeline.spaces import Genotype
from pipeline.stages.stage import stage


def run(
    job: GenotypeJob, seed: int, manifest: Mapping[str, Any], strength: Path | None, out: Path
) -> None:
    """Write `genotype.json`, `cell.svg`, `cell.png`, `model.pt` and the counts.

    Args:
        job: where the genotype comes from, and the network that it is counted as.
        seed: of the ready model's weights.
        manifest: of the data set: classes and image size.
        strength: `strength.npz` of the search; None for a genotype from elsewhere.
        out: folder of the results.

    Raises:
        InputError: no search and no genotype, or a file that cannot be read.
    """
    import torch

    with stage("genotype", out, job, seed, data=manifest) as s:
        genotype = find(job, strength)
        genotype.save(out / "genotype.json")
        draw(genotype, out / "cell.svg", out / "cell.png")
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seeds.derive(seed, "network"))
            network = networks.build(
                genotype, job.layout, manifest["classes"], job.channels, job.cells, job.auxiliary
            )
        networks.save_model(out / "model.pt", network, genotype, job.layout, manifest)
        counts = networks.profile(network, manifest["image_size"])
        s.finish(
            {**counts, "layout": job.layout, "arch": text(genotype)},
            artifacts=[out / name for name in ("genotype.json", "cell.svg", "cell.png")],
        )


def find(job: GenotypeJob, strength: Path | None) -> Genotype:
    """The genotype that the job speaks of."""
    if job.genotype is not None:
        return networks.resolve(job.genotype)
    if strength is None or not strength.exists():
        raise InputError(f"{strength}: no such file; run the search first")
    space = registry.get("spaces", job.space)(job.supernet)
    with np.load(strength, allow_pickle=False) as arrays:
        genotype: Genotype = space.genotype_from(arrays["strength"], job.supernet.none_may_win)
    return genotype


def text(genotype: Genotype) -> str:
    """One line: the architecture string of NAS-Bench-201, else the text form of DARTS."""
    if genotype.space == "nasbench201":
        return genotype.to_arch_string()
    return genotype.to_darts_text()
