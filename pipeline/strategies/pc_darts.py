"""PC-DARTS: Xu, Xie, Zhang, Chen, Qi, Tian, Xiong (ICLR 2020).

1/k of the channels pass through the operations, and edges have weights of their own: a node is

    Σ_e softmax(β)_e f_e,   softmax over the node's incoming edges

    β    edge parameters    -> `supernet.beta` -> float32[cell types, edges]

Both belong to the supernet (`partial_channels`, `edge_normalisation`), so that any strategy can
have them; here β moves by the same Adam as α. A genotype ranks operations by α and edges by
softmax(α) softmax(β). α and β are frozen in the first 15 epochs of 50: `warmup_epochs` of the
recipe. Deviation: β starts at zero, in the authors' code at 1e-3 N(0, 1).
"""
# Tested in tests/strategies/test_edges.py.

from __future__ import annotations

from torch import Tensor

from pipeline.strategies.gradient import GradientSearch


class PcDarts(GradientSearch):
    """Partial channels, weighted edges."""

    def architecture(self) -> list[Tensor]:
        """α, and β where the supernet has it."""
        β = self.supernet.beta
        return [self._alpha] if β is None else [self._alpha, β]

    def weights(self) -> list[Tensor]:
        """All but β."""
        return [w for w in super().weights() if w is not self.supernet.beta]
