"""The search spaces; `docs/add-a-space.md` shows how to add one."""
# Tested in tests/spaces/test_add_a_space.py.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.registry import Entry, add

ROBUST = {"cifar100": "robust_darts", "svhn": "robust_darts"}


@dataclass(frozen=True)
class SpaceEntry(Entry):
    """The entry of a function from the supernet's settings to a `pipeline.spaces.Space`."""

    family: str = "darts"  # the family of its cells: `darts` or `nasbench201`, as in `Space.family`
    # Data set -> recipe in `retrain` for its networks, if not the recipe of their layout
    recipes: Mapping[str, str] = field(default_factory=dict)


add(
    "spaces",
    SpaceEntry("darts", "pipeline.spaces.darts:darts"),
    SpaceEntry("darts_imagenet", "pipeline.spaces.darts:darts_imagenet"),
    SpaceEntry("nasbench201", "pipeline.spaces.nasbench201:nasbench201", family="nasbench201"),
    SpaceEntry("s1", "pipeline.spaces.robust_darts:s1", recipes=ROBUST),
    SpaceEntry("s2", "pipeline.spaces.robust_darts:s2", recipes=ROBUST),
    SpaceEntry("s3", "pipeline.spaces.robust_darts:s3", recipes=ROBUST),
    SpaceEntry("s4", "pipeline.spaces.robust_darts:s4", recipes=ROBUST),
)
