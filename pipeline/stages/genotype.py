"""Genotype: writes the files of a cell that a search found or that the user names.

The files are `genotype.json`, `cell.svg`, `cell.png` and `model.pt`, a model with the initial
weights of a retraining with the same seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import files, networks, paths, registry
from pipeline.config.jobs import GenotypeJob
from pipeline.errors import InputError
from pipeline.files import DAMAGED, read_arrays
from pipeline.networks.drawing import draw
from pipeline.spaces.genotype import Genotype
from pipeline.stages.stage import stage


def run(
    job: GenotypeJob,
    seed: int,
    manifest: Mapping[str, Any],
    strength: Path | None,
    out: Path,
    trials: Sequence[Path] = (),
) -> None:
    """Write all files of a genotype, and count its parameters and multiply-adds.

    Args:
        job: space and origin of the genotype, layout and size of the network.
        seed: seed of the model's weights.
        manifest: manifest of the data set, for classes and image size.
        strength: `strength.npz` of a search; unused if the job names a genotype.
        out: folder of the results.
        trials: `metrics.json` of a short training (trial) of each found cell; the best is kept.

    Raises:
        InputError: the genotype is missing or unknown, or the strength does not fit the space.
    """
    with stage("genotype", out, job, seed, data=manifest) as s:
        kept = best_of(trials) if trials else None
        found = find(job, strength) if kept is None else Genotype.load(genotype_of(kept))
        size = manifest["classes"], job.channels, job.cells, job.auxiliary
        network = networks.build_seeded(seed, found, job.layout, *size)
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
        if kept is not None:
            s.log(f"kept {genotype_of(kept)} of {len(trials)} by held-out training images")
            metrics["kept"] = paths.seed_folder(kept.parent).name
        s.finish(metrics, artifacts=[out / name for name in products])


def best_of(trials: Sequence[Path]) -> Path:
    """The trial with the lowest error on held-out training images; the first one in a tie."""
    return min(trials, key=lambda path: files.read_share(path, "held_out_error"))


def genotype_of(trial: Path) -> Path:
    """The genotype of a trial, given its `metrics.json`."""
    return paths.seed_folder(trial.parent) / "genotype" / "genotype.json"


def find(job: GenotypeJob, strength: Path | None) -> Genotype:
    """The genotype that the job names, or that of a search's strongest operations."""
    if job.genotype is not None:
        return networks.resolve(job.genotype)
    if strength is None:
        raise InputError("genotype: neither a strength.npz of a search nor a genotype is given")
    space = registry.get("spaces", job.space)(job.supernet)
    try:
        content = read_arrays(strength, whole=["strength"])["strength"]
        found: Genotype = space.genotype_from(content, job.supernet.none_may_win)
    except DAMAGED as error:
        raise InputError(f"{strength}: no strength of space {job.space} ({error})") from None
    return found


def arch_of(found: Genotype) -> str:
    """A cell as text, in the notation of NAS-Bench-201 or of DARTS."""
    return found.to_arch_string() if found.space == "nasbench201" else found.to_darts_text()
