"""The registered parts that a job uses: its space, strategy, estimators and data set."""
# Tested in tests/registry/test_sources.py.

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import registry
from pipeline.registry import sources
from pipeline.registry.sources import Things


def things(job: Mapping[str, Any], dataset: str | None = None) -> Things:
    """The registered space, strategy, estimators and data set that a job uses, as (kind, name).

    `job` has the settings of a stage, as under `settings` in `provenance.json`.
    """
    named = [("spaces", job.get("space")), ("strategies", job.get("algorithm"))]
    named += [("estimators", name) for name in _estimators(job)]
    named += [("datasets", dataset or job.get("dataset"))]
    # A folder of the user's images is not registered.
    registered = [(kind, name) for kind, name in named if name and name in registry.names(kind)]
    return tuple(dict.fromkeys(registered))


def digests(job: Mapping[str, Any], dataset: str | None = None) -> str:
    """`module:digest` for the source of each module that a job uses, on one line."""
    by_module = sources.digests(things(job, dataset))
    return " ".join(f"{module}:{digest}" for module, digest in by_module.items())


def _estimators(job: Mapping[str, Any]) -> Iterator[str]:
    """Names under a key `estimator` at any depth."""
    for key, value in job.items():
        if key == "estimator":
            yield value
        elif isinstance(value, Mapping):
            yield from _estimators(value)
