"""Strategies that look accuracies up in the NAS-Bench-201 table and train nothing."""
# Tested in tests/contract/test_strategies.py.

from __future__ import annotations

from typing import Literal

from pipeline.registry.strategies.entry import StrategyEntry
from pipeline.settings import NB201, OURS, Settings, setting

NASZILLA = "the authors' code, naszilla"
NB201_CODE = "agrees with the printed row; the code's docs say 0.5, NATS-Bench's code 0.01"


class TableSettings(Settings):
    """The look-ups."""

    evaluations: int = setting(
        100, "architectures looked up; about as many as the benchmark's 12,000 s allow", OURS, ge=1
    )
    schedule: Literal["12", "200"] = setting(
        "12", "epochs of the trainings looked up; 200 if the table has no others", NB201
    )


class EvolutionSettings(TableSettings):
    """The sizes of the population and the tournament."""

    population: int = setting(10, "P, members", NB201, ge=1)
    tournament: int = setting(3, "S, members that compete to be the parent", NB201, ge=1)


class LocalSearchSettings(TableSettings):
    """The start of an ascent."""

    starts: int = setting(10, "random cells, the best of which starts an ascent", NASZILLA, ge=1)


class LookupShrinkingSettings(TableSettings):
    """The look-ups before the first removal."""

    start: float = setting(0.4, "share of look-ups before the first removal", OURS, gt=0, lt=1)


class ReinforceSettings(TableSettings):
    """The training of the policy."""

    learning_rate: float = setting(0.03, "Adam", NB201_CODE, gt=0)
    baseline_decay: float = setting(0.9, "d, decay of the baseline", NB201, ge=0, lt=1)


def looked_up(
    name: str, target: str, title: str, paper: str, settings: type[TableSettings] = TableSettings
) -> StrategyEntry:
    """The entry of a strategy that looks accuracies up in the table."""
    return StrategyEntry(
        name,
        f"pipeline.strategies.{target}",
        title=title,
        paper=paper,
        trains_supernet=False,
        settings=settings,
        families=("nasbench201",),
        needs_table=True,
        chooses_cells=True,
    )


ENTRIES = (
    looked_up(
        "evolution",
        "evolution:Evolution",
        "Regularised evolution",
        "Real et al., AAAI 2019",
        EvolutionSettings,
    ),
    looked_up(
        "local_search",
        "local_search:LocalSearch",
        "Local search",
        "White et al., UAI 2021",
        LocalSearchSettings,
    ),
    looked_up(
        "lookup_shrinking",
        "lookup_shrinking:LookupShrinking",
        "Shrinking (ours), by look-ups",
        "this repository",
        LookupShrinkingSettings,
    ),
    looked_up(
        "random_search",
        "random_search:RandomSearch",
        "Random search",
        "Bergstra & Bengio, JMLR 2012",
    ),
    looked_up(
        "reinforce",
        "reinforce:Reinforce",
        "REINFORCE",
        "Williams, 1992; Dong & Yang, ICLR 2020",
        ReinforceSettings,
    ),
)
