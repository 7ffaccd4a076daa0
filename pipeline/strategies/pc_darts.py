"""PC-DARTS: Xu, Xie, Zhang, Chen, Qi, Tian, Xiong (ICLR 2020).

1/k of the channels pass through the operations (the supernet's `partial_channels`),
and edges have weights of their own ("edge normalisation"): a node is

    Σ_e softmax(β)_e f_e,   softmax over the node's incoming edges

    β    edge parameters    -> `_beta` -> float64[edges], by the same Adam as α

A genotype ranks operations by α and edges by softmax(α) softmax(β). α and β are frozen in the
first 15 epochs of 50: `warmup_epochs` of the recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.config.base import setting
from pipeline.registry import register
from pipeline.strategies.contract import Metadata
from pipeline.strategies.edges import ranked_strength, softmax_rows
from pipeline.strategies.gradient import GradientSearch, GradientSettings
from pipeline.strategies.weights import initial_noise

if TYPE_CHECKING:
    from torch import Tensor

PC_DARTS = "PC-DARTS (Xu et al., ICLR 2020)"


class PcDartsSettings(GradientSettings):
    """How alpha and beta descend."""

    warmup_epochs: int | None = setting(
        None, "first epochs in which alpha is frozen; none: the search recipe's", PC_DARTS, ge=0
    )
    alpha_learning_rate: float = setting(6e-4, "Adam on alpha and beta", PC_DARTS, gt=0)


@register("strategies", "pc_darts")
class PcDarts(GradientSearch):
    """Partial channels, weighted edges."""

    metadata = Metadata(
        name="pc_darts",
        title="PC-DARTS",
        paper="Xu et al., ICLR 2020",
        trains_supernet=True,
        settings=PcDartsSettings,
        # Its recipe on CIFAR-10 is the one of the paper at hand, which took it from here.
        recipes={"nasbench201": {"supernet": {"partial_channels": 4}}},
    )

    def __init__(self, *arguments: Any):
        import torch

        space, seed, device = arguments[0], arguments[4], arguments[5]
        self._beta = torch.from_numpy(initial_noise(space.n_edges, seed, "beta")).to(device)
        self._beta.requires_grad_()
        super().__init__(*arguments)
        from pipeline.supernet.cell import MixedCell

        for cell in self.supernet.modules():
            if isinstance(cell, MixedCell):
                cell.weigh_bypass = True  # β weighs the channels that go by as well

    def architecture(self) -> list[Tensor]:
        """α and β."""
        return [self._alpha, self._beta]

    def relaxed(self) -> Tensor:
        """softmax(α) softmax(β)."""
        weights = super().relaxed().view(-1, self.space.n_operations)
        return (weights * self.edge_weights().float()[:, None]).flatten()

    def edge_weights(self) -> Tensor:
        """softmax(β) over the incoming edges of each node, [edges of all cell types]."""
        import torch

        table = self._beta.view(len(self.space.cell_types), -1)
        nodes = ([e for e, _ in self.space.incoming(node)] for node in self.space.nodes)
        return torch.cat([table[:, edges].softmax(1) for edges in nodes], dim=1).flatten()

    def strength(self) -> np.ndarray:
        """Operations by α, edges by softmax(α) softmax(β)."""
        weights = softmax_rows(self.alpha(), self.space.n_operations)
        selectable = self.space.selectable().reshape(weights.shape)
        best = np.where(selectable, weights, 0).max(axis=1)
        return ranked_strength(
            weights, best * self.edge_weights().detach().cpu().numpy(), selectable
        )

    def state_dict(self) -> dict[str, Any]:
        """Weights, alpha, beta, both optimisers."""
        return {**super().state_dict(), "beta": self._beta.detach()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `state_dict`."""
        super().load_state_dict(state)
        self._beta.data.copy_(state["beta"])
