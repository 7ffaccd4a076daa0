"""DrNAS: Chen, Wang, Cheng, Tang, Hsieh, "DrNAS: Dirichlet neural architecture search" (ICLR 2021).

Line 1 of algorithm 1 descends the expected loss over mixing weights drawn for each step:

    min_β E_{θ ~ Dir(β)} L_val(w, θ) + λ d(β, 1),   β = elu(α) + 1

    θ    mixing weights, pathwise derivatives by β    d    L2 distance    λ    `penalty`

Progressive search: in equal stages the share of channels that pass through the
operations grows by `growth` (the weights by Net2Wider), and on each edge only the operations of
the largest β stay. α is frozen in the first epochs of each stage. The cell is that of the mean of
Dir(β). The supernet's first `partial_channels` is the recipe's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.config.base import setting
from pipeline.registry import register
from pipeline.strategies.contract import Metadata
from pipeline.strategies.gradient import AdamSettings, Batch
from pipeline.strategies.growth import grow
from pipeline.strategies.progressive import ProgressiveSearch, strongest
from pipeline.strategies.sampling import dirichlet
from pipeline.strategies.weights import Tally

if TYPE_CHECKING:
    from torch import Tensor

DRNAS = "DrNAS (Chen et al., ICLR 2021)"
CODE = "code of DrNAS"
PRUNED = 1e-6


class DrnasSettings(AdamSettings):
    """How the Dirichlet moves and the search progresses."""

    penalty: float = setting(1e-3, "λ, weight of the distance to β = 1", DRNAS, ge=0)
    stages: int = setting(2, "stages of equally many epochs", DRNAS, ge=1)
    stage_warmup: float = setting(0.4, "share of a stage with α frozen: 10 of 25", CODE, ge=0, le=1)
    growth: int = setting(2, "factor by which a stage mixes more channels", DRNAS, ge=1)
    keep: float = setting(0.6, "operations that stay: 3 of 5, 4 of 7", DRNAS, gt=0, le=1)


@register("strategies", "drnas")
class DrNas(ProgressiveSearch):
    """Dirichlet mixing weights, progressive."""

    metadata = Metadata(
        name="drnas",
        title="DrNAS",
        paper="Chen et al., ICLR 2021",
        trains_supernet=True,
        settings=DrnasSettings,
        recipes={
            "darts": {"batch_size": 64, "supernet": {"channels": 36, "partial_channels": 6}},
            "nasbench201": {
                "epochs": 100,
                "weight_decay": 3e-4,
                "supernet": {"partial_channels": 4},
            },
        },
    )

    @property
    def n_stages(self) -> int:
        """As set."""
        return int(self.settings.stages)

    def prune(self, stage: int) -> None:
        """Keep the operations of the largest β."""
        n_kept = max(1, round(self.settings.keep * self.kept.sum(axis=1).max()))
        self.kept = strongest(self.alpha(), self.kept, n_kept)

    def shape(self, stage: int) -> None:
        """Let more channels pass through the operations."""
        k = self.search.supernet.partial_channels // self.settings.growth**stage
        if grow(self.supernet, self.seed, max(1, k)):
            self.weight_optimiser = self.new_weight_optimiser()

    def concentration(self) -> Tensor:
        """β, float64 [edges, operations]."""
        import torch

        return torch.nn.functional.elu(self._alpha).view(self.kept.shape) + 1

    def relaxed(self) -> Tensor:
        """θ ~ Dir(β) over the operations that stay on each edge, 0 elsewhere."""
        return dirichlet(self.concentration(), self.kept_mask(), self.draws).flatten().float()

    def alpha_gradient(self, train: Batch, valid: Batch, tally: Tally) -> tuple[Tensor, ...]:
        """∇_α of the drawn loss and of the penalty."""
        import torch

        (gradient,) = super().alpha_gradient(train, valid, tally)
        distance = (self.concentration() - 1).norm()
        (pull,) = torch.autograd.grad(self.settings.penalty * distance, self._alpha)
        return (gradient + pull,)

    def strength(self) -> np.ndarray:
        """The logarithm of β, whose softmax is the mean of Dir(β); what is pruned comes last."""
        β = self.concentration().detach().cpu().numpy()
        return np.asarray(np.log(np.where(self.kept, β, PRUNED * β)).ravel())
