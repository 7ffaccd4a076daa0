"""The common parts of all discrete networks: the nodes of a cell, drop path, and the classifier.

Drop path (FractalNet, Larsson et al., ICLR 2017): in training, each path into a node is dropped
with probability p, independently for each image. The output of a path that is not dropped is
divided by 1 - p. Identity operations are never dropped or divided. As in NASNet (Zoph et al., CVPR
2018) and DARTS, p rises during training.
"""
# Tested in tests/networks/test_assembly.py.

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from pipeline.spaces.genotype import Cell


class Nodes(nn.Module):
    """The graph inside a cell: each node sums the outputs of operations on earlier states.

    `make_operation` creates a module from an operation's name and the index of its input state.
    """

    def __init__(self, cell: Cell, make_operation: Callable[[str, int], nn.Module]) -> None:
        super().__init__()
        self.sources = [[state for _, state in node] for node in cell]
        self.operations = nn.ModuleList(
            make_operation(operation, state) for node in cell for operation, state in node
        )

    def forward(self, inputs: Sequence[Tensor], keep: Tensor | None = None) -> list[Tensor]:
        """All states of the cell, each [b, c, h, w]; the cell's inputs come first.

        `keep` is 1 - p, the probability that drop path keeps a path in training; None: keep all.
        """
        states, operations = list(inputs), iter(self.operations)
        for sources in self.sources:
            paths = [self.path(next(operations), states[source], keep) for source in sources]
            states.append(reduce(add, paths))
        return states

    def path(self, operation: nn.Module, state: Tensor, keep: Tensor | None) -> Tensor:
        """An operation's output, in training dropped for some images."""
        output: Tensor = operation(state)
        if not self.training or keep is None or isinstance(operation, nn.Identity):
            return output
        return output * keep_mask(output, keep)


def keep_mask(x: Tensor, keep: Tensor) -> Tensor:
    """Random mask [b, 1, 1, 1]: 0 with probability 1 - keep, else 1 / keep (torch's global RNG)."""
    kept = torch.rand((x.shape[0], 1, 1, 1), device=x.device) < keep
    return (kept / keep).to(x.dtype)


class Network(nn.Module):
    """A discrete network; each family of cells is a subclass.

    Attributes:
        classes, channels, cells: the size of the network, as given to `build`.
        auxiliary: the auxiliary head, or None.
        drop_path: p, the probability of dropping a path; the training loop sets it for each epoch.
    """

    auxiliary: nn.Module | None
    classifier: nn.Linear
    keep: Tensor

    def __init__(self, classes: int, channels: int, cells: int) -> None:
        super().__init__()
        self.classes, self.channels, self.cells = classes, channels, cells
        self.auxiliary = None
        # A compiled network is recompiled when a number changes, but not when a tensor changes.
        self.register_buffer("keep", torch.ones(()), persistent=False)
        self._drop_path, self._drops_paths = 0.0, False
        self._frozen = False

    @property
    def drop_path(self) -> float:
        """Probability of dropping a path in training."""
        return self._drop_path

    @drop_path.setter
    def drop_path(self, p: float) -> None:
        self._drop_path, self._drops_paths = p, p > 0
        self.keep.fill_(1 - p)

    def freeze_body(self) -> None:
        """Train only the classifier; the body's batch norms also keep their statistics."""
        self._frozen = True
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name.startswith("classifier."))

    def train(self, mode: bool = True) -> Network:
        """As `nn.Module.train`, but a frozen body stays in evaluation mode."""
        super().train(mode)
        if self._frozen:
            for name, child in self.named_children():
                child.train(mode and name == "classifier")
        return self

    def keep_paths(self) -> Tensor | None:
        """The argument `keep` of the cells."""
        return self.keep if self._drops_paths else None

    @abstractmethod
    def features(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """The last feature map, and the input of the auxiliary head if there is one."""

    def classify(self, features: Tensor) -> Tensor:
        """Logits [b, classes] from the last feature map: global average pooling, linear layer."""
        logits: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """Map images [b, 3, h, w] to logits [b, classes]."""
        return self.classify(self.features(images)[0])

    def forward_with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """The logits, and those of the auxiliary head (None if the network has none)."""
        last, middle = self.features(images)
        auxiliary = None if self.auxiliary is None else self.auxiliary(middle)
        return self.classify(last), auxiliary
