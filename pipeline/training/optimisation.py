"""One step of SGD: sums gradients over micro-batches and ranks, clips them and applies them."""
# Tested in tests/training/test_trainer.py.

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.compilation import TrainingPass, compiled_training_pass
from pipeline.config.recipes import TrainSettings
from pipeline.devices import autocast
from pipeline.networks.network import Network
from pipeline.training.distributed import Ranks
from pipeline.training.memory import memory_format
from pipeline.training.optimisers import SGD


@dataclass
class Sums:
    """Losses and correct answers of this rank in the epoch so far."""

    loss: Tensor
    n_correct: Tensor

    @classmethod
    def zero(cls, device: torch.device) -> Sums:
        """The sums before the first step."""
        return cls(
            torch.zeros((), dtype=torch.float64, device=device),
            torch.zeros((), dtype=torch.int64, device=device),
        )

    def state(self, ranks: Ranks) -> dict[str, Any]:
        """Totals over all ranks, as numbers."""
        totals = ranks.sum(torch.stack([self.loss, self.n_correct.double()])).tolist()
        return {"loss": totals[0], "n_correct": int(totals[1])}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`; only one rank may do this."""
        self.loss.fill_(state["loss"])
        self.n_correct.fill_(state["n_correct"])


class Optimisation:
    """Trains a network, which must be on `device`, by SGD."""

    def __init__(
        self, network: Network, recipe: TrainSettings, device: torch.device, ranks: Ranks
    ) -> None:
        self.network, self.recipe, self.device, self.ranks = network, recipe, device, ranks
        self.forward: TrainingPass = network.forward_with_auxiliary
        if recipe.compile:
            self.forward = compiled_training_pass(self.forward, network, recipe.micro_size)
        self.optimiser: torch.optim.SGD = SGD(
            [parameter for parameter in network.parameters() if parameter.requires_grad],
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov,
            weight_decay=recipe.weight_decay,
            fused=True,  # one kernel for all parameters instead of one per parameter
        )
        # float16 underflows below 6e-8, so the loss is scaled up; overflowing steps are skipped.
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16")

    def set_rate(self, rate: float) -> None:
        """Set the learning rate."""
        self.optimiser.param_groups[0]["lr"] = rate

    def step(
        self,
        micro_batches: Iterator[tuple[int, tuple[Tensor, Tensor]]],
        n_images: int,
        seed_of: Callable[[int], int],
        sums: Sums,
        stop: Callable[[], bool],
    ) -> bool:
        """One step on the mean loss over the images of all ranks.

        Args:
            micro_batches: (index, (images, labels)) for this rank.
            n_images: number of images over all ranks.
            seed_of: index of a micro-batch -> seed of its forward pass.
            sums: increased by the losses and correct answers.
            stop: whether this rank should stop.

        Returns:
            whether any rank should stop.
        """
        self.optimiser.zero_grad()
        for number, (images, labels) in micro_batches:
            seed_globally(seed_of(number), self.device)
            with autocast(self.device, self.recipe.precision):
                images = images.to(memory_format=memory_format(self.recipe, self.device))
                logits, auxiliary = self.forward(images)
            loss = loss_of(logits, auxiliary, labels, self.recipe) * (len(labels) / n_images)
            self.scaler.scale(loss).backward()
            sums.loss += loss.detach() * n_images
            sums.n_correct += (logits.argmax(1) == labels).sum()
        stopping = self.ranks.sum_gradients(self.network, stop())
        self.scaler.unscale_(self.optimiser)
        if self.recipe.gradient_clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.gradient_clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return stopping

    def state_dict(self) -> dict[str, Any]:
        """State of optimiser and scaler."""
        return {"optimiser": self.optimiser.state_dict(), "scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state that `state_dict` returned."""
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])


def seed_globally(seed: int, device: torch.device) -> None:
    """Seed torch's global generators, which drop path uses."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


def loss_of(
    logits: Tensor, auxiliary: Tensor | None, labels: Tensor, recipe: TrainSettings
) -> Tensor:
    """Cross entropy with label smoothing, plus the weighted cross entropy of the auxiliary head.

    `logits` and `auxiliary` (if any) are [b, classes], `labels` int64 [b].
    """
    loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
    if auxiliary is None:
        return loss
    tower = F.cross_entropy(auxiliary.float(), labels, label_smoothing=recipe.label_smoothing)
    return loss + recipe.auxiliary_weight * tower
