"""Training the weights of a supernet: SGD, cosine learning rate, clipped gradient."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pipeline import seeds

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from pipeline.config.recipes import SearchSettings
    from pipeline.data import Images
    from pipeline.supernet import Supernet


class WeightTraining:
    """The optimiser of a supernet's weights and one epoch of it."""

    def __init__(self, supernet: Supernet, search: SearchSettings, seed: int, device: torch.device):
        import torch

        self.supernet, self.search, self.seed, self.device = supernet, search, seed, device
        self.optimizer = torch.optim.SGD(
            supernet.parameters(),
            lr=search.learning_rate,
            momentum=search.momentum,
            weight_decay=search.weight_decay,
            nesterov=search.nesterov,
        )

    def learning_rate(self, epoch: int) -> float:
        """Cosine from the first to the last value over the epochs of the search."""
        low, high = self.search.learning_rate_min, self.search.learning_rate
        return low + (high - low) * (1 + math.cos(math.pi * epoch / self.search.epochs)) / 2

    def epoch(
        self,
        epoch: int,
        train: Images,
        weights: Callable[[], Tensor],
        before_step: Callable[[], None] = lambda: None,
    ) -> dict[str, float]:
        """One pass over the half for the weights.

        Args:
            epoch: counts from 0.
            train: that half.
            weights: the mixing weights [players] of the moment, without a gradient.
            before_step: called before each step; a bilevel strategy moves alpha here.

        Raises:
            InputError: the loss is no longer finite.
        """
        import torch
        from torch.nn.functional import cross_entropy

        from pipeline.data import Augment
        from pipeline.errors import InputError

        search, started = self.search, time.perf_counter()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(epoch)
        self.supernet.train()
        augment = Augment(search.crop_padding, search.flip, search.cutout)
        draws = seeds.torch_generator(self.seed, "weights", epoch)
        loss_sum, n_correct = torch.zeros((), device=self.device), 0
        n = 0
        for images, labels in batches(train, search.batch_size, draws, augment):
            before_step()
            with self.autocast():
                logits = self.supernet(images, weights())
            loss = cross_entropy(logits.float(), labels)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if search.gradient_clip:
                torch.nn.utils.clip_grad_norm_(self.supernet.parameters(), search.gradient_clip)
            self.optimizer.step()
            loss_sum += loss.detach() * len(labels)
            n_correct += (logits.detach().argmax(1) == labels).sum()
            n += len(labels)
        mean_loss = float(loss_sum) / n
        if not math.isfinite(mean_loss):
            raise InputError(
                f"search: the training loss is {mean_loss} in epoch {epoch + 1}; "
                "lower learning_rate"
            )
        return {
            "train_loss": mean_loss,
            "train_accuracy": int(n_correct) / n,
            "learning_rate": self.learning_rate(epoch),
            "weight_seconds": time.perf_counter() - started,
            "images_forward": n,
            "images_backward": n,
        }

    def autocast(self) -> torch.autocast:
        """The precision of forward passes."""
        from pipeline.training.device import autocast

        return autocast(self.device, self.supernet.settings.precision)

    def state_dict(self) -> dict[str, Any]:
        """Weights, running statistics and momentum buffers."""
        return {"supernet": self.supernet.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.supernet.load_state_dict(state["supernet"])
        self.optimizer.load_state_dict(state["optimizer"])


def batches(images: Images, batch_size: int, draws: torch.Generator, augment: Any) -> Any:
    """Whole batches only, unless there is but one: a small last batch makes batch norm noisy."""
    whole = images.n >= batch_size
    if not hasattr(images, "pixels"):  # a folder of images augments in its own way
        from pipeline.data import FolderAugment

        augment = FolderAugment(augment.flip, 0.0)
    return images.batches(batch_size, draws, augment, drop_last=whole)
