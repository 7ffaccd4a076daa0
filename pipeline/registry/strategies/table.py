"""Strategies that look accuracies up in the NAS-Bench-201 table and train nothing."""
# Tested in tests/contract/test_strategies.py.

from __future__ import annotations

from typing import Literal

from pipeline.registry.strategies.entry import StrategyEntry
from pipeline.settings import NB201, OURS, Settings, setting

NASZILLA = "the authors' code, naszilla"
NB201_CODE = "meets the printed row; the code's docs say 0.5, that of NATS-Bench 0.01"


class TableSettings(Settings):
    """How much is looked up, and where."""

    evaluations: int = setting(
        100, "architectures looked up; the benchmark's 12,000 s pay about as many", OURS, ge=1
    )
    schedule: Literal["12", "200"] = setting(
        "12", "epochs of training behind an accuracy; 200 where the table has no other", NB201
    )


class EvolutionSettings(TableSettings):
    """Sizes of the population and the tournament."""

    population: int = setting(10, "P, members", NB201, ge=1)
    tournament: int = setting(3, "S, members that compete to be the parent", NB201, ge=1)


class LocalSearchSettings(TableSettings):
    """Where an ascent begins."""

    starts: int = setting(
        10, "random cells before an ascent, of which the best starts it", NASZILLA, ge=1
    )


class LookupShrinkingSettings(TableSettings):
    """What is known before the first operation leaves."""

    start: float = setting(0.4, "share of the look-ups before that", OURS, gt=0, lt=1)


class ReinforceSettings(TableSettings):
    """How the policy learns."""

    learning_rate: float = setting(0.03, "Adam", NB201_CODE, gt=0)
    baseline_decay: float = setting(0.9, "d", NB201, ge=0, lt=1)


ENTRIES = (
    StrategyEntry(
        "evolution",
        "pipeline.strategies.evolution:Evolution",
        title="Regularised evolution",
        paper="Real et al., AAAI 2019",
        trains_supernet=False,
        settings=EvolutionSettings,
        families=("nasbench201",),
        needs_table=True,
        chooses_cells=True,
    ),
    StrategyEntry(
        "local_search",
        "pipeline.strategies.local_search:LocalSearch",
        title="Local search",
        paper="White et al., UAI 2021",
        trains_supernet=False,
        settings=LocalSearchSettings,
        families=("nasbench201",),
        needs_table=True,
        chooses_cells=True,
    ),
    StrategyEntry(
        "lookup_shrinking",
        "pipeline.strategies.lookup_shrinking:LookupShrinking",
        title="Shrinking (ours), by look-ups",
        paper="this repository",
        trains_supernet=False,
        settings=LookupShrinkingSettings,
        families=("nasbench201",),
        needs_table=True,
        chooses_cells=True,
    ),
    StrategyEntry(
        "random_search",
        "pipeline.strategies.random_search:RandomSearch",
        title="Random search",
        paper="Bergstra & Bengio, JMLR 2012",
        trains_supernet=False,
        settings=TableSettings,
        families=("nasbench201",),
        needs_table=True,
        chooses_cells=True,
    ),
    StrategyEntry(
        "reinforce",
        "pipeline.strategies.reinforce:Reinforce",
        title="REINFORCE",
        paper="Williams, 1992; Dong & Yang, ICLR 2020",
        trains_supernet=False,
        settings=ReinforceSettings,
        families=("nasbench201",),
        needs_table=True,
        chooses_cells=True,
    ),
)
