"""Digests of planned settings; a finished run with another digest was made with other settings.

Missing keys get their defaults first, so a run still matches if a key was added later.
"""
# Tested in tests/analysis/test_apart.py.

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from pipeline import provenance, registry
from pipeline.config import jobs, needs
from pipeline.config.experiments import Experiment
from pipeline.config.model import SEARCH_RECIPES, Config
from pipeline.config.recipes import SearchSettings
from pipeline.config.trainings import is_folder
from pipeline.errors import InputError
from pipeline.paths import Place
from pipeline.settings import Settings

LENGTH = 8  # hexadecimal digits of a digest
# Stage -> the model of its settings, the function that makes them, and the fields of `Place` on
# which they depend.
SLICES: dict[str, tuple[type[Settings], Callable[..., Settings], tuple[str, ...]]] = {
    "search": (jobs.SearchJob, jobs.search_job, ("space", "strategy")),
    "genotype": (jobs.GenotypeJob, jobs.genotype_job, ("space", "dataset", "strategy")),
    "trial": (jobs.TrialJob, jobs.trial_job, ("space", "dataset")),
    "retrain": (jobs.RetrainJob, jobs.retrain_job, ("space", "target")),
    "queries": (jobs.SearchJob, jobs.search_job, ("space", "strategy")),
}


def report_job(config: Config, experiments: Sequence[Experiment]) -> jobs.ReportJob:
    """The settings of one report page, including the digests of its planned runs."""
    places = needs.all_runs(config, experiments)
    job = jobs.report_job(config, experiments)
    return job.model_copy(update={"planned": digests(config, places)})


def digests(config: Config, places: Iterable[Place]) -> dict[str, str]:
    """Key of a place (`key_of`) -> digest of the settings of its stage."""
    every = {key: place for place in places if (key := key_of(place))}
    return {
        key: digest_of(place.stage, _job_of(config, place).model_dump(mode="json"))
        for key, place in every.items()
    }


def key_of(place: Place) -> str:
    """Planned runs with equal keys have equal settings; empty for stages not in `SLICES`."""
    if place.stage not in SLICES:
        return ""
    return " ".join([place.stage, *(getattr(place, name) for name in SLICES[place.stage][2])])


def digest_of(stage: str, settings: Mapping[str, Any]) -> str:
    """Digest of a stage's settings."""
    whole: Settings | Mapping[str, Any] = settings
    try:
        whole = SLICES[stage][0].model_validate(settings)
        if isinstance(whole, jobs.SearchJob):
            model = registry.entry("strategies", whole.algorithm).settings_model()
            strategy = model.model_validate(whole.settings).model_dump(mode="json")
            recipe = SEARCH_RECIPES.get(whole.space, SearchSettings)
            search = recipe.model_validate(settings["search"])
            whole = whole.model_copy(update={"settings": strategy, "search": search})
    except (ValidationError, InputError):  # settings of an earlier version are compared as they are
        pass
    return provenance.settings_digest(whole)[:LENGTH]


def _job_of(config: Config, place: Place) -> Settings:
    _, build, names = SLICES[place.stage]
    if place.target and is_folder(config, place.target):
        build = jobs.transfer_job
    return build(config, *(getattr(place, name) for name in names))
