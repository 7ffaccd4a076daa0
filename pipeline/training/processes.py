"""The processes of `torch.distributed` as those that share the evaluations of a game."""

from __future__ import annotations

from typing import Any

import torch.distributed as dist

from pipeline.shapley.game import Alone, Processes


class DistributedProcesses:
    """Processes of the default group, made by `torchrun` and `init_process_group` (gloo or nccl).

    Attributes:
        rank: of this process.
        size: number of processes.
    """

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def exchange(self, entries: dict[Any, Any]) -> list[dict[Any, Any]]:
        """The entries of all processes, by rank; pickled by one of us for another."""
        gathered: list[Any] = [None] * self.size
        dist.all_gather_object(gathered, entries)
        return gathered


def processes() -> Processes:
    """Those of the default group; this one alone where there is no group."""
    return DistributedProcesses() if dist.is_available() and dist.is_initialized() else Alone()
