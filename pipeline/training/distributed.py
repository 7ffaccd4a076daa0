"""Several processes train one network, one process per device, started by torchrun.

Every rank has the whole network and processes its share of each step's images. One all-reduce sums
the gradients and averages the running statistics of batch norms, so all ranks have the same network
after each step. Unlike with `DistributedDataParallel`, a rank may have no images.
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
    """The rank of this process and the number of processes."""

    rank: int = 0  # only rank 0 writes files
    n: int = 1  # number of processes

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes files."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """The sum over ranks, in place."""
        if self.n > 1:
            distributed.all_reduce(values)
        return values

    def share(self, value: Any) -> Any:
        """The value of rank 0, on every rank."""
        if self.n == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box)
        return box[0]

    def exchange(self, value: Any) -> list[Any]:
        """The values of all ranks, in rank order. Only data from this run is unpickled."""
        values = [value] * self.n
        if self.n > 1:
            distributed.all_gather_object(values, value)
        return values

    def check_agreement(self, what: str, digest: str) -> None:
        """Raise `InputError` on all ranks if their digests differ."""
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
        """Sum gradients and average running statistics over all ranks, in place.

        If a parameter has no gradient on any rank, its gradient stays None, so the optimiser does
        not change it. `others` are further tensors whose gradients are summed, such as alpha.

        Returns:
            whether any rank wants to stop.
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
    """Within the `with` block, connect this process with the other ranks of torchrun, if any.

    Raises:
        InputError: this machine has fewer GPUs than ranks.
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
