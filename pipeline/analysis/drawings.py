"""The figures of the paper, one file each.

An entry in `registry/figures.py` names a function

    def figure3(experiment: Experiment, study: Evidence, results: Path) -> list[Drawn]

which draws what there is of the experiment's runs below `results`, and nothing where there is
none. An experiment names its figure by the key `figure`.
"""

from __future__ import annotations

from pathlib import Path

from pipeline import registry
from pipeline.analysis.drawn import Drawn
from pipeline.analysis.tables import Evidence
from pipeline.config.experiments import Experiment


def draw(experiment: Experiment, study: Evidence, results: Path) -> list[Drawn]:
    """The pictures of an experiment; none if it names no figure."""
    if not experiment.figure:
        return []
    drawn: list[Drawn] = registry.get("figures", experiment.figure)(experiment, study, results)
    return drawn
