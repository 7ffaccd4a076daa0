"""Divides the images of an epoch into steps and micro-batches, and the micro-batches among ranks.

Each step of the optimiser uses `per_step` consecutive micro-batches. Of n ranks, rank r processes
the micro-batches r, r + n, r + 2n, ... of each step. A forward pass is over one micro-batch, so the
losses are the same for any number of ranks, up to rounding errors.
"""
# Tested in tests/training/test_distributed.py.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from pipeline.config.recipes import TrainSettings
from pipeline.errors import InputError
from pipeline.training.distributed import Ranks


@dataclass(frozen=True)
class Plan:
    """The steps of one pass."""

    n_images: int  # in the pass
    micro_size: int  # images in a micro-batch
    per_step: int  # micro-batches in a step
    ranks: Ranks

    @property
    def drop_last(self) -> bool:
        """Whether the last micro-batch is left out because one image is too few for batch norms."""
        return self.n_images > 1 and self.n_images % self.micro_size == 1

    @property
    def n_micro(self) -> int:
        """Number of micro-batches in the pass."""
        whole, rest = divmod(self.n_images, self.micro_size)
        return whole + (rest > 0 and not self.drop_last)

    @property
    def n_steps(self) -> int:
        """Number of steps in the pass."""
        return -(-self.n_micro // self.per_step)

    @property
    def n_used(self) -> int:
        """Number of images in the pass that are used."""
        return min(self.n_images, self.n_micro * self.micro_size)

    def n_images_of(self, step: int) -> int:
        """Number of images in a step, over all ranks."""
        size = self.per_step * self.micro_size
        return min(self.n_used, (step + 1) * size) - step * size

    def chosen(self, start: int) -> slice:
        """This rank's micro-batches from step `start` on."""
        return slice(start * self.per_step + self.ranks.rank, None, self.ranks.n)

    def steps(
        self, start: int, batches: Iterator[tuple[Tensor, Tensor]]
    ) -> Iterator[tuple[int, Iterator[tuple[int, tuple[Tensor, Tensor]]]]]:
        """(step, this rank's numbered micro-batches), from the `batches` that `chosen` selects."""
        for step in range(start, self.n_steps):
            first = step * self.per_step + self.ranks.rank
            last = min((step + 1) * self.per_step, self.n_micro)
            # `zip` reads the numbers first, so it takes no batch of the next step.
            yield step, zip(range(first, last, self.ranks.n), batches, strict=False)


def plan(n_images: int, recipe: TrainSettings, ranks: Ranks, key: str = "retrain") -> Plan:
    """Plan the steps in which a recipe, called `key` in messages, trains on `n_images` images.

    Raises:
        InputError: the micro-batch size does not divide the batch size, or the number of ranks does
            not divide the number of micro-batches per step.
    """
    micro = recipe.micro_size
    per_step, rest = divmod(recipe.batch_size, micro)
    if rest:
        raise InputError(
            f"{key}.micro_batch_size: {micro} does not divide batch_size {recipe.batch_size}"
        )
    if per_step % ranks.n:
        raise InputError(
            f"{key}.micro_batch_size: {per_step} micro-batches per step do not divide among "
            f"{ranks.n} ranks; set it to {recipe.batch_size // ranks.n or 1}, or change "
            "--nproc-per-node"
        )
    return Plan(n_images, micro, per_step, ranks)
