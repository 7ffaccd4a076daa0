"""Trains the weights of a supernet: the common part of all weight-sharing strategies.

    w* = argmin_w L_train(w, α)    (paper, Eq. 2 and the constraint of Eq. 5)

SGD on the first half of the training images approximates w*. A subclass decides how α changes after
`warmup_epochs` epochs.

    w    weights of the supernet     -> `supernet.parameters()`
    α    architecture parameters     -> `_alpha` -> float64[n_players]; starts at 1e-3 N(0, 1), as
         in the code of DARTS and of the paper
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_

from pipeline import seeds
from pipeline.config.recipes import LARGE_BATCH, SearchSettings
from pipeline.data import Augment, Images
from pipeline.data.batches import parts
from pipeline.devices import autocast
from pipeline.spaces import Space
from pipeline.spaces.space import softmax
from pipeline.strategies.contract import Strategy
from pipeline.strategies.edges import ranked_strength
from pipeline.supernet import Supernet, mixture, saved
from pipeline.training.distributed import Ranks, digest_of
from pipeline.training.optimisers import SGD
from pipeline.training.stopping import check_finite

NOISE = 1e-3
BeforeStep = Callable[[Tensor, Tensor], None]


class WeightSharing(Strategy):
    """A strategy that trains a supernet; a subclass adds the update of alpha."""

    def __init__(self, space: Space, supernet: Supernet | None, *arguments: Any):
        super().__init__(space, supernet, *arguments)
        if supernet is None:
            raise ValueError(f"{type(self).__name__} trains a supernet, but there is none")
        self.supernet = supernet
        noise = initial_noise(space.n_players, self.seed, "alpha")
        self._alpha = torch.from_numpy(noise).to(self.device)
        self.weight_optimiser = self.new_weight_optimiser()

    @property
    def n_epochs(self) -> int:
        """The recipe's number of epochs."""
        return self.search.stop_epoch or self.search.epochs

    def digest(self) -> str:
        """Of the supernet's weights and buffers and of the strengths."""
        return f"{digest_of(self.supernet)} {super().digest()}"

    def new_weight_optimiser(self) -> SGD:
        """SGD as in the recipe, with empty momentum buffers."""
        return SGD(
            self.weights(),
            lr=self.search.learning_rate,
            momentum=self.search.momentum,
            nesterov=self.search.nesterov,
            weight_decay=self.search.weight_decay,
        )

    def weights(self) -> list[Tensor]:
        """The parameters that SGD updates."""
        return list(self.supernet.parameters())

    @property
    def warmup_epochs(self) -> int:
        """Number of epochs with alpha frozen, from the strategy, else from the recipe."""
        chosen: int | None = self.settings.warmup_epochs
        return self.search.warmup_epochs if chosen is None else chosen

    def train_weights(
        self, epoch: int, train: Images, before_step: BeforeStep = lambda images, labels: None
    ) -> dict[str, float]:
        """One pass of SGD; `before_step` gets images and labels before each step.

        Returns:
            mean loss and accuracy; number of images in forward and backward passes.

        Raises:
            InputError: the loss or the weights are no longer finite.
        """
        self.weight_optimiser.param_groups[0]["lr"] = self.learning_rate(epoch)
        self.supernet.train()
        tally = Tally()
        for images, labels in self.batches(train, "weights", epoch):
            before_step(images, labels)
            self.step_weights(images, labels, tally)
        tally.share(self.ranks)
        remedy = f"lower search.learning_rate ({self.search.learning_rate}) or set a gradient_clip"
        check_finite(tally.loss, self.supernet, f"the search, epoch {epoch + 1},", remedy)
        return {
            "train_loss": tally.loss,
            "train_accuracy": tally.accuracy,
            "images_forward": tally.n,
            "images_backward": tally.n,
        }

    def step_weights(self, images: Tensor, labels: Tensor, tally: Tally) -> None:
        """One step of SGD on the weights; batch norms use the statistics of each micro-batch."""
        self.weight_optimiser.zero_grad()
        differentiable = False
        for part, part_labels, share, is_own in self.micro_batches(images, labels):
            mixing = self.mixing()  # all ranks make the same draws
            differentiable |= mixing.requires_grad
            if is_own:
                (self.loss(part, part_labels, mixing, tally) * share).backward()
        self.ranks.sum_gradients(self.supernet, others=[self._alpha] if differentiable else [])
        if self.search.gradient_clip:
            clip_grad_norm_(self.weights(), self.search.gradient_clip)
        self.weight_optimiser.step()

    def micro_batches(
        self, images: Tensor, labels: Tensor
    ) -> Iterator[tuple[Tensor, Tensor, float, bool]]:
        """Split a batch: (images, labels, share of the batch, whether this rank trains on them)."""
        size = self.search.micro_batch_size or len(labels)
        pairs = zip(parts(images, size), parts(labels, size), strict=True)
        for number, (part, part_labels) in enumerate(pairs):
            is_own = number % self.ranks.n == self.ranks.rank
            yield part, part_labels, len(part_labels) / len(labels), is_own

    def learning_rate(self, epoch: int) -> float:
        """Learning rate of the weights in this epoch."""
        return learning_rate(self.search, epoch)

    def batches(self, images: Images, *stream: str | int) -> Iterator[tuple[Tensor, Tensor]]:
        """One pass of augmented batches, shuffled by the random stream `stream`."""
        generator = seeds.torch_generator(self.seed, *stream)
        return images.batches(self.search.batch_size, generator, self.augmentation())

    def augmentation(self) -> Augment:
        """The recipe's crop, flip and cutout."""
        return Augment(self.search.crop_padding, self.search.flip, self.search.cutout)

    def mixing(self) -> Tensor:
        """Mixing weights float32[n_players] of the current alpha, without a gradient."""
        return mixture(self.space, self._alpha.detach().float())

    def loss(self, images: Tensor, labels: Tensor, mixing: Tensor, tally: Tally) -> Tensor:
        """Mean cross entropy of a batch; the tally records it."""
        with autocast(self.device, self.search.supernet.precision):
            logits = self.supernet(images, mixing)
        loss = F.cross_entropy(logits.float(), labels)
        tally.add(loss, logits, labels)
        return loss

    def alpha(self) -> np.ndarray:
        """Architecture parameters, float64[n_players]."""
        return self._alpha.detach().cpu().numpy().copy()

    def strength(self) -> np.ndarray:
        """Strengths, which determine the genotype: alpha, as in the paper.

        With edge normalisation, edges are ranked by softmax(alpha) · softmax(beta), as in PC-DARTS.
        """
        edge_weights = self.supernet.edge_weights()
        if edge_weights is None:
            return self.alpha()
        mixing = softmax(self.alpha().reshape(-1, self.space.n_operations))
        selectable = self.space.selectable().reshape(mixing.shape)
        best = np.where(selectable, mixing, 0).max(axis=1)
        importance = best * edge_weights.detach().double().cpu().numpy().ravel()
        return ranked_strength(self.space, mixing, importance)

    def save(self, folder: Path) -> None:
        """Write the supernet as `supernet.pt`."""
        saved.save(folder / "supernet.pt", self.supernet, self.alpha())

    def state_dict(self) -> dict[str, Any]:
        """Weights, their momentum, alpha."""
        return {
            "supernet": self.supernet.state_dict(),
            "weight_optimiser": self.weight_optimiser.state_dict(),
            "alpha": self._alpha.detach(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        self.supernet.load_state_dict(state["supernet"])
        self.weight_optimiser.load_state_dict(state["weight_optimiser"])
        self._alpha.data.copy_(state["alpha"])


class Tally:
    """Mean loss and accuracy over many batches.

    The sums stay on the device, because reading them after each step would stall a GPU.
    """

    def __init__(self) -> None:
        self.n = 0
        self._loss_sum: Any = 0.0
        self._n_correct: Any = 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: its mean loss, logits [b, classes], labels [b]."""
        self.n += len(labels)
        self._loss_sum += loss.detach().double() * len(labels)
        self._n_correct += (logits.argmax(1) == labels).sum()

    def share(self, ranks: Ranks) -> None:
        """Sum over all ranks."""
        if ranks.n > 1:
            sums = ranks.exchange((self.n, float(self._loss_sum), int(self._n_correct)))
            n, losses, n_correct = zip(*sums, strict=True)
            self.n, self._loss_sum, self._n_correct = sum(n), sum(losses), sum(n_correct)

    @property
    def loss(self) -> float:
        """Mean loss over images."""
        return float(self._loss_sum) / self.n

    @property
    def accuracy(self) -> float:
        """Accuracy as a fraction."""
        return int(self._n_correct) / self.n


def learning_rate(search: SearchSettings, epoch: float) -> float:
    """The learning rate of an epoch, which falls along a cosine.

    With batches larger than `LARGE_BATCH`, it first rises linearly for `rise_epochs` epochs.
    """
    if rises(search, epoch):
        return search.learning_rate * (epoch + 1) / search.rise_epochs
    return cosine(search.learning_rate, search.learning_rate_min, epoch / search.epochs)


def rises(search: SearchSettings, epoch: float) -> bool:
    """Whether the learning rate still rises."""
    return epoch < search.rise_epochs and search.batch_size > LARGE_BATCH


def cosine(first: float, last: float, share: float) -> float:
    """Falls from `first` (share 0) to `last` (share 1) along half a cosine."""
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * share))


def initial_noise(n_players: int, seed: int, name: str) -> np.ndarray:
    """1e-3 N(0, 1), float64[n_players]."""
    return NOISE * seeds.numpy_generator(seed, name).standard_normal(n_players)
