"""PC-DARTS: Xu, Xie, Zhang, Chen, Qi, Tian, Xiong (ICLR 2020).

Only 1/k of the channels pass through the operations, and each edge has a weight. A node is

    Σ_e softmax(β)_e f_e,   softmax over the node's incoming edges e

    f_e  output of edge e
    β    edge parameters    -> `supernet.beta` -> float32[cell types, edges]

Any strategy can use partial channels and edge weights (`partial_channels`, `edge_normalisation`).
One Adam optimiser updates α and β. α chooses the operation of an edge, and softmax(α) softmax(β)
ranks edges. α and β are frozen in the first 15 of 50 epochs (`warmup_epochs`).
Deviation: β starts at zero; in the authors' code it starts at 1e-3 N(0, 1).
"""
# Tested in tests/strategies/test_edges.py.

from __future__ import annotations

from torch import Tensor

from pipeline.strategies.gradient import GradientSearch


class PcDarts(GradientSearch):
    """DARTS with partial channels and weighted edges."""

    def architecture(self) -> list[Tensor]:
        """α, and β if the supernet has it."""
        β = self.supernet.beta
        return [self._alpha] if β is None else [self._alpha, β]

    def weights(self) -> list[Tensor]:
        """All parameters except β."""
        return [w for w in super().weights() if w is not self.supernet.beta]
