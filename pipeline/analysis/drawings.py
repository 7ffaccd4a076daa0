"""The figures of the paper, one file each.

`@register("figures", "figure3")` enters a function

    def figure3(experiment: Experiment, study: Study, results: Path) -> list[Drawn]

which draws what there is of the experiment's runs below `results`, and nothing where there is
none. An experiment names its figure by the key `figure`.
"""

from __future__ import annotations

from pathlib import Path

from pipeline import registry
from pipeline.analysis import figure2, figure3, figure4, figure5  # noqa: F401
from pipeline.analysis.drawn import Drawn
from pipeline.analysis.tables import Study
from pipeline.config.experiments import Experiment


def draw(experiment: Experiment, study: Study, results: Path) -> list[Drawn]:
    """The pictures of an experiment; none if it names no figure."""
    if not experiment.figure:
        return []
    drawn: list[Drawn] = registry.get("figures", experiment.figure)(experiment, study, results)
    return drawn
