"""Estimates the Shapley values of one supernet with several estimators and one seed."""
# Tested in tests/studies/test_studies.py.

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline import seeds
from pipeline.config.studies import EstimateJob
from pipeline.data import Images
from pipeline.registry.strategies.shapley import ValueSettings
from pipeline.strategies.value_function import shapley_values
from pipeline.studies.remembering import Remembering, clock
from pipeline.studies.walks import part_of
from pipeline.supernet import Supernet
from pipeline.training import checkpoint


def estimate(
    job: EstimateJob,
    supernet: Supernet,
    alpha: NDArray[np.float64],
    images: Images,
    kept: Path | None = None,
    identity: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, dict[str, Any]]:
    """Shapley values, number of evaluations and computing time for each variant of a job.

    A variant is an estimator with its settings. Variants share the values of coalitions on the same
    images.

    Args:
        job: the variants and the seed.
        supernet: the network.
        alpha: architecture parameters, float64[n_players].
        images: images for the value function; the job uses a part of them.
        kept: checkpoint file with the results of finished variants; None: no checkpoint.
        identity: settings that affect the values but are not in the job.
    """
    seed, own = seeds.derive(job.seed, *job.stream), part_of(images, job.part)
    on_device = torch.from_numpy(alpha).to(next(supernet.parameters()).device)
    shared: dict[tuple[int, str], Remembering] = {}
    identity = {**identity, **job.model_dump(mode="json")}
    found: dict[str, dict[str, Any]] = (kept and checkpoint.load(kept, identity)) or {}
    for name, given in job.variants.items():
        if name in found:
            continue
        settings = ValueSettings(**given)
        key = settings.value_images, settings.value
        if key not in shared:
            shared[key] = Remembering(supernet, on_device, own, settings, seed)
        V = shared[key]
        started, saved = clock(), V.seconds_saved
        result = shapley_values(V, settings, seed)
        seconds = clock() - started + V.seconds_saved - saved
        found[name] = {
            "phi": [None if np.isnan(x) else float(x) for x in result.phi[V.players]],
            "evaluations": result.evaluations,
            "image_forwards": result.evaluations * settings.value_images,
            "seconds": seconds,
        }
        if kept:
            checkpoint.save(kept, found, identity)
    return found
