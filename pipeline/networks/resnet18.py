"""torchvision's ResNet-18, which studies compare with networks of found cells."""
# Tested in tests/networks/test_assembly.py.

from __future__ import annotations

from torch import Tensor, nn

from pipeline.networks.network import Network


class ResNet18(Network):
    """ResNet-18 with the interface of a found network; its size is fixed."""

    def __init__(self, classes: int) -> None:
        from torchvision.models import resnet18  # imported only here, because it takes a second

        super().__init__(classes, channels=64, cells=8)
        *body, _, self.classifier = resnet18(num_classes=classes).children()
        self.body = nn.Sequential(*body)

    def features(self, images: Tensor) -> tuple[Tensor, None]:
        """The last feature map [b, 512, h, w]; there is no auxiliary head."""
        return self.body(images), None
