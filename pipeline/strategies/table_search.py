"""Search on a table of trained architectures: choose an architecture, look it up, repeat.

Dong & Yang ("NAS-Bench-201", ICLR 2020, section 4) use such searches as baselines without weight
sharing. An evaluation looks up a validation accuracy. Test accuracies are never read. The result is
the best evaluated architecture.

Deviation: the benchmark stops a search after a simulated time (12,000 s). Our table has no training
times, so ours stops after a fixed number of evaluations.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline import seeds
from pipeline.data import Images
from pipeline.errors import InputError
from pipeline.nasbench import Table
from pipeline.strategies.architectures import may_win, one_hot
from pipeline.strategies.contract import Inputs, Strategy

EVALUATIONS_AN_EPOCH = 10
Architecture = tuple[int, ...]


class TableSearch(Strategy):
    """Base class of strategies that look up accuracies; subclasses implement `ask` and `tell`.

    Attributes:
        values: accuracies of the evaluations so far, in percent.
        asked: the evaluated architectures: for each edge, the index of its operation.
    """

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._table: Table | None = None
        self.values: list[float] = []
        self.asked: list[Architecture] = []

    def prepare(self, inputs: Inputs) -> None:
        """Open the table.

        Raises:
            InputError: there is no table, or the data set is not in it.
        """
        table, dataset = inputs.open_table(), inputs.dataset
        if table is None:
            raise InputError(
                f"{type(self).__name__} searches the NAS-Bench-201 table, and none is at hand: put "
                "nas_bench_201/nas_bench_201.csv.gz into data_root or set nasbench_table"
            )
        whole = f"{dataset}_valid"
        known = [c.removesuffix("_valid") for c in table.columns if c.endswith("_valid")]
        if dataset not in known:
            raise InputError(
                f"{type(self).__name__}: {table.path} knows no data set {dataset!r}; choose one of "
                f"{', '.join(known)}"
            )
        short = f"{whole}_12ep" if self.settings.schedule == "12" else whole
        self._table = table
        self._accuracies = table.column(short if short in table.columns else whole)

    @abstractmethod
    def ask(self, rng: np.random.Generator) -> Architecture:
        """The next architecture: the index of the operation on each edge."""

    def tell(self, architecture: Architecture, value: float) -> None:
        """Receive the accuracy, in percent, of the architecture that `ask` returned."""

    @property
    def n_epochs(self) -> int:
        """Number of blocks of look-ups."""
        return -(-self.settings.evaluations // EVALUATIONS_AN_EPOCH)

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Make some look-ups; no image is used."""
        last = min(len(self.values) + EVALUATIONS_AN_EPOCH, self.settings.evaluations)
        n = last - len(self.values)
        while len(self.values) < last:
            self._next(None)
        return {
            "images_forward": 0,
            "images_backward": 0,
            "evaluations": n,
            "best_valid_percent": max(self.values),
        }

    def _next(self, value: float | None) -> None:
        """Make one evaluation; look up its value unless it is given."""
        rng = seeds.numpy_generator(self.seed, "ask", len(self.values))
        architecture = self.ask(rng)
        value = self.look_up(architecture) if value is None else value
        self.asked.append(architecture)
        self.values.append(value)
        self.tell(architecture, value)

    def look_up(self, architecture: Architecture) -> float:
        """Validation accuracy in percent."""
        if self._table is None:
            raise ValueError("no table has been opened")
        (index,) = self._table.indices(np.array([architecture], dtype=np.uint8))
        return float(self._accuracies[index])

    def strength(self) -> np.ndarray:
        """1 for the operations of the best architecture so far, 0 for all others.

        Before any evaluation, the architecture is random.
        """
        if self.values:
            return self._one_hot(self.asked[int(np.argmax(self.values))])
        return self._one_hot(self.random(seeds.numpy_generator(self.seed, "ask", 0)))

    def random(self, rng: np.random.Generator) -> Architecture:
        """A uniform draw from the space, with `none` only if it may win."""
        allowed = self.allowed()
        return tuple(int(rng.choice(allowed)) for _ in range(self.space.n_edges))

    def allowed(self) -> np.ndarray:
        """The operations that an edge may have."""
        return np.flatnonzero(may_win(self.space, self.search.supernet.none_may_win)[0])

    def _one_hot(self, architecture: Architecture) -> np.ndarray:
        n = self.space.n_operations
        return one_hot(self.space, [edge * n + o for edge, o in enumerate(architecture)])

    def state_dict(self) -> dict[str, Any]:
        """The accuracies so far, which determine all further steps."""
        return {"values": list(self.values)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Repeat `ask` and `tell` with the saved accuracies."""
        for value in state["values"][len(self.values) :]:
            self._next(value)
