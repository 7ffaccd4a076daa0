"""Genotype: the cell that a search found, or one from elsewhere, written down, drawn and counted.

It writes `genotype.json`, `cell.svg`, `cell.png` and `model.pt`, a ready model whose weights are
still those that retraining under the same seed starts from.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import networks, registry
from pipeline.config.jobs import GenotypeJob
from pipeline.errors import InputError
from pipeline.files import read_arrays
from pipeline.networks.drawing import draw
from pipeline.spaces.genotype import Genotype
from pipeline.stages.stage import stage


def run(
    job: GenotypeJob,
    seed: int,
    manifest: Mapping[str, Any],
    strength: Path | None,
    out: Path,
) -> None:
    """Write a genotype in all its forms; counts are for one image of the data set.

    Args:
        job: space, origin of the genotype, layout and size of its network.
        seed: of the weights of the ready model.
        manifest: of the prepared data set: classes and image size.
        strength: `strength.npz` of a search; unused if the job names a genotype.
        out: folder of the results.

    Raises:
        InputError: no origin, a strength that does not fit the space, an unknown genotype.
    """
    with stage("genotype", out, job, seed, data=manifest) as s:
        found = find(job, strength)
        network = networks.build_seeded(
            seed,
            found,
            job.layout,
            manifest["classes"],
            job.channels,
            job.cells,
            job.auxiliary,
        )
        counts = networks.profile(network, manifest["image_size"])
        arch = arch_of(found)
        s.log(
            f"{arch}: {counts['params'] / 1e6:.3f} M parameters, {counts['macs'] / 1e6:.1f} M MACs"
        )
        found.save(out / "genotype.json")
        draw(found, out / "cell.svg", out / "cell.png")
        networks.save_model(out / "model.pt", network, found, job.layout, manifest)
        products = ("genotype.json", "cell.svg", "cell.png", "model.pt")
        metrics = {**counts, "layout": job.layout, "arch": arch}
        s.finish(metrics, artifacts=[out / name for name in products])


def find(job: GenotypeJob, strength: Path | None) -> Genotype:
    """The genotype that the job names, or the one that a search's strength chooses."""
    if job.genotype is not None:
        return networks.resolve(job.genotype)
    if strength is None:
        raise InputError("genotype: neither a strength.npz of a search nor a genotype is given")
    space = registry.get("spaces", job.space)(job.supernet)
    try:
        content = read_arrays(strength)["strength"]
        found: Genotype = space.genotype_from(content, job.supernet.none_may_win)
    except (KeyError, ValueError) as error:
        raise InputError(f"{strength}: no strength of space {job.space} ({error})") from None
    return found


def arch_of(found: Genotype) -> str:
    """The text by which the family's papers name a cell."""
    return found.to_arch_string() if found.space == "nasbench201" else found.to_darts_text()
