"""Searching a table of trained architectures: ask for one, tell its accuracy, and so on.

What Dong & Yang call non-weight-sharing baselines ("NAS-Bench-201", ICLR 2020, section 4): an
evaluation is a look-up of the validation accuracy of a network that the benchmark has trained on
its own. Test accuracies are never asked for. The best architecture found is the result.

The benchmark stops them by simulated time (12,000 s); the compact table has no times, so they stop
after a number of evaluations. All that a strategy knows follows from the accuracies told so far,
so the state of a search is their list.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
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
    """A strategy that looks accuracies up; a subclass asks and learns.

    Attributes:
        values: accuracies told so far, in percent.
        asked: the operation on each edge of each of them.
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
        """The next architecture: the operation on each edge."""

    def tell(self, architecture: Architecture, value: float) -> None:
        """Learn the accuracy, in percent, of what was asked for last."""

    @property
    def n_epochs(self) -> int:
        """Blocks of look-ups."""
        return -(-self.settings.evaluations // EVALUATIONS_AN_EPOCH)

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Some look-ups; no image is touched."""
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
        """One evaluation; its value is looked up unless it is known already."""
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
        """Ones at the best architecture so far, the first of equals; a random one before any."""
        if self.values:
            return self._one_hot(self.asked[int(np.argmax(self.values))])
        return self._one_hot(self.random(seeds.numpy_generator(self.seed, "ask", 0)))

    def random(self, rng: np.random.Generator) -> Architecture:
        """Uniform over the space, `none` only where it may win."""
        allowed = self.allowed()
        return tuple(int(rng.choice(allowed)) for _ in range(self.space.n_edges))

    @cached_property
    def _allowed(self) -> np.ndarray:
        return np.flatnonzero(may_win(self.space, self.search.supernet.none_may_win)[0])

    def allowed(self) -> np.ndarray:
        """Operations that an edge may have."""
        return self._allowed

    def _one_hot(self, architecture: Architecture) -> np.ndarray:
        n = self.space.n_operations
        return one_hot(self.space, [edge * n + o for edge, o in enumerate(architecture)])

    def state_dict(self) -> dict[str, Any]:
        """The accuracies told."""
        return {"values": list(self.values)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Ask and tell again what was told."""
        for value in state["values"][len(self.values) :]:
            self._next(value)
