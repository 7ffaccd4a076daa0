"""PC-DARTS: Xu, Xie, Zhang, Chen, Qi, Tian, Xiong (ICLR 2020).

1/k of the channels pass through the operations, and edges have weights of their own: a node is

    Σ_e softmax(β)_e f_e,   softmax over the node's incoming edges

    β    edge parameters    -> `supernet.beta` -> float32[cell types, edges]

Both belong to the supernet (`partial_channels`, `edge_normalisation`), so that any strategy can
have them; here β moves by the same Adam as α. A genotype ranks operations by α and edges by
softmax(α) softmax(β). α and β are frozen in the first 15 epochs of 50: `warmup_epochs` of the
recipe. Deviation: β starts at zero, in the authors' code at 1e-3 N(0, 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.config.base import setting
from pipeline.registry import register
from pipeline.strategies.contract import Metadata
from pipeline.strategies.gradient import GradientSearch, GradientSettings

if TYPE_CHECKING:
    from torch import Tensor

PC_DARTS = "PC-DARTS (Xu et al., ICLR 2020)"
WEIGHED = {"supernet": {"edge_normalisation": True}}


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
        recipes={
            **dict.fromkeys(("darts", "darts_imagenet", "s1", "s2", "s3", "s4"), WEIGHED),
            "nasbench201": {"supernet": {"partial_channels": 4, "edge_normalisation": True}},
        },
    )

    def architecture(self) -> list[Tensor]:
        """α, and β where the supernet has it."""
        β = self.supernet.beta
        return [self._alpha] if β is None else [self._alpha, β]

    def weights(self) -> list[Tensor]:
        """All but β."""
        return [w for w in super().weights() if w is not self.supernet.beta]
