"""Several processes that train one network, one per device, started by torchrun.

Every rank holds the whole network and works on its share of each step's images. Gradients are
summed before the optimiser's step, so that all ranks take the same step. The sum is one all-reduce
of one buffer and not `DistributedDataParallel`: networks here have a few million parameters, a sum
takes milliseconds beside a step of a second, ranks may have unequal shares or none, and nothing
wraps the network. The same buffer carries the running statistics of batch norms, which are
averaged so that all ranks hold the same network after each step, and the wish to stop.

Backends: gloo on the CPU, NCCL on GPUs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn

from pipeline.errors import InputError

STARTED_BY = ("RANK", "WORLD_SIZE", "LOCAL_RANK")  # torchrun sets them


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together; by default it is alone."""

    rank: int = 0  # its number, from 0; rank 0 alone writes files
    n: int = 1  # how many there are

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """The sum over ranks, in place."""
        if self.n > 1:
            distributed.all_reduce(values)
        return values

    def share(self, value: Any) -> Any:
        """What rank 0 has, on every rank."""
        if self.n == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box)
        return box[0]

    def exchange(self, value: Any) -> list[Any]:
        """What all ranks have, by rank; pickled by one of us for another."""
        values = [value] * self.n
        if self.n > 1:
            distributed.all_gather_object(values, value)
        return values

    def check_agreement(self, what: str, digest: str) -> None:
        """Stop all ranks if they do not hold the same.

        Raises:
            InputError: they differ.
        """
        digests = self.exchange(digest)
        odd = [rank for rank, other in enumerate(digests) if other != digests[0]]
        if odd:
            raise InputError(
                f"ranks {odd} have other {what} than rank 0: start all with one command, on one "
                "kind of device with the same versions"
            )

    def sum_gradients(
        self, network: nn.Module, stop: bool = False, others: Sequence[Tensor] = ()
    ) -> bool:
        """Sum gradients and average running statistics, in place; whether any rank wants to stop.

        A rank without images in this step has no gradients and adds zeros. A parameter that no
        rank has a gradient of stays without one, so that the optimiser leaves it as it is.

        Args:
            network: whose parameters and running statistics they are.
            stop: the wish of this rank.
            others: further tensors with a gradient.
        """
        if self.n == 1:
            return stop
        parameters = [*network.parameters(), *others]
        has_gradient = [float(parameter.grad is not None) for parameter in parameters]
        statistics = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        parts = [gradient.flatten() for gradient in gradients]
        parts += [buffer.flatten() / self.n for buffer in statistics]
        wishes = parts[0].new_tensor([*has_gradient, float(stop)])
        flat = self.sum(torch.cat([*parts, wishes]))
        pieces = flat.split([part.numel() for part in [*parts, wishes]])
        for target, piece in zip([*gradients, *statistics], pieces[:-1], strict=True):
            target.copy_(piece.view_as(target))
        *wanted, any_stops = pieces[-1].tolist()
        for parameter, is_wanted in zip(parameters, wanted, strict=True):
            if not is_wanted:
                parameter.grad = None
        return bool(any_stops)


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """Join the ranks that torchrun started, if it did, for the length of the block.

    Raises:
        InputError: there are fewer GPUs than ranks on this machine.
    """
    if not all(name in os.environ for name in STARTED_BY) or os.environ["WORLD_SIZE"] == "1":
        yield Ranks()
        return
    local = int(os.environ["LOCAL_RANK"])
    if device.type == "cuda":
        if local >= torch.cuda.device_count():
            raise InputError(
                f"{torch.cuda.device_count()} GPUs for rank {local} of this machine: lower "
                "--nproc-per-node"
            )
        torch.cuda.set_device(local)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def digest_of(network: nn.Module) -> str:
    """SHA-256 of the bits of all parameters and running statistics."""
    total = hashlib.sha256()
    for value in network.state_dict().values():
        if value.is_floating_point():
            total.update(value.detach().cpu().contiguous().numpy().data)
    return total.hexdigest()
